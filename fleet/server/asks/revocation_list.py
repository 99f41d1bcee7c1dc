"""The fleet's certificate revocation list (CRL) as a file that is read again whenever it changes.

Rules: while there has never been a file, nobody is revoked. A list that does not count is an error at the start; later it leaves
the former one in force, with a line in the log, and so does a file that is gone.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from sqlalchemy.exc import SQLAlchemyError

from fleet.messages.revocations import RevocationListError, Revocations, read_revocations
from fleet.messages.statements import Authorities, name_of
from fleet.server.database.database import Database
from fleet.server.enrolment.model import is_denied
from fleet.server.enrolment.queries import denied_since

_log = logging.getLogger(__name__)

Version = tuple[int, int, int]
REMEMBERED_S = 1.0


class AuthorityFileError(Exception):
    """A file of the authority cannot be used. The text names it and says why."""


class RevocationList:
    """Raises AuthorityFileError where there is a file that cannot be used. Not for several threads."""

    def __init__(self, path: Path, authorities: Authorities) -> None:
        self._path = path
        self._authorities = authorities
        self._version: Version | None = None
        self._lists = Revocations()
        self._follow()

    def has(self, certificate: x509.Certificate) -> bool:
        """Return whether the certificate is on the list as the file has it now."""
        try:
            self._follow()
        except AuthorityFileError as error:
            _log.error("the former list of revoked stations stays in force: %s", error)
        return self._lists.date_of(certificate) is not None

    def _follow(self) -> None:
        try:
            version = self._look()
            if version == self._version:
                return
            self._version = version
            if version is None:
                raise AuthorityFileError(f"{self._path} is gone")
            self._lists = read_revocations(self._path.read_bytes(), self._authorities, None)
        except OSError as error:
            raise AuthorityFileError(f"{self._path}: {error.strerror}") from None
        except RevocationListError as error:
            raise AuthorityFileError(f"{self._path}: {error}") from None

    def _look(self) -> Version | None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size


@dataclass(frozen=True, slots=True)
class RevocationLists:
    """Several, such as the authority's and that of the issuing keys under it."""

    lists: tuple["RevocationList | DeniedStations", ...]

    def has(self, certificate: x509.Certificate) -> bool:
        """Return whether the certificate is on one of the lists now."""
        return any(revocation_list.has(certificate) for revocation_list in self.lists)


class DeniedStations:
    """Stations that somebody has revoked by name: no certificate that was issued until then counts, whoever issued it. Read anew
    after `REMEMBERED_S`; while the store is away, as it was."""

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database, self._monotonic = database, monotonic
        self._read = float("-inf")
        self._since: dict[str, datetime] = {}

    def has(self, certificate: x509.Certificate) -> bool:
        """Return whether the certificate was issued before its name was revoked."""
        if (now := self._monotonic()) - self._read > REMEMBERED_S:
            self._follow()
            self._read = now
        return is_denied(certificate, self._since.get(name_of(certificate)))

    def _follow(self) -> None:
        try:
            with self._database.reading.begin() as connection:
                self._since = denied_since(connection)
        except SQLAlchemyError as error:
            _log.error("stations that are revoked by name stay as they were: %s", type(error).__name__)
