"""A local account that two administrators bind to a person's HSA-id, and who may not."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert

from fleet.messages.link import Administrator
from fleet.server.accounts import queries
from fleet.server.accounts import separation_of_duties as duties
from fleet.server.accounts.queries import AccountError, hsa_id_of
from fleet.server.accounts.service import AccountService, Actor, open_again
from fleet.server.accounts.tables import users, webauthn_keys
from fleet.server.audit_log import log as audit
from fleet.server.cli import main
from fleet.server.people.model import ListedAdministrator
from fleet.server.people.queries import replace_administrators
from fleet.server.web.roles import EVERYWHERE, Role
from tests.fakes.server.databases import new_store

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
ADMIN = ((Role.ADMIN, EVERYWHERE),)
MAJ, OLLE = "TEST000000-9001", "TEST000000-9002"


@dataclass
class Office:
    """A server's store: two administrators of the server, and an account that is to be Maj's."""

    folder: Path
    now: datetime = NOW
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.database = new_store(self.folder / "fleet.sqlite")
        with self.database.writing.begin() as connection:
            replace_administrators(connection, [listed(MAJ), listed(OLLE)])
        for name in ("tove", "axel", "maj"):
            self.account(name)

    def account(self, name: str, *, key: bool = True, subject: str | None = None) -> int:
        """One that is set up, made long ago and by nobody who is here."""
        with self.database.writing.begin() as connection:
            user = queries.add(connection, name, ADMIN, NOW - timedelta(days=400))
            connection.execute(users.update().where(users.c.id == user).values(password="made-up", subject=subject))
            if key:
                row = {"user": user, "name": "key", "credential": name, "public_key": "", "sign_count": 0, "made": NOW}
                connection.execute(insert(webauthn_keys).values(row))
        return user

    def by(self, name: str, *, stepped_up: bool = True) -> AccountService:
        return AccountService(self.database, lambda: self.now, Actor(name, "192.0.2.1", stepped_up))

    def bind(self, name: str = "maj", hsa_id: str = MAJ) -> None:
        self.by("tove").ask_binding(name, hsa_id, "works in the card office")
        self.by("axel").agree_binding(name)

    def hsa_id(self, name: str = "maj") -> str:
        with self.database.reading.begin() as connection:
            return hsa_id_of(connection, name, self.now)

    def told(self) -> list[tuple[str, str, str]]:
        with self.database.reading.begin() as connection:
            return [(entry.who, entry.action, entry.target) for entry in reversed(audit.entries(connection)[0])]


def listed(hsa_id: str) -> ListedAdministrator:
    return ListedAdministrator(Administrator(hsa_id, "Made Up", ("KRA",), 3), ("*",))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.database.close()


def test_two_administrators_bind_an_account_for_a_year_and_the_audit_has_both(office: Office) -> None:
    office.by("tove").ask_binding("maj", MAJ, "works in the card office")
    assert office.hsa_id() == "", "one word is none"
    assert office.by("axel").account("maj").binding.asked == MAJ
    office.by("axel").agree_binding("maj")
    assert office.hsa_id() == MAJ
    assert [told for told in office.told() if told[1].startswith("user.hsa")] == [
        ("tove", "user.hsa-ask", "maj"),
        ("axel", "user.hsa-agree", "maj"),
    ]
    office.now += timedelta(days=364)
    assert office.hsa_id() == MAJ
    office.now += timedelta(days=1)
    assert office.hsa_id() == "", "it has to be said anew"
    assert office.by("tove").account("maj").binding.hsa_id == ""


def test_a_name_that_is_a_listed_hsa_id_binds_nothing(office: Office) -> None:
    name = OLLE.lower()
    office.account(name)
    assert office.hsa_id(name) == ""


@pytest.mark.parametrize("second", ["tove", "maj"])
def test_one_person_twice_or_whose_account_it_is_agrees_to_nothing(office: Office, second: str) -> None:
    office.by("tove").ask_binding("maj", MAJ, "works in the card office")
    with pytest.raises(AccountError):
        office.by(second).agree_binding("maj")
    assert office.hsa_id() == ""


def test_nobody_asks_for_their_own_account(office: Office) -> None:
    with pytest.raises(AccountError, match="their own account"):
        office.by("maj").ask_binding("maj", MAJ, "it is mine")


@pytest.mark.parametrize("made", ["axel", "maj"])
@pytest.mark.parametrize("by", ["tove", "axel"])
def test_who_has_had_an_account_in_hand_is_no_second_person(office: Office, made: str, by: str) -> None:
    """Granted by the first, the second is a puppet; granted by the second, the bound account may be the second's own."""
    if made == by:
        return
    with office.database.writing.begin() as connection:
        duties.record(connection, queries.named(connection, made).id, by, "granted", office.now)
    office.by("tove").ask_binding("maj", MAJ, "works in the card office")
    if (made, by) == ("maj", "tove"):
        office.by("axel").agree_binding("maj")  # who asks may have made the account: the second one vouches
        return
    with pytest.raises(AccountError):
        office.by("axel").agree_binding("maj")
    office.now += timedelta(days=31)
    office.bind()
    assert office.hsa_id() == MAJ


