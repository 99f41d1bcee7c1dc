"""Sign-in service: authentication, account set-up, the session of a request, and the audit of all of it.

Rules: each call is one or two short transactions of its own, from any thread; what changes something writes its audit entry in
the same transaction. Expected refusals are values and never say which part was wrong.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, update

from fleet.server.accounts import api_tokens as tokens
from fleet.server.accounts import one_time_links as links
from fleet.server.accounts import queries as people
from fleet.server.accounts import sessions
from fleet.server.accounts.secret_encryption import Sealer, SecretsError, account
from fleet.server.accounts.sessions import Proof
from fleet.server.accounts.tables import users
from fleet.server.audit_log import log as audit
from fleet.server.audit_log.log import AuditEvent
from fleet.server.audit_log.lookup_deduplication import LookupDeduplication
from fleet.server.database.database import Database
from fleet.server.files.import_files import HSA_ID
from fleet.server.keys.random_tokens import digest
from fleet.server.sign_in import login_throttling as tries
from fleet.server.sign_in import one_time_codes as codes
from fleet.server.sign_in import passwords
from fleet.server.web.rate_limits import rate_limit_key
from fleet.server.web.roles import EVERYWHERE, Caller, Grants, Role

PROGRAM, _NOBODY = people.PROGRAM, people.NOBODY
_TRIED = ("password", "key")
"""Ways to sign in that began with a try of a password."""


class Refused(StrEnum):
    """Why somebody did not come in."""

    WRONG = "wrong"
    TOO_MANY = "too_many"
    LINK = "link"
    """It was used, has ended, or never was."""
    PASSWORD = "password"  # noqa: S105 a reason
    NAME = "name"
    CODE = "code"
    NO_ROLE = "no_role"
    KEY = "key"
    """A security key did not prove what was asked."""
    LAST_KEY = "last_key"
    """It stays until somebody else resets the account."""
    STEP_UP = "step_up"
    """A fresh proof of who is there is missing."""
    AWAY = "away"
    """The region's own sign-in did not answer as it should."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session. `value` goes into the cookie and nowhere else."""

    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """Offer of a set-up link. `name` is None where the person chooses one."""

    name: str | None
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Name, password and code that a person typed to set an account up."""

    name: str
    password: str = field(repr=False)
    code: str = field(repr=False)


class Access:
    """See the module. `clock` gives aware times; without `sealer` nobody signs in by a one-time code, nor sets an account up."""

    def __init__(self, database: Database, clock: Callable[[], datetime], sealer: Sealer | None = None) -> None:
        self.database = database
        self._sealer = sealer
        self._looks = LookupDeduplication()
        self.clock = clock

    def by_session(self, value: str, *, present: bool) -> Caller | None:
        """Return the caller with that cookie. `present`: a person asked, not the page by itself."""
        key, now = digest(value), self.clock()
        with self.database.reading.begin() as connection:
            caller = sessions.caller(connection, key, now)
            stale = caller is not None and present and sessions.is_stale(connection, key, now)
        if stale:
            with self.database.writing.begin() as connection:
                sessions.note_use(connection, key, now)
        return caller

    def by_key(self, key: str) -> Caller | None:
        """Return the caller whose session or token has that hash, with what is granted now; None where it works no
        more: for streams."""
        now = self.clock()
        with self.database.reading.begin() as connection:
            return sessions.caller(connection, key, now) or tokens.caller(connection, key, now)

    def by_token(self, value: str) -> Caller | None:
        with self.database.reading.begin() as connection:
            return tokens.caller(connection, digest(value), self.clock())

    def sign_in(self, name: str, password: str, code: str, address: str) -> SignedIn | Refused:
        with self._tried(name, password, address) as (connection, row):
            if isinstance(row, Refused):
                return row
            if not self._takes_code(connection, row, code):
                self._note(connection, row.name, address, AuditEvent("sign-in.refused", row.name))
                return Refused.WRONG
            return self.begin(connection, row, address, "password")

    def confirm(self, caller: Caller, password: str, code: str, address: str) -> Refused | None:
        """Check password and code of who is signed in; return None where they are right, else the refusal."""
        with self._tried(caller.name, password, address) as (connection, row):
            if isinstance(row, Refused):
                return row
            if not self._takes_code(connection, row, code):
                return Refused.WRONG
            tries.give_back(connection, caller.name, rate_limit_key(address))
            return None

    def with_password(self, name: str, password: str, address: str) -> Any:
        """The row of the account with that password, for a second factor that follows; or Refused."""
        with self._tried(name, password, address) as (_, row):
            return row

    @contextmanager
    def _tried(self, name: str, password: str, address: str) -> Iterator[tuple[Connection, Any]]:
        """One counted try of a password: the row of its account as it is now, or Refused."""
        may = self._may_try(name, address)
        with self.database.reading.begin() as connection:
            row = people.row_named(connection, name) if may else None
        right = may and passwords.matches(row.password if row is not None else None, password)
        with self.database.writing.begin() as connection:
            row = people.row_named(connection, name)  # again: it may have been disabled, or its code taken
            if not may:
                yield connection, Refused.TOO_MANY
            elif row is None or not right:
                actor = row.name if row is not None else _NOBODY
                self._note(connection, actor, address, AuditEvent("sign-in.refused", actor))
                yield connection, Refused.WRONG
            else:
                yield connection, row

    def _takes_code(self, connection: Connection, row: Any, code: str) -> bool:
        """Return whether that one-time code is right; it is used up then."""
        step = self._step(row, code)
        if step is not None:
            connection.execute(update(users).where(users.c.id == row.id).values(step=step))
        return step is not None

    def sign_in_by_link(self, value: str, address: str) -> SignedIn | Refused:
        """With a link that the server printed on its own machine, for a demo: a made-up person has shown who they are by that."""
        with self.database.writing.begin() as connection:
            link = links.find(connection, "sign-in", value, self.clock())
            if link is None or not links.use_up(connection, value):
                return Refused.LINK
            row = connection.execute(users.select().where(users.c.id == link.user, ~users.c.disabled)).first()
            return Refused.LINK if row is None else self.begin(connection, row, address, "link", Proof(self.clock()))

    def sign_in_by_issuer(
        self,
        subject: str,
        name: str,
        granted: Grants,
        address: str,
        proof: Proof = Proof(),  # noqa: B008 frozen
        hsa_id: str = "",
    ) -> SignedIn | Refused:
        """With what the region's own sign-in has said."""
        with self.database.writing.begin() as connection:
            was = people.name_of(connection, subject)
            try:
                arguments = (subject, name, granted, self.clock(), hsa_id)
                row = people.from_issuer(connection, *arguments) if granted else None
            except people.AccountError:
                row = None
            if not granted:
                people.take_all(connection, subject)
            if row is None or row.disabled:
                self._note(connection, _NOBODY, address, AuditEvent("sign-in.refused", name, "openid"))
                return Refused.NO_ROLE
            if was not in (None, name):
                self._note(connection, name, address, AuditEvent("user.rename", name, f"was {was}"))
            return self.begin(connection, row, address, "openid", proof)

    def begin(
        self,
        connection: Connection,
        row: Any,
        address: str,
        how: str,
        proof: Proof = Proof(),  # noqa: B008 frozen
    ) -> SignedIn:
        """A session of that account, in the transaction under way."""
        if how in _TRIED:
            tries.give_back(connection, row.name, rate_limit_key(address))
        value = sessions.begin(connection, row.id, address, self.clock(), proof)
        self._note(connection, row.name, address, AuditEvent("sign-in", row.name, how))
        return SignedIn(row.name, value)

    def _may_try(self, name: str, address: str) -> bool:
        """Count the try. The first one too many is told in the audit, so that guessing does not fill it."""
        now = self.clock()
        with self.database.writing.begin() as connection:
            limits = tries.limits_of(name, rate_limit_key(address))
            over = [tries.take(connection, limit, subject, now) for limit, subject in limits]
            if 1 in over and max(over) == 1:
                self._note(connection, _NOBODY, address, AuditEvent("sign-in.stopped"))
        return max(over) == 0

    def _step(self, row: Any, code: str) -> int | None:
        if row.sealed_secret is None:
            return None
        secret = self._seals().open(row.sealed_secret, account(row.id))
        return codes.step_of(secret, code, self.clock().timestamp(), after=row.step)

    def _seals(self) -> Sealer:
        if self._sealer is None:
            raise SecretsError("the secrets of one-time codes: this process was given no key for them")
        return self._sealer

    def offered(self, value: str) -> Offer | None:
        """Return the offer of that set-up link; None where it does not work."""
        with self.database.reading.begin() as connection:
            link = self._set_up_link(connection, value)
            if link is None:
                return None
            name = (
                None
                if link.user is None
                else connection.execute(users.select().where(users.c.id == link.user)).one().name
            )
        return Offer(name, codes.secret_from(value))

    def set_up(self, value: str, chosen: Chosen, address: str) -> SignedIn | Refused:
        """Set password and codes, and sign in. A wrong code leaves the link as it was."""
        if not self._may_try(digest(value), address):
            return Refused.TOO_MANY
        if not passwords.LEAST <= len(chosen.password) <= passwords.MOST:
            return Refused.PASSWORD
        encoded = passwords.hashed(chosen.password)
        with self.database.writing.begin() as connection:
            link = self._set_up_link(connection, value)
            if link is None:
                return Refused.LINK
            secret = codes.secret_from(value)
            step = codes.step_of(secret, chosen.code, self.clock().timestamp(), after=0)
            if step is None:
                return Refused.CODE
            try:
                user = link.user if link.user is not None else self._first(connection, chosen.name)
            except people.AccountError:
                return Refused.NAME
            links.use_up(connection, value)
            values = {"password": encoded, "sealed_secret": self._seals().seal(secret, account(user)), "step": step}
            connection.execute(update(users).where(users.c.id == user).values(**values))
            row = connection.execute(users.select().where(users.c.id == user)).one()
            self._note(connection, row.name, address, AuditEvent("user.set-up", row.name))
            return self.begin(connection, row, address, "set-up")

    def _set_up_link(self, connection: Connection, value: str) -> Any:
        """The first administrator's works only while there is none: it may stand in a log."""
        link = links.find(connection, "set-up", value, self.clock())
        over = link is not None and link.user is None and people.has_administrator(connection)
        return None if over else link

    def _first(self, connection: Connection, name: str) -> int:
        return people.add(connection, name, ((Role.ADMIN, EVERYWHERE),), self.clock())

    def first_link(self) -> str | None:
        """A set-up link for the first administrator; None where there is one."""
        with self.database.writing.begin() as connection:
            if people.has_administrator(connection):
                return None
            self._note(connection, PROGRAM, "", AuditEvent("link.first"))
            return links.make(connection, "set-up", None, self.clock())

    def link_for(self, name: str, granted: Grants) -> str:
        """A sign-in link for a made-up person of a demo, whose account is made where it is new. A name that is an HSA-id counts
        as proved here alone: nobody but the server itself makes such a link."""
        hsa_id = name if HSA_ID.match(name) else ""
        with self.database.writing.begin() as connection:
            row = people.from_issuer(connection, f"demo {name}", name, granted, self.clock(), hsa_id)
            self._note(connection, PROGRAM, "", AuditEvent("link.sign-in", name))
            return links.make(connection, "sign-in", row.id, self.clock())

    def is_local(self, caller: Caller) -> bool:
        """Return whether the caller's account is one of ours, and not of the region's own sign-in."""
        with self.database.reading.begin() as connection:
            return people.named(connection, caller.name).local

    def end(self, caller: Caller, address: str, key: str | None = None) -> list[str]:
        """End one of the caller's sessions, or all. Gives the keys of those ended, whose streams are to be ended too."""
        with self.database.writing.begin() as connection:
            ended = sessions.end(connection, caller.name, key)
            self._note(connection, caller.name, address, AuditEvent("sign-out", caller.name, str(len(ended))))
        return ended

    def open_sessions(self, caller: Caller) -> list[sessions.Open]:
        with self.database.reading.begin() as connection:
            return sessions.of(connection, caller.name)

    def record(self, caller: Caller, address: str, event: AuditEvent) -> None:
        """Tell the audit what somebody did or ordered, before it is done."""
        with self.database.writing.begin() as connection:
            self._note(connection, caller.name, address, event)

    def is_looking(self, caller: Caller, event: AuditEvent) -> bool:
        """Return whether the caller looked at the same within five minutes, and the audit was told."""
        return self._looks.goes_on((caller.key, event), self.clock())

    def record_look(self, caller: Caller, address: str, event: AuditEvent) -> None:
        """Tell the audit what somebody looks at, before they see it; the same again within five minutes is one look."""
        if self._looks.is_new((caller.key, event), self.clock()):
            self.record(caller, address, event)

    def entries(
        self, *, who: str = "", action: str = "", limit: int = 100, offset: int = 0
    ) -> tuple[list[audit.AuditRow], int]:
        """The audit, newest first, and how many fit."""
        with self.database.reading.begin() as connection:
            return audit.entries(connection, actor=who, action=action, limit=limit, offset=offset)

    def verify(self) -> audit.AuditVerdict:
        """Compute the audit's chain again."""
        with self.database.reading.begin() as connection:
            return audit.verify(connection)

    def _note(self, connection: Connection, actor: str, address: str, event: AuditEvent) -> None:
        audit.append(connection, self.clock(), actor, address, event)
