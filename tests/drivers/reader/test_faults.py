"""Torn, swapped, hanging and lying cards: every way ends in a named state, and no code goes to a card twice."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, Literal

import pytest

from drivers.reader.card_reader import CardReader, CardVisit, ReaderSettings, visiting
from drivers.reader.card_state import CardMute
from drivers.reader.errors import CardChangedError, CardGoneError, LedgerError, ReaderError, UnknownCardError
from drivers.reader.keys import Generated
from drivers.reader.outcomes import (
    Accepted,
    CodeOutcome,
    RefusalReason,
    Refused,
    Role,
    Signed,
    SignOutcome,
    Unknown,
    WrongCode,
)
from drivers.reader.pin.try_ledger import MemoryLedger, name_in_ledger
from drivers.reader.port import Presence
from drivers.reader.profiles import Profile, Profiles, builtin
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend, InProcessConnection
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from sim.stories.patience import LIMIT_S
from tests.drivers.reader.conftest import EC_PERSON, NOW, ScriptedConnection
from tests.drivers.reader.interrupted import PLACES_OF_NEW
from tests.fakes.cards.management_keys import FactoryKey
from tests.fakes.cards.switching_backend import SwitchingBackend

PIN = Role.IDENTIFICATION
NEW = Secret("975318")
IRREVERSIBLE = ("CHANGE REFERENCE DATA", "RESET RETRY COUNTER")
Operation = Callable[[CardVisit, VirtualCard], Coroutine[Any, Any, CodeOutcome | SignOutcome]]


async def unblock(visit: CardVisit, card: VirtualCard) -> CodeOutcome:
    return await visit.unblock(PIN, Secret(card.persona.puk), NEW)


async def change(visit: CardVisit, card: VirtualCard) -> CodeOutcome:
    return await visit.change(PIN, Secret(card.persona.pin), NEW)


async def verify(visit: CardVisit, card: VirtualCard) -> CodeOutcome:
    return await visit.verify(PIN, Secret(card.persona.pin))


async def verify_and_sign(visit: CardVisit, card: VirtualCard) -> SignOutcome | CodeOutcome:
    verified = await verify(visit, card)
    return await visit.sign("signature", b"x") if verified == Accepted() else verified


async def outcome_or_gone(operation: "Operation", visit: CardVisit, card: VirtualCard) -> object:
    """The outcome; None where the card was gone before a code went out."""
    try:
        return await operation(visit, card)
    except CardGoneError:
        return None


OPERATIONS = [unblock, change, verify, verify_and_sign]


def in_slot(card: VirtualCard) -> tuple[VirtualSlot, InProcessBackend]:
    slot = VirtualSlot("Bench 0")
    slot.insert(card)
    return slot, InProcessBackend([slot])


@pytest.mark.parametrize("when", ["before", "during", "after"])
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_card_torn_at_any_exchange_leaves_a_named_state(
    make_card: Callable[..., VirtualCard], operation: Operation, when: Literal["before", "during", "after"]
) -> None:
    card = make_card()
    slot, backend = in_slot(card)
    unknown = 0
    for exchange in range(40):
        reader = CardReader(backend, slot.name, ReaderSettings(now=lambda: NOW))
        visit = await reader.visit()
        card.log.clear()
        card.tear(exchange, when)
        outcome = await outcome_or_gone(operation, visit, card)
        if outcome == Accepted() or not isinstance(outcome, Unknown | None):
            break  # torn after the last exchange of the operation: every gap has been tried
        unknown += isinstance(outcome, Unknown)
        code_left = [e.ins for e in card.log if e.ins in (*IRREVERSIBLE, "PERFORM SECURITY OPERATION")]
        assert outcome == Unknown() or not code_left
        sent = len(card.log)
        with pytest.raises(CardGoneError):
            await operation(visit, card)
        assert len(card.log) == sent
        await visit.close()
        await reader.close()
        slot.remove()
        card = make_card()
        slot.insert(card)
    else:
        pytest.fail("the operation never came to its end")
    assert unknown >= 1


@pytest.mark.parametrize("operation", [unblock, change])
async def test_a_card_swapped_at_any_moment_gets_no_command_meant_for_the_first(
    make_card: Callable[..., VirtualCard], operation: Operation
) -> None:
    for exchange in range(12):
        first, second = make_card(), make_card(8)
        slot, backend = in_slot(first)
        reader = CardReader(backend, slot.name, ReaderSettings(now=lambda: NOW))
        visit = await reader.visit()
        swap_after(first, exchange, slot, second)
        assert await outcome_or_gone(operation, visit, first) in (Unknown(), None)
        assert not [entry for entry in second.log if entry.ins in (*IRREVERSIBLE, "VERIFY")]
        await visit.close()
        await reader.close()
        if [entry for entry in first.log if entry.ins in IRREVERSIBLE]:
            return
    pytest.fail("the swap never came as late as the command itself")


def swap_after(first: VirtualCard, exchanges: int, slot: VirtualSlot, second: VirtualCard) -> None:
    """Swap the cards right after that many more exchanges with the first."""
    real, left = first.transmit, [exchanges]

    def transmit(apdu: bytes) -> bytes:
        answer = real(apdu)
        if left[0] == 0:
            slot.remove()
            slot.insert(second)
        left[0] -= 1
        return answer

    first.transmit = transmit  # type: ignore[method-assign]


@pytest.mark.parametrize("operation", [unblock, change])
async def test_another_card_on_the_same_connection_is_found_out(
    make_card: Callable[..., VirtualCard], operation: Operation
) -> None:
    first, second = make_card(), make_card(8)
    slot = VirtualSlot("Bench 0")
    slot.insert(first)
    backend = SwitchingBackend(slot, second)
    reader = CardReader(backend, slot.name, ReaderSettings(now=lambda: NOW))
    visit = await reader.visit()
    backend.switched = True
    with pytest.raises(CardChangedError):
        await operation(visit, first)
    with pytest.raises(CardGoneError):
        await operation(visit, first)
    assert not [entry for entry in second.log if entry.ins in IRREVERSIBLE]
    await visit.close()
    await reader.close()


async def test_a_second_caller_sends_no_code_to_the_card_that_the_first_has_found_to_be_another(
    make_card: Callable[..., VirtualCard],
) -> None:
    first, second = make_card(), make_card(8)
    slot = VirtualSlot("Bench 0")
    slot.insert(first)
    backend = SwitchingBackend(slot, second)
    reader = CardReader(backend, slot.name, ReaderSettings(now=lambda: NOW))
    visit = await reader.visit()
    backend.switched = True
    both = await asyncio.gather(change(visit, first), verify(visit, first), return_exceptions=True)
    assert [type(outcome) for outcome in both] == [CardChangedError, CardGoneError]
    assert not [entry for entry in second.log if entry.ins == "VERIFY"]
    await visit.close()
    await reader.close()


class HangingBackend(InProcessBackend):
    """A card that stops answering at a command, until it is let go on."""

    def __init__(self, slot: VirtualSlot) -> None:
        super().__init__([slot])
        self.hang_at = ""
        self.go_on = threading.Event()
        self.late: list[str] = []

    def connect(self, reader: str) -> InProcessConnection:
        connection = super().connect(reader)
        real = connection.transmit

        def transmit(apdu: bytes) -> bytes:
            if self.hang_at and apdu.hex().startswith(self.hang_at):
                self.go_on.wait()
            elif self.go_on.is_set():
                self.late.append(apdu.hex())
            return real(apdu)

        connection.transmit = transmit  # type: ignore[method-assign]
        return connection


@pytest.mark.parametrize(("hang_at", "expected"), [("002c", Unknown()), ("00b0", None)])
async def test_a_card_that_stops_answering_is_left_behind(
    make_card: Callable[..., VirtualCard], hang_at: str, expected: Unknown | None
) -> None:
    card = make_card()
    slot = VirtualSlot("Bench 0")
    slot.insert(card)
    backend = HangingBackend(slot)
    others = set(threading.enumerate())
    reader = CardReader(backend, slot.name, ReaderSettings(now=lambda: NOW, transmit_limit_s=1.5))
    visit = await reader.visit()
    backend.hang_at = hang_at
    assert await outcome_or_gone(unblock, visit, card) == expected
    assert await reader.presence() is Presence.PRESENT
    with pytest.raises(CardGoneError):
        await visit.refresh()
    assert visit.state == CardMute()
    await visit.close()
    stuck = [t for t in threading.enumerate() if t.name == "reader Bench 0" and t not in others]
    assert len(stuck) == 1
    backend.go_on.set()
    for thread in stuck:
        await asyncio.to_thread(thread.join, LIMIT_S)
    assert backend.late == []  # what woke up late sent nothing more, and let the card go
    backend.hang_at = ""
    await (await reader.visit()).close()
    await reader.close()


async def test_a_code_whose_caller_is_cancelled_before_it_went_out_never_does(card: VirtualCard) -> None:
    slot, _ = in_slot(card)
    backend = HangingBackend(slot)
    reader = CardReader(backend, slot.name, ReaderSettings(now=lambda: NOW))
    visit = await reader.visit()
    backend.hang_at = "0020"
    looking = asyncio.ensure_future(visit.refresh())
    entry = asyncio.ensure_future(visit.change(PIN, Secret("999999"), NEW))
    await asyncio.sleep(0)
    entry.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entry
    backend.hang_at = ""
    backend.go_on.set()
    await looking
    await visit.close()
    assert not [entry for entry in card.log if entry.ins in IRREVERSIBLE]
    assert card.tries_left[0] == 3
    await reader.close()


async def test_a_card_is_let_go_even_where_its_closing_is_cancelled_before_it_began(card: VirtualCard) -> None:
    slot, _ = in_slot(card)
    backend = HangingBackend(slot)
    reader = CardReader(backend, slot.name, ReaderSettings(now=lambda: NOW))
    visit = await reader.visit()
    backend.hang_at = "0020"
    looking = asyncio.ensure_future(visit.refresh())
    closing = asyncio.ensure_future(visit.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    backend.hang_at = ""
    backend.go_on.set()
    await looking
    await (await reader.visit()).close()
    await reader.close()


def uncounted(**commands: object) -> Profiles:
    """The virtual card's product, as if its counters could not be read."""
    profile = builtin().match_name("virtual-b")
    changed = profile.model_dump() | {"commands": profile.commands.model_dump() | commands}
    return Profiles([Profile.model_validate(changed)])


