"""The card's keys: what MANAGE SECURITY ENVIRONMENT sets and PERFORM SECURITY OPERATION does.

Algorithm references of kind B: 00 raw RSA, 02 RSA with PKCS#1 v1.5 (the input is a DigestInfo), 12 the same over a
bare SHA-1, 04 ECDSA over a hash, answered as DER (r, s). A raw 2048-bit block does not fit one short command, so it
goes through DECIPHER in two halves marked 81 and 82. Kind A: 11 RSA with PKCS#1 v1.5, 21 ECDSA.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA1, SHA224, SHA256, SHA384, SHA512, HashAlgorithm

from sim.reader import status
from sim.reader.persona import KeyAlgorithm
from sim.reader.pki import KeyPurpose
from sim.reader.status import StatusError

CardPrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_CURVES = {"EC-P256": ec.SECP256R1(), "EC-P384": ec.SECP384R1(), "EC-P521": ec.SECP521R1()}
ED25519_BITS = 256
RSA_RAW = 0x00
RSA_PKCS1 = 0x02
RSA_PKCS1_SHA1 = 0x12
RSA_PKCS1_SHA256 = 0x42
RSA_PSS_SHA256 = 0x45
ECDSA = 0x04
ECDSA_SHA256, ECDSA_SHA384 = 0x44, 0x54
RSA_PKCS1_A = 0x11
ECDSA_A = 0x21
FIRST_HALF = 0x81
SECOND_HALF = 0x82
WHOLE = 0x00
DIGEST_INFOS = {
    20: bytes.fromhex("3021300906052b0e03021a05000414"),
    32: bytes.fromhex("3031300d060960864801650304020105000420"),
}
"""What stands before a hash of that length, SHA-1 or SHA-256 (RFC 8017 9.2 note 1)."""
BARE_HASHES = {RSA_PKCS1_SHA1: (20,), RSA_PKCS1_SHA256: (32,)}
"""By algorithm reference: lengths of a bare hash that a card makes a DigestInfo of."""
_HASHES: dict[int, HashAlgorithm] = {20: SHA1(), 28: SHA224(), 32: SHA256(), 48: SHA384(), 64: SHA512()}  # noqa: S303


PURPOSES: tuple[KeyPurpose, ...] = ("identification", "signature")
"""Of the keys of a pair of certificates, in their order."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One key with its certificate."""

    purpose: KeyPurpose
    private: CardPrivateKey = field(repr=False)
    certificate: x509.Certificate = field(repr=False)


@dataclass(frozen=True, slots=True)
class CardKey:
    """One private key. `reference` is its number in PrKDF and MSE, `file_id` that of its key file."""

    purpose: KeyPurpose
    id: bytes
    reference: int
    file_id: int
    private: CardPrivateKey = field(repr=False)

    @property
    def bits(self) -> int:
        """Length of modulus or field."""
        return ED25519_BITS if isinstance(self.private, ed25519.Ed25519PrivateKey) else self.private.key_size


def generate(algorithm: KeyAlgorithm) -> CardPrivateKey:
    if algorithm == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm in ("RSA-2048", "RSA-3072"):
        return rsa.generate_private_key(public_exponent=65537, key_size=int(algorithm[-4:]))
    return ec.generate_private_key(_CURVES[algorithm])


@dataclass(frozen=True, slots=True)
class SecurityEnvironment:
    """Security environment: key and algorithm of the next operation."""

    key: CardKey
    algorithm: int


@dataclass(frozen=True, slots=True)
class Algorithms:
    """Algorithm references that a kind of card knows; the first is meant where MSE names none."""

    rsa: tuple[int, ...]
    ec: tuple[int, ...]

    def of(self, key: CardKey) -> tuple[int, ...]:
        """Return the algorithms that go with a key."""
        return self.rsa if isinstance(key.private, rsa.RSAPrivateKey) else self.ec


ALGORITHMS_B = Algorithms((RSA_PKCS1, RSA_RAW, RSA_PKCS1_SHA1), (ECDSA,))
ALGORITHMS_A = Algorithms((RSA_PKCS1_A,), (ECDSA_A,))


