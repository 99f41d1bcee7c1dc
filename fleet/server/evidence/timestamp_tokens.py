"""Time-stamp tokens (RFC 3161), requested and verified: a third party's signed proof that bytes existed at a time. Pure.

Rules: a token is checked in all its parts: the imprint is that of the bytes, the signed attributes are of this content and name
the signer's certificate (RFC 5816), the signature holds, and the certificate is for time stamping alone (RFC 3161 section 2.3)
under a root that was named, at the time that the token states. Where no root is named only the imprint is compared, and `checked`
is false.

>>> read_stamp(b"no token", b"what was stamped", [])
Traceback (most recent call last):
fleet.server.evidence.timestamp_tokens.TimestampError: the token cannot be read: ValueError
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from asn1crypto import cms, core, tsp
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

MOST_BYTES = 64 * 1024
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
_GRANTED = ("granted", "granted_with_mods")
_MOST_AUTHORITIES = 6
_LIBRARY_FAULTS = (ValueError, TypeError, KeyError, AttributeError, LookupError, RecursionError, OverflowError)
"""What asn1crypto raises where bytes are not what a field holds."""


class TimestampError(ValueError):
    """It is no time-stamp token over these bytes that can be believed. The text says why."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """`at` is the time that the token states. `checked`: its signature leads to a root that was named."""

    at: datetime
    checked: bool
    authority: str = ""
    """Subject of the certificate that signed it, where it was checked."""


class _Response(core.Sequence):  # type: ignore[misc]
    """TimeStampResp: unlike the library's own, with the token optional, as it is missing where the request was refused."""

    _fields: ClassVar[list[Any]] = [
        ("status", tsp.PKIStatusInfo),
        ("time_stamp_token", cms.ContentInfo, {"optional": True}),
    ]


def make_request(content: bytes, nonce: int) -> bytes:
    """The DER of a TimeStampReq (section 2.4.1) over the SHA-256 of `content`; its token must hold the nonce."""
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": hashlib.sha256(content).digest()}
    request = tsp.TimeStampReq({"version": 1, "message_imprint": imprint, "nonce": nonce, "cert_req": True})
    der: bytes = request.dump()
    return der


def read_response(raw: bytes, content: bytes, nonce: int, roots: Sequence[x509.Certificate]) -> bytes:
    """The token (DER) in a TimeStampResp (section 2.4.2), checked. Raises TimestampError."""
    if len(raw) > MOST_BYTES:
        raise TimestampError(f"the answer has more than {MOST_BYTES} bytes")
    try:
        answer = _Response.load(raw, strict=True)
        status = answer["status"]["status"].native
        reasons = [str(text) for text in answer["status"]["status_string"].native or ()]
        token = answer["time_stamp_token"]
        der: bytes = b"" if isinstance(token, core.Void) else token.dump()
    except _LIBRARY_FAULTS as error:
        raise TimestampError(f"the answer is no TimeStampResp: {type(error).__name__}") from None
    if status not in _GRANTED or not der:
        raise TimestampError(f"the request was not granted: {status} {'; '.join(reasons)}".rstrip())
    _read(der, content, roots, nonce)
    return der


def read_stamp(token: bytes, content: bytes, roots: Sequence[x509.Certificate]) -> Stamp:
    """Read the stamp of a token over `content`. Without `roots` it is not checked who says so. Raises TimestampError."""
    if len(token) > MOST_BYTES:
        raise TimestampError(f"the token has more than {MOST_BYTES} bytes")
    return _read(token, content, roots, None)


def _read(token: bytes, content: bytes, roots: Sequence[x509.Certificate], nonce: int | None) -> Stamp:
    try:
        signed, info = _parsed(token)
        imprint = info["message_imprint"]
        algorithm, digest = imprint["hash_algorithm"]["algorithm"].native, imprint["hashed_message"].native
        at, stated = info["gen_time"].native, info["nonce"].native
        if algorithm not in _HASHES or digest != _digest(algorithm, content):
            raise TimestampError("the token is over something else")
        if nonce is not None and stated != nonce:
            raise TimestampError("the token answers another request: its nonce is another one")
        if not isinstance(at, datetime) or at.tzinfo is None:
            raise TimestampError("the token states no time in UTC")
        if not roots:
            return Stamp(at, checked=False)
        certificate = _signer(signed)
        _check_path(certificate, signed, roots, at)
    except TimestampError:
        raise
    except (*_LIBRARY_FAULTS, x509.InvalidVersion, x509.DuplicateExtension, UnsupportedAlgorithm) as error:
        raise TimestampError(f"the token cannot be read: {type(error).__name__}") from None
    return Stamp(at, checked=True, authority=certificate.subject.rfc4514_string())