async def test_where_the_counter_cannot_be_read_the_stations_own_count_stands_in_and_is_stricter(
    card: VirtualCard, slot: VirtualSlot
) -> None:
    ledger = MemoryLedger()
    settings = ReaderSettings(profiles=uncounted(counter="none", counter_of_puk="none"), ledger=ledger, now=lambda: NOW)
    outcomes: list[CodeOutcome] = []
    for _ in range(10):  # each in a visit of its own: the count outlives it
        reader = CardReader(InProcessBackend([slot]), slot.name, settings)
        visit = await reader.visit()
        assert visit.facts.pins[1].tries_left is None
        outcomes.append(await visit.unblock(PIN, Secret("99999999"), NEW))
        await visit.close()
        await reader.close()
    assert [type(outcome) for outcome in outcomes] == [WrongCode] * 7 + [Refused] * 3
    assert outcomes[-1] == Refused(RefusalReason.BELOW_FLOOR)
    assert card.tries_left[1] == 3


async def test_a_torn_puk_counts_as_a_try_where_only_the_station_counts(card: VirtualCard, slot: VirtualSlot) -> None:
    ledger = MemoryLedger()
    settings = ReaderSettings(profiles=uncounted(counter_of_puk="none"), ledger=ledger, now=lambda: NOW)
    reader = CardReader(InProcessBackend([slot]), slot.name, settings)
    visit = await reader.visit()
    code = "02-puk-02"
    real = card.transmit
    card.transmit = lambda apdu: tear(card, apdu, real)  # type: ignore[method-assign]
    assert await visit.unblock(PIN, Secret(card.persona.puk), NEW) == Unknown()
    facts = visit.facts
    assert ledger.used(name_in_ledger(facts.atr, facts.serial, facts.digest), code) == 1
    await visit.close()
    await reader.close()


