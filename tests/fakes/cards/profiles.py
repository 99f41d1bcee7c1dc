"""Product profiles as text, and keys that sign them."""

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

GOOD = """
name = "made-up"
title = "Made up"
rank = 5
proved = { value = "card", source = "twelve cards" }
source = "made up"
[match]
atr = [{ value = "3B7F96000080318065B0850400111202F0829000", mask = "FFFF0000FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF" }]
label = "^e-leg"
[pin]
min_length = 6
max_length = 8
tries = 3
[puk]
min_length = 8
max_length = 8
tries = 10
floor = 3
"""


ATR = bytes.fromhex("3B7FAAAA0080318065B0850400111202F0829000")


ED25519 = ed25519.Ed25519PrivateKey.generate()


Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey


def public_pem(*keys: Private) -> bytes:
    return b"".join(k.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) for k in keys)
