"""Revocation asked of the issuer itself: OCSP first, its CRL where that does not answer. For a desk, never for a station.

What is fetched is kept in the store, and asked for again only when it has run out. Addresses come from certificates whose
chain has been built to an anchor already: a stranger's certificate makes nobody fetch anything.
"""

import asyncio
import contextlib
import secrets
from datetime import datetime
from typing import Protocol

from cryptography import x509

from drivers.reader.certificates.revocation import RevocationResult, crl, ocsp, weigh
from drivers.reader.certificates.revocation.offline import OfflineRevocation
from drivers.reader.certificates.revocation.store import RevocationStore

MAX_URLS = 2
"""So many addresses of a kind are tried for one certificate."""


class FetchError(Exception):
    """Failure to get what was asked for. The text says which address and why."""


class Fetch(Protocol):
    """Gets bytes from an address."""

    def __call__(self, url: str, body: bytes | None, content_type: str, limit_bytes: int) -> bytes:
        """GET, or POST where there is a body; blocks. Raises FetchError."""


class FetchingRevocation:
    """Asks and remembers; implements `drivers.reader.certificates.revocation.Revocation`."""

    def __init__(self, store: RevocationStore, fetch: Fetch) -> None:
        self._store = store
        self._fetch = fetch
        self._known = OfflineRevocation(store)
        self.faults: list[str] = []
        """What could not be fetched or said nothing, for whoever wonders why a standing is unknown."""

    async def status(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> RevocationResult:
        """See the port. What the store knows and is in time is not asked for again."""
        stored = await self._known.status(certificate, issuer, at)
        if stored.status != "unknown":
            return stored
        return await asyncio.to_thread(self._ask, certificate, issuer, at)

    def _ask(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> RevocationResult:
        by_ocsp = self._ocsp(certificate, issuer, at)
        return by_ocsp if by_ocsp.status != "unknown" else weigh(by_ocsp, self._crl(certificate, issuer, at))

    def _ocsp(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> RevocationResult:
        nonce = secrets.token_bytes(ocsp.NONCE_BYTES)
        question = ocsp.question(certificate, issuer, nonce)
        for url in ocsp.urls(certificate)[:MAX_URLS]:
            data = self._had(url, question, "application/ocsp-request", ocsp.MAX_BYTES)
            answer = ocsp.read(data) if data else None
            if answer is None or not ocsp.answers(answer, nonce):
                continue
            standing = ocsp.standing(answer, certificate, issuer, at)
            if self._kept(url, data, standing):
                return standing
        return RevocationResult("unknown")

    def _crl(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> RevocationResult:
        for url in crl.urls(certificate)[:MAX_URLS]:
            data = self._had(url, None, "", crl.MAX_BYTES)
            listed = crl.read(data) if data else None
            standing = (
                crl.standing(listed, certificate, issuer, at) if listed is not None else RevocationResult("unknown")
            )
            if self._kept(url, data, standing):
                return standing
        return RevocationResult("unknown")

    def _had(self, url: str, body: bytes | None, content_type: str, limit_bytes: int) -> bytes:
        try:
            return self._fetch(url, body, content_type, limit_bytes)
        except FetchError as fault:
            self.faults.append(str(fault))
            return b""

    def _kept(self, url: str, data: bytes, standing: RevocationResult) -> bool:
        """A disk that is full or read-only costs the next look, not this one."""
        if standing.status == "unknown":
            if data:
                self.faults.append(f"{url}: what it says does not count for this certificate now")
            return False
        with contextlib.suppress(OSError):
            self._store.take(data)
        return True
