"""What a card said of its tries holds within a visit; afterwards the station's count does, until it is seen to be out of date."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from drivers.reader.card_reader import CardReader, CardVisit, ReaderSettings, visiting
from drivers.reader.outcomes import Accepted, Locked, RefusalReason, Refused, Role, WrongCode
from drivers.reader.pin.try_ledger import MemoryLedger, name_in_ledger
from drivers.reader.profiles import Profiles, builtin
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import EC_PERSON, NOW, wrong_codes

PIN, PUK = Role.IDENTIFICATION, Role.PUK
WRONG, WRONG_PUK, NEW = Secret("994167"), Secret("99416703"), Secret("583921")
STRANGERS = Profiles(profile for profile in builtin() if not profile.name.startswith("virtual"))
"""Without those of our own cards: each is read by the profile of its standard alone."""


def silent(name: str) -> Profiles:
    """A product as it ships, with no card asked for its tries."""
    return Profiles(profile for profile in builtin().quiet() if profile.name == name)


class Desk:
    """A reader whose ledger lasts from visit to visit."""

    def __init__(self, profiles: Profiles | None = None) -> None:
        self.ledger = MemoryLedger()
        self.settings = ReaderSettings(profiles=profiles or builtin(), ledger=self.ledger, now=lambda: NOW)

    @asynccontextmanager
    async def visit(self, card: VirtualCard) -> AsyncIterator[CardVisit]:
        slot = VirtualSlot("Bench 0")
        slot.insert(card)
        reader = CardReader(InProcessBackend([slot]), slot.name, self.settings)
        try:
            async with visiting(reader) as visit:
                yield visit
        finally:
            await reader.close()


@pytest.fixture
def card_of(authority: TestAuthority) -> Callable[..., VirtualCard]:
    def make(kind: str, order: int = EC_PERSON) -> VirtualCard:
        return VirtualCard.create(person(order).new, authority, NOW, kind=kind)

    return make


def lock(card: VirtualCard) -> None:
    """Wrong PINs at another desk."""
    card.codes.pin.tries_left = 0


def mend(card: VirtualCard) -> None:
    """The right PUK at another desk."""
    for code in (card.codes.pin, card.codes.puk):
        code.tries_left = code.tries_max


async def unblock(visit: CardVisit, puk: Secret) -> object:
    return await visit.unblock(PIN, puk, NEW)


# Within a visit


async def test_the_right_puk_after_a_typo_is_let_through_by_the_cards_own_word(
    card_of: Callable[..., VirtualCard],
) -> None:
    card = card_of("C")
    lock(card)
    async with Desk().visit(card) as visit:
        wrong = await unblock(visit, WRONG_PUK)
        assert isinstance(wrong, WrongCode)
        assert (wrong.tries_left, wrong.entries_left) == (2, 1)
        assert await unblock(visit, Secret(card.persona.puk)) == Accepted()


async def test_a_visit_never_goes_below_the_floor_by_the_cards_own_word(card_of: Callable[..., VirtualCard]) -> None:
    card = card_of("C")
    async with Desk().visit(card) as visit:
        outcomes = [await unblock(visit, puk) for puk in wrong_codes(3, 8)]
        assert outcomes == [WrongCode(2), WrongCode(1), Refused(RefusalReason.BELOW_FLOOR, tries_left=1)]
    assert card.tries_left[1] == 1


async def test_the_right_pin_after_a_typo_is_not_taken_for_a_last_try(card_of: Callable[..., VirtualCard]) -> None:
    card = card_of("B")
    async with Desk(STRANGERS).visit(card) as visit:
        assert visit.facts.profile == "pkcs15"
        assert await visit.verify(PIN, WRONG) == WrongCode(2)
        assert await visit.verify(PIN, Secret(card.persona.pin)) == Accepted()


# Afterwards


async def test_afterwards_the_count_stands_and_is_stricter(card_of: Callable[..., VirtualCard]) -> None:
    card, desk = card_of("C"), Desk()
    async with desk.visit(card) as visit:
        await unblock(visit, WRONG_PUK)
    async with desk.visit(card) as visit:
        assert await unblock(visit, Secret(card.persona.puk)) == Refused(RefusalReason.BELOW_FLOOR)
        puk = visit.facts.pin(PUK)
        assert puk is not None
        assert (puk.tries_left, puk.counted, puk.below_floor) == (None, True, True)


@pytest.mark.parametrize("kind", ["A", "C"])
async def test_a_card_that_was_unlocked_elsewhere_has_all_the_tries_of_its_puk(
    card_of: Callable[..., VirtualCard], kind: str
) -> None:
    card, desk = card_of(kind), Desk()
    lock(card)
    async with desk.visit(card) as visit:
        for puk in wrong_codes(2, 8):
            assert isinstance(await unblock(visit, puk), WrongCode)
    mend(card)
    async with desk.visit(card):
        pass
    lock(card)
    async with desk.visit(card) as visit:
        assert await unblock(visit, Secret(card.persona.puk)) == Accepted()


async def test_a_lock_that_is_seen_after_the_typo_counts_as_well(card_of: Callable[..., VirtualCard]) -> None:
    card, desk = card_of("C"), Desk()
    async with desk.visit(card) as visit:
        await unblock(visit, WRONG_PUK)
    lock(card)
    async with desk.visit(card):
        pass
    mend(card)
    async with desk.visit(card) as visit:
        assert await unblock(visit, Secret(card.persona.puk)) == Accepted()


async def test_a_pin_that_was_never_locked_gives_no_try_back(card_of: Callable[..., VirtualCard]) -> None:
    """Nobody needed the PUK for it: its counter is as low as it was."""
    card, desk = card_of("C"), Desk()
    async with desk.visit(card) as visit:
        await unblock(visit, WRONG_PUK)
    async with desk.visit(card) as visit:
        assert await visit.verify(PIN, Secret(card.persona.pin)) == Accepted()
        assert await unblock(visit, WRONG_PUK) == Refused(RefusalReason.BELOW_FLOOR)
    assert card.tries_left[1] == 2


async def test_a_lock_from_before_the_typo_proves_nothing(card_of: Callable[..., VirtualCard]) -> None:
    card, desk = card_of("C"), Desk()
    lock(card)
    async with desk.visit(card):
        pass
    mend(card)
    async with desk.visit(card) as visit:
        await unblock(visit, WRONG_PUK)
    async with desk.visit(card) as visit:
        assert await unblock(visit, WRONG_PUK) == Refused(RefusalReason.BELOW_FLOOR)


@pytest.mark.parametrize("kind", ["A", "C"])
async def test_a_puk_that_the_card_called_dead_stays_dead(card_of: Callable[..., VirtualCard], kind: str) -> None:
    card, desk = card_of(kind), Desk()
    lock(card)
    card.codes.puk.tries_left = 0
    async with desk.visit(card) as visit:
        assert await unblock(visit, WRONG_PUK) == Locked()
    async with desk.visit(card) as visit:
        puk = visit.facts.pin(PUK)
        assert puk is not None
        assert (puk.state, puk.tries_left) == ("locked", 0)
        card.log.clear()
        assert await unblock(visit, WRONG_PUK) == Locked()
        assert not [entry for entry in card.log if entry.ins == 0x2C]


async def test_a_locked_stranger_is_known_as_locked(card_of: Callable[..., VirtualCard]) -> None:
    card, desk = card_of("B"), Desk(STRANGERS)
    async with desk.visit(card) as visit:
        for code in wrong_codes(3):
            last = await visit.verify(PIN, code, last_try_consented=True)
        assert last == Locked()
    async with desk.visit(card) as visit:
        pin = visit.facts.pin(PIN)
        assert pin is not None
        assert (pin.state, pin.tries_left, pin.counted) == ("locked", 0, True)
        assert await visit.verify(PIN, Secret(card.persona.pin)) == Locked()
    mend(card)
    async with desk.visit(card) as visit:
        assert await visit.verify(PIN, Secret(card.persona.pin), last_try_consented=True) == Accepted()
    async with desk.visit(card) as visit:
        assert await visit.verify(PIN, Secret(card.persona.pin)) == Accepted()


# Whose tries they are


async def test_tries_of_one_card_are_not_counted_on_another_with_its_serial(
    authority: TestAuthority,
) -> None:
    desk = Desk(STRANGERS)
    batch = [
        VirtualCard.create(replace(person(order).new, serial="0000", key_algorithm="EC-P256"), authority, NOW)
        for order in (6, 7)
    ]
    async with desk.visit(batch[0]) as visit:
        assert visit.facts.serial == "0000"
        await visit.verify(PIN, WRONG)
        await visit.verify(PIN, WRONG, last_try_consented=True)
    async with desk.visit(batch[1]) as visit:
        assert visit.facts.serial == "0000"
        assert await visit.verify(PIN, Secret(batch[1].persona.pin)) == Accepted()
    async with desk.visit(batch[0]) as visit:
        assert await visit.verify(PIN, Secret(batch[0].persona.pin)) == Refused(RefusalReason.LAST_TRY)


async def test_a_count_by_number_or_serial_alone_goes_on_counting(card_of: Callable[..., VirtualCard]) -> None:
    """As stations kept it before: for each card of that name, until its code was right."""
    card, desk = card_of("C"), Desk()
    async with desk.visit(card) as visit:
        number = visit.facts.card_number
    desk.ledger.settle(number, "81-puk-81", 1)
    lock(card)
    async with desk.visit(card) as visit:
        assert await unblock(visit, Secret(card.persona.puk)) == Refused(RefusalReason.BELOW_FLOOR)
    mend(card)
    async with desk.visit(card):
        pass
    async with desk.visit(card) as visit:
        assert await unblock(visit, Secret(card.persona.puk)) == Accepted()


async def test_a_certificate_that_the_station_renews_takes_the_count_with_it(
    card_of: Callable[..., VirtualCard],
) -> None:
    """It changes what the card is known by."""
    card, desk = card_of("B"), Desk(silent("virtual-b"))
    async with desk.visit(card) as visit:
        await unblock(visit, WRONG_PUK)
        await visit.verify(PIN, Secret(card.persona.pin))
        before, other = visit.facts.digest, visit.facts.certificates[-1].id
        assert await visit.delete_certificate(other) == Accepted()
        assert visit.facts.digest != before
    async with desk.visit(card) as visit:
        assert visit.facts.digest != before
        name = name_in_ledger(visit.facts.atr, visit.facts.serial, visit.facts.digest)
        assert desk.ledger.used(name, "02-puk-02") == 1


async def test_a_puk_without_any_counter_is_counted_down_to_where_it_is_not_asked_for(
    card_of: Callable[..., VirtualCard],
) -> None:
    card, desk = card_of("C"), Desk()
    real = card.transmit
    card.transmit = lambda apdu: b"\x63\x00" if apdu[1] == 0x2C and real(apdu) else real(apdu)  # type: ignore[method-assign]
    async with desk.visit(card) as visit:
        wrong = await unblock(visit, WRONG_PUK)
        assert isinstance(wrong, WrongCode)
        assert (wrong.tries_left, wrong.entries_left) == (None, 0)
        assert await unblock(visit, WRONG_PUK) == Refused(RefusalReason.BELOW_FLOOR)