def _parsed(token: bytes) -> tuple[Any, Any]:
    """SignedData and TSTInfo."""
    content = cms.ContentInfo.load(token, strict=True)
    if content["content_type"].native != "signed_data":
        raise TimestampError("the token is no signed data")
    signed = content["content"]
    encapsulated = signed["encap_content_info"]
    if encapsulated["content_type"].native != "tst_info":
        raise TimestampError("what is signed is no time stamp")
    info = tsp.TSTInfo.load(encapsulated["content"].contents, strict=True)
    if info["version"].native != "v1":
        raise TimestampError("the token is of another version than 1")
    return signed, info


def _signer(signed: Any) -> x509.Certificate:
    """The certificate of the one who signed, after its signature has been checked (RFC 5652 section 5.6)."""
    if len(signed["signer_infos"]) != 1:
        raise TimestampError("the token has not exactly one signature")
    signer = signed["signer_infos"][0]
    algorithm = signer["digest_algorithm"]["algorithm"].native
    if algorithm not in _HASHES:
        raise TimestampError(f"the token is signed over a digest of another kind ({algorithm})")
    attributes = {attribute["type"].native: attribute["values"] for attribute in signer["signed_attrs"]}
    encapsulated = signed["encap_content_info"]["content"].contents
    if (
        attributes["content_type"].native != ["tst_info"]
        or len(attributes["message_digest"]) != 1
        or attributes["message_digest"][0].native != _digest(algorithm, encapsulated)
    ):
        raise TimestampError("the signature is over other content than lies there")
    certificate = _named_certificate(signed, attributes)
    signed_bytes = b"\x31" + signer["signed_attrs"].dump()[1:]  # a SET OF, not the implicit tag [0] (section 5.4)
    if not _is_good(certificate, signer["signature"].native, signed_bytes, _HASHES[algorithm](), signer):
        raise TimestampError("the signature does not fit what is signed")
    return certificate


def _named_certificate(signed: Any, attributes: Any) -> x509.Certificate:
    """Return the certificate whose hash is in the signed attributes, so that no other with the same key counts (RFC 5816)."""
    for name in ("signing_certificate_v2", "signing_certificate"):
        if name not in attributes:
            continue
        named = attributes[name][0]["certs"][0]
        algorithm = named["hash_algorithm"]["algorithm"].native if name.endswith("v2") else "sha1"
        for certificate in _certificates(signed):
            der = certificate.public_bytes(Encoding.DER)
            if hashlib.new(algorithm, der, usedforsecurity=False).digest() == named["cert_hash"].native:
                return certificate
        raise TimestampError("the certificate that the signature names is not in the token")
    raise TimestampError("the signature does not name its certificate")


def _certificates(signed: Any) -> list[x509.Certificate]:
    chosen = [choice.chosen for choice in signed["certificates"] if choice.name == "certificate"]
    return [x509.load_der_x509_certificate(choice.dump()) for choice in chosen]


def _is_good(
    certificate: x509.Certificate, signature: bytes, content: bytes, digest: hashes.HashAlgorithm, signer: Any
) -> bool:
    key = certificate.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, content, ec.ECDSA(_signature_hash(signer, digest)))
        elif isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048:
            key.verify(signature, content, _padding(signer, digest), digest)
        else:
            raise TimestampError("the token is signed with a key of a kind that is not believed")
    except InvalidSignature:
        return False
    return True


def _signature_hash(signer: Any, digest: hashes.HashAlgorithm) -> hashes.HashAlgorithm:
    named = signer["signature_algorithm"]["algorithm"].native
    hash_name = named.partition("_")[0]
    return _HASHES[hash_name]() if hash_name in _HASHES else digest


def _padding(signer: Any, digest: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    if signer["signature_algorithm"]["algorithm"].native == "rsassa_pss":
        length = signer["signature_algorithm"]["parameters"]["salt_length"].native
        return padding.PSS(padding.MGF1(digest), length)
    return padding.PKCS1v15()


def _check_path(leaf: x509.Certificate, signed: Any, roots: Sequence[x509.Certificate], at: datetime) -> None:
    """Leads to a root at that time (RFC 5280), and is for time stamping and nothing else."""
    others = [certificate for certificate in _certificates(signed) if certificate != leaf][:_MOST_AUTHORITIES]
    authorities = ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.CRITICAL, None)
    stamping = ExtensionPolicy.permit_all().require_present(x509.ExtendedKeyUsage, Criticality.CRITICAL, _check_usage)
    builder = PolicyBuilder().store(Store(list(roots))).time(at).max_chain_depth(_MOST_AUTHORITIES)
    policies = builder.extension_policies(ca_policy=authorities, ee_policy=stamping)
    try:
        policies.build_client_verifier().verify(leaf, others)
    except VerificationError as error:
        raise TimestampError(f"who signed it is not believed here: {error}") from None


def _check_usage(_policy: Policy, _certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None) -> None:
    if usage is None or list(usage) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise ValueError("its certificate is not for time stamping alone")


def _digest(algorithm: str, content: bytes) -> bytes:
    return hashlib.new(algorithm, content).digest()
