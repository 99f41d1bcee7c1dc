"""What there is to say of the card in a reader, on every kind of virtual card: one of six, and no other."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import assert_never

import pytest

from drivers.reader import errors
from drivers.reader.card_reader import CardReader, ReaderSettings, visiting
from drivers.reader.card_state import (
    CardAbsent,
    CardLocked,
    CardMute,
    CardRead,
    CardState,
    CardSwapped,
    CardUnreadable,
    state_of_facts,
    state_of_fault,
    state_of_presence,
)
from drivers.reader.errors import CardBusyError, CardChangedError, ReaderError
from drivers.reader.outcomes import Role
from drivers.reader.port import Presence
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.kinds import KINDS
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import EC_PERSON, NOW, ScriptedConnection
from tests.fakes.cards.switching_backend import SwitchingBackend

PIN = Role.IDENTIFICATION
NEW = Secret("975318")
each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def slot() -> VirtualSlot:
    return VirtualSlot("Bench 0")


@pytest.fixture
async def reader(slot: VirtualSlot) -> AsyncIterator[CardReader]:
    reader = CardReader(InProcessBackend([slot]), slot.name, ReaderSettings(now=lambda: NOW))
    yield reader
    await reader.close()


@pytest.fixture
def made(authority: TestAuthority) -> Callable[..., VirtualCard]:
    def make(kind: str, order: int = EC_PERSON) -> VirtualCard:
        return VirtualCard.create(person(order).new, authority, NOW, kind=kind)

    return make


def word(state: CardState) -> str:
    """As a caller that forgets none."""
    match state:
        case CardAbsent(reader_there):
            return "absent" if reader_there else "no reader"
        case CardMute():
            return "mute"
        case CardUnreadable():
            return "unknown"
        case CardRead():
            return "read"
        case CardLocked(for_good=for_good):
            return "locked for good" if for_good else "locked out"
        case CardSwapped():
            return "changed"
        case other:
            assert_never(other)


@each_kind
async def test_a_card_is_absent_mute_or_read(
    slot: VirtualSlot, reader: CardReader, made: Callable[..., VirtualCard], kind: str
) -> None:
    card = made(kind)
    seen = [word(await reader.state())]
    slot.insert(card, upside_down=True)
    seen.append(word(await reader.state()))
    slot.remove()
    slot.insert(card)
    state = await reader.state()
    assert [*seen, word(state)] == ["absent", "mute", "read"]
    assert isinstance(state, CardRead)
    assert state.facts.card_number == card.persona.card_number


async def test_without_a_reader_the_card_is_absent_too(slot: VirtualSlot) -> None:
    elsewhere = CardReader(InProcessBackend([slot]), "Bench 9")
    assert await elsewhere.state() == CardAbsent(reader_there=False)
    await elsewhere.close()


async def test_a_stranger_is_unknown_and_says_where_was_looked(
    slot: VirtualSlot, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = InProcessBackend([slot])
    monkeypatch.setattr(backend, "connect", lambda _reader: ScriptedConnection({}))
    reader = CardReader(backend, slot.name)
    state = await reader.state()
    await reader.close()
    assert isinstance(state, CardUnreadable)
    assert state.atr.hex() == "3b00"
    assert state.tried[0] == "PIV"
    assert state.exchange.apdus > 0


@each_kind
async def test_a_card_without_tries_is_locked_out_and_at_last_for_good(
    slot: VirtualSlot, reader: CardReader, made: Callable[..., VirtualCard], kind: str
) -> None:
    card = made(kind)
    slot.insert(card)
    use_up(card, KINDS[kind].pin_tries, lambda: wrong(card, kind, 0x20))
    assert word(await reader.state()) == "locked out"
    if kind in ("B", "D"):  # those that tell of their PUK
        use_up(card, KINDS[kind].puk_tries, lambda: wrong(card, kind, 0x2C))
        assert word(await reader.state()) == "locked for good"


def use_up(card: VirtualCard, times: int, attempt: Callable[[], None]) -> None:
    """As somebody would elsewhere: no reader of ours lets it come to that."""
    card.power_on()
    for _ in range(times):
        attempt()
    card.power_off()


def wrong(card: VirtualCard, kind: str, instruction: int) -> None:
    """A wrong PIN (20), or a wrong PUK with a new PIN (2C)."""
    aid = {"A": "F276A288BCFBA69D34F31001", "B": "A000000063504B43532D3135"}.get(kind, "A00000030800001000")
    length, pad = (16, b"\0") if kind == "A" else (8, b"\xff")
    new = b"975318".ljust(length, pad)
    data = b"111999".ljust(length, pad) if instruction == 0x20 else b"99999999".ljust(length, pad) + new
    reference = 0x80 if kind in "CD" else 0x01
    card.transmit(bytes.fromhex(f"00a40400{len(aid) // 2:02x}{aid}00"))
    card.transmit(bytes((0, instruction, 0, reference, len(data))) + data)


@each_kind
async def test_another_card_on_the_same_connection_has_changed_under_us(
    slot: VirtualSlot, made: Callable[..., VirtualCard], kind: str
) -> None:
    first, second = made(kind), made(kind, 7)
    slot.insert(first)
    backend = SwitchingBackend(slot, second)
    reader = CardReader(backend, slot.name, ReaderSettings(now=lambda: NOW))
    visit = await reader.visit()
    assert word(visit.state) == "read"
    backend.switched = True
    with pytest.raises(CardChangedError) as fault:
        await visit.change(PIN, Secret(first.persona.pin), NEW)
    assert visit.state == state_of_fault(fault.value) == CardSwapped()
    await visit.close()
    await reader.close()


@each_kind
async def test_a_card_that_was_pulled_is_absent_to_its_visit(
    slot: VirtualSlot, reader: CardReader, made: Callable[..., VirtualCard], kind: str
) -> None:
    card = made(kind)
    slot.insert(card)
    async with visiting(reader) as visit:
        slot.remove()
        with pytest.raises(ReaderError):
            await visit.refresh()
        assert visit.state == CardAbsent()


async def test_what_is_no_state_of_a_card_stays_a_fault(slot: VirtualSlot, made: Callable[..., VirtualCard]) -> None:
    slot.insert(made("B"))
    backend = InProcessBackend([slot])
    first, second = CardReader(backend, slot.name), CardReader(backend, slot.name)
    async with visiting(first):
        with pytest.raises(CardBusyError):
            await second.state()
    assert word(await second.state()) == "read"
    await first.close()
    await second.close()


def test_every_fault_and_every_look_says_which_state_it_is() -> None:
    kinds = (
        errors.NoReaderError, errors.NoCardError, errors.MuteCardError, errors.CardGoneError, errors.CardChangedError,
        errors.UnknownCardError, errors.CardAnswerError, errors.CommandRefusedError,
    )  # fmt: skip
    states = [state_of_fault(kind("made up")) for kind in kinds]
    assert [word(state) for state in states if state is not None] == [
        "no reader", "absent", "mute", "absent", "changed", "unknown", "unknown", "unknown",
    ]  # fmt: skip
    assert [state_of_fault(kind("made up")) for kind in (errors.CardBusyError, errors.LedgerError)] == [None, None]
    looks = [state_of_presence(presence) for presence in Presence]
    assert looks == [CardAbsent(reader_there=False), CardAbsent(), CardMute(), None]


async def test_a_code_of_which_no_tries_are_known_may_be_used(
    slot: VirtualSlot, reader: CardReader, made: Callable[..., VirtualCard]
) -> None:
    slot.insert(made("B"))
    async with visiting(reader) as visit:
        pin, puk = visit.facts.pins
    locked, unknown = replace(pin, state="locked", tries_left=0), replace(pin, state="unknown", tries_left=None)
    seen = [
        state_of_facts(replace(visit.facts, pins=pins))
        for pins in ((unknown, puk), (locked, unknown), (locked,), (puk,))
    ]
    assert [word(state) for state in seen] == ["read", "read", "locked out", "read"]