class FullDisk(MemoryLedger):
    def spend(self, card: str, code: str) -> None:
        raise LedgerError("no space")


@pytest.mark.parametrize("counter", ["none", "empty-verify"])
async def test_without_any_count_no_code_goes_out(card: VirtualCard, slot: VirtualSlot, counter: str) -> None:
    settings = ReaderSettings(profiles=uncounted(counter_of_puk=counter), ledger=FullDisk(), now=lambda: NOW)
    reader = CardReader(InProcessBackend([slot]), slot.name, settings)
    visit = await reader.visit()
    if counter == "none":
        with pytest.raises(LedgerError):
            await unblock(visit, card)
        assert not [entry for entry in card.log if entry.ins in IRREVERSIBLE]
    else:  # the card counts, so the station need not
        assert await unblock(visit, card) == Accepted()
    await visit.close()
    await reader.close()


def tear(card: VirtualCard, apdu: bytes, real: Callable[[bytes], bytes]) -> bytes:
    if apdu[1] == 0x2C:
        card.tear(0, "during")
    return real(apdu)


class ScriptedBackend(InProcessBackend):
    """A reader with one scripted card."""

    def __init__(self, connection: ScriptedConnection) -> None:
        super().__init__([])
        self.connection = connection

    def connect(self, reader: str) -> ScriptedConnection:  # type: ignore[override]
        return self.connection

    def cancel(self, reader: str) -> None:
        """Nobody waits."""


