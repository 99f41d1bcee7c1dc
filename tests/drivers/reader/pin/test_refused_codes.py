"""A code that the card has refused, and a new one that it does not take: what is sent, what is counted, what is told."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from drivers.reader.card_reader import CardVisit
from drivers.reader.outcomes import Accepted, RefusalReason, Refused, Role, WrongCode
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.profiles import Profiles, builtin
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.stories.foreign import estrange
from tests.drivers.reader.conftest import EC_PERSON, NOW, visit_to

PIN, NEW, WRONG = Role.IDENTIFICATION, Secret("975318"), Secret("994167")
Make = Callable[..., VirtualCard]


@pytest.fixture
def unknown(authority: TestAuthority) -> Make:
    """A card whose product nobody knows, with traits."""

    def make(*traits: str, kind: str = "B") -> VirtualCard:
        return estrange(VirtualCard.create(person(EC_PERSON).new, authority, NOW, kind=kind, traits=traits))

    return make


def meet(card: VirtualCard, ledger: MemoryLedger | None = None) -> AbstractAsyncContextManager[CardVisit]:
    ours = (profile for profile in builtin() if not profile.name.startswith("virtual-"))
    return visit_to(card, Profiles(ours), ledger)


def right(card: VirtualCard) -> Secret:
    return Secret(card.persona.pin)


async def test_a_code_that_was_refused_is_not_sent_again(unknown: Make) -> None:
    card = unknown()
    async with meet(card) as visit:
        assert await visit.verify(PIN, WRONG) == WrongCode(2)
        for _ in range(3):
            assert await visit.verify(PIN, WRONG) == Refused(RefusalReason.SAME_CODE, tries_left=2, other_form=True)
        assert card.tries_left[0] == 2
        assert await visit.verify(PIN, right(card)) == Accepted()


async def test_the_puk_too_is_not_sent_again(card: VirtualCard) -> None:
    async with visit_to(card) as visit:
        wrong = Secret("99416783")
        assert isinstance(await visit.unblock(PIN, wrong, NEW), WrongCode)
        assert await visit.unblock(PIN, wrong, NEW) == Refused(RefusalReason.SAME_CODE, tries_left=9)
        assert card.tries_left[1] == 9
        assert await visit.unblock(PIN, Secret(card.persona.puk), NEW) == Accepted()


async def test_what_was_wrong_may_be_the_new_code(unknown: Make) -> None:
    card = unknown()
    async with meet(card) as visit:
        assert await visit.verify(PIN, NEW) == WrongCode(2)
        assert await visit.change(PIN, right(card), NEW) == Accepted()
        assert await visit.verify(PIN, NEW) == Accepted()
        assert await visit.verify(PIN, right(card)) == WrongCode(2)


@pytest.mark.parametrize("trait", ["pads-ff", "pads-00", "padding-untold"])
async def test_a_right_code_in_the_form_of_a_lying_directory_is_sent_in_the_other_one_if_somebody_says_so(
    unknown: Make, trait: str
) -> None:
    card = unknown(trait)
    async with meet(card) as visit:
        refused = await visit.verify(PIN, right(card))
        if trait == "padding-untold":  # a field of another length costs no try
            assert refused == Refused(RefusalReason.CARD, 0x6700, other_form=True)
            assert card.tries_left[0] == 3
        else:
            assert refused == WrongCode(2)
            again = await visit.verify(PIN, right(card))
            assert again == Refused(RefusalReason.SAME_CODE, tries_left=2, other_form=True)
        assert await visit.verify(PIN, right(card), other_form=True) == Accepted()
        assert await visit.change(PIN, right(card), NEW) == Accepted()
        assert await visit.verify(PIN, NEW) == Accepted()
    assert card.codes.pin.value == b"975318"


async def test_the_other_form_never_takes_the_last_try(unknown: Make) -> None:
    card = unknown()
    async with meet(card) as visit:
        assert await visit.verify(PIN, WRONG) == WrongCode(2)
        assert await visit.verify(PIN, WRONG, other_form=True) == WrongCode(1)
        assert await visit.verify(PIN, WRONG) == Refused(RefusalReason.LAST_TRY, tries_left=1)
        again = await visit.verify(PIN, WRONG, last_try_consented=True)
        assert again == Refused(RefusalReason.SAME_CODE, tries_left=1)
        other = await visit.verify(PIN, Secret("118263"), other_form=True, last_try_consented=True)
        assert other == Refused(RefusalReason.NOT_ALLOWED)
        assert card.tries_left[0] == 1


async def test_a_known_product_is_spoken_to_in_its_own_form_alone(card: VirtualCard) -> None:
    async with visit_to(card) as visit:
        assert await visit.verify(PIN, WRONG) == WrongCode(2)
        assert await visit.verify(PIN, WRONG) == Refused(RefusalReason.SAME_CODE, tries_left=2)
        assert await visit.verify(PIN, WRONG, other_form=True) == Refused(RefusalReason.NOT_ALLOWED)
        assert card.tries_left[0] == 2


@pytest.mark.parametrize(
    ("trait", "refused", "taken"), [("refuses-old-codes", None, "975318"), ("refuses-weak-codes", "977318", "975318")]
)
@pytest.mark.parametrize("proved", [False, True])
async def test_a_refused_new_code_counts_no_try_and_another_may_follow(
    unknown: Make, trait: str, refused: str | None, taken: str, proved: bool
) -> None:
    card, ledger = unknown(trait), MemoryLedger()
    status = 0x6985 if refused is None else 0x6A80
    async with meet(card, ledger) as visit:
        if proved:
            assert await visit.verify(PIN, right(card)) == Accepted()
        if refused is None:
            assert await visit.change(PIN, right(card), Secret("163942")) == Accepted()
            outcome = await visit.change(PIN, Secret("163942"), right(card))
            old = Secret("163942")
        else:
            outcome, old = await visit.change(PIN, right(card), Secret(refused)), right(card)
        assert outcome == Refused(RefusalReason.NEW_CODE, status)
        assert not any(ledger.counts.values())
        assert await visit.change(PIN, old, Secret(taken)) == Accepted()
    async with meet(card, ledger) as visit:
        pin = visit.facts.pin(PIN)
        assert pin is not None
        assert not pin.last_try
        assert await visit.verify(PIN, Secret(taken)) == Accepted()


async def test_a_wrong_old_code_is_told_by_verify_and_the_card_sees_no_change(unknown: Make) -> None:
    card = unknown()
    async with meet(card) as visit:
        card.log.clear()
        assert await visit.change(PIN, WRONG, NEW) == WrongCode(2)
        assert "CHANGE REFERENCE DATA" not in [entry.ins for entry in card.log]
        assert await visit.change(PIN, WRONG, NEW) == Refused(RefusalReason.SAME_CODE, tries_left=2, other_form=True)
        assert card.tries_left[0] == 2


@pytest.mark.parametrize("kind", ["A", "B"])
async def test_a_card_that_takes_the_new_code_alone_after_verify_is_changed(unknown: Make, kind: str) -> None:
    card = unknown("change-verified", kind=kind)
    async with meet(card) as visit:
        assert await visit.change(PIN, right(card), NEW) == Accepted()
        assert await visit.verify(PIN, NEW) == Accepted()
