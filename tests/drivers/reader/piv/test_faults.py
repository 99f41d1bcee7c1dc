"""Torn, swapped and lying PIV cards: every way ends in a named state, and no code goes to a card twice."""

from collections.abc import Awaitable, Callable
from typing import Literal

import pytest

from drivers.reader.card_reader import CardReader, CardVisit, ReaderSettings
from drivers.reader.errors import CardChangedError, CardGoneError, ReaderError, UnknownCardError
from drivers.reader.outcomes import Accepted, CodeOutcome, RefusalReason, Refused, Role, Unknown
from drivers.reader.profiles import Profiles
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend, InProcessConnection
from sim.reader.slot import PluggableCard, VirtualSlot
from tests.drivers.reader.conftest import NOW, ScriptedConnection
from tests.drivers.reader.piv.conftest import KINDS, MakePiv

PIN = Role.IDENTIFICATION
NEW = Secret("975318")
CHANGE, RESET, VERIFY = 0x24, 0x2C, 0x20
Operation = Callable[[CardVisit, VirtualCard], Awaitable[CodeOutcome]]


async def unblock(visit: CardVisit, card: VirtualCard) -> CodeOutcome:
    return await visit.unblock(PIN, Secret(card.persona.puk), NEW)


async def change(visit: CardVisit, card: VirtualCard) -> CodeOutcome:
    return await visit.change(PIN, Secret(card.persona.pin), NEW)


class Wire:
    """What goes to a card once it was identified, and what happens in the middle of it."""

    def __init__(self, card: VirtualCard) -> None:
        self.sent: list[bytes] = []
        self.after: Callable[[], None] | None = None
        self.left = -1
        self._real = card.transmit
        card.transmit = self.transmit  # type: ignore[method-assign]

    def transmit(self, apdu: bytes) -> bytes:
        self.sent.append(apdu)
        answer = self._real(apdu)
        if self.left == 0 and self.after is not None:
            self.after()
        self.left -= 1
        return answer

    def codes(self) -> list[bytes]:
        """Commands that carry a code."""
        return [apdu for apdu in self.sent if apdu[1] in (CHANGE, RESET) or (apdu[1] == VERIFY and len(apdu) > 5)]


def in_slot(card: VirtualCard) -> tuple[VirtualSlot, CardReader]:
    slot = VirtualSlot("Bench 0")
    slot.insert(card)
    return slot, CardReader(InProcessBackend([slot]), slot.name, ReaderSettings(now=lambda: NOW))


async def outcome_or_gone(operation: Operation, visit: CardVisit, card: VirtualCard) -> CodeOutcome | None:
    """The outcome; None where the card was gone before a code went out."""
    try:
        return await operation(visit, card)
    except CardGoneError:
        return None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("when", ["before", "during", "after"])
@pytest.mark.parametrize("operation", [unblock, change])
async def test_a_card_torn_at_any_exchange_leaves_a_named_state(
    make_piv: MakePiv, kind: str, operation: Operation, when: Literal["before", "during", "after"]
) -> None:
    outcomes: list[CodeOutcome | None] = []
    for exchange in range(8):
        card = make_piv(kind)
        _slot, reader = in_slot(card)
        visit = await reader.visit()
        wire = Wire(card)
        card.tear(exchange, when)
        outcomes.append(await outcome_or_gone(operation, visit, card))
        assert (outcomes[-1] is None) == (not wire.codes())
        assert len(wire.codes()) <= 1
        await visit.close()
        await reader.close()
        if outcomes[-1] == Accepted():
            break
    assert outcomes[-1] == Accepted()
    assert outcomes[-2] == Unknown()
    assert set(outcomes[:-2]) == {None}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operation", [unblock, change])
async def test_a_card_swapped_at_any_exchange_gets_no_command_meant_for_the_first(
    make_piv: MakePiv, kind: str, operation: Operation
) -> None:
    for exchange in range(8):
        first, second = make_piv(kind), make_piv(kind, 8)
        slot, reader = in_slot(first)
        visit = await reader.visit()
        wire, other = Wire(first), Wire(second)

        def swap(slot: VirtualSlot = slot, second: VirtualCard = second) -> None:
            slot.remove()
            slot.insert(second)

        wire.after, wire.left = swap, exchange
        assert await outcome_or_gone(operation, visit, first) in (Unknown(), None)
        assert other.sent == []
        await visit.close()
        await reader.close()
        if wire.codes():
            return
    pytest.fail("the swap never came as late as the command itself")


