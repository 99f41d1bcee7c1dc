"""Security keys of local accounts (WebAuthn): add, remove, sign in by, and step up by.

Rules: a key is added in a session, by password and one-time code where it is the first, and after a step-up by another key where
it is not: a session that was left open adds none, and removes none without a step-up; the last one stays until somebody else
resets the account. The first key of an account is good for a step-up after a day: password and code may have been fished, and
the audit and the list of keys give the owner time to see it. That of a new account made in a region's first hour is good at once.
Challenges lie in the store for five minutes and work once, for the session (or, at a sign-in, the account) that they were made
for. A key whose counter does not rise has been copied: it is refused, and the audit says so. A sign-in by key has the password
before it; a step-up is good only where the key verified its user.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, delete, func, insert, select, update

from fleet.server.accounts import queries as people
from fleet.server.accounts.separation_of_duties import first_hour_end
from fleet.server.accounts.sessions import Proof, note_step_up
from fleet.server.accounts.tables import users, webauthn_challenges, webauthn_keys
from fleet.server.audit_log import log as audit
from fleet.server.audit_log.log import AuditEvent
from fleet.server.keys.random_tokens import digest
from fleet.server.sign_in.security_keys import webauthn as webauthn_ceremonies
from fleet.server.sign_in.security_keys.webauthn import Asked, KeyRefusedError, RelyingParty
from fleet.server.sign_in.service import Access, Refused, SignedIn
from fleet.server.web.roles import Caller

LASTS = timedelta(minutes=5)
RIPENS = timedelta(hours=24)
"""When a first key is good for a step-up."""
MOST_KEYS, MOST_NAME = 10, 40
Kind = Literal["register", "sign-in", "step-up"]


@dataclass(frozen=True, slots=True)
class Key:
    """One key, as its owner calls it."""

    id: int
    name: str
    made: datetime
    used: datetime | None


@dataclass(frozen=True, slots=True)
class Used:
    """A key has signed. `is_ripe`: it is good for a step-up."""

    user_verified: bool
    is_ripe: bool


class SecurityKeys:
    """See the module. Every method is a transaction of its own, from any thread."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._database, self._clock = access.database, access.clock

    def listed(self, caller: Caller) -> list[Key]:
        """The caller's, the oldest first."""
        with self._database.reading.begin() as connection:
            rows = self._rows(connection, people.named(connection, caller.name).id)
        return [Key(row.id, row.name, row.made, row.used) for row in rows]

    def begin_to_add(
        self, caller: Caller, party: RelyingParty, name: str, typed: tuple[str, str], address: str
    ) -> Asked | Refused:
        """`typed`: password and one-time code, for the first key."""
        with self._database.reading.begin() as connection:
            person = people.named(connection, caller.name)
            credentials = [row.credential for row in self._rows(connection, person.id)]
            free = self._is_free(connection, person.id, name)
        if not free:
            return Refused.NAME
        if credentials and not caller.has_stepped_up(self._clock()):
            return Refused.STEP_UP
        if not credentials and (wrong := self._access.confirm(caller, *typed, address)) is not None:
            return wrong
        ceremony = webauthn_ceremonies.ask_to_register(party, _handle(person.id, person.made), caller.name, credentials)
        self._keep(ceremony, "register", person.id, caller.key)
        return ceremony

    def add(self, caller: Caller, party: RelyingParty, name: str, credential: str, address: str) -> Refused | None:
        """None where the key was added."""
        with self._database.writing.begin() as connection:
            user = people.named(connection, caller.name).id
            try:
                challenge = self._take(connection, "register", credential, user, caller.key)
                made = webauthn_ceremonies.check_registration(party, challenge, credential)
            except KeyRefusedError as error:
                self._note(connection, caller.name, address, AuditEvent("key.refused", caller.name, str(error)))
                return Refused.KEY
            same_key = select(webauthn_keys.c.id).where(webauthn_keys.c.credential == made.credential)
            if not self._is_free(connection, user, name) or connection.execute(same_key).first() is not None:
                return Refused.NAME
            row = {"credential": made.credential, "public_key": made.public_key, "sign_count": made.sign_count}
            connection.execute(insert(webauthn_keys).values(user=user, name=name, made=self._clock(), **row))
            self._note(connection, caller.name, address, AuditEvent("key.add", caller.name, name))
            return None

    def remove(self, caller: Caller, number: int, address: str) -> Refused | None:
        """None where it is gone."""
        with self._database.writing.begin() as connection:
            rows = self._rows(connection, people.named(connection, caller.name).id)
            row = next((row for row in rows if row.id == number), None)
            if row is None:
                return Refused.KEY
            if not caller.has_stepped_up(self._clock()):
                return Refused.STEP_UP
            if len(rows) == 1:
                return Refused.LAST_KEY
            connection.execute(delete(webauthn_keys).where(webauthn_keys.c.id == number))
            self._note(connection, caller.name, address, AuditEvent("key.remove", caller.name, row.name))
            return None

    def begin_step_up(self, caller: Caller, party: RelyingParty) -> Asked | datetime | None:
        """None where the account has no key; a time where it has one from then on that is good for this."""
        with self._database.reading.begin() as connection:
            user = people.named(connection, caller.name).id
            rows = self._rows(connection, user)
            ripe = [self._ripe_from(connection, row) for row in rows]
        if not rows:
            return None
        credentials = [row.credential for row, at in zip(rows, ripe, strict=True) if at <= self._clock()]
        if not credentials:
            return min(ripe)
        ceremony = webauthn_ceremonies.ask_to_assert(party, credentials, verifies_user=True)
        self._keep(ceremony, "step-up", user, caller.key)
        return ceremony

    def step_up(self, caller: Caller, party: RelyingParty, credential: str, address: str) -> bool:
        """Step the session up by a key; return whether it has a fresh proof now."""
        with self._database.writing.begin() as connection:
            user = people.named(connection, caller.name).id
            try:
                challenge = self._take(connection, "step-up", credential, user, caller.key)
                done = self._check(connection, party, challenge, credential, user, verifies_user=True)
                if not done.is_ripe:
                    raise KeyRefusedError("a first key is good for a step-up after a day")
            except KeyRefusedError as error:
                self._note(connection, caller.name, address, AuditEvent("step-up.refused", caller.name, str(error)))
                return False
            note_step_up(connection, caller.key, self._clock())
            self._note(connection, caller.name, address, AuditEvent("step-up", caller.name, "key"))
            return True

    def begin_sign_in(self, name: str, password: str, party: RelyingParty, address: str) -> Asked | Refused:
        """After the right password of an account that has a key; anything else is the same refusal."""
        row = self._access.with_password(name, password, address)
        if isinstance(row, Refused):
            return row
        with self._database.reading.begin() as connection:
            credentials = [key_row.credential for key_row in self._rows(connection, row.id)]
        if not credentials:
            return Refused.WRONG
        ceremony = webauthn_ceremonies.ask_to_assert(party, credentials, verifies_user=False)
        self._keep(ceremony, "sign-in", row.id, None)
        return ceremony

    def sign_in(self, party: RelyingParty, credential: str, address: str) -> SignedIn | Refused:
        """By a key, after `begin_sign_in`."""
        with self._database.writing.begin() as connection:
            try:
                user = self._asked_for(connection, credential)
                challenge = self._take(connection, "sign-in", credential, user, None)
                done = self._check(connection, party, challenge, credential, user, verifies_user=False)
            except KeyRefusedError as error:
                self._note(connection, people.NOBODY, address, AuditEvent("sign-in.refused", "", str(error)))
                return Refused.KEY
            row = connection.execute(select(users).where(users.c.id == user, users.c.disabled.is_(False))).first()
            if row is None or row.password is None:
                return Refused.KEY
            proof = Proof(self._clock() if done.user_verified and done.is_ripe else None)
            return self._access.begin(connection, row, address, "key", proof)

    def _check(
        self,
        connection: Connection,
        party: RelyingParty,
        challenge: str,
        credential: str,
        user: int,
        *,
        verifies_user: bool,
    ) -> "Used":
        named = webauthn_keys.c.credential == webauthn_ceremonies.credential_in(credential)
        row = connection.execute(select(webauthn_keys).where(named, webauthn_keys.c.user == user)).first()
        if row is None:
            raise KeyRefusedError("no key of this account")
        done = webauthn_ceremonies.check_assertion(
            party, challenge, credential, row.public_key, verifies_user=verifies_user
        )
        if (done.sign_count or row.sign_count) and done.sign_count <= row.sign_count:  # 7.2, 21: copied, or replayed
            raise KeyRefusedError(f"the counter of {row.name} did not rise: it may have been copied")
        values = {"sign_count": done.sign_count, "used": self._clock()}
        connection.execute(update(webauthn_keys).where(webauthn_keys.c.id == row.id).values(values))
        return Used(done.user_verified, self._ripe_from(connection, row) <= self._clock())

    def _ripe_from(self, connection: Connection, row: Any) -> datetime:
        """From when that key is good for a step-up: at once where an older one has vouched for it, or the region was new."""
        older = select(webauthn_keys.c.id).where(webauthn_keys.c.user == row.user, webauthn_keys.c.id < row.id)
        account = connection.execute(select(users.c.made).where(users.c.id == row.user)).scalar_one()
        end = first_hour_end(connection)
        new = row.made < account + RIPENS and (end is None or row.made <= end)
        vouched = connection.execute(older).first() is not None or new
        made: datetime = row.made
        return made if vouched else made + RIPENS

    def _rows(self, connection: Connection, user: int) -> list[Any]:
        query = select(webauthn_keys).where(webauthn_keys.c.user == user).order_by(webauthn_keys.c.id)
        return list(connection.execute(query))

    def _is_free(self, connection: Connection, user: int, name: str) -> bool:
        """Return whether the user may add one more key, of that name."""
        mine = webauthn_keys.c.user == user
        count = connection.execute(select(func.count()).select_from(webauthn_keys).where(mine)).scalar_one()
        taken = connection.execute(select(webauthn_keys.c.id).where(mine, webauthn_keys.c.name == name)).first()
        fits = 1 <= len(name) <= MOST_NAME and name.isprintable() and name == " ".join(name.split())
        return fits and taken is None and count < MOST_KEYS

    def _keep(self, ceremony: Asked, kind: Kind, user: int, session: str | None) -> None:
        now = self._clock()
        row = {"hash": digest(ceremony.challenge), "kind": kind, "user": user, "session": session, "ends": now + LASTS}
        with self._database.writing.begin() as connection:
            connection.execute(delete(webauthn_challenges).where(webauthn_challenges.c.ends < now))
            connection.execute(insert(webauthn_challenges).values(**row))

    def _asked_for(self, connection: Connection, credential: str) -> int:
        """Return the user whose sign-in that challenge belongs to. Raises KeyRefusedError."""
        mine = webauthn_challenges.c.hash == digest(webauthn_ceremonies.challenge_in(credential))
        user = connection.execute(select(webauthn_challenges.c.user).where(mine)).scalar()
        if user is None:
            raise KeyRefusedError("the challenge is unknown or used")
        return int(user)

    def _take(self, connection: Connection, kind: Kind, credential: str, user: int, session: str | None) -> str:
        """The challenge that was signed, which works no more then. Raises KeyRefusedError."""
        challenge = webauthn_ceremonies.challenge_in(credential)
        mine = webauthn_challenges.c.hash == digest(challenge)
        row = connection.execute(select(webauthn_challenges).where(mine)).first()
        connection.execute(delete(webauthn_challenges).where(mine))
        if row is None or (row.kind, row.user, row.session) != (kind, user, session) or row.ends <= self._clock():
            raise KeyRefusedError("the challenge is unknown, used, too old, or another's")
        return challenge

    def _note(self, connection: Connection, actor: str, address: str, event: AuditEvent) -> None:
        audit.append(connection, self._clock(), actor, address, event)


def _handle(user: int, made: datetime) -> bytes:
    """Says nothing of who it is (Level 2, 14.6.1)."""
    return hashlib.sha256(f"kortkiosk account {user} {made.isoformat()}".encode()).digest()
