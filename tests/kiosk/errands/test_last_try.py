"""Consent to the last try is asked for before the code is typed, whichever card it is and whoever counts its tries."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from drivers.reader.card_reader import CardReader, CardVisit, ReaderSettings, visiting
from drivers.reader.outcomes import Accepted, Role
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.profiles import Profiles, builtin
from drivers.reader.profiles.tables import Profile
from drivers.reader.secret import Secret
from kiosk.steps import own_card_views
from kiosk.steps.capabilities import StopError
from kiosk.steps.card import prove_code
from kiosk.steps.context import ViewContext
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.kinds import KINDS
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import wrong_codes

NOW, EC_PERSON, PIN = datetime(2026, 3, 2, 9, tzinfo=UTC), 6, Role.IDENTIFICATION
CONTEXT = ViewContext("change_pin")


@pytest.fixture(scope="module")
def authority() -> TestAuthority:
    return TestAuthority.create(NOW)


class Holder:
    """Answers by the view's name, and remembers what was asked."""

    def __init__(self, card: VirtualCard, **answers: str) -> None:
        self.asked: list[str] = []
        self.said: list[str] = []
        self._answers = {"pin": Secret(card.persona.pin), "pin_wrong": "again", **answers}

    async def __call__(self, view: Any, **_: object) -> Any:
        self.asked.append(view.name.partition(".")[2])
        self.said.append(view.title.key)
        return self._answers[self.asked[-1]]


@asynccontextmanager
async def visited(card: VirtualCard, settings: ReaderSettings) -> AsyncIterator[CardVisit]:
    slot = VirtualSlot("Bench 0")
    slot.insert(card)
    reader = CardReader(InProcessBackend([slot]), "Bench 0", settings)
    try:
        async with visiting(reader) as visit:
            yield visit
    finally:
        await reader.close()


async def proved(holder: Holder, visit: CardVisit) -> None:
    await prove_code(holder, visit, PIN, own_card_views.code(CONTEXT, visit.facts, PIN))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_card_that_comes_with_one_try_is_asked_about_first(authority: TestAuthority, kind: str) -> None:
    card = VirtualCard.create(person(EC_PERSON).new, authority, NOW, kind=kind)
    card.codes.pin.tries_left = 1
    async with visited(card, ReaderSettings(now=lambda: NOW)) as visit:
        keeps = Holder(card, pin_last="no")
        with pytest.raises(StopError, match="last_try_kept"):
            await proved(keeps, visit)
        assert keeps.said == ["try_last.title"]
        assert keeps.asked == ["pin_last"]
        risks = Holder(card, pin_last="yes")
        await proved(risks, visit)
        assert risks.asked == ["pin_last", "pin"]
        again = Holder(card)
        await proved(again, visit)
        assert again.asked == ["pin"], "the tries are back: nothing is asked"


async def test_a_card_whose_tries_only_the_station_counts_is_asked_about_first_too(authority: TestAuthority) -> None:
    card = VirtualCard.create(person(EC_PERSON).new, authority, NOW)
    profile = builtin().match_name("virtual-b").model_dump()
    untold = Profile.model_validate(profile | {"commands": profile["commands"] | {"counter": "none"}})
    settings = ReaderSettings(now=lambda: NOW, profiles=Profiles([untold]), ledger=MemoryLedger())
    async with visited(card, settings) as visit:
        await visit.verify(PIN, Secret("999999"))
    async with visited(card, settings) as visit:
        pin = visit.facts.pin(PIN)
        assert pin is not None
        assert (pin.tries_left, pin.last_try) == (None, True)
        holder = Holder(card, pin_last="yes")
        await proved(holder, visit)
        assert holder.asked == ["pin_last", "pin"]
        assert holder.said[0] == "try_counted.title", "the card did not say that one try is left"
        assert await visit.verify(PIN, Secret(card.persona.pin)) == Accepted()


async def test_a_code_that_is_locked_is_not_asked_for(authority: TestAuthority) -> None:
    card = VirtualCard.create(person(EC_PERSON).new, authority, NOW)
    card.codes.pin.tries_left = 0
    async with visited(card, ReaderSettings(now=lambda: NOW)) as visit:
        holder = Holder(card)
        with pytest.raises(StopError, match="card_locked"):
            await proved(holder, visit)
        assert holder.asked == []


async def test_a_card_that_was_locked_and_does_not_tell_may_have_been_unlocked_elsewhere(
    authority: TestAuthority,
) -> None:
    card = VirtualCard.create(person(EC_PERSON).new, authority, NOW)
    profile = builtin().match_name("virtual-b").model_dump()
    untold = Profile.model_validate(profile | {"commands": profile["commands"] | {"counter": "none"}})
    settings = ReaderSettings(now=lambda: NOW, profiles=Profiles([untold]), ledger=MemoryLedger())
    async with visited(card, settings) as visit:
        for code in wrong_codes(3):
            await visit.verify(PIN, code, last_try_consented=True)
    card.codes.pin.tries_left = 3
    async with visited(card, settings) as visit:
        still = Holder(card, pin_last="no")
        with pytest.raises(StopError, match="card_locked"):
            await proved(still, visit)
        holder = Holder(card, pin_last="yes")
        await proved(holder, visit)
        assert (still.said, holder.asked) == (["try_was_locked.title"], ["pin_last", "pin"])