class SwitchingBackend(InProcessBackend):
    """A reader that goes on with another card on the same connection, as no honest reader does."""

    def __init__(self, slot: VirtualSlot, second: VirtualCard) -> None:
        super().__init__([slot])
        self.second = second
        self.switched = False

    def _connection(self, slot: VirtualSlot, card: PluggableCard) -> InProcessConnection:
        connection = super()._connection(slot, card)
        real = connection.transmit
        self.second.power_on()
        self.second.transmit(bytes.fromhex("00a404000ba00000030800001000010000"))
        connection.transmit = lambda apdu: (self.second.transmit if self.switched else real)(apdu)  # type: ignore[method-assign]
        return connection


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("same_person", [True, False])
@pytest.mark.parametrize("operation", [unblock, change])
async def test_another_card_on_the_same_connection_is_found_out(
    make_piv: MakePiv, kind: str, operation: Operation, same_person: bool
) -> None:
    first, second = make_piv(kind), make_piv(kind, 6 if same_person else 8)  # the same serial, but other keys
    slot = VirtualSlot("Bench 0")
    slot.insert(first)
    backend = SwitchingBackend(slot, second)
    reader = CardReader(backend, slot.name, ReaderSettings(now=lambda: NOW))
    visit = await reader.visit()
    backend.switched = True
    wire = Wire(second)
    with pytest.raises(CardChangedError):
        await operation(visit, first)
    with pytest.raises(CardGoneError):
        await operation(visit, first)
    assert wire.codes() == []
    await visit.close()
    await reader.close()


class ScriptedBackend(InProcessBackend):
    """A reader with one scripted card."""

    def __init__(self, connection: ScriptedConnection) -> None:
        super().__init__([])
        self.connection = connection

    def connect(self, reader: str) -> ScriptedConnection:  # type: ignore[override]
        return self.connection

    def cancel(self, reader: str) -> None:
        """Nobody waits."""


SELECTED = "61114f0600001000010079074f05a0000003089000"
APPLET = "611c4f0600001000010079074f05a00000030850095069764170706c65749000"


async def test_an_empty_card_is_a_piv_card_but_nothing_on_it_is_changed() -> None:
    answers: dict[str, list[str | None]] = {"00a4040009a00000030800001000": [SELECTED], "00200080": ["63c3"]}
    connection = ScriptedConnection(answers)
    reader = CardReader(ScriptedBackend(connection), "Bench 0")
    visit = await reader.visit()
    assert (visit.facts.kind, visit.facts.profile, visit.facts.certificates) == ("piv", "piv", ())
    connection.sent.clear()
    with pytest.raises(CardChangedError):  # nothing tells it from another
        await visit.change(PIN, Secret("246813"), NEW)
    assert not [command for command in connection.sent if command[2:4] in ("24", "2c")]
    await visit.close()
    await reader.close()


@pytest.mark.parametrize(
    "content", ["9000", "53009000", "5304700253009000", "53ff9000", "61ff", "7e009000", "3082ffff9000"]
)
async def test_a_card_that_answers_nonsense_for_every_object_is_read_as_one_without_them(content: str) -> None:
    answers: dict[str, list[str | None]] = {
        "00a404000": [SELECTED], "00cb": [content], "00c0": ["6f00"], "00200080": ["9000"],
    }  # fmt: skip
    connection = ScriptedConnection(answers)
    reader = CardReader(ScriptedBackend(connection), "Bench 0")
    try:
        visit = await reader.visit()
    except ReaderError:
        pass
    else:
        assert visit.facts.certificates == ()
        await visit.close()
    assert all(command[2:4] in ("a4", "b0", "c0", "b2", "cb", "20") for command in connection.sent)
    assert not [command for command in connection.sent if command.startswith("0020") and len(command) > 8]
    await reader.close()


