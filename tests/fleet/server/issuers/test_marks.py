"""An issuer without a hold: a reported card is marked here, obeyed by our stations, and waits for somebody who blocks it."""

from pathlib import Path
from typing import Any

import pytest

from fleet.messages.asking import (
    BlockAsk,
    BlockedResult,
    CardStateAsk,
    CardStatus,
    DeclinedResult,
    HoldAsk,
    LiftAsk,
    LiftedResult,
    LoggedInResult,
    LoginAsk,
    MarkedResult,
)
from fleet.server.clock.local_days import local_day
from fleet.server.database.database import Database
from fleet.server.people.queries import replace_administrators
from fleet.server.worklist.queries import open_facts
from sim.stories.administrators import listed
from tests.fakes.issuers.server_side import ADMIN, ALVA, AT, MAJ, NOW, NUMBER, Place, wish


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Place:
    with database.writing.begin() as connection:
        replace_administrators(connection, [listed(ADMIN, "Maj Test")])
    return Place(database, tmp_path, holds=False)


def hold(number: int, reason: Any = "lost", card: str = NUMBER) -> HoldAsk:
    return HoldAsk(id=wish(number), card_number=card, reason=reason, wanted=AT)


async def state(place: Place, number: int) -> CardStatus:
    word = await place.result(CardStateAsk(id=wish(number), card_number=NUMBER))
    assert isinstance(word, CardStatus)
    return word


async def test_a_reported_card_is_marked_and_the_issuer_is_not_asked_for_what_it_has_not(place: Place) -> None:
    assert await place.result(hold(1)) == MarkedResult()
    assert await place.result(hold(1)) == MarkedResult(), "the same word again"
    assert place.register.told == []
    word = await state(place, 90)
    assert (word.state, word.held_from, word.hold_reason) == ("held", "active", "lost")
    assert await place.by(ALVA, LoginAsk(id=wish(2))) == DeclinedResult("card_held"), "it proves nobody here"


async def test_its_holder_lifts_a_mark_and_a_grave_one_is_lifted_by_an_administrator_alone(place: Place) -> None:
    await place.result(hold(1, "forgotten"))
    assert await place.by(ALVA, LiftAsk(id=wish(2), card_number=NUMBER)) == LiftedResult("active")
    assert (await state(place, 91)).state == "active"
    await place.result(hold(3, "stolen"))
    assert (await state(place, 93)).hold_reason == "lost", "nobody has proved it"
    await place.by(ALVA, hold(8, "stolen"))
    await place.result(hold(4, "forgotten"))
    assert (await state(place, 92)).hold_reason == "stolen", "no later report makes it lighter"
    assert await place.by(ALVA, LiftAsk(id=wish(5), card_number=NUMBER)) == DeclinedResult("not_allowed")
    assert await place.by(MAJ, LiftAsk(id=wish(6), card_number=NUMBER)) == LiftedResult("active")
    assert await place.by(MAJ, LiftAsk(id=wish(7), card_number=NUMBER)) == DeclinedResult("not_held")


async def test_a_mark_ends_with_the_block_and_a_dead_card_is_not_marked(place: Place) -> None:
    await place.result(hold(1))
    assert await place.by(MAJ, BlockAsk(id=wish(2), card_number=NUMBER, reason="lost", wanted=AT)) == BlockedResult(AT)
    place.register.card = type(place.register.card)(NUMBER, place.register.card.hsa_id, "601", "blocked")
    assert (await state(place, 90)).state == "blocked"
    assert await place.result(hold(3)) == DeclinedResult("card_blocked")


async def test_an_administrators_card_is_not_marked_by_its_number_and_nobody_sees_it(place: Place) -> None:
    assert await place.result(hold(1, card=MAJ.card_number)) == MarkedResult()
    assert isinstance(await place.by(MAJ, LoginAsk(id=wish(2))), LoggedInResult)
    assert await place.by(MAJ, hold(3, card=MAJ.card_number)) == MarkedResult()
    assert await place.by(MAJ, LoginAsk(id=wish(4))) == DeclinedResult("card_held"), "by its holder it is"


async def test_a_marked_card_waits_on_the_worklist(place: Place) -> None:
    await place.result(hold(1, "stolen"))
    with place.database.reading.begin() as connection:
        facts = open_facts(connection, local_day(NOW))
    assert [(fact.kind, fact.card_number, fact.cause) for fact in facts] == [("hold", NUMBER, "stolen")]
