"""What PC/SC may answer when something is wrong, each told as what it is. The service is played; its codes are the real ones."""

import gc
from collections.abc import Callable
from typing import Any

import pytest
from smartcard import scard

from drivers.reader.errors import (
    CardBusyError,
    CardGoneError,
    MuteCardError,
    NoCardError,
    NoReaderError,
    ReaderError,
)
from drivers.reader.port import Look, Presence
from drivers.reader.transport import pcsc
from drivers.reader.transport.pcsc import PcscBackend

READER = "Bench reader"
NO_SERVICE, STOPPED, RESET, SHARING, TIMEOUT = 0x8010001D, 0x8010001E, 0x80100068, 0x8010000B, 0x8010000A
NEW_READER = "\\\\?PnP?\\Notification"
PRESENT, EMPTY = scard.SCARD_STATE_PRESENT, scard.SCARD_STATE_EMPTY


class PlayedService:
    """A PC/SC service that gives the answers it was told to; what it was not told, it does well."""

    def __init__(self, **results: int | list[int]) -> None:
        self.results = results
        self.states: list[int] = [EMPTY]
        self.calls: list[str] = []
        self.channel: list[int] = []
        self.contexts = 0
        self.released: list[int] = []
        self.on_wait: Callable[[], None] = lambda: None
        self.plugs = 1
        """How often a reader was plugged in or out: pcsc-lite counts that, not the readers that are there."""
        self.waits: list[list[tuple[str, int]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(scard, name)

    def _result(self, call: str) -> int:
        self.calls.append(call)
        told = self.results.get(call, scard.SCARD_S_SUCCESS)
        if isinstance(told, int):
            return told
        return told.pop(0) if len(told) > 1 else told[0]

    def SCardEstablishContext(self, scope: int) -> tuple[int, int]:
        result = self._result("establish")
        self.contexts += int(result == scard.SCARD_S_SUCCESS)
        return result, self.contexts

    def SCardReleaseContext(self, context: int) -> int:
        self.released.append(context)
        return self._result("release")

    def SCardListReaders(self, context: int, groups: list[str]) -> tuple[int, list[str]]:
        return self._result("list"), [READER]

    def SCardConnect(self, *asked: object) -> tuple[int, int, int]:
        return self._result("connect"), 2, scard.SCARD_PROTOCOL_T1

    def SCardGetAttrib(self, handle: int, attribute: int) -> tuple[int, list[int]]:
        return self._result("attribute"), self.channel if attribute == scard.SCARD_ATTR_CHANNEL_ID else []

    def SCardStatus(self, handle: int) -> tuple[int, str, int, int, list[int]]:
        return self._result("status"), READER, 0, 0, [0x3B, 0x00]

    def SCardDisconnect(self, handle: int, how: int) -> int:
        return self._result("disconnect")

    def SCardTransmit(self, handle: int, pci: int, apdu: list[int]) -> tuple[int, list[int]]:
        return self._result("transmit"), [0x90, 0x00]

    def SCardControl(self, *asked: object) -> tuple[int, list[int]]:
        return self._result("control"), []

    def SCardGetStatusChange(
        self, context: int, timeout_ms: int, states: list[tuple[str, int]]
    ) -> tuple[int, list[tuple[str, int, bytes]]]:
        if states == [(NEW_READER, 0)]:
            return TIMEOUT, [(NEW_READER, self.plugs << 16, b"")]
        if timeout_ms:
            self.waits.append(states)
            self.on_wait()
        result = self._result("wait" if timeout_ms else "look")
        now = self.states.pop(0) if len(self.states) > 1 and not timeout_ms else self.states[0]
        return result, [(READER, now, b"")]

    def SCardCancel(self, context: int) -> int:
        return self._result("cancel")


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> PlayedService:
    gc.collect()  # contexts of an earlier test's backend are given back to the service of then
    service = PlayedService()
    monkeypatch.setattr(pcsc, "scard", service)
    monkeypatch.setattr(pcsc, "BUSY_PAUSE_S", 0.0)
    monkeypatch.setattr(pcsc, "SERVICE_PAUSE_S", 0.0)
    return service


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (NO_SERVICE, NoReaderError),
        (0x80100009, NoReaderError),
        (0x8010000C, NoCardError),
        (0x80100066, MuteCardError),
        (SHARING, CardBusyError),
        (SHARING - (1 << 32), CardBusyError),  # so it looks where codes are signed
        (0x80100001, MuteCardError),  # one that is in no table
    ],
)
def test_a_card_that_cannot_be_had(played: PlayedService, code: int, fault: type[ReaderError]) -> None:
    played.results["connect"] = code
    with pytest.raises(fault, match=READER):
        PcscBackend().connect(READER)
    assert played.calls.count("connect") == (pcsc.BUSY_TRIES if fault is CardBusyError else 1)
    assert played.calls[-1] == "release"