async def test_a_card_whose_chuid_is_all_zero_is_not_known_by_it() -> None:
    answers: dict[str, list[str | None]] = {
        "00a404000": [APPLET], "00200080": ["63c3"], "00cb3fff055c035fc102": [CHUID_WITHOUT_GUID],
    }  # fmt: skip
    reader = CardReader(ScriptedBackend(ScriptedConnection(answers)), "Bench 0")
    visit = await reader.visit()
    assert visit.facts.serial == ""
    with pytest.raises(CardChangedError):
        await visit.unblock(PIN, Secret("86420906"), NEW)
    await visit.close()
    await reader.close()


async def test_a_piv_card_that_no_profile_is_for_is_a_stranger() -> None:
    connection = ScriptedConnection({"00a404000": [SELECTED]})
    reader = CardReader(ScriptedBackend(connection), "Bench 0", ReaderSettings(profiles=Profiles([])))
    with pytest.raises(UnknownCardError) as fault:
        await reader.visit()
    assert "PIV" in fault.value.tried
    await reader.close()


CHUID_WITHOUT_GUID = "530c3003000000340300000035009000"
CCC = "5309f0030000fff100f2009000"


@pytest.mark.parametrize(
    ("policy", "references", "unblocks"), [("4000", [0x80, 0x81], True), ("6010", [0x80, 0x00, 0x81], True),
                                           ("6020", [0x00, 0x80, 0x81], False)],
)  # fmt: skip
async def test_the_pin_that_the_card_prefers_is_the_one_that_is_asked_for(
    policy: str, references: list[int], unblocks: bool
) -> None:
    answers: dict[str, list[str | None]] = {
        "00a404000": [APPLET], "00cb3fff035c017e": [f"7e055f2f02{policy}9000"], "002000": ["63c3"], "002c": ["9000"],
        "00cb3fff055c035fc102": [CHUID_WITHOUT_GUID], "00cb3fff055c035fc107": [CCC],
    }  # fmt: skip
    connection = ScriptedConnection(answers)
    reader = CardReader(ScriptedBackend(connection), "Bench 0")
    visit = await reader.visit()
    assert [pin.reference for pin in visit.facts.pins] == references
    assert visit.facts.serial == "0000FF"  # a CHUID of zeros tells nothing: the CCC does
    outcome = await visit.unblock(PIN, Secret("86420906"), NEW)
    assert outcome == (Accepted() if unblocks else Refused(RefusalReason.NOT_ALLOWED))  # the PUK is for one PIN only
    await visit.close()
    await reader.close()


async def test_a_token_without_a_serial_is_known_by_its_chuid() -> None:
    guid = "3410" + "9a" * 16
    answers: dict[str, list[str | None]] = {
        "00a404000": [SELECTED], "00f8": ["6d00"], "00f7": ["6d00"], "00200080": ["63c3"], "002c": ["9000"],
        "00cb3fff055c035fc102": [f"5312{guid}9000"],
    }  # fmt: skip
    connection = ScriptedConnection(answers)
    connection.atr = bytes.fromhex("3BF81300008131FE15597562696B657934D4")
    reader = CardReader(ScriptedBackend(connection), "Bench 0")
    visit = await reader.visit()
    assert (visit.facts.profile, visit.facts.serial) == ("piv-token", "9A" * 16)
    assert visit.facts.pins[1].tries_left is None  # without metadata the station counts
    assert await visit.unblock(PIN, Secret("86420906"), NEW) == Accepted()
    await visit.close()
    await reader.close()


async def test_the_pin_of_an_unknown_product_is_not_unlocked_here() -> None:
    answers: dict[str, list[str | None]] = {"00a404000": [SELECTED], "002000": ["63c0"]}
    connection = ScriptedConnection(answers)
    reader = CardReader(ScriptedBackend(connection), "Bench 0")
    visit = await reader.visit()
    assert visit.facts.pins[0].state == "locked"
    assert await visit.unblock(PIN, Secret("86420906"), NEW) == Refused(RefusalReason.NOT_ALLOWED)
    assert not [command for command in connection.sent if command.startswith("002c")]
    await visit.close()
    await reader.close()