def sign(environment: SecurityEnvironment, data: bytes, bare: Mapping[int, tuple[int, ...]] = BARE_HASHES) -> bytes:
    """COMPUTE DIGITAL SIGNATURE (ISO/IEC 7816-8 11.8); `bare` as in `BARE_HASHES`. Raises StatusError."""
    private = environment.key.private
    if not isinstance(private, rsa.RSAPrivateKey):
        return sign_ec(private, data)
    if environment.algorithm == RSA_PSS_SHA256:
        return _sign_pss(private, data)
    if environment.algorithm == RSA_RAW:
        return raw_rsa(private, data)
    lengths = bare.get(environment.algorithm)
    if lengths is not None and len(data) not in lengths:
        raise StatusError(status.WRONG_LENGTH)
    prefix = b"" if lengths is None else DIGEST_INFOS[len(data)]
    return raw_rsa(private, _pad(prefix + data, private.key_size // 8))


def decipher(environment: SecurityEnvironment, cryptogram: bytes) -> bytes:
    """DECIPHER (ISO/IEC 7816-8 11.13). Raises StatusError."""
    private = environment.key.private
    if not isinstance(private, rsa.RSAPrivateKey):
        raise StatusError(status.CONDITIONS)
    block = raw_rsa(private, cryptogram)
    if environment.algorithm == RSA_RAW:
        return block
    return _unpad(block)


def raw_rsa(private: rsa.RSAPrivateKey, block: bytes) -> bytes:
    """RSADP and RSASP1 (RFC 8017 5.1.2, 5.2.1): the bare power, which the library does not offer."""
    numbers = private.private_numbers()
    modulus = numbers.public_numbers.n
    value = int.from_bytes(block, "big")
    size = private.key_size // 8
    if len(block) != size or value >= modulus:
        raise StatusError(status.WRONG_LENGTH if len(block) != size else status.BAD_DATA)
    first = pow(value, numbers.dmp1, numbers.p)
    second = pow(value, numbers.dmq1, numbers.q)
    power = second + numbers.q * ((first - second) * numbers.iqmp % numbers.p)
    return power.to_bytes(size, "big")


def _pad(digest_info: bytes, size: int) -> bytes:
    """EMSA-PKCS1-v1_5 (RFC 8017 9.2) without the hashing. A card refuses more than 40 % of the modulus."""
    if not digest_info or len(digest_info) * 10 > size * 4:
        raise StatusError(status.WRONG_LENGTH)
    return b"\x00\x01" + b"\xff" * (size - 3 - len(digest_info)) + b"\x00" + digest_info


def _unpad(block: bytes) -> bytes:
    """RSAES-PKCS1-v1_5 (RFC 8017 7.2.2)."""
    end = block.find(b"\x00", 2)
    if block[:2] != b"\x00\x02" or end < 10:
        raise StatusError(status.BAD_DATA)
    return block[end + 1 :]


def point_of(public: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey) -> bytes:
    """An uncompressed point (SEC 1 2.3.3), or of Ed25519 the 32 bytes of RFC 8032."""
    if isinstance(public, ed25519.Ed25519PublicKey):
        return public.public_bytes_raw()
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _sign_pss(private: rsa.RSAPrivateKey, digest: bytes) -> bytes:
    """RSASSA-PSS over a SHA-256 (RFC 8017 8.1). Raises StatusError(6700)."""
    if len(digest) != SHA256.digest_size:
        raise StatusError(status.WRONG_LENGTH)
    return private.sign(digest, padding.PSS(padding.MGF1(SHA256()), SHA256.digest_size), Prehashed(SHA256()))


def sign_ec(private: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, digest: bytes) -> bytes:
    """ECDSA as DER (r, s), over a hash of a known size (FIPS 186-5 6.4.1); Ed25519 over what comes. Raises StatusError(6700)."""
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(digest)
    algorithm = _HASHES.get(len(digest))
    if algorithm is None:
        raise StatusError(status.WRONG_LENGTH)
    return private.sign(digest, ec.ECDSA(Prehashed(algorithm)))
