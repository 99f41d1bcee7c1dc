"""Public keys in the forms in which cards hold them, made comparable: two keys are one where their DER is.

Pure, and every byte is hostile: what is no key of a known kind is None.

>>> from_point(b"not a point") is None
True
"""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from drivers.reader import tlv

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PARSE_FAULTS = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What a certificate that is not one, or not a proper one, raises when it is looked into."""
_CURVES: dict[int, type[ec.EllipticCurve]] = {65: ec.SECP256R1, 97: ec.SECP384R1}
"""By the length of an uncompressed point in bytes (SEC 1, 2.3.3)."""


def encode_spki(key: PublicKey) -> bytes:
    """SubjectPublicKeyInfo in DER."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def of_certificate(der: bytes) -> bytes | None:
    """SubjectPublicKeyInfo of a certificate's key."""
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except PARSE_FAULTS:
        return None
    return encode_spki(key) if isinstance(key, PublicKey) else None


def from_point(point: bytes) -> PublicKey | None:
    """An uncompressed point; its length tells the curve."""
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[len(point)](), point)
    except (KeyError, ValueError):
        return None


def from_numbers(modulus: bytes, exponent: bytes) -> PublicKey | None:
    """An RSA key by its numbers, most significant byte first."""
    try:
        return rsa.RSAPublicNumbers(int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big")).public_key()
    except ValueError:
        return None


def from_object_value(data: bytes) -> PublicKey | None:
    """The value of a PKCS#15 public key (ISO/IEC 7816-15 8.5): RSAPublicKey, a point in an OCTET STRING, or, behind [1] or
    bare, SubjectPublicKeyInfo."""
    try:
        nodes = tlv.parse_prefix(data)
        if not nodes:
            return None
        if nodes[0].tag == tlv.OCTET_STRING:
            return from_point(nodes[0].value)
        bare = tlv.encode(tlv.SEQUENCE, nodes[0].value) if nodes[0].tag == 0xA1 else nodes[0].raw
        key = serialization.load_der_public_key(bare)
    except PARSE_FAULTS:
        return None
    return key if isinstance(key, PublicKey) else None