@pytest.mark.parametrize("answer", ["6a82", "6d00", "6f00", "9000", "aabbccdd9000", "30846fffffff9000", "61ff"])
async def test_a_stranger_is_refused_with_its_atr_and_what_was_tried(answer: str) -> None:
    connection = ScriptedConnection({"00": [answer]})
    reader = CardReader(ScriptedBackend(connection), "Bench 0")
    with pytest.raises(ReaderError) as fault:
        await reader.visit()
    if answer != "61ff":
        assert isinstance(fault.value, UnknownCardError)
        assert fault.value.atr == connection.atr
        assert "EF.DIR" in fault.value.tried
    assert connection.closed
    assert all(command[2:4] in ("a4", "b0", "c0", "b2") for command in connection.sent)
    await reader.close()


@pytest.mark.parametrize("kind", ["B", "D"])
async def test_a_card_that_thinks_longer_than_the_watchdog_waits_is_not_given_up(
    authority: TestAuthority, kind: str
) -> None:
    card = VirtualCard.create(person(EC_PERSON).new, authority, NOW, kind=kind, traits=("slow",))
    spent, limit_s = list[float](), 1.0
    card.sleep = lambda seconds: spent.append(seconds) or time.sleep(1.3 * limit_s)  # type: ignore[func-returns-value]
    slot = VirtualSlot("Bench 0")
    slot.insert(card)
    reader = CardReader(InProcessBackend([slot]), slot.name, ReaderSettings(now=lambda: NOW, transmit_limit_s=limit_s))
    async with visiting(reader) as visit:
        assert await visit.unblock(PIN, Secret(card.persona.puk), NEW) == Accepted()
        assert await visit.verify(PIN, NEW) == Accepted()
        assert isinstance(await visit.sign("identification", b"x"), Signed)
        assert isinstance(await visit.generate_key(PLACES_OF_NEW[kind], "EC-P256", FactoryKey(kind)), Generated)
    assert len(spent) >= 3
    await reader.close()
