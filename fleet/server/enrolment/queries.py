"""Queries of claims and of stations' certificates. Every function works in a transaction that the caller holds."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from sqlalchemy import ColumnElement, Connection, Row, func, insert, or_, select, update

from fleet.messages.vocabulary import CommandName, EventType
from fleet.server.commands.tables import commands
from fleet.server.database.bulk import Put, put_all
from fleet.server.enrolment.model import REDELIVERED, ClaimRow
from fleet.server.enrolment.tables import denied_stations
from fleet.server.enrolment.tables import issued_certificates as certificates
from fleet.server.enrolment.tables import station_claims as claims
from fleet.server.events.queries import received_sequences
from fleet.server.events.tables import chains, events
from fleet.server.stations.tables import stations
from provisioning import pki
from provisioning.est.wire import short_fingerprint

SHOWN = timedelta(days=30)
"""A claim that nothing waits for is listed for so long."""
MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class WaitingStation:
    """Somebody has used the claim of a station, and nobody has decided."""

    station: str
    since: datetime
    is_in_conflict: bool


@dataclass(frozen=True, slots=True)
class StationCertificate:
    """One that was issued here. `serial` is the X.509 serial number."""

    serial: int
    station: str
    epoch: int
    issued: datetime
    not_after: datetime
    chain: str
    revoked: datetime | None

    def is_deliverable(self, now: datetime) -> bool:
        """Return whether the same key may have this certificate again."""
        return self.revoked is None and now < self.issued + REDELIVERED


def list_claims(connection: Connection, now: datetime, among: ColumnElement[bool]) -> list[ClaimRow]:
    """List the claims that wait, then the newest."""
    waits = claims.c.asked.is_not(None) & claims.c.approved.is_(None)
    chosen = select(claims).where(among, or_(waits, claims.c.made > now - SHOWN))
    order = chosen.order_by(waits.desc(), claims.c.id.desc()).limit(MOST_SHOWN)
    return [_claim(connection, row) for row in connection.execute(order).all()]


def count_waiting(connection: Connection, among: ColumnElement[bool]) -> int:
    """Count the stations that have asked, and about which nobody has decided."""
    waits = claims.c.asked.is_not(None), claims.c.approved.is_(None)
    return connection.execute(select(func.count(claims.c.station.distinct())).where(among, *waits)).scalar_one()


def find_claim(connection: Connection, number: int, among: ColumnElement[bool]) -> ClaimRow | None:
    row = connection.execute(select(claims).where(claims.c.id == number, among)).first()
    return None if row is None else _claim(connection, row)


def waiting_stations(connection: Connection) -> list[WaitingStation]:
    """By name; two claims of one name are a conflict."""
    chosen = (
        select(
            claims.c.station,
            func.min(claims.c.asked).label("since"),
            func.count().label("number"),
            func.count(claims.c.other_key).label("others"),
        )
        .where(claims.c.asked.is_not(None), claims.c.approved.is_(None))
        .group_by(claims.c.station)
        .order_by(claims.c.station)
    )
    return [
        WaitingStation(row.station, row.since, row.number > 1 or row.others > 0) for row in connection.execute(chosen)
    ]


def next_epoch(connection: Connection, station: str, at_authority: int) -> int:
    """One more than any that this station had: by the authority's list, by a certificate from here, or by its events."""
    issued = select(func.max(certificates.c.epoch)).where(certificates.c.station == station)
    heard = select(func.max(chains.c.epoch)).join(stations).where(stations.c.name == station)
    epochs = [connection.execute(query).scalar() or 0 for query in (issued, heard)]
    return 1 + max(at_authority, *epochs)


def end_of_former_life(connection: Connection, station: str) -> str | None:
    """Return where the events of the station's last epoch end: `EPOCH:SEQUENCE`, up to which all came, and how many came
    behind it. None where it never spoke, or had said by a reset that this is all."""
    lives = select(chains.c.station, chains.c.epoch).join(stations).where(stations.c.name == station)
    last = connection.execute(lives.order_by(chains.c.epoch.desc()).limit(1)).first()
    if last is None:
        return None
    received = received_sequences(connection, *last)
    its = events.c.station == last.station, events.c.epoch == last.epoch, events.c.type == EventType.STATION_RESET
    if not received.gaps and connection.execute(select(events.c.id).where(*its).limit(1)).first() is not None:
        return None
    behind = received.highest - received.through - received.missing
    return f"{last.epoch}:{received.through}" + (f", +{behind}" if behind else "")


