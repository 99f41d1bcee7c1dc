"""A signature by a key of the card, checked against its certificate before anyone gets it.

The hash is made here; the card gets a DigestInfo that it pads itself (RSA, PKCS#1 v1.5) or the bare hash (ECDSA).
MANAGE SECURITY ENVIRONMENT names algorithm and key, then COMPUTE DIGITAL SIGNATURE or INTERNAL AUTHENTICATE, as the
product profile says (ISO/IEC 7816-4 11.5.11, 7816-8 11.7).

>>> digest_info(b"").hex()[:38]
'3031300d060960864801650304020105000420'
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from drivers.reader import iso7816, tlv
from drivers.reader.apdu import Command, Response
from drivers.reader.channel import Channel
from drivers.reader.codes import outcome_of
from drivers.reader.errors import CardAnswerError, CardGoneError
from drivers.reader.model import Purpose
from drivers.reader.outcomes import Locked, RefusalReason, Refused, Signed, SignOutcome, Unknown, WrongCode
from drivers.reader.pkcs15.values import KeyObject
from drivers.reader.profiles import Profile

_SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
"""DER of DigestInfo for SHA-256, up to the hash (RFC 8017 9.2, note 1)."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a message is signed with one kind of key. `algorithm` is a JOSE name."""

    algorithm: str
    hash: type[hashes.SHA256] | type[hashes.SHA384]

    def digest(self, message: bytes) -> bytes:
        """The hash of the message."""
        return hashlib.new(self.hash.name, message).digest()


PS256 = Scheme("PS256", hashes.SHA256)
RS256 = Scheme("RS256", hashes.SHA256)
ES256 = Scheme("ES256", hashes.SHA256)
ES384 = Scheme("ES384", hashes.SHA384)
_PSS = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
_CURVES = {"secp256r1": ES256, "secp384r1": ES384}


def digest_info(message: bytes) -> bytes:
    """DigestInfo of a message's SHA-256 (RFC 8017 9.2)."""
    return _SHA256_PREFIX + hashlib.sha256(message).digest()


def scheme_of(key: object) -> Scheme | None:
    """How that public key signs; None for a kind of key that is not known here."""
    if isinstance(key, rsa.RSAPublicKey):
        return RS256
    return _CURVES.get(key.curve.name) if isinstance(key, ec.EllipticCurvePublicKey) else None


def verifies(der: bytes, message: bytes, signature: bytes, algorithm: str = "") -> bool:
    """Is it a signature over that message by the key of that certificate? ECDSA in DER, or RSA PKCS#1 v1.5; PSS where
    the algorithm is PS256.

    Raises ValueError where `der` is no certificate or its key is of another kind.
    """
    return verifies_with(x509.load_der_x509_certificate(der).public_key(), message, signature, algorithm)


def verifies_with(key: object, message: bytes, signature: bytes, algorithm: str = "") -> bool:
    """As `verifies`, by a public key. Raises ValueError for a kind of key that is not known here."""
    scheme = scheme_of(key)
    try:
        if isinstance(key, rsa.RSAPublicKey):
            how = _PSS if algorithm == PS256.algorithm else padding.PKCS1v15()
            key.verify(signature, message, how, hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey) and scheme is not None:
            key.verify(signature, message, ec.ECDSA(scheme.hash()))
        else:
            raise ValueError("a kind of key that is not known here")
    except InvalidSignature:
        return False
    return True


def sign(
    channel: Channel, profile: Profile, key: KeyObject, certificate: bytes, purpose: Purpose, message: bytes
) -> SignOutcome:
    """Sign a message. Raises CardGoneError before the card was asked to sign, CardAnswerError for a false signature."""
    public = x509.load_der_x509_certificate(certificate).public_key()
    return sign_by(channel, profile, key, Signer(public, certificate), purpose, message)


@dataclass(frozen=True, slots=True)
class Signer:
    """The public half of a key, and the DER of its certificate; empty for a key that has none yet."""

    public: object
    certificate: bytes = b""


def sign_by(
    channel: Channel, profile: Profile, key: KeyObject, signer: Signer, purpose: Purpose, message: bytes
) -> SignOutcome:
    """As `sign`, with a key that may have no certificate yet."""
    public, certificate = signer.public, signer.certificate
    scheme = scheme_of(public)
    if scheme is None:
        return Refused(RefusalReason.NOT_ALLOWED)
    if scheme is RS256 and profile.signing.padding == "pss":
        scheme = PS256
    by_mutual = purpose == "identification" and profile.signing.identification == "internal-authenticate"
    template = _template(profile, key)
    prepare = (
        iso7816.set_authentication_environment(template) if by_mutual else iso7816.set_signature_environment(template)
    )
    prepared = channel.send(prepare)
    if not prepared.ok:
        return Refused(RefusalReason.CARD, prepared.sw)
    hashed = digest_info(message) if scheme is RS256 else scheme.digest(message)
    command = iso7816.internal_authenticate(hashed) if by_mutual else iso7816.compute_signature(hashed)
    return computed(channel, command, Wanted(public, message, scheme, certificate))


@dataclass(frozen=True, slots=True)
class Wanted:
    """The signature that is asked for, so that what the card answers can be checked."""

    key: object
    message: bytes
    scheme: Scheme
    certificate: bytes


def computed(
    channel: Channel, command: Command, wanted: Wanted, unwrap: Callable[[bytes], bytes] = bytes
) -> SignOutcome:
    """Have the card sign, and check what it says; `unwrap` takes the signature out of the answer.

    Raises CardAnswerError for a false signature.
    """
    channel.committed = True
    try:
        response = channel.send(command)
    except (CardGoneError, CardAnswerError):
        return Unknown()
    channel.committed = False
    if not response.ok:
        return _refusal(response)
    for signature in _forms(unwrap(response.data), wanted.scheme):
        if verifies_with(wanted.key, wanted.message, signature, wanted.scheme.algorithm):
            return Signed(signature, wanted.scheme.algorithm, wanted.certificate)
    raise CardAnswerError("a signature that is not its key's", reader=channel.reader, command=command.name)


def _refusal(response: Response) -> Refused | Locked:
    outcome = outcome_of(response)
    if isinstance(outcome, Refused | Locked):
        return outcome
    left = outcome.tries_left if isinstance(outcome, WrongCode) else None
    return Refused(RefusalReason.CARD, response.sw, left)


def _forms(answer: bytes, scheme: Scheme) -> list[bytes]:
    """As it came, and for ECDSA also read as bare r and s of equal length (ISO/IEC 7816-8 and most cards)."""
    if scheme in (RS256, PS256) or not answer or len(answer) % 2:
        return [answer]
    half = len(answer) // 2
    r, s = int.from_bytes(answer[:half], "big"), int.from_bytes(answer[half:], "big")
    return [answer, encode_dss_signature(r, s)]


def _template(profile: Profile, key: KeyObject) -> bytes:
    """Control reference template (ISO/IEC 7816-4 table 78)."""
    algorithm = profile.signing.ecdsa if key.elliptic else profile.signing.rsa
    parts = {
        "algorithm": tlv.encode(0x80, bytes((algorithm,))),
        "file": tlv.encode(0x81, key.path[-2:]),
        "key": tlv.encode(0x84, bytes((key.reference,))),
    }
    return b"".join(parts[name] for name in profile.signing.template)
