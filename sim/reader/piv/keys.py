"""Operations with a PIV card's asymmetric keys: GENERAL AUTHENTICATE and public keys (SP 800-73-4 part 2, 3.2.4, 3.3.2).

RSA takes a block as long as the modulus, padded by the caller; ECDSA takes a hash and answers DER (r, s); a point of
another party (85) gives the shared secret of ECDH.
"""

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from sim.reader import keys, status
from sim.reader.der import octets, tlv
from sim.reader.keys import CardPrivateKey
from sim.reader.piv.references import AlgorithmReference
from sim.reader.status import StatusError

PUBLIC_KEY_TEMPLATE, MODULUS, EXPONENT, POINT = 0x7F49, 0x81, 0x82, 0x86
_CURVES: dict[int, type[ec.EllipticCurve]] = {
    AlgorithmReference.P256: ec.SECP256R1,
    AlgorithmReference.P384: ec.SECP384R1,
}


def algorithm_of(key: CardPrivateKey) -> AlgorithmReference:
    """The number by which PIV knows that kind of key."""
    if isinstance(key, rsa.RSAPrivateKey):
        return AlgorithmReference.RSA_2048 if key.key_size == 2048 else AlgorithmReference.RSA_3072
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return AlgorithmReference.ED25519
    return AlgorithmReference.P384 if isinstance(key.curve, ec.SECP384R1) else AlgorithmReference.P256


def generate(algorithm: int) -> CardPrivateKey:
    """A new key. Raises StatusError(6A80) for an algorithm that the card does not have."""
    if algorithm in (AlgorithmReference.RSA_2048, AlgorithmReference.RSA_3072):
        size = 2048 if algorithm == AlgorithmReference.RSA_2048 else 3072
        return rsa.generate_private_key(public_exponent=65537, key_size=size)
    curve = _CURVES.get(algorithm)
    if curve is None:
        raise StatusError(status.BAD_DATA)
    return ec.generate_private_key(curve())


def public_key_objects(key: CardPrivateKey) -> bytes:
    """Modulus and exponent, or the point (part 2 table 10)."""
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return octets(numbers.n.to_bytes(public.key_size // 8, "big"), MODULUS) + octets(
            numbers.e.to_bytes(3, "big"), EXPONENT
        )
    return octets(keys.point_of(public), POINT)


def public_key_template(key: CardPrivateKey) -> bytes:
    """The answer to GENERATE ASYMMETRIC KEY PAIR."""
    return tlv(PUBLIC_KEY_TEMPLATE, public_key_objects(key))


def sign(key: CardPrivateKey, challenge: bytes) -> bytes:
    """Signature, or for RSA any other use of the private key. Raises StatusError."""
    if isinstance(key, rsa.RSAPrivateKey):
        if len(challenge) != key.key_size // 8:
            raise StatusError(status.BAD_DATA)
        return keys.raw_rsa(key, challenge)
    return keys.sign_ec(key, challenge)


def agree(key: CardPrivateKey, point: bytes) -> bytes:
    """ECDH: the shared secret's x coordinate. Raises StatusError(6A80)."""
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise StatusError(status.BAD_DATA)
    try:
        other = ec.EllipticCurvePublicKey.from_encoded_point(key.curve, point)
    except ValueError:
        raise StatusError(status.BAD_DATA) from None
    return key.exchange(ec.ECDH(), other)
