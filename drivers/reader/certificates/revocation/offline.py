"""Revocation from data that was handed in: nothing is fetched. This is a station's: its data come through its link."""

import asyncio
from datetime import datetime

from cryptography import x509

from drivers.reader.certificates.revocation import UNKNOWN, RevocationResult, crl, ocsp, weigh
from drivers.reader.certificates.revocation.store import RevocationStore


class OfflineRevocation:
    """Judges what the store holds; implements `drivers.reader.certificates.revocation.Revocation`."""

    def __init__(self, store: RevocationStore) -> None:
        self._store = store

    async def status(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> RevocationResult:
        """See the port. Reading is done in a thread: a list may be megabytes."""
        return await asyncio.to_thread(self.look, certificate, issuer, at)

    def look(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> RevocationResult:
        answer = self._store.ocsp(ocsp.key_hash(issuer), certificate.serial_number)
        listed = self._store.crl(certificate.issuer)
        return weigh(
            ocsp.standing(answer, certificate, issuer, at) if answer is not None else UNKNOWN,
            crl.standing(listed, certificate, issuer, at) if listed is not None else UNKNOWN,
        )
