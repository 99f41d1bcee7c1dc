"""Judgement of stations' requests for certificates: under a claim code, or to renew the certificate that they show.

Rules:
- A code is for one name. Its first good request binds it to one key; another key with the same code is refused, and seen.
- A join key is for many names: under it a station gets a claim of its own (`join_keys`).
- Five wrong codes for a name end its claims that nobody has used. One that a station waits on takes no harm from others' guesses:
  its code alone gets nobody a certificate any more.
- A person approves; then the next request of that key gets the certificate, and gets it again for a day, as after a power cut.
- A station in the place of one of its name that had not ended by a reset is an alarm, which names the last event that came.
- A request holds an EC key on P-256, is signed by it, and names nobody or the claim's station. Nothing else of it is copied.
- A renewal is for the name of the certificate that is shown; a revoked one, or a retired station's, gets none. The epoch stays.
  Asked again within a day for the same key, the same certificate comes. One that the store does not have, since it was restored
  from a back-up, is written down.
"""

import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import Connection, Row, select, update

from fleet.messages.statements import fault_of, name_of
from fleet.server.audit_log.log import AuditEvent, append
from fleet.server.database.database import Database
from fleet.server.enrolment import queries
from fleet.server.enrolment.join_keys import compared_join_keys, join
from fleet.server.enrolment.model import (
    MOST_RENEWALS,
    EnrolmentRefused,
    IssuedChain,
    Outcome,
    Refusal,
    StationIdentity,
    WaitsForApproval,
    is_denied,
)
from fleet.server.enrolment.tables import station_claims as claims
from fleet.server.live_feed.topics import Changes, Topic
from fleet.server.stations.alarms import FORMER_LIFE, Alarm, raise_alarm
from fleet.server.stations.service import retired_stations
from provisioning import pki
from provisioning.claim import MAX_WRONG, ClaimRefused, secret_digest
from provisioning.est.claim_codes import ClaimCode
from provisioning.est.wire import key_digest, short_fingerprint
from provisioning.issuing import Issuing
from provisioning.registry import CertificateRecord

DAY = timedelta(days=1)
MOST_CLAIMS = 5
"""Of a name, the newest: the code is compared with each, which takes scrypt each time."""
MOST_KNOWN = 1000
_NO_SALT = "00" * 16
PROGRAM = "server"

Epochs = Callable[[], list[CertificateRecord]]


