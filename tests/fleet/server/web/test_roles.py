"""Who may do what, written out here a second time: a right that is given or taken away by a slip agrees with no list."""

from datetime import UTC, datetime, timedelta

import pytest

from fleet.server.web.roles import EVERYWHERE, OF_ALL, RIGHTS, STATIONS, STEP_UP_LASTS, Caller, Right, Role, Scope

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RIGHTS_OF = {
    "viewer": {"view"},
    "operator": {"view", "people", "command", "cards"},
    "id-administrator": {"view", "people", "cards", "orders"},
    "auditor": {"view", "people", "audit"},
    "admin": {"view", "people", "command", "cards", "orders", "audit", "manage"},
}


def caller(*grants: tuple[Role, str], stepped_up: datetime | None = None) -> Caller:
    return Caller("tove.test", "key", grants, stepped_up=stepped_up)


def test_each_role_has_these_rights_and_no_others() -> None:
    assert {role.value: {right.value for right in rights} for role, rights in RIGHTS.items()} == RIGHTS_OF
    assert {role.value for role in Role} == RIGHTS_OF.keys()
    assert {right.value for right in Right} == {*RIGHTS_OF["admin"], "public", "signed-in", "hook"}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("right", Right)
@pytest.mark.parametrize("where", ["*", "lasarettet-*", "lasarettet-a"])
def test_a_grant_gives_the_rights_of_its_role_there(role: Role, right: Right, where: str) -> None:
    everybody, of_all = {"public", "signed-in"}, {"audit", "manage"}
    allowed = right.value in RIGHTS_OF[role.value] and (right.value not in of_all or where == "*")
    assert caller((role, where)).may(right) is (allowed or right.value in everybody)
    assert caller((role, where)).scope(right).patterns == ({where} if right.value in RIGHTS_OF[role.value] else set())


def test_what_concerns_all_stations_takes_a_grant_for_all() -> None:
    assert {right.value for right in OF_ALL} == {"audit", "manage"}
    assert not caller((Role.ADMIN, "lasarettet-*"), (Role.VIEWER, EVERYWHERE)).may(Right.AUDIT)
    assert caller((Role.ADMIN, "lasarettet-*"), (Role.AUDITOR, EVERYWHERE)).may(Right.AUDIT)


def test_who_has_no_grant_may_nothing_but_be_signed_in() -> None:
    nobody = caller()
    assert {right for right in Right if nobody.may(right)} == {Right.PUBLIC, Right.SIGNED_IN}
    assert not nobody.scope(Right.VIEW).allows("lasarettet-a")


def test_people_are_seen_where_a_role_shows_them_and_nowhere_else() -> None:
    both = caller((Role.VIEWER, EVERYWHERE), (Role.OPERATOR, "lasarettet-*"))
    assert both.sees_people("lasarettet-a")
    assert not both.sees_people("angsvik")
    assert both.scope(Right.VIEW).allows("angsvik")


@pytest.mark.parametrize(
    ("pattern", "station", "allowed"),
    [
        ("*", "lasarettet-a", True),
        ("lasarettet-*", "lasarettet-a", True),
        ("lasarettet-*", "lasarettet-", True),
        ("lasarettet-*", "lasarettet", False),
        ("lasarettet-*", "lasarettex-a", False),
        ("lasarettet-*", "vid-lasarettet-a", False),
        ("lasarettet-a", "lasarettet-a", True),
        ("lasarettet-a", "lasarettet-ab", False),
        ("lasarettet-a", "lasarettet", False),
    ],
)
def test_a_scope_allows_a_name_or_what_begins_as_it_says(pattern: str, station: str, allowed: bool) -> None:
    assert Scope(frozenset({pattern})).allows(station) is allowed
    assert Scope(frozenset({"angsvik", pattern})).allows(station) is allowed
    assert Scope(frozenset({pattern})).everywhere is (pattern == "*")


@pytest.mark.parametrize(
    ("pattern", "wanted", "covers", "touches"),
    [
        ("*", "*", True, True),
        ("*", "lasarettet-*", True, True),
        ("lasarettet-*", "*", False, True),
        ("lasarettet-*", "lasarettet-*", True, True),
        ("lasarettet-*", "lasarettet-a", True, True),
        ("lasarettet-*", "lasarettet-a*", True, True),
        ("lasarettet-a*", "lasarettet-*", False, True),
        ("lasarettet-a", "lasarettet-a", True, True),
        ("lasarettet-a", "lasarettet-*", False, True),
        ("lasarettet-a", "lasarettet-ab", False, False),
        ("lasarettet-*", "lasarettex-a", False, False),
        ("lasarettet-a", "angsvik*", False, False),
    ],
)
def test_a_scope_covers_all_that_is_wanted_or_touches_some_of_it(
    pattern: str, wanted: str, covers: bool, touches: bool
) -> None:
    scope = Scope(frozenset({pattern}))
    assert (scope.covers(wanted), scope.touches(wanted)) == (covers, touches)


@pytest.mark.parametrize(
    ("ago", "fresh"),
    [
        (timedelta(), True),
        (timedelta(minutes=5), True),
        (timedelta(minutes=5, microseconds=1), False),
        (-timedelta(minutes=1), True),
        (-timedelta(minutes=1, microseconds=1), False),
    ],
)
def test_a_step_up_is_fresh_for_five_minutes_and_a_clock_may_be_a_minute_behind(ago: timedelta, fresh: bool) -> None:
    assert caller(stepped_up=NOW - ago).has_stepped_up(NOW) is fresh
    assert timedelta(minutes=5) == STEP_UP_LASTS


def test_who_never_stepped_up_has_not() -> None:
    assert not Caller("tove.test", "key", ()).has_stepped_up(NOW)
    assert Caller("tove.test", "key", ()).program is False


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("*", True),
        ("lasarettet-*", True),
        ("lasarettet-a", True),
        ("0", True),
        ("a" * 40, True),
        ("a" * 40 + "*", True),
        ("a" * 41, False),
        ("", False),
        ("**", False),
        ("-a", False),
        ("a*b", False),
        ("A", False),
        ("a\n", False),
        ("XX*", False),
    ],
)
def test_the_stations_of_a_grant_are_a_name_or_a_beginning(text: str, fits: bool) -> None:
    assert (STATIONS.match(text) is not None) is fits
