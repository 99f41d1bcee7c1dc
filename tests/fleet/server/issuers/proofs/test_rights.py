"""Who may ask and attend, by the register, the directory and the list: each rule on both of its sides."""

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from fleet.messages.asking import (
    BlockAsk,
    DeclinedResult,
    DirectoryAsk,
    HoldAsk,
    LetterAsk,
    LiftAsk,
    LoginAsk,
    PersonAsk,
    ReceivedAsk,
)
from fleet.messages.issuing import AdministratorRole, CardRecord, DirectoryPerson
from fleet.server.database.database import Database
from fleet.server.issuers.ports import DirectoryEntry
from fleet.server.issuers.proofs.administrators import Administrators
from fleet.server.issuers.proofs.authorization import Asker, Rights, by_holder, has_left, of_holder
from fleet.server.issuers.proofs.verification import Proven
from fleet.server.issuers.proved_facts import _time
from fleet.server.people.queries import replace_administrators
from sim.stories.administrators import listed

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
TODAY, YESTERDAY, TOMORROW = "2026-06-01", "2026-05-31", "2026-06-02"
MAJ, MAJ_TOO, OLLE, TOVE = "TEST000000-9001", "TEST000000-9011", "TEST000000-9002", "TEST000000-9003"
CARD, SPARE = "99990000000000001", "99990000000000002"
ID = "a" * 32


class Directory:
    """A register of one card a person, or more."""

    def __init__(self, *records: CardRecord, left: dict[str, str] | None = None) -> None:
        self.records, self.left = records, left or {}

    async def find(self, hsa_id: str, card_number: str) -> DirectoryEntry | None:
        holder = hsa_id or next((one.hsa_id for one in self.records if one.card_number == card_number), "")
        cards = tuple(one for one in self.records if holder in one.hsa_ids)
        person = DirectoryPerson(holder, "Somebody", left=self.left.get(holder))
        return DirectoryEntry(person, cards) if cards else None


class Listed:
    """The list of ID administrators."""

    def __init__(self, *names: str) -> None:
        self.names, self.asked = names, list[Collection[str]]()

    def may_attend(
        self, person: Proven, station: str, now: datetime, of: Collection[str] = ()
    ) -> DeclinedResult | None:
        self.asked.append(of)
        return None if person.hsa_id in self.names else DeclinedResult("not_administrator")


def rights(*records: CardRecord, listed: tuple[str, ...] = (), left: dict[str, str] | None = None) -> Rights:
    return Rights(Directory(*records, left=left), cast("Administrators", Listed(*listed)), lambda: NOW)


def card(number: str = CARD, hsa_id: str = MAJ, state: Any = "active", **more: Any) -> CardRecord:
    return CardRecord(number, hsa_id, "601", state, **more)


def proven(hsa_id: str = MAJ, number: str = CARD, **more: Any) -> Proven:
    return Proven(hsa_id, number, (), **{"hsa_ids": (hsa_id,), **more})


def admitted(ask: PersonAsk, person: Proven, *records: CardRecord, left: dict[str, str] | None = None) -> str:
    """The reason; empty where they are let in."""
    came = asyncio.run(rights(*records, left=left).admit(person, ask))
    return came.reason if isinstance(came, DeclinedResult) else ""


def block(number: str) -> BlockAsk:
    return BlockAsk(id=ID, card_number=number, reason="lost", wanted="")


def hold(number: str) -> HoldAsk:
    return HoldAsk(id=ID, card_number=number, reason="lost", wanted="")


def received(number: str) -> ReceivedAsk:
    return ReceivedAsk(id=ID, card_number=number, order="NS-1", handed_over="")


LOGIN = LoginAsk(id=ID)