class EnrolmentJudge:
    """For threads: every call is one or two transactions."""

    def __init__(
        self,
        database: Database,
        issuing: Issuing,
        changes: Changes,
        clock: Callable[[], datetime],
        at_authority: Epochs,
    ) -> None:
        """`at_authority`: the certificates that the authority itself has issued."""
        self._database, self._issuing, self._changes, self._clock = database, issuing, changes, clock
        self._at_authority = at_authority
        self._seen = _RightCodes()

    def enrol(self, station: str, code: str, request: x509.CertificateSigningRequest, address: str) -> Outcome:
        """Under a claim code. Raises AuthorityError once the issuing certificate has ended."""
        opened = self._opened_by(station, code)
        if opened is None:
            return EnrolmentRefused(Refusal.WRONG_CODE)
        public = _public_key(request, station)
        if isinstance(public, Refusal):
            return EnrolmentRefused(public)
        with self._database.writing.begin() as connection:
            number = join(connection, opened.number, station, self._clock()) if opened.is_join_key else opened.number
            if isinstance(number, Refusal):
                return EnrolmentRefused(number)
            outcome = self._enrol(connection, number, public, address)
        self._changes.publish(frozenset({Topic.STATIONS, Topic.STATION.of(station)}))
        return outcome

    def renew(self, shown: x509.Certificate, request: x509.CertificateSigningRequest, address: str) -> Outcome:
        """For the station whose certificate was shown in TLS. Raises AuthorityError once the issuing certificate has ended."""
        now = self._clock()
        with self._database.writing.begin() as connection:
            self._learn(connection, shown)
            identity = self._identity(connection, shown)
            if isinstance(identity, Refusal):
                return EnrolmentRefused(identity)
            public = _public_key(request, identity.station)
            if isinstance(public, Refusal):
                return EnrolmentRefused(public)
            again = queries.certificates_of_key(connection, identity.station, identity.epoch, key_digest(public))
            if given := [certificate for certificate in again if certificate.is_deliverable(now)]:
                return IssuedChain(tuple(x509.load_pem_x509_certificates(given[0].chain.encode())))
            if queries.count_renewals(connection, identity.station, now - DAY) >= MOST_RENEWALS:
                return EnrolmentRefused(Refusal.TOO_MANY)
            chain = self._issue(connection, identity, public, None)
            append(connection, now, PROGRAM, address, AuditEvent("enrolment.renew", identity.station))
        return IssuedChain(chain)

    def identity(self, shown: x509.Certificate) -> StationIdentity | Refusal:
        """Return the identity of the station that shows this certificate."""
        with self._database.reading.begin() as connection:
            return self._identity(connection, shown)

    def _opened_by(self, station: str, code: str) -> "_Opened | None":
        """The claim or join key that the code opens; a wrong one is counted. The same work is done where there is none."""
        try:
            typed = ClaimCode.parse(code)
        except ClaimRefused:
            return None
        newest = select(claims).where(claims.c.station == station).order_by(claims.c.id.desc()).limit(MOST_CLAIMS)
        with self._database.reading.begin() as connection:
            its_claims = connection.execute(newest).all()
            keys = compared_join_keys(connection, self._clock())
        rows = [*its_claims, *keys]
        if (place := self._right_place(rows, typed.secret)) is not None:
            return _Opened(int(rows[place].id), is_join_key=place >= len(its_claims))
        unused = claims.c.station == station, claims.c.asked.is_(None), claims.c.wrong < MAX_WRONG
        with self._database.writing.begin() as connection:
            connection.execute(update(claims).where(*unused).values(wrong=claims.c.wrong + 1))
        return None

    def _right_place(self, rows: Sequence[Row[Any]], secret: str) -> int | None:
        """Place of the first row whose secret this is."""
        for place, row in enumerate(rows):
            if self._seen.has(row.digest, secret):
                return place
        digests = [secret_digest(salt, secret) for salt in ([row.salt for row in rows] or [_NO_SALT])]
        for place, (row, digest) in enumerate(zip(rows, digests, strict=False)):
            if hmac.compare_digest(row.digest, digest):
                self._seen.add(row.digest, secret)
                return place
        return None

    def _enrol(self, connection: Connection, number: int, public: ec.EllipticCurvePublicKey, address: str) -> Outcome:
        row = connection.execute(select(claims).where(claims.c.id == number).with_for_update()).one()
        key, now = key_digest(public), self._clock()
        if retired_stations(connection, [row.station]):
            return EnrolmentRefused(Refusal.RETIRED)
        if row.asked is None:
            return self._bind(connection, row, key, now, address)
        if row.key != key:
            connection.execute(update(claims).where(claims.c.id == number).values(other_key=key))
            append(
                connection, now, PROGRAM, address,
                AuditEvent("enrolment.other_key", row.station, short_fingerprint(key)),
            )  # fmt: skip
            return EnrolmentRefused(Refusal.OTHER_KEY)
        if row.approved is None:
            return WaitsForApproval()
        if not row.approved:
            return EnrolmentRefused(Refusal.REFUSED)
        return self._deliver(connection, row, public, now)

    def _bind(self, connection: Connection, row: Row[Any], key: str, now: datetime, address: str) -> Outcome:
        """The first use of the code: from now on it is this key's."""
        if row.wrong >= MAX_WRONG:
            return EnrolmentRefused(Refusal.TRIED_TOO_OFTEN)
        if now >= row.expires:
            return EnrolmentRefused(Refusal.EXPIRED)
        values = {"asked": now, "address": address[:64], "key": key}
        connection.execute(update(claims).where(claims.c.id == row.id).values(values))
        append(connection, now, PROGRAM, address, AuditEvent("enrolment.ask", row.station, short_fingerprint(key)))
        return WaitsForApproval()

    def _deliver(
        self, connection: Connection, row: Row[Any], public: ec.EllipticCurvePublicKey, now: datetime
    ) -> Outcome:
        given = queries.certificates_of_claim(connection, row.id)
        if given:
            again = [certificate for certificate in given if certificate.is_deliverable(now)]
            if not again:
                return EnrolmentRefused(Refusal.USED)
            return IssuedChain(tuple(x509.load_pem_x509_certificates(again[0].chain.encode())))
        epoch = queries.next_epoch(connection, row.station, self._epoch_at_authority(row.station))
        identity = StationIdentity(row.station, epoch)
        chain = self._issue(connection, identity, public, row.id)
        append(connection, now, PROGRAM, "", AuditEvent("enrolment.issue", row.station, f"epoch {identity.epoch}"))
        if (end := queries.end_of_former_life(connection, row.station)) is not None:
            raise_alarm(connection, Alarm(row.station, FORMER_LIFE, end), now)
        return IssuedChain(chain)

    def _issue(
        self, connection: Connection, identity: StationIdentity, public: ec.EllipticCurvePublicKey, claim: int | None
    ) -> tuple[x509.Certificate, ...]:
        now = self._clock()
        chain = self._issuing.chain(self._issuing.issue(identity.station, public, now))
        queries.record_certificate(
            connection, chain, identity.station, identity.epoch, key_digest(public), claim=claim, now=now
        )
        return chain

    def _learn(self, connection: Connection, shown: x509.Certificate) -> None:
        """Write down a certificate of an issuing key that the store does not have: it was restored from an older back-up."""
        chain, name, begun = self._issuing.chain(shown), name_of(shown), shown.not_valid_before_utc
        if queries.find_certificate(connection, shown.serial_number) is not None or fault_of(shown, chain[1:], begun):
            return
        public, epoch = shown.public_key(), queries.next_epoch(connection, name, self._epoch_at_authority(name)) - 1
        assert isinstance(public, ec.EllipticCurvePublicKey), "no other key is signed"
        queries.record_certificate(connection, chain, name, epoch, key_digest(public), claim=None, now=begun)

    def _epoch_at_authority(self, station: str) -> int:
        return max((record.epoch for record in self._at_authority() if record.station == station), default=0)

    def _identity(self, connection: Connection, shown: x509.Certificate) -> StationIdentity | Refusal:
        """A certificate of the authority's own making is in its list; one from here in the store."""
        if is_denied(shown, queries.denied_since(connection).get(name_of(shown))):
            return Refusal.REVOKED
        own = queries.find_certificate(connection, shown.serial_number)
        listed = [record for record in self._at_authority() if record.serial == shown.serial_number]
        issued: queries.StationCertificate | CertificateRecord | None = own or next(iter(listed), None)
        if issued is None:
            return Refusal.NO_CERTIFICATE
        if issued.revoked is not None:
            return Refusal.REVOKED
        if retired_stations(connection, [issued.station]):
            return Refusal.RETIRED
        return StationIdentity(issued.station, issued.epoch)


@dataclass(frozen=True, slots=True)
class _Opened:
    """Number of the claim, or of the join key, that a code opens."""

    number: int
    is_join_key: bool


class _RightCodes:
    """Codes that were right before: a station that waits asks every ten seconds, and scrypt is made to be slow. Kept as HMAC
    under a key of this process."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._known: dict[bytes, None] = {}

    def has(self, digest: str, secret: str) -> bool:
        return self._mac(digest, secret) in self._known

    def add(self, digest: str, secret: str) -> None:
        if len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[self._mac(digest, secret)] = None

    def _mac(self, digest: str, secret: str) -> bytes:
        return hmac.digest(self._key, f"{digest}:{secret}".encode(), "sha256")


def _public_key(request: x509.CertificateSigningRequest, station: str) -> ec.EllipticCurvePublicKey | Refusal:
    """The key of a request for this station, or what is wrong with it."""
    try:
        public = pki.key_of_request(request)
        names = [str(attribute.value) for attribute in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        others = [attribute for attribute in request.subject if attribute.oid != NameOID.COMMON_NAME]
    except (ValueError, UnsupportedAlgorithm):
        return Refusal.BAD_KEY
    return public if not others and names in ([], [station]) else Refusal.OTHER_NAME
