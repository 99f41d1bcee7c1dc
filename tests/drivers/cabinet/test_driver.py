"""The driver on a pseudo-terminal with a made-up board: every fault by its name, and no wait without an end."""

import asyncio
from collections.abc import Callable

import pytest

from drivers.cabinet import driver, messages
from drivers.cabinet.driver import SerialCabinet
from drivers.cabinet.pairing import Pairing, PairingError
from drivers.cabinet.port import (
    CabinetAbsent,
    CabinetFault,
    CabinetMute,
    CabinetReady,
    NotDropped,
    NotOpened,
    NotPaired,
    Opened,
    OpenUnknown,
    PortRefused,
    SlotFault,
    SlotReading,
    SwappedBoard,
    TwoBoards,
    WrongFirmware,
)
from drivers.cabinet.port_discovery import only_port
from drivers.cabinet.serial_link import FoundBoard, connect
from tests.fakes.cabinet.board_bench import LIMIT_S, BoardBench, until
from tests.fakes.cabinet.board_peer import BOARD, PAIRING, BoardPeer


async def test_a_board_that_is_there_is_ready_at_the_first_look(ready: BoardBench) -> None:
    state = await ready.cabinet.state()

    assert state == CabinetReady(
        (SlotReading(1, "present", "closed"), SlotReading(2, "present", "closed"), SlotReading(3, "empty", "closed")),
        0,
        False,
    )
    assert ready.cabinet.board is not None
    assert ready.cabinet.board.board_id == BOARD
    assert ready.cabinet.firmware == ".".join(str(n) for n in messages.FIRMWARE)


def _wrong_firmware(bench: BoardBench) -> None:
    bench.peer.firmware = bytes((0, 9, 4))


def _swapped(bench: BoardBench) -> None:
    bench.peer.board = "e661000000000000"


def _another_key(bench: BoardBench) -> None:
    bench.peer.key = bytes(32)


def _no_file(bench: BoardBench) -> None:
    bench.pairing = lambda: None


def _bad_file(bench: BoardBench) -> None:
    def load() -> Pairing:
        raise PairingError("cabinet.json is no pairing file")

    bench.pairing = load


def _deaf(bench: BoardBench) -> None:
    bench.peer.deaf = True


FAULTS: dict[str, tuple[Callable[[BoardBench], None], CabinetFault]] = {
    "an older firmware": (_wrong_firmware, WrongFirmware("0.9.4", ".".join(str(n) for n in messages.FIRMWARE))),
    "another board": (_swapped, SwappedBoard("e661000000000000", BOARD)),
    "another key": (_another_key, NotPaired(BOARD)),
    "no pairing": (_no_file, NotPaired(BOARD)),
    "a broken pairing file": (_bad_file, NotPaired("", "cabinet.json is no pairing file")),
    "a board that says nothing": (_deaf, CabinetMute()),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_what_is_wrong_is_named_opens_nothing_and_is_over_when_it_is_mended(
    name: str, bench: BoardBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_it, fault = FAULTS[name]
    monkeypatch.setattr("drivers.cabinet.board_session.GREETING_LIMIT_S", 0.05 if break_it is _deaf else LIMIT_S)
    sound, paired = bench.peer, bench.pairing
    bench.peer = BoardPeer()
    break_it(bench)
    bench.cable.plug()
    bench.cabinet.start()

    assert await bench.cabinet.state() == fault
    assert await bench.cabinet.open_slot(1) == NotOpened(SlotFault.MUTE)
    assert await bench.cabinet.open_drop() == NotOpened(SlotFault.MUTE)
    assert await bench.cabinet.wait_drop() == NotDropped("mute")
    bench.peer, bench.pairing = sound, paired
    assert await bench.becomes(CabinetReady)
    assert bench.peer.took == []


async def test_a_cable_that_is_out_and_comes_in_again(ready: BoardBench) -> None:
    ready.cable.pull()
    assert await ready.becomes(CabinetAbsent) == CabinetAbsent()
    assert await ready.cabinet.open_slot(1) == NotOpened(SlotFault.MUTE)

    ready.cable.plug()
    assert await ready.becomes(CabinetReady)
    assert ready.cabinet.restarts == 0
    assert await ready.cabinet.open_slot(1) == Opened()


async def test_a_port_that_another_program_has_is_named(bench: BoardBench) -> None:
    bench.cable.plug()
    other = await connect(str(bench.cable.port), received=lambda data: None, lost=lambda: None)
    bench.cabinet.start()

    state = await bench.cabinet.state()
    assert isinstance(state, PortRefused)
    assert state.port == str(bench.cable.port)
    await other.close()
    assert await bench.becomes(CabinetReady)


async def test_two_boards_are_named_and_one_is_taken(bench: BoardBench) -> None:
    bench.cable.plug()
    boards = [FoundBoard(str(bench.cable.port), "a"), FoundBoard("/dev/ttyACM9", "b")]
    cabinet = SerialCabinet("cabinet", only_port(lambda: tuple(boards)), lambda: PAIRING)
    cabinet.start()
    try:
        assert await cabinet.state() == TwoBoards((str(bench.cable.port), "/dev/ttyACM9"))
        del boards[1]
        async with asyncio.timeout(LIMIT_S):
            while not isinstance(await cabinet.state(), CabinetReady):
                await cabinet.changed()
    finally:
        await cabinet.close()


async def test_no_board_at_all_is_absent(bench: BoardBench) -> None:
    cabinet = SerialCabinet("cabinet", only_port(lambda: ()), lambda: PAIRING)
    cabinet.start()
    assert await cabinet.state() == CabinetAbsent()
    await cabinet.close()


async def test_an_opened_slot_is_open_by_its_sensor(ready: BoardBench) -> None:
    assert await ready.cabinet.open_slot(2) == Opened()
    assert ready.peer.took == [(messages.OPEN_SLOT, {"slot": 2})]
    taken = asyncio.ensure_future(ready.cabinet.wait_slot(2, card="empty", door="closed"))
    ready.peer.doors, ready.peer.cards = set(), {1}
    ready.tell(messages.CARD, 2, 0)

    async with asyncio.timeout(LIMIT_S):
        assert await taken == SlotReading(2, "empty", "closed")


async def test_a_wait_at_a_slot_outlives_a_cable_that_was_out(ready: BoardBench) -> None:
    taken = asyncio.ensure_future(ready.cabinet.wait_slot(1, card="empty", door=None))
    ready.cable.pull()
    await ready.becomes(CabinetAbsent)
    ready.peer.cards = {2}
    ready.cable.plug()

    async with asyncio.timeout(LIMIT_S):
        assert await taken == SlotReading(1, "empty", "closed")


async def test_a_door_that_does_not_move_is_jammed_as_soon_as_the_board_says_so(
    ready: BoardBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "DOOR_S", 10 * LIMIT_S)
    ready.peer.stuck = True
    opening = asyncio.ensure_future(ready.cabinet.open_slot(3))
    await until(lambda: bool(ready.peer.took))
    ready.tell(messages.JAM, 3)

    async with asyncio.timeout(LIMIT_S):
        assert await opening == NotOpened(SlotFault.JAMMED)


async def test_a_door_that_opens_without_a_command_is_logged(
    ready: BoardBench, caplog: pytest.LogCaptureFixture
) -> None:
    """By the service key, or by force. The sensors tell the station that it is open; the log keeps that nobody asked for it."""
    caplog.set_level("WARNING")
    ready.tell(messages.DOOR, 2, messages.DOOR_OPENED)
    ready.tell(messages.DOOR, 3, messages.DOOR_FORCED)
    ready.tell(messages.DOOR, 3, messages.DOOR_CLOSED)
    await until(lambda: bool(caplog.messages))

    assert caplog.messages == [f"{ready.cabinet.name}: door_forced: the door of slot 3 opened without a command"]


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (messages.OTHER_OPEN, SlotFault.OTHER_OPEN),
        (messages.NO_SUCH_SLOT, SlotFault.NO_SUCH_SLOT),
        (messages.TAMPERED, SlotFault.TAMPERED),
        (messages.NOT_AUTHENTICATED, SlotFault.MUTE),
    ],
)
async def test_a_refusal_is_named(code: int, fault: SlotFault, ready: BoardBench) -> None:
    ready.peer.codes[messages.OPEN_SLOT] = code

    assert await ready.cabinet.open_slot(1) == NotOpened(fault)