@pytest.mark.parametrize(
    ("state", "ask", "why"),
    [
        ("active", LOGIN, ""),
        ("handed_out", LOGIN, ""),
        ("waiting", LOGIN, "card_waiting"),
        ("ordered", LOGIN, "card_ordered"),
        ("waiting", received(CARD), ""),
        ("ordered", received(CARD), ""),
        ("waiting", received(SPARE), "card_waiting"),
        ("returned", received(CARD), "card_returned"),
        ("held", LOGIN, "card_held"),
        ("held", block(CARD), ""),
        ("held", hold(CARD), ""),
        ("held", LiftAsk(id=ID, card_number=CARD), ""),
        ("held", LetterAsk(id=ID, card_number=CARD), "card_held"),
        ("held", block(SPARE), "card_held"),
        ("blocked", block(CARD), "card_blocked"),
    ],
)
def test_a_card_proves_its_holder_while_it_is_in_use(state: str, ask: PersonAsk, why: str) -> None:
    assert admitted(ask, proven(), card(state=state)) == why


def test_the_register_knows_the_card_as_that_persons() -> None:
    assert admitted(LOGIN, proven(number=SPARE), card()) == "unknown_card"
    assert admitted(LOGIN, proven(OLLE), card()) == "other_person"
    assert admitted(LOGIN, proven(MAJ_TOO), card(also=(MAJ_TOO,))) == ""
    came = asyncio.run(rights(card(also=(MAJ_TOO,))).admit(proven(MAJ_TOO), LOGIN))
    assert isinstance(came, Proven)
    assert came.hsa_ids == (MAJ_TOO, MAJ)


@pytest.mark.parametrize(
    ("left", "ask", "why"),
    [
        (YESTERDAY, LOGIN, "holder_left"),
        (TODAY, LOGIN, "holder_left"),
        (TOMORROW, LOGIN, ""),
        (YESTERDAY, block(CARD), ""),
        (YESTERDAY, hold(CARD), ""),
        (YESTERDAY, DirectoryAsk(id=ID, hsa_id=MAJ, card_number=""), ""),
        (YESTERDAY, LiftAsk(id=ID, card_number=CARD), "holder_left"),
    ],
)
def test_who_has_left_puts_a_card_away_and_nothing_else(left: str, ask: PersonAsk, why: str) -> None:
    assert admitted(ask, proven(), card(), left={MAJ: left}) == why


@pytest.mark.parametrize(
    ("number", "other", "why"),
    [
        (True, "active", ""),
        (False, "active", "other_card"),
        (False, "handed_out", "other_card"),
        (False, "held", "other_card"),
        (False, "blocked", ""),
        (False, "waiting", ""),
    ],
)
def test_a_certificate_without_a_number_is_its_holders_one_card(number: bool, other: str, why: str) -> None:
    assert admitted(LOGIN, proven(numbered=number), card(), card(SPARE, state=other)) == why
    assert admitted(LOGIN, proven(numbered=number), card(), card(SPARE, OLLE, other)) == ""


def test_a_register_that_knows_a_card_and_not_its_holder_tells_of_no_other_card() -> None:
    """Directory and register may be two systems."""

    class ByCard(Directory):
        async def find(self, hsa_id: str, card_number: str) -> DirectoryEntry | None:
            return await super().find("", card_number) if card_number else None

    found = Rights(ByCard(card()), cast("Administrators", Listed()), lambda: NOW)
    assert isinstance(asyncio.run(found.admit(proven(numbered=False), LOGIN)), Proven)


def test_the_list_says_who_attends_at_which_station_for_whom(database: Database) -> None:
    both: tuple[AdministratorRole, ...] = ("KRA", "KUR")
    rows = [
        listed(MAJ, "Maj", "entre-*", roles=both), listed(OLLE, "Olle", roles=both), listed(TOVE, "Tove", "entre-*"),
    ]  # fmt: skip
    with database.writing.begin() as connection:
        replace_administrators(connection, rows)
    table = Administrators(database)
    assert table.for_protected("entre-a", [MAJ, OLLE])
    assert table.for_protected("annex-a", [OLLE])
    assert not table.for_protected("annex-a", [MAJ, OLLE]), "another station's"
    assert not table.for_protected("entre-a", [MAJ, TOVE]), "without the role"
    assert not table.for_protected("entre-a", ["TEST000000-9009"])
    assert table.still(MAJ, "entre-a", NOW)
    assert not table.still(MAJ, "annex-a", NOW)
    assert not table.still("TEST000000-9009", "entre-a", NOW)
    assert table.is_listed(MAJ)
    assert not table.is_listed("TEST000000-9009")


