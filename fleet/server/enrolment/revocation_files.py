"""Files about revoked stations, written from the store: for the broker, for asks, for evidence.

Rules: the issuing keys sign the list of what they have issued (`ca/issuing-crl.pem` of the authority's part); the broker reads
one file with that list and the authority's own, and another that says whose certificates they are. A broker that has a list of
one authority wants one of each, so there is a list while nobody is revoked, too. A name that was revoked at a page, and not let
in since, stands in a third file: the authority's own certificates are on no list of ours, and the broker puts that name out.
A file is written when it would say something
new: who is revoked is written last, and by then the other file says who that is.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from fleet.server.broker.revocation import DENIED_FILE
from fleet.server.database.database import Database
from fleet.server.enrolment import queries
from provisioning import files
from provisioning.authority import CRL_FILE, ISSUING_CRL_FILE, AuthorityError
from provisioning.issuing import Issuing
from provisioning.registry import ISSUED_FILE, CertificateRecord, Registry

EVERY_S = 2.0

_log = logging.getLogger(__name__)


class RevocationFiles:
    """`authority`: the server's part of it; `folder`: where the broker's two files are to be."""

    def __init__(
        self, authority: Path, folder: Path, database: Database, issuing: Issuing, clock: Callable[[], datetime]
    ) -> None:
        self._authority, self._folder = authority, folder
        self._database, self._issuing, self._clock = database, issuing, clock
        self._issued: list[CertificateRecord] | None = None
        self._lists: tuple[bytes, list[tuple[int, datetime]]] | None = None
        self._denied: list[str] | None = None

    @property
    def revoked(self) -> Path:
        """All lists in one file, as the broker reads them."""
        return self._folder / "crl.pem"

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await asyncio.to_thread(self.write)
            except (OSError, SQLAlchemyError, AuthorityError) as error:
                _log.error("the files of revoked stations stay as they are: %s", error)

    def write(self) -> None:
        """Write what has changed since. Raises AuthorityError, OSError, SQLAlchemyError."""
        with self._database.reading.begin() as connection:
            own = list(queries.list_certificates(connection))
            denied = queries.denied_since(connection)
        own = self._follow_authority(own)
        revoked = [(certificate.serial, certificate.revoked) for certificate in own if certificate.revoked is not None]
        listed, records = self._of_authority()
        records += [
            CertificateRecord(
                certificate.station,
                certificate.epoch,
                certificate.serial,
                certificate.issued,
                certificate.not_after,
                certificate.revoked,
            )
            for certificate in own
        ]
        if records != self._issued:
            files.make_directory(self._folder)
            Registry(self._folder).keep_issued(records)
            self._issued = records
        if (listed, revoked) != self._lists:
            crl = self._issuing.revocations(revoked, self._clock())
            files.write_file(self._authority / ISSUING_CRL_FILE, crl, files.PUBLIC)
            files.write_file(self.revoked, listed + crl, files.PUBLIC)
            self._lists = (listed, revoked)
        alive = {
            record.station
            for record in records
            if record.revoked is None and record.issued > denied.get(record.station, record.issued)
        }
        if (names := sorted(denied.keys() - alive)) != self._denied:
            files.write_file(self._folder / DENIED_FILE, "".join(f"{name}\n" for name in names).encode(), files.PUBLIC)
            self._denied = names

    def _follow_authority(self, own: list[queries.StationCertificate]) -> list[queries.StationCertificate]:
        """A station that the authority has revoked is revoked here up to that enrolment's epoch: it may have renewed since."""
        gone = [record for record in issued_by_authority(self._authority) if record.revoked is not None]
        late = [
            record
            for record in gone
            if any(it.station == record.station and it.epoch <= record.epoch and it.revoked is None for it in own)
        ]
        if not late:
            return own
        with self._database.writing.begin() as connection:
            for late_record in late:
                assert late_record.revoked is not None
                _log.warning("the authority has revoked %s: so are its certificates from here", late_record.station)
                queries.revoke_up_to(
                    connection, late_record.station, late_record.epoch, "authority", late_record.revoked
                )
            return list(queries.list_certificates(connection))

    def _of_authority(self) -> tuple[bytes, list[CertificateRecord]]:
        """Its list of revocations, and what it has issued."""
        try:
            listed = (self._authority / CRL_FILE).read_bytes()
        except FileNotFoundError:
            raise AuthorityError(
                f"{self._authority / CRL_FILE} is missing: `kortkiosk-provision authority crl`, and export-server"
            ) from None
        return listed, Registry(self._authority).issued()


def issued_by_authority(authority: Path) -> list[CertificateRecord]:
    """List the certificates that the authority itself has issued, as its part at the server says."""
    return Registry(authority).issued() if (authority / ISSUED_FILE).exists() else []
