"""An issuer whose portal is for people: letters and blocks stand on the worklist until somebody has done them there."""

from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from fleet.messages.asking import (
    BlockAsk,
    BlockedResult,
    CardStateAsk,
    CardStatus,
    ChallengeAsk,
    DeclinedResult,
    InPortalResult,
    LetterAsk,
    LetterNotedResult,
    MarkedResult,
    PukAsk,
    ask_digest,
)
from fleet.messages.link import encode
from fleet.server.cards.service import CardService
from fleet.server.database.database import Database
from fleet.server.deadlines.settings import load as load_deadlines
from fleet.server.issuers import request_queue as requesting
from fleet.server.issuers.model import RequestRow
from fleet.server.issuers.request_sender import RequestSender
from fleet.server.people.queries import replace_administrators
from fleet.server.worklist.model import WorklistRow
from fleet.server.worklist.service import WorklistService
from fleet.server.worklist.settings import load as load_worklist
from sim.stories.administrators import listed
from tests.fakes.issuers.server_side import ADMIN, ALVA, AT, BO, MAJ, NUMBER, WHO, Place, wish
from tests.fleet.server.conftest import KeptChanges


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Place:
    with database.writing.begin() as connection:
        replace_administrators(connection, [listed(ADMIN, "Maj Test")])
    made = Place(database, tmp_path, holds=False, blocks="portal")
    made.with_portal()
    return made


def worklist(place: Place) -> WorklistService:
    changes, clock = KeptChanges(), lambda: place.now
    cards = CardService(place.database, changes, clock)
    return WorklistService(place.database, cards, changes, clock, load_worklist(), load_deadlines())


def rows(place: Place) -> list[WorklistRow]:
    return worklist(place).rows()


def queue(place: Place) -> list[RequestRow]:
    with place.database.reading.begin() as connection:
        return requesting.list_requests(connection)[0]


async def card_state(place: Place, number: int) -> CardStatus:
    said = await place.result(CardStateAsk(id=wish(number), card_number=NUMBER))
    assert isinstance(said, CardStatus)
    return said


def letter(number: int) -> LetterAsk:
    return LetterAsk(id=wish(number), card_number=NUMBER)


def block(number: int) -> BlockAsk:
    return BlockAsk(id=wish(number), card_number=NUMBER, reason="replaced", wanted=AT)


async def test_a_letter_is_noted_and_stands_on_the_worklist_until_somebody_has_ordered_it(place: Place) -> None:
    assert await place.result(letter(1)) == LetterNotedResult()
    assert await place.result(letter(1)) == LetterNotedResult(), "the same question has the same answer"
    (row,) = rows(place)
    assert (row.kind, row.subject, row.card_number, row.station, row.cause) == (
        "letter", NUMBER, NUMBER, "entre-a", requesting.PORTAL,
    )  # fmt: skip
    await RequestSender(place.database, place.issuer, KeptChanges(), lambda: place.now).carry()
    assert [(each.state, each.tries, each.due) for each in queue(place)] == [("waiting", 0, None)], "nothing is tried"
    worklist(place).act(row, ADMIN, "register", "Beställt i portalen.")
    assert rows(place) == []
    assert [each.state for each in queue(place)] == ["done"]


async def test_a_noted_letter_counts_as_the_one_in_thirty_days_and_the_holder_may_ask_again(place: Place) -> None:
    await place.result(letter(1))
    assert await place.result(letter(2)) == DeclinedResult("letter_lately")
    assert await place.by(ALVA, letter(3)) == LetterNotedResult()
    (row,) = rows(place)
    worklist(place).act(row, ADMIN, "register", "Beställt i portalen.")
    assert rows(place) == [], "one letter in the portal is what both asked for"


async def test_a_block_marks_the_card_at_once_and_ends_by_the_word_that_it_is_done_in_the_portal(place: Place) -> None:
    assert await place.by(ALVA, block(1)) == MarkedResult()
    assert place.register.told == [], "the issuer has no interface for it"
    assert (await card_state(place, 90)).state == "held"
    (row,) = rows(place)
    assert (row.kind, row.cause, row.is_sent) == ("hold", "replaced", False)
    worklist(place).act(row, ADMIN, "blocked", "Spärrat i portalen 12.10.")
    assert rows(place) == []
    assert (await card_state(place, 91)).state == "blocked", "the register has not heard of it, and we have"
    (written,) = [each for each in place.written() if each.outcome == "blocked"]
    assert (written.card_number, written.people) == (NUMBER, f'["{ADMIN}"]')


