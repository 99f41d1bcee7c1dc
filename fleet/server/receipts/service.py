"""Keys of stations, for the page that checks receipts.

Rules: a certificate is shown where the server has issued it itself, or has verified the authority's signature on it (with the
station's first checkpoint), for good: receipts outlive certificates. One that any list of revocations names is shown as revoked.
What is read holds for `FRESH`: anybody may ask.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection, select

from fleet.server.checkpoints.tables import station_certificates
from fleet.server.database.database import Database
from fleet.server.enrolment.tables import issued_certificates
from fleet.server.receipts.model import StationKey
from fleet.server.stations.tables import stations

FRESH = timedelta(minutes=1)
_LIST = b"-----END X509 CRL-----"

_log = logging.getLogger(__name__)


class _Titled(msgspec.Struct):
    """Part of a station's state that is read: its title."""

    title: str = ""


class StationKeyService:
    """Implements `StationKeys`. `crls`: files with lists of revocations (PEM), which may not be there."""

    def __init__(self, database: Database, clock: Callable[[], datetime], crls: Iterable[Path] = ()) -> None:
        self._database, self._clock, self._crls = database, clock, tuple(crls)
        self._kept: tuple[datetime, tuple[StationKey, ...]] | None = None
        self._lock = Lock()

    def list_keys(self) -> tuple[StationKey, ...]:
        now = self._clock()
        with self._lock:
            if self._kept is None or not timedelta() <= now - self._kept[0] < FRESH:
                with self._database.reading.begin() as connection:
                    self._kept = now, tuple(_keys(connection, self._revoked(connection)))
            return self._kept[1]

    def _revoked(self, connection: Connection) -> frozenset[int]:
        """Serial numbers, of whichever authority: all are the fleet's own, and drawn at random."""
        ours = select(issued_certificates.c.serial).where(issued_certificates.c.revoked.is_not(None))
        return frozenset(int(serial, 16) for serial in connection.scalars(ours)).union(*map(_listed, self._crls))


def _listed(path: Path) -> frozenset[int]:
    try:
        parts = [part + _LIST for part in path.read_bytes().split(_LIST)[:-1]]
        return frozenset(entry.serial_number for part in parts for entry in x509.load_pem_x509_crl(part))
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError) as error:
        _log.error("the list of revoked stations at %s is not used for receipts: %s", path, error)
        return frozenset()


def _keys(connection: Connection, revoked: frozenset[int]) -> Iterator[StationKey]:
    rows = connection.execute(select(stations.c.name, stations.c.state))
    places = {name: msgspec.json.decode(state, type=_Titled).title for name, state in rows if state}
    for station, certificate in sorted(_certificates(connection), key=lambda pair: pair[0]):
        key = certificate.public_key()
        if isinstance(key, EllipticCurvePublicKey):
            yield StationKey(
                station,
                places.get(station, ""),
                key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
                certificate.not_valid_before_utc,
                certificate.not_valid_after_utc,
                certificate.serial_number in revoked,
            )


def _certificates(connection: Connection) -> frozenset[tuple[str, x509.Certificate]]:
    """Each with its station's name: those that were issued here, and those that checkpoints were signed with."""
    issued = connection.execute(select(issued_certificates.c.station, issued_certificates.c.chain))
    signed = select(stations.c.name, station_certificates.c.der).join(
        stations, stations.c.id == station_certificates.c.station
    )
    return frozenset((station, x509.load_pem_x509_certificates(chain.encode())[0]) for station, chain in issued) | (
        frozenset((station, x509.load_der_x509_certificate(der)) for station, der in connection.execute(signed))
    )
