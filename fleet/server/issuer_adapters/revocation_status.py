"""Revocation status that the issuer publishes: its CRLs for all stations, and one OCSP answer where one is wanted at once.

Only what an authority that we trust has signed is passed on (RFC 5280 6.3.3, RFC 6960 3.2).
"""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from fleet.server.issuers.http_client import IssuerHttp
from fleet.server.issuers.ports import IssuerAwayError, Standing
from fleet.server.issuers.proofs.certificate_chains import SKEW

OCSP_TYPE = "application/ocsp-request"


class PublishedStatus:
    """Implements `StatusSource`."""

    def __init__(
        self, http: IssuerHttp, lists: Sequence[str], ocsp_path: str, authorities: Sequence[x509.Certificate]
    ) -> None:
        """`lists` and `ocsp_path` are paths at that address; `authorities` have signed what counts."""
        self._http = http
        self._lists = tuple(lists)
        self._ocsp_path = ocsp_path
        self._authorities = tuple(authorities)

    async def lists(self) -> tuple[bytes, ...]:
        """All lists, DER. Raises IssuerAwayError where one cannot be had or is not by its issuer."""
        return tuple([await self._list(path) for path in self._lists])

    async def _list(self, path: str) -> bytes:
        reply = await self._http.get(path)
        try:
            listed = x509.load_der_x509_crl(reply.content)
        except ValueError:
            raise IssuerAwayError(f"{path}: no list of revoked certificates") from None
        if not any(
            authority.subject == listed.issuer and _signed(listed, authority) for authority in self._authorities
        ):
            raise IssuerAwayError(f"{path}: a list that no issuer of ours has signed")
        return reply.content

    async def standing(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> Standing:
        """Return the status that the OCSP responder gives now, signed by the issuer itself. Raises IssuerAwayError."""
        question = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1()).build()  # noqa: S303
        reply = await self._http.post(self._ocsp_path, question.public_bytes(Encoding.DER), {"Content-Type": OCSP_TYPE})
        try:
            answer = ocsp.load_der_ocsp_response(reply.content)
        except ValueError:
            raise IssuerAwayError("OCSP: no answer in the answer") from None
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise IssuerAwayError(f"OCSP: {answer.response_status.name}")
        return _standing(answer, certificate, issuer, at)


def _standing(
    answer: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime
) -> Standing:
    until = answer.next_update_utc
    in_time = answer.this_update_utc - SKEW <= at and (until is None or at <= until + SKEW)
    if not in_time or answer.serial_number != certificate.serial_number or not _answer_signed(answer, issuer):
        return "unknown"
    is_suspended = answer.revocation_reason is x509.ReasonFlags.certificate_hold
    states: dict[ocsp.OCSPCertStatus, Standing] = {
        ocsp.OCSPCertStatus.GOOD: "good",
        ocsp.OCSPCertStatus.REVOKED: "suspended" if is_suspended else "revoked",
    }
    return states.get(answer.certificate_status, "unknown")


def _signed(listed: x509.CertificateRevocationList, by: x509.Certificate) -> bool:
    key = by.public_key()
    return isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) and listed.is_signature_valid(key)


def _answer_signed(answer: ocsp.OCSPResponse, by: x509.Certificate) -> bool:
    key, algorithm = by.public_key(), answer.signature_hash_algorithm
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None:
            key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(algorithm))
        elif isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
            key.verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), algorithm)
        else:
            return False
    except InvalidSignature:
        return False
    return True
