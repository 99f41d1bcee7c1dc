"""One OCSP answer, verified, and the question that it answers (RFC 6960). Pure.

An answer counts where it is about this certificate of this issuer, and signed by the issuer's own key or by a responder
that the issuer itself certified for this (4.2.2.2). A responder's own certificate is not asked about in turn.
"""

import hashlib
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from drivers.reader import tlv
from drivers.reader.certificates.public_keys import PARSE_FAULTS
from drivers.reader.certificates.revocation import UNKNOWN, RevocationResult, in_time, revoked_by
from drivers.reader.certificates.revocation.crl import is_http

MAX_BYTES = 64 * 1024
MAX_AGE = timedelta(days=1)
"""So long counts an answer that does not say when the next one is due (RFC 6960 4.2.2.1)."""
NONCE_BYTES = 32
FAULTS = (*PARSE_FAULTS, InvalidSignature, x509.ExtensionNotFound)


def question(certificate: x509.Certificate, issuer: x509.Certificate, nonce: bytes) -> bytes:
    """The request, DER. SHA-1 names the issuer here, which every responder knows, and secures nothing (RFC 5019 2.1.1)."""
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())  # noqa: S303  # see above
    return builder.add_extension(x509.OCSPNonce(nonce), False).build().public_bytes(serialization.Encoding.DER)


def read(der: bytes) -> ocsp.OCSPResponse | None:
    """A successful answer, or None where the bytes are none, too many or say that there is no answer."""
    if len(der) > MAX_BYTES:
        return None
    try:
        response = ocsp.load_der_ocsp_response(der)
    except FAULTS:
        return None
    return response if response.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL else None


def answers(response: ocsp.OCSPResponse, nonce: bytes) -> bool:
    """An answer may leave the nonce out (RFC 9654 2.1), never have another."""
    try:
        return response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == nonce
    except x509.ExtensionNotFound:
        return True
    except FAULTS:
        return False


def standing(
    response: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime
) -> RevocationResult:
    """Return what the answer says of the certificate; unknown where it is about another, not genuine or out of time."""
    try:
        single = next((answer for answer in response.responses if _about(answer, certificate, issuer)), None)
        if single is None or not _signed(response, issuer, at):
            return UNKNOWN
        return _said(single, at)
    except FAULTS:
        return UNKNOWN


def _said(single: ocsp.OCSPSingleResponse, at: datetime) -> RevocationResult:
    since = single.this_update_utc
    until = single.next_update_utc or since + MAX_AGE
    is_held = single.revocation_reason is x509.ReasonFlags.certificate_hold
    match single.certificate_status:
        case ocsp.OCSPCertStatus.REVOKED if revoked_by(at, single.revocation_time_utc or since, until, is_held=is_held):
            return RevocationResult("revoked", "OCSP", since, until)
        case ocsp.OCSPCertStatus.GOOD if in_time(at, since, until):
            return RevocationResult("good", "OCSP", since, until)
        case _:
            return UNKNOWN


def _about(single: ocsp.OCSPSingleResponse, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """CertID names the issuer by two hashes, and the certificate by its number (4.1.1)."""
    digest = hashlib.new(single.hash_algorithm.name)
    name, key = digest.copy(), digest.copy()
    name.update(issuer.subject.public_bytes())
    key.update(_key_bits(issuer))
    return (single.serial_number, single.issuer_name_hash, single.issuer_key_hash) == (
        certificate.serial_number, name.digest(), key.digest(),
    )  # fmt: skip


def key_hash(issuer: x509.Certificate) -> bytes:
    """SHA-1 of an issuer's key, by which an answer to our question names it."""
    return hashlib.sha1(_key_bits(issuer), usedforsecurity=False).digest()


def _key_bits(certificate: x509.Certificate) -> bytes:
    """The BIT STRING subjectPublicKey without its header: what every identifier of a key is a hash of."""
    der = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return tlv.parse(der)[0].child(tlv.BIT_STRING).value[1:]


def _signed(response: ocsp.OCSPResponse, issuer: x509.Certificate, at: datetime) -> bool:
    signers = [issuer, *(c for c in response.certificates if _delegated(c, issuer, at))]
    return any(_named(response, signer) and _verifies(response, signer) for signer in signers)


def _delegated(responder: x509.Certificate, issuer: x509.Certificate, at: datetime) -> bool:
    """Certified by the issuer directly, for OCSP, and valid (4.2.2.2)."""
    try:
        uses = responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        responder.verify_directly_issued_by(issuer)
    except FAULTS:
        return False
    in_validity = responder.not_valid_before_utc <= at <= responder.not_valid_after_utc
    return ExtendedKeyUsageOID.OCSP_SIGNING in uses and in_validity


def _named(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    """The responder's ID is its name or the SHA-1 of its key (4.2.1)."""
    if response.responder_name is not None:
        return response.responder_name == signer.subject
    return response.responder_key_hash == key_hash(signer)


def _verifies(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, algorithm = signer.public_key(), response.signature_hash_algorithm
    if algorithm is None:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def urls(certificate: x509.Certificate) -> tuple[str, ...]:
    """Its responders (RFC 5280 4.2.2.1), http only."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except FAULTS:
        return ()
    where = [d.access_location for d in access if d.access_method == AuthorityInformationAccessOID.OCSP]
    return tuple(u.value for u in where if isinstance(u, x509.UniformResourceIdentifier) and is_http(u.value))
