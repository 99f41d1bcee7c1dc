"""Account service, for an administrator of the server: invite, grant, close, end sessions, reset, revoke.

Rules: each deed and its audit entry are one transaction; what would leave nobody who may do everything is not done. Links and
tokens are given back once and kept as hashes. Grants of an account of the region's own sign-in come from there and are not set
here. Who makes, resets, grants or opens an account is not its second person for a while (`vouching`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from fleet.server.accounts import api_tokens as tokens
from fleet.server.accounts import hsa_bindings
from fleet.server.accounts import queries as people
from fleet.server.accounts import separation_of_duties as vouching
from fleet.server.accounts.api_tokens import ApiToken
from fleet.server.accounts.hsa_bindings import HsaBinding
from fleet.server.accounts.queries import AccountError, AccountRow
from fleet.server.accounts.sign_in import one_time_links as links
from fleet.server.accounts.sign_in import sessions
from fleet.server.accounts.sign_in.sessions import Open
from fleet.server.platform.audit import log as audit
from fleet.server.platform.audit.log import AuditEvent
from fleet.server.platform.database.database import Database
from fleet.server.platform.roles import Grants, Role


class LastAdministratorError(AccountError):
    """It would leave nobody who may do everything."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it, from where, and whether with a step-up."""

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

    def invite(self, name: str, granted: Grants) -> str:
        """A new local account; the value of its set-up link."""
        with self._doing(AuditEvent("user.add", name, _words(granted))) as connection:
            user = people.add(connection, name, granted, self.clock())
            self._vouch(connection, user, "made")
            return links.make(connection, "set-up", user, self.clock())

    def grant(self, name: str, granted: Grants) -> list[str]:
        """These roles and no others; gives the keys of open sessions, whose streams are to begin anew."""
        with self._doing(AuditEvent("user.roles", name, _words(granted))) as connection:
            person = people.named(connection, name)
            if not person.local:
                raise AccountError(f"{name}: is of the region's own sign-in, which says what it may")
            people.grant(connection, person.id, granted)
            self._vouch(connection, person.id, "granted")
            return _keys(connection, name)

    def close(self, name: str) -> list[str]:
        """Nobody signs in with it; gives the keys of the sessions that ended."""
        with self._doing(AuditEvent("user.disable", name)) as connection:
            ended = _keys(connection, name)
            people.disable(connection, name)
            return ended

    def open(self, name: str) -> None:
        """It can be signed in with again."""
        with self._doing(AuditEvent("user.disable", name, "undone")) as connection:
            people.disable(connection, name, disabled=False)
            self._vouch(connection, people.named(connection, name).id, "opened")

    def end_sessions(self, name: str) -> list[str]:
        """Gives the keys of those ended."""
        with self._doing(AuditEvent("user.end-sessions", name)) as connection:
            people.named(connection, name)
            return sessions.end(connection, name)

    def reset(self, name: str) -> tuple[str, list[str]]:
        """Forget password and one-time codes; the value of a new set-up link, and the keys of the sessions that ended."""
        with self._doing(AuditEvent("user.reset", name)) as connection:
            ended = _keys(connection, name)
            user = people.reset(connection, name)
            self._vouch(connection, user, "reset")
            return links.make(connection, "set-up", user, self.clock()), ended

    def ask_binding(self, name: str, hsa_id: str, reason: str) -> None:
        """Ask that this local account is that HSA-id's. A second person agrees."""
        self._require_step_up()
        with self._doing(AuditEvent("user.hsa-ask", name, f"{hsa_id}: {reason}")) as connection:
            hsa_bindings.ask(connection, name, hsa_id, reason, self.actor.name, self.clock())

    def agree_binding(self, name: str) -> None:
        """The second person's word."""
        self._require_step_up()
        with self._doing(AuditEvent("user.hsa-agree", name)) as connection:
            hsa_bindings.agree(connection, name, self.actor.name, self.clock())

    def unbind(self, name: str) -> None:
        """The account is nobody's HSA-id, and nothing waits: one person is enough for less."""
        with self._doing(AuditEvent("user.hsa-drop", name)) as connection:
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
        told = f"{role.value} {stations}, {days} days{f', {organisations}' if organisations else ''}"
        with self._doing(AuditEvent("token.add", name, told)) as connection:
            return tokens.add(connection, name, role, stations, days, self.clock(), organisations)

    def revoke_token(self, name: str) -> None:
        with self._doing(AuditEvent("token.revoke", name)) as connection:
            tokens.revoke(connection, name)

    def _vouch(self, connection: Connection, user: int, act: vouching.Act) -> None:
        vouching.record(connection, user, self.actor.name, act, self.clock())

    @contextmanager
    def _doing(self, deed: AuditEvent) -> Iterator[Connection]:
        with self.database.writing.begin() as connection:
            able = people.has_administrator(connection)
            yield connection
            if able and not people.has_administrator(connection):
                raise LastAdministratorError(f"{deed.target}: is the last one who may do everything")
            audit.append(connection, self.clock(), self.actor.name, self.actor.address, deed)


def _account(connection: Connection, person: AccountRow, now: datetime) -> Account:
    binding = hsa_bindings.binding_of(connection, person, now)
    return Account(person, tuple(sessions.of(connection, person.name)), binding)


def _keys(connection: Connection, name: str) -> list[str]:
    return [session.key for session in sessions.of(connection, name)]


def _words(granted: Grants) -> str:
    return ", ".join(f"{role.value} {stations}" for role, stations in granted)
