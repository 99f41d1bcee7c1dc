"""Renewal of the station's certificate over its link, at two thirds of its time, with a new key.

Rules:
- A new key each time, so that a copy of one is worth nothing once the next but one is in use; it never leaves the station.
- The key is on disk before it is asked for, and stays until its certificate is in place: after a stop at any moment, or an answer
  that was lost, the same key is asked for and the same certificate comes. The one in use counts until its end.
- What comes is checked as enrolment is (name, key, an authority that is trusted) before it takes the place of anything.
- When it is due is told by the server's time (`Renewing.time`): a clock that is wrong asks neither too early nor too late.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from fleet.agent.answer_verification import SyncRefused
from fleet.agent.identity import Identity, IdentityError
from fleet.agent.keeping import Asker, keep_fresh
from fleet.messages.certificate_renewal import RenewalAsk, renewal_due
from fleet.messages.link import Answer

EVERY_S = 3600.0

log = logging.getLogger(__name__)


class Renewing(Asker, Protocol):
    """The part of `Link` that a renewal needs."""

    @property
    def time(self) -> datetime:
        """The machine's clock, corrected by the server's word."""

    def renewed(self) -> None:
        """The identity has another key and certificate."""


class CertificateRenewal:
    """Of one station."""

    def __init__(self, identity: Identity, link: Renewing) -> None:
        self._identity, self._link = identity, link
        self._wake = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []

    def on_renewed(self, listener: Callable[[], None]) -> None:
        """Call `listener()` once another key and certificate are in use."""
        self._listeners.append(listener)

    async def refresh(self, timeout_s: float = 30.0) -> None:
        """Renew the certificate where that is due. Raises LinkDown, AskTimeout, SyncRefused (then nothing changes)."""
        try:
            certificate = self._identity.certificate()
            due = renewal_due(certificate.not_valid_before_utc, certificate.not_valid_after_utc)
            if certificate.not_valid_before_utc <= self._link.time < due:
                return  # a clock before its beginning is wrong: then the server's decides
            request = _request(self._identity.station, self._identity.next_key())
            answer = await self._link.ask(RenewalAsk(request), timeout_s)
            if answer.error == "too_early":
                return
            if not answer.ok:
                raise SyncRefused(answer.error or "refused", "the certificate is not renewed")
            self._identity.put_renewed(_pem(answer))
        except (IdentityError, OSError) as error:
            raise SyncRefused("identity", str(error)) from None
        log.warning("the station's certificate is renewed: good until %s", self._identity.not_after.date())
        self._link.renewed()
        for listener in self._listeners:
            listener()

    async def run(self, every_s: float = EVERY_S) -> None:
        """Look on each connect and every `every_s` seconds, until cancelled."""
        await keep_fresh(self._link, self._wake, self.refresh, "certificate of this station", every_s=every_s)


def _request(station: str, key: ec.EllipticCurvePrivateKey) -> str:
    """PKCS#10 (RFC 2986), DER in base64."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, station)])
    signed = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return base64.b64encode(signed.public_bytes(Encoding.DER)).decode()


def _pem(answer: Answer) -> bytes:
    """The certificates of an answer. Raises SyncRefused."""
    try:
        ders = [base64.b64decode(encoded, validate=True) for encoded in answer.certificates]
        return b"".join(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in ders)
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        raise SyncRefused("unreadable", "what came is no certificate") from None
