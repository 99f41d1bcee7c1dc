"""Key files sealed with a passphrase: PKCS#8 (RFC 5958), encrypted by scrypt (RFC 7914) and AES-256-CBC, as OpenSSL has them.

>>> sealed = seal(ec.generate_private_key(ec.SECP256R1()), b"made up", cost=16)
>>> sealed.startswith(MARKER)
True
"""

import os

from asn1crypto import core, pem
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

MARKER = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
COST = 2**14
"""scrypt's N with r = 8 and p = 1, as OpenSSL's own: with more OpenSSL does not open it."""
PBES2, SCRYPT, AES256_CBC = "1.2.840.113549.1.5.13", "1.3.6.1.4.1.11591.4.11", "2.16.840.1.101.3.4.1.42"
BLOCK, PARALLEL, SALT_BYTES, KEY_BYTES = 8, 1, 16, 32


def seal(key: ec.EllipticCurvePrivateKey, passphrase: bytes, cost: int = COST) -> bytes:
    """The key as PEM that nobody reads without the passphrase."""
    salt, start = os.urandom(SALT_BYTES), os.urandom(algorithms.AES.block_size // 8)
    derived = Scrypt(salt, KEY_BYTES, cost, BLOCK, PARALLEL).derive(passphrase)
    pad = padding.PKCS7(algorithms.AES.block_size).padder()
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    encryptor = Cipher(algorithms.AES(derived), modes.CBC(start)).encryptor()
    sealed = encryptor.update(pad.update(plain) + pad.finalize()) + encryptor.finalize()
    content = _sequence(_algorithm(salt, start, cost), core.OctetString(sealed))
    armored: bytes = pem.armor("ENCRYPTED PRIVATE KEY", content.dump())
    return armored


def _algorithm(salt: bytes, start: bytes, cost: int) -> core.Asn1Value:
    """PBES2 (RFC 8018 appendix A.4) with scrypt-params (RFC 7914 section 7)."""
    numbers = [core.Integer(number) for number in (cost, BLOCK, PARALLEL)]
    derivation = _sequence(core.ObjectIdentifier(SCRYPT), _sequence(core.OctetString(salt), *numbers))
    encryption = _sequence(core.ObjectIdentifier(AES256_CBC), core.OctetString(start))
    return _sequence(core.ObjectIdentifier(PBES2), _sequence(derivation, encryption))


def _sequence(*values: core.Asn1Value) -> core.Asn1Value:
    return core.Sequence(contents=b"".join(value.dump() for value in values))
