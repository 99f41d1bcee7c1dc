"""Who is a second person for what another one began, at the edges of each rule."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from fleet.server.accounts import queries
from fleet.server.accounts import separation_of_duties as duties
from fleet.server.accounts.separation_of_duties import Objection, Requester, objection_to_second
from fleet.server.accounts.tables import account_acts, users
from fleet.server.web.roles import EVERYWHERE, Role
from tests.fakes.server.databases import new_store

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
TICK = timedelta(seconds=1)
LONG_AGO = NOW - timedelta(days=400)
Account = Callable[..., int]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """A region that was set up long ago, by two who have left."""
    database = new_store(tmp_path / "fleet.sqlite")
    with database.writing.begin() as connection:
        for name in ("gone.one", "gone.two"):
            duties.close_first_hour(connection, name, LONG_AGO)
        yield connection
    database.close()


@pytest.fixture
def account(connection: Connection) -> Account:
    def account(name: str, made: datetime = LONG_AGO) -> int:
        user = queries.add(connection, name, ((Role.ADMIN, EVERYWHERE),), made)
        connection.execute(users.update().where(users.c.id == user).values(password="made-up"))
        return user

    return account


def objection(
    connection: Connection,
    first: str,
    second: str,
    *,
    sets_up: bool = False,
    program: bool = False,
    stepped_up: bool = True,
) -> Objection | None:
    by = Requester(second, "", program=program, stepped_up=stepped_up)
    return objection_to_second(connection, first, by, NOW, sets_up=sets_up)


def test_a_second_person_is_another_one_who_has_stepped_up_and_no_program(
    connection: Connection, account: Account
) -> None:
    for name in ("tove", "olle"):
        account(name)
    assert objection(connection, "tove", "olle") is None
    assert objection(connection, "tove", "tove") is Objection.SAME_PERSON
    assert objection(connection, "tove", "olle", stepped_up=False) is Objection.STEP_UP
    assert objection(connection, "tove", "olle", program=True) is Objection.NOT_A_PERSON
    assert objection(connection, "token:robot", "olle") is Objection.NOT_A_PERSON
    assert objection(connection, "tove", "of.the.region") is None, "the region's sign-in makes accounts, nobody here"
    assert Requester("olle") == Requester("olle", "", program=False, stepped_up=False, hsa_id="")


def test_the_rules_figures_and_codes_of_objections() -> None:
    assert [timedelta(hours=24), timedelta(days=30), 2] == [duties.YOUNG, duties.LASTS, duties.CLOSERS]
    said = {"not_a_person", "same_person", "not_another_person", "young", "step_up"}
    assert {one.value for one in Objection} == said


@pytest.mark.parametrize(("age", "why"), [(duties.YOUNG - TICK, Objection.YOUNG), (duties.YOUNG, None)])
def test_an_account_is_young_for_a_day(
    connection: Connection, account: Account, age: timedelta, why: Objection | None
) -> None:
    account("tove")
    account("olle", NOW - age)
    assert objection(connection, "tove", "olle") is why
    assert objection(connection, "tove", "olle", sets_up=True) is why, "the first hour is over"
    assert objection(connection, "olle", "tove") is None, "who begins may be new"


@pytest.mark.parametrize(("ago", "one"), [(duties.LASTS - TICK, True), (duties.LASTS, False)])
def test_who_had_an_account_in_hand_is_one_with_it_for_thirty_days(
    connection: Connection, account: Account, ago: timedelta, one: bool
) -> None:
    account("tove")
    duties.record(connection, account("olle"), "tove", "reset", NOW - ago)
    why = Objection.NOT_ANOTHER_PERSON if one else None
    assert objection(connection, "tove", "olle") is why
    assert objection(connection, "olle", "tove") is why


def test_two_accounts_of_one_maker_are_one_person_and_so_is_the_makers_maker(
    connection: Connection, account: Account
) -> None:
    ids = {name: account(name) for name in ("tove", "olle", "maj", "axel")}
    for name, maker in (("olle", "tove"), ("maj", "tove"), ("axel", "maj")):
        duties.record(connection, ids[name], maker, "made", NOW)
    for first, second in (("olle", "maj"), ("axel", "tove"), ("axel", "olle")):
        assert duties.may_be_one_person(connection, first, second, NOW), (first, second)
    account("vera")
    assert not duties.may_be_one_person(connection, "vera", "axel", NOW)


def test_two_who_made_each_other_end_the_search(connection: Connection, account: Account) -> None:
    ids = {name: account(name) for name in ("tove", "olle")}
    duties.record(connection, ids["olle"], "tove", "granted", NOW)
    duties.record(connection, ids["tove"], "olle", "granted", NOW)
    assert duties.may_be_one_person(connection, "tove", "olle", NOW)


def test_the_last_act_of_a_pair_counts_and_nobody_without_an_account_is_noted(
    connection: Connection, account: Account
) -> None:
    tove, olle = account("tove"), account("olle")
    duties.record(connection, olle, "tove", "made", LONG_AGO)
    duties.record(connection, olle, "tove", "opened", NOW)
    duties.record(connection, olle, "root", "reset", NOW)
    duties.record(connection, olle, "olle", "reset", NOW)
    vera = account("vera")
    duties.record(connection, vera, "olle", "made", NOW)
    duties.record(connection, vera, "tove", "granted", NOW)
    rows = connection.execute(select(account_acts.c.user, account_acts.c.by, account_acts.c.act)).all()
    assert [tuple(row) for row in rows] == [
        (olle, tove, "opened"), (vera, olle, "made"), (vera, tove, "granted"),
    ]  # fmt: skip


@pytest.fixture
def first_hour(connection: Connection) -> Connection:
    connection.execute(duties.first_hour.delete())
    return connection


def test_in_the_first_hour_nobody_is_young_for_what_sets_the_region_up(
    first_hour: Connection, account: Account
) -> None:
    account("tove", NOW)
    assert not duties.takes_two(first_hour), "who is alone gives alone"
    duties.record(first_hour, account("olle", NOW), "tove", "made", NOW)
    assert duties.takes_two(first_hour)
    assert objection(first_hour, "tove", "olle", sets_up=True) is None
    assert objection(first_hour, "tove", "olle") is Objection.NOT_ANOTHER_PERSON, "a slot is no such thing"
    second = Requester("olle", stepped_up=True)
    assert objection_to_second(first_hour, "tove", second, NOW) is Objection.NOT_ANOTHER_PERSON
    assert objection(first_hour, "tove", "tove", sets_up=True) is Objection.SAME_PERSON


def test_the_two_who_closed_it_are_two_and_not_young_and_nobody_joins_them(
    first_hour: Connection, account: Account
) -> None:
    account("tove", NOW)
    olle = account("olle", NOW)
    duties.record(first_hour, olle, "tove", "made", NOW)
    duties.record(first_hour, account("vera", NOW), "tove", "made", NOW)
    assert duties.first_hour_end(first_hour) is None
    duties.close_first_hour(first_hour, "tove", NOW - TICK)
    duties.close_first_hour(first_hour, "tove", NOW)
    assert duties.is_first_hour(first_hour), "one word is one person's"
    duties.close_first_hour(first_hour, "olle", NOW)
    duties.close_first_hour(first_hour, "vera", NOW)
    assert duties.first_hour_closers(first_hour) == ["olle", "tove"]
    assert duties.first_hour_end(first_hour) == NOW
    assert duties.takes_two(first_hour)
    assert not duties.is_first_hour(first_hour)
    assert objection(first_hour, "tove", "olle") is objection(first_hour, "olle", "tove") is None
    assert objection(first_hour, "tove", "vera") is Objection.NOT_ANOTHER_PERSON
    assert objection(first_hour, "olle", "vera") is Objection.YOUNG, "tove and olle are two, also where tove is vera"
    duties.record(first_hour, olle, "tove", "reset", NOW + TICK)
    assert duties.may_be_one_person(first_hour, "tove", "olle", NOW + 2 * TICK), "what came after counts"


def test_a_third_who_had_one_of_the_two_in_hand_is_one_with_them(first_hour: Connection, account: Account) -> None:
    """Only what the two did with each other is vouched for on their paper."""
    account("tove")
    olle = account("olle")
    account("vera")
    duties.record(first_hour, olle, "vera", "reset", NOW - TICK)
    duties.close_first_hour(first_hour, "tove", NOW)
    duties.close_first_hour(first_hour, "olle", NOW)
    assert duties.may_be_one_person(first_hour, "olle", "vera", NOW)
    assert not duties.may_be_one_person(first_hour, "tove", "olle", NOW)


def test_it_ends_with_the_later_word_also_where_a_clock_was_set_back(first_hour: Connection) -> None:
    duties.close_first_hour(first_hour, "tove", NOW)
    duties.close_first_hour(first_hour, "olle", NOW - TICK)
    assert duties.first_hour_end(first_hour) == NOW
