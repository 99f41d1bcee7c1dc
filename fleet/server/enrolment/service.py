"""Claims of stations over the store: made, approved, refused, and certificates revoked by people.

Rules: a claim is for one name; who approves names the fingerprint that they saw, and another key is not approved by it. Where two
keys want one name, approving one refuses the other. A revocation ends all that a name holds here, whoever issued it, until a
person lets a key in again. Each step is told to the audit in its own transaction. The code of a claim is never kept, only a
salted scrypt hash of its secret.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from sqlalchemy import ColumnElement, Connection, insert, select, true, update

from fleet.server.audit_log.log import AuditEvent, append
from fleet.server.database.database import Database
from fleet.server.database.station_scope import stations_like
from fleet.server.enrolment import queries
from fleet.server.enrolment.join_keys import JoinKeyRow, end_join_key, list_join_keys, make_join_key
from fleet.server.enrolment.model import MOST_HOURS, ClaimRow, EnrolmentRefusedError, Revoked, Who
from fleet.server.enrolment.tables import station_claims as claims
from fleet.server.live_feed.topics import Changes, Topic, changes_with
from fleet.server.stations.service import add_stations, retired_stations
from provisioning.authority import AuthorityError, check_station_name
from provisioning.claim import secret_digest
from provisioning.est.claim_codes import Claim, ClaimCode
from provisioning.registry import CertificateRecord

EVERYWHERE = frozenset("*")


@dataclass(frozen=True, slots=True)
class ClaimTerms:
    """Content of a claim besides its secret. `server`: the https address at which stations enrol."""

    server: str
    authority: x509.Certificate


@dataclass(frozen=True, slots=True)
class JoinCode:
    """Content of the setup files of a batch: where stations enrol, and with which code."""

    server: str
    code: ClaimCode


class EnrolmentService:
    """Claims for pages and programs, from any thread; nothing here asks who may. `terms`: None where stations cannot enrol over
    the network."""

    def __init__(
        self,
        database: Database,
        changes: Changes,
        clock: Callable[[], datetime],
        terms: ClaimTerms | None = None,
        patterns: frozenset[str] = EVERYWHERE,
        at_authority: Callable[[], list[CertificateRecord]] = list,
    ) -> None:
        """`at_authority`: the certificates that the authority itself has issued."""
        self._database, self._changes, self._clock = database, changes, clock
        self._terms, self._patterns, self._at_authority = terms, patterns, at_authority

    @changes_with()
    def is_on(self) -> bool:
        """Return whether stations can enrol over the network here."""
        return self._terms is not None

    def within(self, patterns: frozenset[str]) -> "EnrolmentService":
        return EnrolmentService(self._database, self._changes, self._clock, self._terms, patterns, self._at_authority)

    @changes_with(Topic.STATIONS)
    def claims(self) -> Sequence[ClaimRow]:
        """List the claims that wait first, then the newest."""
        with self._database.reading.begin() as connection:
            return queries.list_claims(connection, self._clock(), stations_like(self._patterns)(claims.c.station))

    @changes_with(Topic.STATIONS)
    def count_waiting(self) -> int:
        """Count the stations that wait for a person's word."""
        with self._database.reading.begin() as connection:
            return queries.count_waiting(connection, stations_like(self._patterns)(claims.c.station))

    @changes_with(Topic.STATIONS)
    def claim(self, number: int) -> ClaimRow | None:
        """Find a claim by its number."""
        with self._database.reading.begin() as connection:
            return self._find(connection, number)

    def make_claim(self, station: str, hours: float, actor: Who, code: ClaimCode | None = None) -> str:
        """A new one; gives the text of its QR code, which is shown once. `code`: the one that the station has made and shows.

        Raises EnrolmentRefusedError.
        """
        terms = self._needed_terms()
        with self._database.writing.begin() as connection:
            claim = make_claim(connection, terms, station, hours, actor, self._clock(), code)
        self._publish(station)
        return claim.text

    @changes_with(Topic.STATIONS)
    def join_keys(self) -> Sequence[JoinKeyRow]:
        """List the join keys, the newest first."""
        with self._database.reading.begin() as connection:
            return list_join_keys(connection)

    def make_join_key(self, most: int, days: int, actor: Who) -> JoinCode:
        """A new one for so many stations, for so many days; its code is given here and never again.

        Raises EnrolmentRefusedError.
        """
        terms = self._needed_terms()
        code = ClaimCode.make(terms.authority)
        with self._database.writing.begin() as connection:
            make_join_key(connection, code, most, days, actor, self._clock())
        self._changes.publish(frozenset({Topic.STATIONS}))
        return JoinCode(terms.server, code)

    def end_join_key(self, number: int, actor: Who) -> None:
        """Let nobody ask with it any more. Raises EnrolmentRefusedError."""
        with self._database.writing.begin() as connection:
            end_join_key(connection, number, actor, self._clock())
        self._changes.publish(frozenset({Topic.STATIONS}))

    def _needed_terms(self) -> ClaimTerms:
        if self._terms is None:
            raise EnrolmentRefusedError("stations do not enrol over the network here: see --station-http")
        return self._terms

    def decide(self, number: int, key: str, actor: Who, *, approves: bool) -> ClaimRow:
        """Approve or refuse the key of that fingerprint. The same again changes nothing. Raises EnrolmentRefusedError."""
        now = self._clock()
        with self._database.writing.begin() as connection:
            row = self._find(connection, number)
            row = _with_key(row, key)
            if row.approved is not approves:
                _decide(connection, row, actor, now, approves=approves)
            decided = self._find(connection, number)
        assert decided is not None
        self._publish(row.station)
        return decided

    def revoke(self, station: str, reason: str, actor: Who) -> Revoked:
        """End all that the name holds: its certificates from here are revoked, and none that was issued until now is believed
        here, whoever issued it. Raises EnrolmentRefusedError where there is none."""
        now = self._clock()
        left = tuple(
            f"{record.serial:x}"
            for record in self._at_authority()
            if record.station == station and record.revoked is None and record.not_after > now
        )
        with self._database.writing.begin() as connection:
            count = queries.revoke_certificates(connection, station, actor[0], now)
            if not count and not left:
                raise EnrolmentRefusedError(f"{station} has no certificate that is not revoked")
            queries.deny_station(connection, station, now)
            append(connection, now, *actor, AuditEvent("enrolment.revoke", station, reason))
        self._publish(station)
        return Revoked(count, left)

    def _find(self, connection: Connection, number: int) -> ClaimRow | None:
        return queries.find_claim(connection, number, stations_like(self._patterns)(claims.c.station))

    def _publish(self, station: str) -> None:
        self._changes.publish(frozenset({Topic.STATIONS, Topic.STATION.of(station)}))