@pytest.mark.parametrize(
    ("results", "channel", "address"),
    [
        ({}, [0x07, 0x01, 0x20, 0x00], (1, 7)),
        ({}, [0x01, 0x00, 0x01, 0x00], None),  # a serial reader
        ({}, [], None),
        ({"attribute": 0x80100001}, [0x07, 0x01, 0x20, 0x00], None),
        ({"connect": 0x80100009}, [], None),
        ({"establish": NO_SERVICE}, [], None),
    ],
)
def test_where_a_reader_is_on_the_usb(
    played: PlayedService, results: dict[str, int | list[int]], channel: list[int], address: tuple[int, int] | None
) -> None:
    played.results, played.channel = results, channel
    assert PcscBackend().usb_address(READER) == address
    assert played.calls.count("connect") == ("establish" not in results)
    assert played.calls.count("disconnect") == (not {"establish", "connect"} & set(results)), "it holds nothing"


def test_where_a_reader_is_cannot_be_asked_while_its_card_is_in_use(played: PlayedService) -> None:
    played.results["connect"] = SHARING
    with pytest.raises(CardBusyError):
        PcscBackend().usb_address(READER)


def test_a_card_that_is_held_for_a_moment_is_had_in_the_end(played: PlayedService) -> None:
    played.results["connect"] = [SHARING, SHARING, 0]
    connection = PcscBackend().connect(READER)
    assert connection.transmit(b"\x00\xb0\x00\x00\x00") == b"\x90\x00"
    connection.close()
    connection.close()
    assert played.calls.count("disconnect") == 1
    with pytest.raises(CardGoneError, match="closed"):
        connection.transmit(b"\x00\xb0\x00\x00\x00")


def test_a_card_that_leaves_before_it_has_said_what_it_is(played: PlayedService) -> None:
    played.results["status"] = 0x80100069
    with pytest.raises(NoCardError):
        PcscBackend().connect(READER)
    assert "disconnect" in played.calls


@pytest.mark.parametrize("code", [RESET, 0x80100069, 0x8010002F])
def test_whatever_breaks_a_command_its_outcome_is_unknown(played: PlayedService, code: int) -> None:
    connection = PcscBackend().connect(READER)
    played.results["transmit"] = code
    with pytest.raises(CardGoneError):
        connection.transmit(b"\x00\xb0\x00\x00\x00")


@pytest.mark.parametrize(("code", "still_in"), [(0, True), (0x80100069, False), (0x80100068, False)])
def test_whether_the_card_has_been_in_all_the_time(played: PlayedService, code: int, still_in: bool) -> None:
    connection = PcscBackend().connect(READER)
    played.results["status"] = code
    assert connection.still_in() is still_in
    connection.close()
    assert not connection.still_in()


def test_without_the_service_there_is_no_reader(played: PlayedService) -> None:
    played.results["establish"] = NO_SERVICE
    backend = PcscBackend()
    for ask in (backend.readers, lambda: backend.connect(READER)):
        with pytest.raises(NoReaderError, match="no PC/SC service"):
            ask()
    assert backend.look(READER).presence is Presence.NO_READER
    assert backend.wait_for_change(READER, Look(Presence.NO_READER), 1.0).presence is Presence.NO_READER
    assert backend.wait_for_change(READER, Look(Presence.PRESENT), 1.0).presence is Presence.NO_READER
    played.results["establish"] = 0x80100001  # another fault of the service
    with pytest.raises(NoReaderError, match="no PC/SC service"):
        backend.connect(READER)


def test_a_service_that_stops_in_the_middle_is_told(played: PlayedService) -> None:
    backend = PcscBackend()
    played.results["list"] = STOPPED
    with pytest.raises(NoReaderError, match="stopped"):
        backend.readers()
    played.results = {"look": STOPPED}
    assert backend.look(READER).presence is Presence.NO_READER
    played.results = {"wait": STOPPED}
    assert backend.wait_for_change(READER, Look(Presence.EMPTY), 1.0).presence is Presence.NO_READER


def test_a_context_is_used_again_since_the_service_asks_who_one_is_at_each_new_one(played: PlayedService) -> None:
    backend = PcscBackend()
    for _ in range(3):
        backend.readers()
        backend.look(READER)
        backend.usb_address(READER)
        backend.wait_for_change(READER, Look(Presence.PRESENT), 1.0)
    assert (played.contexts, played.released) == (1, [])
    del backend
    assert played.released == [1], "one that nobody needs any more is given back"


