"""Whoever answers for a card's management key, and an issuer of certificates that nobody trusts.

>>> FactoryKey("C").algorithm
'3DES'
"""

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.x509.oid import NameOID

from drivers.reader.keys import ManagementAlgorithm
from sim.reader.piv.memory import FACTORY_MANAGEMENT_KEY
from tests.drivers.reader.conftest import NOW

PRIVATE = ec.generate_private_key(ec.SECP256R1())
"""The issuer's."""


class FactoryKey:
    """The factory's key of a virtual card of a kind, or a wrong one; remembers what it was asked."""

    def __init__(self, kind: str, *, wrong: bool = False) -> None:
        self.algorithm: ManagementAlgorithm = "3DES" if kind == "C" else "AES-192"
        key = bytes(reversed(FACTORY_MANAGEMENT_KEY)) if wrong else FACTORY_MANAGEMENT_KEY
        cipher = TripleDES(key) if self.algorithm == "3DES" else algorithms.AES(key)
        self._cipher = Cipher(cipher, modes.ECB())  # noqa: S305 - the standard asks for single blocks
        self.challenges: list[bytes] = []

    def answer(self, challenge: bytes) -> bytes:
        """See `ManagementKey.answer`."""
        self.challenges.append(challenge)
        encryptor = self._cipher.encryptor()
        return encryptor.update(challenge) + encryptor.finalize()


def certificate_for(public_key: bytes, hsa_id: str = "SE2321000999-1A01") -> bytes:
    """A certificate of that SubjectPublicKeyInfo, both in DER, that names a holder."""
    key = serialization.load_der_public_key(public_key)
    assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    attributes = {NameOID.COMMON_NAME: "Made Up", NameOID.SERIAL_NUMBER: hsa_id}
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes.items()])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key).serial_number(7)
    builder = builder.not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=30))
    return builder.sign(PRIVATE, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