async def test_a_busy_board_is_asked_again(ready: BoardBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "BUSY_AGAIN_S", 0.01)
    ready.peer.codes[messages.OPEN_SLOT] = messages.BUSY
    opening = asyncio.ensure_future(ready.cabinet.open_slot(1))
    await until(lambda: len(ready.peer.took) >= 2)
    ready.peer.codes.clear()

    assert await opening == Opened()


@pytest.mark.parametrize("number", [0, -1, 4, 999])
async def test_a_slot_that_is_not_there_is_not_even_asked_for(number: int, ready: BoardBench) -> None:
    assert await ready.cabinet.open_slot(number) == NotOpened(SlotFault.NO_SUCH_SLOT)
    with pytest.raises(ValueError, match="no slot"):
        await ready.cabinet.wait_slot(number, card=None, door=None)
    assert ready.peer.took == []


async def test_a_line_that_breaks_after_the_command_leaves_the_opening_unknown(ready: BoardBench) -> None:
    ready.loses = {messages.OPEN_SLOT}

    assert await ready.cabinet.open_slot(1) == OpenUnknown()
    assert await ready.cabinet.state() == CabinetAbsent(), "what was known before is known no more"
    ready.loses = set()
    ready.cable.plug()
    state = await ready.becomes(CabinetReady)
    assert isinstance(state, CabinetReady)
    assert state.slots[0].door == "open", "the sensors tell what the answer did not"


async def test_a_board_that_starts_anew_is_noticed_and_goes_on(ready: BoardBench) -> None:
    ready.peer.restart()
    outcome = await ready.cabinet.open_slot(1)
    assert outcome == OpenUnknown()
    await ready.becomes(CabinetReady)

    assert ready.cabinet.restarts == 1
    assert await ready.cabinet.open_slot(1) == Opened()


async def test_a_station_that_gives_up_has_the_board_lock(ready: BoardBench) -> None:
    ready.peer.codes[messages.OPEN_SLOT] = messages.BUSY
    opening = asyncio.ensure_future(ready.cabinet.open_slot(1))
    await until(lambda: bool(ready.peer.took))
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)

    await until(lambda: ready.peer.took[-1] == (messages.LOCK, {}))


async def test_noise_on_the_line_opens_nothing_and_is_survived(ready: BoardBench) -> None:
    for noise in (b"\x00", bytes(range(256)), b"\xff" * 600, b"\x05\x01\x02\x00" * 50):
        ready.cable.to_host(noise)
    ready.cable.to_host(b"\x00")

    assert await ready.cabinet.open_slot(1) == Opened()
    assert ready.peer.doors == {1}


async def test_a_tone_is_asked_for_and_not_waited_for(ready: BoardBench) -> None:
    ready.cabinet.sound()
    await until(lambda: bool(ready.peer.took))
    assert ready.peer.took == [(messages.BUZZER, {"pattern": messages.BUZZER_LONG})]