async def test_a_block_that_the_dashboard_wants_waits_for_a_person_and_ends_with_the_same_word(place: Place) -> None:
    with place.database.writing.begin() as connection:
        key = requesting.RequestKey("entre-a", wish(7))
        requesting.enqueue(connection, key, block(7), "account:maj", place.now, ADMIN)
    await RequestSender(place.database, place.issuer, KeptChanges(), lambda: place.now).carry()
    assert [(each.state, each.due, each.error) for each in queue(place)] == [("waiting", None, requesting.PORTAL)]
    (row,) = rows(place)
    assert (row.kind, row.is_sent) == ("hold", False), "it is not on its way: a person has to do it"
    worklist(place).act(row, ADMIN, "blocked", "Spärrat i portalen.")
    assert rows(place) == []
    assert [each.state for each in queue(place)] == ["done"]


async def test_who_may_not_block_marks_nothing_in_the_portal_either(place: Place) -> None:
    place.register.card = type(place.register.card)(NUMBER, "TEST000000-0009", "601", "active")
    assert await place.by(ALVA, block(1)) == DeclinedResult("other_person")
    assert [row.kind for row in rows(place)] == ["hold_declined"]


def unlocks(number: int) -> tuple[ChallengeAsk, PukAsk]:
    return (
        ChallengeAsk(id=wish(number), card_number=NUMBER, key="unblock", challenge="0a" * 16),
        PukAsk(id=wish(number + 1), card_number=NUMBER, reply_key="AAAA"),
    )


async def test_who_attends_fetches_in_the_portal_what_unlocks_a_card_and_the_audit_has_both_names(place: Place) -> None:
    assert [await place.by(MAJ, ask) for ask in unlocks(1)] == [InPortalResult()] * 2
    assert place.register.attended == [], "the issuer has no interface for it"
    assert [(row.ask, row.outcome, row.people) for row in place.written()] == [
        (ask, "in_portal", f'["{WHO}", "{ADMIN}"]') for ask in ("card.challenge", "card.puk")
    ]


async def test_nobody_is_sent_to_the_portal_without_an_administrator_or_for_a_card_out_of_use(place: Place) -> None:
    assert [await place.by(ALVA, ask) for ask in unlocks(1)] == [DeclinedResult("administrators_missing")] * 2
    writes = ChallengeAsk(id=wish(5), card_number=NUMBER, key="management", algorithm="AES-128", challenge="0a" * 16)
    assert await place.by(ALVA, writes) == DeclinedResult("no_key"), (
        "a key that writes certificates is carried by no hand"
    )
    await place.by(ALVA, block(6))
    assert [await place.by(MAJ, ask) for ask in unlocks(7)] == [DeclinedResult("card_held")] * 2


def done_there(number: int) -> BlockAsk:
    """An administrator has blocked it in the portal, and says so at the station."""
    return replace(block(number), in_portal=True)


async def test_who_attends_blocks_it_in_the_portal_at_once_and_the_row_is_gone(place: Place) -> None:
    assert await place.by(ALVA, block(1)) == MarkedResult()
    assert [row.kind for row in rows(place)] == ["hold"]
    place.now += timedelta(minutes=4)
    assert await place.by(MAJ, done_there(2)) == BlockedResult("2026-03-02T12:04:00Z")
    assert rows(place) == []
    assert (await card_state(place, 91)).state == "blocked"
    (written,) = [each for each in place.written() if each.outcome == "blocked"]
    assert (written.ask, written.people) == ("card.block", f'["{ADMIN}"]')
    assert place.register.told == [], "nobody asked the issuer"
    assert await place.by(MAJ, done_there(3)) == DeclinedResult("card_blocked")


async def test_nobody_but_an_administrator_who_is_not_the_holder_says_that_it_is_blocked(place: Place) -> None:
    await place.by(ALVA, block(1))
    for someone in (ALVA, BO):
        assert await place.by(someone, done_there(2 + len(place.written()))) == DeclinedResult("not_allowed")
    assert await place.result(done_there(20)) == DeclinedResult("not_allowed")
    place.register.card = type(place.register.card)(NUMBER, ADMIN, "601", "active")
    assert await place.by(MAJ, done_there(21)) == DeclinedResult("not_allowed"), "one's own card"
    assert (await card_state(place, 90)).state == "held"


async def test_what_waited_for_a_person_is_done_with_it(place: Place) -> None:
    with place.database.writing.begin() as connection:
        key = requesting.RequestKey("entre-a", wish(7))
        requesting.enqueue(connection, key, block(7), "account:maj", place.now, ADMIN)
    await RequestSender(place.database, place.issuer, KeptChanges(), lambda: place.now).carry()
    assert await place.by(MAJ, done_there(8)) == BlockedResult(AT)
    assert (rows(place), [each.state for each in queue(place)]) == ([], ["done"])


async def test_an_ask_that_says_nothing_of_a_portal_is_the_same_bytes_as_ever(place: Place) -> None:
    assert b"in_portal" not in encode(block(1))
    assert ask_digest(block(1)) != ask_digest(done_there(1))
