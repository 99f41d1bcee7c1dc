"""A local account, from the first link to the last session: what works once, what ends, and what is counted."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from fleet.server.accounts import queries as people
from fleet.server.accounts.sessions import IDLE, WHOLE
from fleet.server.accounts.tables import tries
from fleet.server.sign_in import one_time_codes as codes
from fleet.server.sign_in import passwords
from fleet.server.sign_in.login_throttling import ACCOUNT, ADDRESS, PAIR
from fleet.server.sign_in.service import Access, Chosen, Refused, SignedIn
from fleet.server.web.roles import Role
from tests.fakes.server.visitors import SEALER
from tests.fleet.server.sign_in.conftest import PASSWORD, Admin, Turned


def test_the_first_link_sets_an_administrator_up_once(admin: Admin, access: Access) -> None:
    caller = access.by_session(admin.first.value, present=True)
    assert caller is not None
    assert (caller.name, caller.grants) == ("tove", ((Role.ADMIN, "*"),))
    assert access.first_link() is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": "X"}, Refused.NAME),
        ({"password": "short"}, Refused.PASSWORD),
        ({"password": "x" * 129}, Refused.PASSWORD),
        ({"code": "000000"}, Refused.CODE),
    ],
)
def test_what_is_typed_wrong_leaves_the_link_as_it_was(
    access: Access, clock: Turned, changes: dict[str, str], why: Refused
) -> None:
    link = access.first_link()
    assert link is not None
    offer = access.offered(link)
    assert offer is not None
    typed = {"name": "tove", "password": PASSWORD, "code": codes.code_at(offer.secret, clock().timestamp())}
    assert access.set_up(link, Chosen(**{**typed, **changes}), "192.0.2.7") is why
    assert access.offered(link) == offer
    assert isinstance(access.set_up(link, Chosen(**typed), "192.0.2.7"), SignedIn)
    assert access.set_up(link, Chosen(**typed), "192.0.2.7") is Refused.LINK


def test_a_newer_first_link_ends_the_one_before_and_both_end_by_time(access: Access, clock: Turned) -> None:
    first, second = access.first_link(), access.first_link()
    assert first is not None
    assert second is not None
    assert access.offered(first) is None
    assert access.offered(second) is not None
    clock.on(hours=25)
    assert access.offered(second) is None


def test_password_and_code_are_both_needed_and_a_code_works_once(admin: Admin) -> None:
    assert isinstance(admin.sign_in(), SignedIn)
    assert admin.access.sign_in("tove", PASSWORD, admin.code(), "192.0.2.7") is Refused.WRONG
    assert admin.sign_in("another-password") is Refused.WRONG
    assert admin.sign_in(code="000000") is Refused.WRONG
    assert admin.sign_in(name="nobody") is Refused.WRONG
    assert isinstance(admin.sign_in(), SignedIn)


def test_guessing_stops_per_account_even_with_the_right_answer_and_after_a_restart(admin: Admin) -> None:
    for number in range(ACCOUNT.most):
        assert admin.sign_in("wrong-password", address=f"192.0.2.{number}") is Refused.WRONG
    assert admin.sign_in() is Refused.TOO_MANY
    again = Access(admin.access.database, admin.clock, SEALER)
    assert again.sign_in("tove", PASSWORD, admin.code(), "192.0.2.99") is Refused.TOO_MANY
    assert again.entries(action="sign-in.stopped")[1] == 1
    admin.clock.on(minutes=16)
    assert isinstance(admin.sign_in(), SignedIn)


def test_a_name_that_is_not_known_takes_the_same_work(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    """The costly part is one hash of the same parameters, whoever is asked for."""
    computed: list[str] = []
    hasher = passwords.hasher

    class Counted:
        def verify(self, encoded: str, password: str) -> bool:
            computed.append(encoded.rpartition("$")[0].rpartition("$")[0])
            return hasher.verify(encoded, password)

    monkeypatch.setattr(passwords, "hasher", Counted())
    people_of = ("tove", "nobody.test", "a\0b", "x" * 200)
    assert {str(admin.sign_in("another-password", name=name)) for name in people_of} == {"wrong"}
    assert len(computed) == len(people_of)
    assert len(set(computed)) == 1


def test_guessing_stops_per_address_over_many_names(admin: Admin) -> None:
    for number in range(ADDRESS.most - 1):  # setting the account up was one
        assert admin.access.sign_in(f"name{number}", "x", "0", "192.0.2.7") is Refused.WRONG
    assert admin.access.sign_in("another", "x", "0", "192.0.2.7") is Refused.TOO_MANY
    assert isinstance(admin.sign_in(address="198.51.100.1"), SignedIn)


def test_a_hospital_behind_one_address_signs_in_as_often_as_it_likes(admin: Admin) -> None:
    def counted() -> int:
        with admin.access.database.reading.begin() as connection:
            return int(connection.execute(select(func.coalesce(func.sum(tries.c.count), 0))).scalar_one())

    before = counted()
    for _ in range(10):
        assert isinstance(admin.sign_in(), SignedIn)
    caller = admin.access.by_session(admin.first.value, present=True)
    assert caller is not None
    admin.clock.on(seconds=codes.STEP_S)
    assert admin.access.confirm(caller, PASSWORD, admin.code(), "192.0.2.7") is None
    assert counted() == before, "what succeeds does not count"


def test_one_who_guesses_shuts_out_that_account_at_that_address_and_no_other(admin: Admin) -> None:
    for _ in range(40):
        admin.access.sign_in("mistyped", "x", "0", "192.0.2.7")
    assert isinstance(admin.sign_in(address="192.0.2.7"), SignedIn)
    for _ in range(PAIR.most):
        assert admin.sign_in("wrong-password", address="198.51.100.1") is Refused.WRONG
    assert admin.sign_in(address="198.51.100.1") is Refused.TOO_MANY
    assert isinstance(admin.sign_in(address="192.0.2.7"), SignedIn)


def test_an_address_of_ones_own_network_is_no_other_one(admin: Admin) -> None:
    """Whoever has an IPv6 address has 2^64 of them."""
    for number in range(ADDRESS.most):
        assert admin.access.sign_in(f"nobody{number}", "x", "0", f"2001:db8::{number:x}") is Refused.WRONG
    assert admin.sign_in(address="2001:db8::ffff") is Refused.TOO_MANY
    assert isinstance(admin.sign_in(address="2001:db8:0:1::7"), SignedIn)


def test_the_first_link_works_no_more_once_there_is_an_administrator(access: Access, clock: Turned) -> None:
    """It may lie in a log until it ends."""
    link = access.first_link()
    assert link is not None
    offer = access.offered(link)
    assert offer is not None
    access.sign_in_by_issuer("s 1", "nils.test", ((Role.ADMIN, "*"),), "192.0.2.7")
    assert access.offered(link) is None
    chosen = Chosen("tove", PASSWORD, codes.code_at(offer.secret, clock().timestamp()))
    assert access.set_up(link, chosen, "192.0.2.7") is Refused.LINK


def test_a_session_ends_when_nobody_is_there_and_in_any_case_in_time(
    admin: Admin, access: Access, clock: Turned
) -> None:
    value, began = admin.first.value, clock()
    while clock() < began + WHOLE - timedelta(minutes=50):
        clock.on(minutes=50)
        assert access.by_session(value, present=True) is not None
    clock.on(minutes=50)
    assert access.by_session(value, present=True) is None
    idle = admin.sign_in()
    assert isinstance(idle, SignedIn)
    for _ in range(4):  # what a page asks by itself keeps nothing open
        clock.on(minutes=IDLE.total_seconds() / 60 / 4)
        access.by_session(idle.value, present=False)
    assert access.by_session(idle.value, present=True) is None


def test_a_clock_that_ran_ahead_and_was_set_right_leaves_no_door_open_and_none_shut(admin: Admin) -> None:
    admin.clock.on(days=365)
    ahead = admin.sign_in()
    assert isinstance(ahead, SignedIn)
    for _ in range(ACCOUNT.most + 1):
        admin.sign_in("another-password")
    admin.clock.on(days=-365)
    assert admin.access.by_session(ahead.value, present=True) is None, "it would last for a year"
    assert isinstance(admin.sign_in(), SignedIn), "and nobody would come in for a year"
    assert admin.access.sign_in("tove", PASSWORD, admin.code(), "192.0.2.7") is Refused.WRONG, "a code works once"


def test_one_session_ends_or_all(admin: Admin, access: Access) -> None:
    second = admin.sign_in()
    assert isinstance(second, SignedIn)
    caller = access.by_session(second.value, present=True)
    assert caller is not None
    assert len(access.open_sessions(caller)) == 2
    other = next(one.key for one in access.open_sessions(caller) if one.key != caller.key)
    assert access.end(caller, "", other) == [other]
    assert access.by_session(admin.first.value, present=True) is None
    assert access.by_key(caller.key) == caller
    assert access.end(caller, "") == [caller.key]
    assert access.by_key(caller.key) is None


def test_who_is_disabled_is_out_at_once_and_cannot_come_back(admin: Admin, access: Access) -> None:
    with access.database.writing.begin() as connection:
        people.disable(connection, "tove")
    assert access.by_session(admin.first.value, present=True) is None
    assert admin.sign_in() is Refused.WRONG
    with access.database.writing.begin() as connection:
        people.disable(connection, "tove", False)
    assert isinstance(admin.sign_in(), SignedIn)


def test_a_sign_in_link_works_once(access: Access) -> None:
    value = access.link_for("demo", ((Role.ADMIN, "*"),))
    assert isinstance(access.sign_in_by_link(value, "127.0.0.1"), SignedIn)
    assert access.sign_in_by_link(value, "127.0.0.1") is Refused.LINK
    assert access.sign_in("demo", "", "", "127.0.0.1") is Refused.WRONG


def test_nothing_in_the_file_opens_a_door(admin: Admin, tmp_path: Path) -> None:
    link = admin.access.link_for("demo", ((Role.ADMIN, "*"),))
    with sqlite3.connect(tmp_path / "fleet.sqlite") as plain:
        held = "\n".join(plain.iterdump())
    plain.close()
    for secret in (admin.first.value, link, PASSWORD):
        assert secret not in held
    assert "$argon2id$" in held
