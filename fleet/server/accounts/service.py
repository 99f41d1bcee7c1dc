"""Account service, for an administrator of the server: take, close, end sessions, reset, revoke.

Rules: each action and its audit entry are one transaction; what would leave nobody who may do everything is not done. Tokens are
given back once and kept as hashes. Grants of an account of the region's own sign-in come from there and are not set here. What
gives (a new account, a role, an account opened again, a set-up link) is here for `proposals`, which takes two persons: neither is
the account's second person for a while (`vouching`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, update

from fleet.server.accounts import api_tokens as tokens
from fleet.server.accounts import hsa_bindings, sessions
from fleet.server.accounts import one_time_links as links
from fleet.server.accounts import queries as people
from fleet.server.accounts import separation_of_duties as vouching
from fleet.server.accounts.api_tokens import ApiToken
from fleet.server.accounts.hsa_bindings import HsaBinding
from fleet.server.accounts.queries import AccountError, AccountRow
from fleet.server.accounts.sessions import Open
from fleet.server.accounts.tables import users
from fleet.server.audit_log import log as audit
from fleet.server.audit_log.log import AuditEvent
from fleet.server.database.database import Database
from fleet.server.web.roles import Grants, Role


class LastAdministratorError(AccountError):
    """It would leave nobody who may do everything."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Account that acts, its address, and whether with a step-up."""

    name: str
    address: str
    stepped_up: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """One account with its open sessions."""

    person: AccountRow
    sessions: tuple[Open, ...]
    binding: HsaBinding


@dataclass(frozen=True, slots=True)
class AccountService:
    """See the module. Every method raises AccountError, with the reason; `people.NoSuchAccountError` where there is none."""

    database: Database
    clock: Callable[[], datetime]
    actor: Actor

    def accounts(self) -> list[Account]:
        with self.database.reading.begin() as connection:
            return [_account(connection, person, self.clock()) for person in people.everybody(connection)]

    def account(self, name: str) -> Account:
        with self.database.reading.begin() as connection:
            return _account(connection, people.named(connection, name), self.clock())

    def take(self, name: str, granted: Grants) -> list[str]:
        """These roles and no others, none more than it has; gives the keys of open sessions, whose streams are to begin anew."""
        with self._transaction(AuditEvent("user.roles", name, _words(granted))) as connection:
            person = grantable(connection, name)
            if people.gives_more(granted, person.grants):
                raise AccountError(f"{name}: that is more than it has, which takes two persons")
            people.grant(connection, person.id, granted)
            return _keys(connection, name)

    def close(self, name: str) -> list[str]:
        """Nobody signs in with it; gives the keys of the sessions that ended."""
        with self._transaction(AuditEvent("user.disable", name)) as connection:
            ended = _keys(connection, name)
            people.disable(connection, name)
            return ended

    def end_sessions(self, name: str) -> list[str]:
        """Gives the keys of those ended."""
        with self._transaction(AuditEvent("user.end-sessions", name)) as connection:
            people.named(connection, name)
            return sessions.end(connection, name)

    def reset(self, name: str) -> list[str]:
        """Forget password and one-time codes; gives the keys of the sessions that ended. A new set-up link is a proposal."""
        with self._transaction(AuditEvent("user.reset", name)) as connection:
            ended = _keys(connection, name)
            vouching.record(connection, people.reset(connection, name), self.actor.name, "reset", self.clock())
            return ended

    def ask_binding(self, name: str, hsa_id: str, reason: str) -> None:
        """Ask that this local account is that HSA-id's. A second person agrees."""
        self._require_step_up()
        with self._transaction(AuditEvent("user.hsa-ask", name, f"{hsa_id}: {reason}")) as connection:
            hsa_bindings.ask(connection, name, hsa_id, reason, self.actor.name, self.clock())

    def agree_binding(self, name: str) -> None:
        """The second person's word."""
        self._require_step_up()
        with self._transaction(AuditEvent("user.hsa-agree", name)) as connection:
            hsa_bindings.agree(connection, name, self.actor.name, self.clock())

    def unbind(self, name: str) -> None:
        """The account is nobody's HSA-id, and nothing waits: one person is enough for less."""
        with self._transaction(AuditEvent("user.hsa-drop", name)) as connection:
            people.unbind(connection, people.named(connection, name).id)

    def _require_step_up(self) -> None:
        if not self.actor.stepped_up:
            raise AccountError("a proof of who is there, at most five minutes old, is missing: step up at /step-up")

    def tokens(self) -> list[ApiToken]:
        """All by name, revoked ones too."""
        with self.database.reading.begin() as connection:
            return tokens.everything(connection)

    def make_token(self, name: str, role: Role, stations: str, days: int, organisations: str = "") -> str:
        """A new token; its value."""
        detail = f"{role.value} {stations}, {days} days{f', {organisations}' if organisations else ''}"
        with self._transaction(AuditEvent("token.add", name, detail)) as connection:
            return tokens.add(connection, name, role, stations, days, self.clock(), organisations)

    def revoke_token(self, name: str) -> None:
        with self._transaction(AuditEvent("token.revoke", name)) as connection:
            tokens.revoke(connection, name)

    @contextmanager
    def _transaction(self, event: AuditEvent) -> Iterator[Connection]:
        with self.database.writing.begin() as connection, _keeping_one(connection, event.target):
            yield connection
            audit.append(connection, self.clock(), self.actor.name, self.actor.address, event)