def let_in(connection: Connection, number: int, key: str, actor: Who, now: datetime) -> None:
    """Approve the key of that fingerprint, in the transaction under way. Certificates of an earlier life of the name end first.
    Raises EnrolmentRefusedError."""
    row = _with_key(queries.find_claim(connection, number, true()), key)
    if row.approved:
        return
    if ended := queries.revoke_certificates(connection, row.station, actor[0], now):
        append(connection, now, *actor, AuditEvent("enrolment.revoke", row.station, f"{ended}: another one is let in"))
    _decide(connection, row, actor, now, approves=True)


def _with_key(row: ClaimRow | None, key: str) -> ClaimRow:
    """The claim, where that key waits. Raises EnrolmentRefusedError."""
    if row is None:
        raise EnrolmentRefusedError("there is no such claim")
    if "".join(key.split()).upper() != "".join(row.key.split()):
        raise EnrolmentRefusedError("another key waits than the one that was shown: look again")
    return row


def _decide(connection: Connection, row: ClaimRow, actor: Who, now: datetime, *, approves: bool) -> None:
    if row.state(now) not in ("waiting", "approved"):
        raise EnrolmentRefusedError(f"nothing waits: the claim is {row.state(now)}")
    _write(connection, claims.c.id == row.id, actor, now, approves=approves)
    append(
        connection, now, *actor, AuditEvent(f"enrolment.{'approve' if approves else 'refuse'}", row.station, row.key)
    )
    if not approves:
        return
    add_stations(connection, [row.station])
    rivals = claims.c.station == row.station, claims.c.id != row.id, claims.c.asked.is_not(None)
    for rival in connection.execute(select(claims.c.id).where(*rivals, claims.c.approved.is_(None))).scalars():
        _write(connection, claims.c.id == rival, actor, now, approves=False)
        append(connection, now, *actor, AuditEvent("enrolment.refuse", row.station, "another key was approved"))


def make_claim(
    connection: Connection,
    terms: ClaimTerms,
    station: str,
    hours: float,
    actor: Who,
    now: datetime,
    code: ClaimCode | None = None,
) -> Claim:
    """A new claim, in the transaction under way. Raises EnrolmentRefusedError."""
    if not 0 < hours <= MOST_HOURS:
        raise EnrolmentRefusedError(f"a claim is good for at most {MOST_HOURS} hours")
    try:
        check_station_name(station)
    except AuthorityError as error:
        raise EnrolmentRefusedError(str(error)) from None
    if retired_stations(connection, [station]):
        raise EnrolmentRefusedError(f"{station} is retired: take it into the fleet again first")
    if code is not None and not code.names(terms.authority):
        raise EnrolmentRefusedError(
            "the station has reached another server than this one: find out which before you go on"
        )
    code, salt = code or ClaimCode.make(terms.authority), secrets.token_hex(16)
    row = {
        "station": station,
        "salt": salt,
        "digest": secret_digest(salt, code.secret),
        "made": now,
        "made_by": actor[0][:64],
        "expires": now + timedelta(hours=hours),
        "wrong": 0,
    }
    connection.execute(insert(claims).values(row))
    append(connection, now, *actor, AuditEvent("enrolment.claim", station, f"{hours:g} h"))
    return Claim(terms.server, station, code)


def _write(connection: Connection, which: ColumnElement[bool], actor: Who, now: datetime, *, approves: bool) -> None:
    values = {"approved": approves, "decided": now, "decided_by": actor[0][:64]}
    connection.execute(update(claims).where(which).values(values))