def record_certificate(
    connection: Connection, chain: tuple[x509.Certificate, ...], station: str, epoch: int, key: str, *,
    claim: int | None, now: datetime,
) -> None:  # fmt: skip
    """Write down what was issued: what is not here cannot be revoked here."""
    row = {
        "serial": f"{chain[0].serial_number:x}",
        "station": station,
        "epoch": epoch,
        "issued": now,
        "not_after": chain[0].not_valid_after_utc,
        "key": key,
        "claim": claim,
        "chain": b"".join(map(pki.certificate_pem, chain)).decode(),
    }
    connection.execute(insert(certificates).values(row))


def find_certificate(connection: Connection, serial: int) -> StationCertificate | None:
    row = connection.execute(select(certificates).where(certificates.c.serial == f"{serial:x}")).first()
    return None if row is None else _certificate(row)


def certificates_of_claim(connection: Connection, claim: int) -> list[StationCertificate]:
    """Read the certificates that were issued under a claim: one at most."""
    return [_certificate(row) for row in connection.execute(select(certificates).where(certificates.c.claim == claim))]


def certificates_of_key(connection: Connection, station: str, epoch: int, key: str) -> list[StationCertificate]:
    """Read the certificates that were issued to a station in that epoch for that key, newest first."""
    mine = certificates.c.station == station, certificates.c.epoch == epoch, certificates.c.key == key
    newest = select(certificates).where(*mine).order_by(certificates.c.issued.desc())
    return [_certificate(row) for row in connection.execute(newest)]


def list_certificates(connection: Connection) -> Iterable[StationCertificate]:
    """All that were issued here, oldest first."""
    return [_certificate(row) for row in connection.execute(select(certificates).order_by(certificates.c.issued))]


def awaits_self_test(connection: Connection, station: str) -> bool:
    """Return whether a station that was let in here has done no self test since: until then it is not known to be one."""
    let_in = select(func.max(claims.c.decided)).where(claims.c.station == station, claims.c.approved)
    at = connection.execute(let_in).scalar()
    tests = commands.c.station == station, commands.c.command == CommandName.SELF_TEST.value, commands.c.state == "done"
    return (
        at is not None
        and connection.execute(select(commands.c.id).where(*tests, commands.c.ended > at)).first() is None
    )


def count_renewals(connection: Connection, station: str, since: datetime) -> int:
    mine = certificates.c.station == station, certificates.c.claim.is_(None), certificates.c.issued > since
    return connection.execute(select(func.count()).select_from(certificates).where(*mine)).scalar_one()


def revoke_up_to(connection: Connection, station: str, epoch: int, actor: str, at: datetime) -> None:
    """Revoke what was issued to it up to that epoch."""
    mine = certificates.c.station == station, certificates.c.epoch <= epoch, certificates.c.revoked.is_(None)
    connection.execute(update(certificates).where(*mine).values(revoked=at, revoked_by=actor[:64]))


def revoke_certificates(connection: Connection, station: str, actor: str, now: datetime) -> int:
    """Gives how many are newly revoked."""
    mine = certificates.c.station == station, certificates.c.revoked.is_(None)
    return connection.execute(update(certificates).where(*mine).values(revoked=now, revoked_by=actor[:64])).rowcount


def deny_station(connection: Connection, station: str, now: datetime) -> None:
    """Believe no certificate of that name that was issued until now, whoever issued it."""
    put_all(connection, [Put(denied_stations, [{"station": station, "since": now}], ("since",))])


def denied_since(connection: Connection) -> dict[str, datetime]:
    """By name, until when what was issued counts no more."""
    return {row.station: row.since for row in connection.execute(select(denied_stations))}


def _claim(connection: Connection, row: Row[Any]) -> ClaimRow:
    others = claims.c.station == row.station, claims.c.id != row.id
    waits = claims.c.asked.is_not(None), claims.c.approved.is_(None)
    issued = select(func.max(certificates.c.issued)).where(certificates.c.claim == row.id)
    living = (
        certificates.c.station == row.station,
        certificates.c.revoked.is_(None),
        or_(certificates.c.claim.is_(None), certificates.c.claim != row.id),
    )
    heard = stations.c.name == row.station, stations.c.heard.is_not(None)
    count = func.count
    return ClaimRow(
        row.id,
        row.station,
        row.made,
        row.made_by,
        row.expires,
        row.wrong,
        row.asked,
        row.address or "",
        short_fingerprint(row.key or ""),
        short_fingerprint(row.other_key or ""),
        row.approved,
        row.decided,
        row.decided_by or "",
        connection.execute(issued).scalar(),
        bool(connection.execute(select(count()).select_from(certificates).where(*living)).scalar())
        or bool(connection.execute(select(count()).select_from(stations).where(*heard)).scalar()),
        connection.execute(select(count()).select_from(claims).where(*others, *waits)).scalar_one(),
        row.join_key,
    )


def _certificate(row: Row[Any]) -> StationCertificate:
    return StationCertificate(
        int(row.serial, 16), row.station, row.epoch, row.issued, row.not_after, row.chain, row.revoked
    )
