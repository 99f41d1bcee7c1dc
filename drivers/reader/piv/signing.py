"""PIV signatures: GENERAL AUTHENTICATE (SP 800-73-4 part 2, 3.2.4; algorithms SP 800-78-4, table 6-2).

The card does the bare operation. For RSA the station pads the DigestInfo to the length of the key (RFC 8017 9.2); for
ECDSA it hands over the hash. Some keys want the PIN just before each signature: then the card refuses with 6982.

>>> pkcs1_v15(b"abc", 64)[:4].hex()
'0001ffff'
"""

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from drivers.reader import tlv
from drivers.reader.outcomes import RefusalReason, Refused, SignOutcome
from drivers.reader.piv import apdus as commands
from drivers.reader.signatures import signing
from drivers.reader.signatures.signing import RS256, SignatureRequest, digest_info, scheme_of
from drivers.reader.transport.channel import ApduChannel

RSA_ALGORITHMS = {1024: 0x06, 2048: 0x07, 3072: 0x05, 4096: 0x16}
"""By length of the modulus in bits; 4096 is a vendor's own number."""
EC_ALGORITHMS = {"secp256r1": 0x11, "secp384r1": 0x14}
_LEAST_FILLER = 8


def pkcs1_v15(message: bytes, length: int) -> bytes:
    """EMSA-PKCS1-v1_5 of a message's SHA-256, in `length` bytes (RFC 8017 9.2)."""
    info = digest_info(message)
    filler = length - len(info) - 3
    if filler < _LEAST_FILLER:
        raise ValueError("a key too short for the hash")
    return b"\x00\x01" + b"\xff" * filler + b"\x00" + info


def algorithm_of(key: object) -> int | None:
    """The card's name for that kind of public key; None where it has none."""
    if isinstance(key, rsa.RSAPublicKey):
        return RSA_ALGORITHMS.get(key.key_size)
    return EC_ALGORITHMS.get(key.curve.name) if isinstance(key, ec.EllipticCurvePublicKey) else None


def sign(channel: ApduChannel, reference: int, key: object, certificate: bytes, message: bytes) -> SignOutcome:
    """Sign with the private key of that reference, whose public key is `key`.

    Raises CardAnswerError for a false signature.
    """
    algorithm, scheme = algorithm_of(key), scheme_of(key)
    if algorithm is None or scheme is None:
        return Refused(RefusalReason.KEY_KIND)
    if scheme is RS256 and isinstance(key, rsa.RSAPublicKey):
        prepared = pkcs1_v15(message, key.key_size // 8)
    else:
        prepared = scheme.digest(message)
    command = commands.sign(algorithm, reference, prepared)
    return signing.request_signature(channel, command, SignatureRequest(key, message, scheme, certificate), _signature)


def _signature(answer: bytes) -> bytes:
    """Return what stands in 82 within 7C; empty, and so false, where the answer is of another form. Raises TlvError."""
    nodes = tlv.parse_prefix(answer)
    node = nodes[0].find(0x82) if nodes and nodes[0].tag == 0x7C else None
    return b"" if node is None else node.value