def test_a_wait_has_a_context_to_itself(played: PlayedService) -> None:
    backend, seen = PcscBackend(), list[Presence]()

    def look_meanwhile() -> None:
        seen.append(backend.look(READER).presence)
        played.states = [PRESENT]

    played.on_wait = look_meanwhile
    for _ in range(2):
        played.states = [EMPTY]
        assert backend.wait_for_change(READER, Look(Presence.EMPTY), 60.0).presence is Presence.PRESENT
    assert (seen, played.contexts) == ([Presence.EMPTY, Presence.EMPTY], 2)


@pytest.mark.parametrize("code", [NO_SERVICE, STOPPED, 0x80100003, 0x80100013])
def test_after_the_service_was_restarted_contexts_are_new_and_nobody_notices(played: PlayedService, code: int) -> None:
    backend = PcscBackend()
    assert backend.look(READER).presence is Presence.EMPTY
    asks: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("look", lambda: backend.look(READER).presence is Presence.EMPTY),
        ("list", lambda: backend.readers() == (READER,)),
        ("look", lambda: backend.wait_for_change(READER, Look(Presence.PRESENT), 1.0).presence is Presence.EMPTY),
    )
    for call, ask in asks:
        before = played.contexts
        played.results = {call: [code, 0]}
        assert ask()
        assert played.contexts == before + 1
    assert played.released == [1, 2, 3]


def test_a_context_whose_wait_was_cancelled_is_not_used_again(played: PlayedService) -> None:
    """The service's word of it may come late, and would be taken for the answer to the next question."""
    backend = PcscBackend()
    played.on_wait = lambda: backend.cancel(READER)
    assert backend.wait_for_change(READER, Look(Presence.EMPTY), 60.0).presence is Presence.EMPTY
    assert played.released == [1]
    backend.look(READER)
    assert (played.contexts, played.released) == (2, [1])


def test_a_reader_that_nobody_knows_is_none(played: PlayedService) -> None:
    played.results = {"look": 0x80100009, "list": 0x8010002E}
    assert PcscBackend().look(READER).presence is Presence.NO_READER
    assert PcscBackend().readers() == ()


@pytest.mark.parametrize(
    ("state", "presence"),
    [
        (EMPTY, Presence.EMPTY),
        (PRESENT, Presence.PRESENT),
        (PRESENT | scard.SCARD_STATE_MUTE, Presence.MUTE),
        (scard.SCARD_STATE_UNAVAILABLE, Presence.NO_READER),
    ],
)
def test_what_a_reader_says_is_in_it(played: PlayedService, state: int, presence: Presence) -> None:
    played.states = [state]
    assert PcscBackend().look(READER).presence is presence


def test_a_wait_ends_with_the_change_or_with_the_time(played: PlayedService) -> None:
    played.states = [EMPTY, PRESENT]
    assert PcscBackend().wait_for_change(READER, Look(Presence.EMPTY), 60.0).presence is Presence.PRESENT
    played.states = [EMPTY]
    assert PcscBackend().wait_for_change(READER, Look(Presence.EMPTY), 0.0).presence is Presence.EMPTY
    played.states = [scard.SCARD_STATE_UNKNOWN, EMPTY]
    assert PcscBackend().wait_for_change(READER, Look(Presence.NO_READER), 60.0).presence is Presence.EMPTY


def test_a_wait_is_one_wait_where_a_reader_was_plugged_in_again(played: PlayedService) -> None:
    """A count that is not the service's own ends the wait at once, and the next one, for as long as the reader is there."""
    played.plugs = 3
    played.states = [EMPTY, PRESENT]
    assert PcscBackend().wait_for_change(READER, Look(Presence.EMPTY), 60.0).presence is Presence.PRESENT
    assert played.waits == [[(NEW_READER, 3 << 16), (READER, EMPTY)]]


def test_a_swap_between_two_looks_ends_each_wait_that_began_before_it(played: PlayedService) -> None:
    backend = PcscBackend()
    before = Look(Presence.PRESENT, 1)
    played.states = [PRESENT | 1 << 16, PRESENT | 3 << 16]
    for _ in range(2):
        after = backend.wait_for_change(READER, before, 60.0)
        assert (after, after.swapped_since(before)) == (Look(Presence.PRESENT, 3), True)
    assert not after.swapped_since(Look(Presence.EMPTY, 2))
