"""Evidence service for pages and API: the store and the server's signature behind one call.

Rules: one file is written at a time in a process, since it may read all of the store; who comes meanwhile is told to come again.
"""

import tempfile
import threading
from collections.abc import Callable
from datetime import datetime
from typing import BinaryIO, Protocol

from fleet.server.database.database import Database
from fleet.server.evidence.export import export
from fleet.server.evidence.model import EvidenceRequest
from fleet.server.evidence.signature import Seal

IN_MEMORY_BYTES = 4 * 1024 * 1024


class BusyError(Exception):
    """Another file is being written."""


class Evidence(Protocol):
    def written(self, request: EvidenceRequest) -> BinaryIO:
        """The file, to be read from its start and closed.

        Raises NothingHeldError, TooMuchError, BusyError, SealError, SQLAlchemyError.
        """


class EvidenceService:
    """Implements `Evidence` over the store."""

    def __init__(self, database: Database, seal: Seal, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._seal = seal
        self._clock = clock
        self._busy = threading.Lock()

    def written(self, request: EvidenceRequest) -> BinaryIO:
        """As `Evidence` says; it blocks."""
        if not self._busy.acquire(blocking=False):
            raise BusyError("another evidence file is being written")
        try:
            return self._write(request)
        finally:
            self._busy.release()

    def _write(self, request: EvidenceRequest) -> BinaryIO:
        file: BinaryIO = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # type: ignore[assignment]  # noqa: SIM115 who reads it closes it
        try:
            export(self._database, self._seal, request, self._clock(), file)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file