def attending(people: list[Proven], record: CardRecord | None, **more: Any) -> tuple[str, ...]:
    found = rights(listed=(MAJ, MAJ_TOO, OLLE, TOVE))
    return asyncio.run(found.attending(Asker.of(tuple(people)), "entre-a", record, **more))


def test_nobody_attends_for_themselves_by_any_card_or_name() -> None:
    theirs = card(number=SPARE, hsa_id=OLLE, also=(TOVE,))
    assert attending([proven()], theirs) == (MAJ,)
    assert attending([proven(OLLE)], theirs) == ()
    assert attending([proven(TOVE)], theirs) == ()
    assert attending([proven(number=SPARE)], theirs) == (), "the card itself, under whichever name"
    assert attending([proven(hsa_ids=(MAJ, OLLE))], theirs) == (), "one of the signer's own names"
    assert attending([proven(OLLE)], None, holder=OLLE) == ()
    assert attending([proven(OLLE, hsa_ids=())], None, holder=OLLE) == (), "also where no register knows the card"
    assert attending([proven(OLLE)], None) == (OLLE,)


def test_two_who_attend_are_two_people_on_two_cards() -> None:
    assert attending([proven(), proven(OLLE, SPARE)], None) == (MAJ, OLLE)
    assert attending([proven(), proven(MAJ_TOO, SPARE, hsa_ids=(MAJ_TOO, MAJ))], None) == (MAJ,)
    assert attending([proven(), proven(OLLE)], None) == (MAJ,), "one card"
    assert attending([proven("TEST000000-9009"), proven(OLLE, SPARE)], None) == (OLLE,), "who is not listed"


def test_an_administrator_acts_for_the_organisation_of_whom_it_is_about() -> None:
    listed = Listed(MAJ)
    found = Rights(Directory(), cast("Administrators", listed), lambda: NOW)
    asker = Asker.of((proven(),))
    asyncio.run(found.attending(asker, "entre-a", card(SPARE, OLLE, also=(TOVE,)), of=("", MAJ_TOO)))
    asyncio.run(found.attending(asker, "entre-a", None, holder=TOVE))
    assert listed.asked == [{OLLE, TOVE, MAJ_TOO}, {TOVE}]


def test_in_whose_name_an_ask_is() -> None:
    assert Asker() == Asker("", (), own=False)
    assert Asker.of(()) == Asker("")
    assert Asker.of((proven(), proven(OLLE))).by == MAJ


def test_who_signed_for_a_card() -> None:
    theirs = card(also=(MAJ_TOO,))
    assert by_holder([proven()], theirs)
    assert not by_holder([proven(number=SPARE)], theirs)
    assert not by_holder([proven(OLLE)], theirs)
    assert of_holder([proven(number=SPARE)], theirs)
    assert of_holder([proven(MAJ_TOO)], theirs)
    assert not of_holder([proven(OLLE)], theirs)


@pytest.mark.parametrize(
    ("holder", "gone"),
    [
        (None, True),
        (DirectoryPerson(MAJ, "Maj"), False),
        (DirectoryPerson(MAJ, "Maj", left=TODAY), True),
        (DirectoryPerson(MAJ, "Maj", left=TOMORROW), False),
        (DirectoryPerson(MAJ, "Maj", left=YESTERDAY, continued=True), False),
    ],
)
def test_who_has_left(holder: DirectoryPerson | None, gone: bool) -> None:
    assert has_left(holder, TODAY) is gone


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("2026-06-01T11:59:59+02:00", NOW - timedelta(seconds=1)),
        ("2026-06-02T10:00:00+00:00", NOW),
        ("soon", NOW),
        ("", NOW),
        ("0001-01-01T00:00:00+14:00", NOW),
    ],
)
def test_when_something_was_handed_over_is_never_later_than_now(text: str, then: datetime) -> None:
    assert _time(text, NOW) == then