def grantable(connection: Connection, name: str) -> AccountRow:
    """The account, where its roles are set here. Raises AccountError."""
    person = people.named(connection, name)
    if not person.local:
        raise AccountError(f"{name}: is of the region's own sign-in, which says what it may")
    return person


def give_account(
    connection: Connection, name: str, granted: Grants, mail: str, by: Sequence[str], now: datetime
) -> None:
    """A new local account, in the words of those persons. Raises AccountError."""
    _give(connection, people.add(connection, name, granted, now, mail), by, "made", now)
    _tell(connection, by, AuditEvent("user.add", name, _words(granted)), now)


def give_roles(connection: Connection, name: str, granted: Grants, by: Sequence[str], now: datetime) -> None:
    """These roles and no others. Raises AccountError."""
    with _keeping_one(connection, name):
        person = grantable(connection, name)
        people.grant(connection, person.id, granted)
        _give(connection, person.id, by, "granted", now)
    _tell(connection, by, AuditEvent("user.roles", name, _words(granted)), now)


def open_again(connection: Connection, name: str, by: Sequence[str], now: datetime) -> None:
    """The account can be signed in with again. Raises AccountError."""
    people.disable(connection, name, disabled=False)
    _give(connection, people.named(connection, name).id, by, "opened", now)
    _tell(connection, by, AuditEvent("user.disable", name, "undone"), now)


def give_link(connection: Connection, name: str, now: datetime) -> str:
    """A new set-up link; gives its value."""
    return links.make(connection, "set-up", people.named(connection, name).id, now)


def put_link(connection: Connection, name: str, value: str, now: datetime) -> None:
    """The set-up link of that value, or of the joined hashes of a code's two halves, and none that is to be mailed."""
    user = people.named(connection, name).id
    links.put_set_up(connection, value, user, now)
    mail_link(connection, name, None)


def mail_link(connection: Connection, name: str, since: datetime | None) -> None:
    """A set-up link is to be mailed to the person, since then; None: none is."""
    connection.execute(update(users).where(users.c.name == name).values(link_due=since))


def _give(connection: Connection, user: int, by: Sequence[str], act: vouching.Act, now: datetime) -> None:
    for actor in by:
        vouching.record(connection, user, actor, act, now)


def _tell(connection: Connection, by: Sequence[str], event: AuditEvent, now: datetime) -> None:
    audit.append(connection, now, by[0], "", event)


@contextmanager
def _keeping_one(connection: Connection, name: str) -> Iterator[None]:
    able = people.has_administrator(connection)
    yield
    if able and not people.has_administrator(connection):
        raise LastAdministratorError(f"{name}: is the last one who may do everything")


def _account(connection: Connection, person: AccountRow, now: datetime) -> Account:
    binding = hsa_bindings.binding_of(connection, person, now)
    return Account(person, tuple(sessions.of(connection, person.name)), binding)


def _keys(connection: Connection, name: str) -> list[str]:
    return [session.key for session in sessions.of(connection, name)]


def _words(granted: Grants) -> str:
    return ", ".join(f"{role.value} {stations}" for role, stations in granted)