def test_without_a_step_up_nobody_asks_or_agrees(office: Office) -> None:
    with pytest.raises(AccountError, match="step up"):
        office.by("tove", stepped_up=False).ask_binding("maj", MAJ, "works in the card office")
    office.by("tove").ask_binding("maj", MAJ, "works in the card office")
    with pytest.raises(AccountError, match="step up"):
        office.by("axel", stepped_up=False).agree_binding("maj")


def test_an_account_without_key_of_the_regions_sign_in_or_of_nobody_listed_is_not_bound(office: Office) -> None:
    office.account("keyless", key=False)
    office.account("issued", subject="https://issuer.test issued")
    for name, hsa_id, why in (
        ("keyless", MAJ, "no security key"), ("issued", MAJ, "own sign-in"), ("maj", "TEST000000-9999", "not on the list"),
        ("nobody", MAJ, "no account"), ("maj", "", "not on the list"),
    ):  # fmt: skip
        with pytest.raises(AccountError, match=why):
            office.by("tove").ask_binding(name, hsa_id, "works in the card office")
    with pytest.raises(AccountError, match="say why"):
        office.by("tove").ask_binding("maj", MAJ, " ")


def test_an_hsa_id_is_one_accounts(office: Office) -> None:
    office.bind()
    office.account("other")
    with pytest.raises(AccountError, match="another account"):
        office.by("tove").ask_binding("other", MAJ, "works there too")


def test_what_waits_is_over_after_a_day_and_is_asked_once(office: Office) -> None:
    office.by("tove").ask_binding("maj", MAJ, "works in the card office")
    with pytest.raises(AccountError, match="waits"):
        office.by("axel").ask_binding("maj", OLLE, "another one")
    office.now += timedelta(days=1)
    with pytest.raises(AccountError, match="no binding waits"):
        office.by("axel").agree_binding("maj")
    office.bind()


@pytest.mark.parametrize("action", ["reset", "close", "unbind"])
def test_a_reset_a_closing_or_one_word_ends_it(office: Office, action: str) -> None:
    office.bind()
    getattr(office.by("axel"), action)("maj")
    if action == "close":
        with office.database.writing.begin() as connection:
            open_again(connection, "maj", ["axel"], office.now)
    assert office.hsa_id() == ""


def test_the_command_of_the_server_unbinds_an_account_and_the_audit_has_it(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.bind()
    unbind = ["user", "unbind", "--data", str(office.folder), "--json"]
    assert (main([*unbind, "nobody"]), office.hsa_id()) == (2, MAJ)
    capsys.readouterr()
    assert (main([*unbind, "maj"]), office.hsa_id()) == (0, "")
    assert json.loads(capsys.readouterr().out) == {"ok": True}
    assert office.told()[-1][1:] == ("user.hsa-drop", "maj")


def test_the_issuers_word_takes_the_hsa_id(office: Office) -> None:
    office.bind()

    def sign_in(connection: Connection) -> None:
        queries.from_issuer(connection, "https://issuer.test 1", "Maj Issued", ADMIN, office.now, MAJ)

    with office.database.writing.begin() as connection:
        sign_in(connection)
    assert (office.hsa_id(), office.hsa_id("Maj Issued")) == ("", MAJ)
