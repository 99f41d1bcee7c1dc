"""The sealed code: it opens for the verifier, for that station, order and nonce, and for nothing else."""

import base64

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fleet.agent.envelope import SUITE, new_nonce, seal_puk
from fleet.messages.link import EnvelopeAsk, envelope_info

VERIFIER = X25519PrivateKey.generate()
PUBLIC = VERIFIER.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
NONCE = "00112233445566778899aabbccddeeff"
MADE_UP_PUK = "12345678"


def opened(ask: EnvelopeAsk, info: bytes, key: X25519PrivateKey = VERIFIER) -> bytes:
    return SUITE.decrypt(base64.b64decode(ask.sealed, validate=True), key, info=info)


def test_the_verifier_opens_it() -> None:
    ask = seal_puk(PUBLIC, "entre-a", "A1", NONCE, MADE_UP_PUK)
    assert (ask.order, ask.nonce) == ("A1", NONCE)
    assert opened(ask, envelope_info("entre-a", "A1", NONCE)) == MADE_UP_PUK.encode()


@pytest.mark.parametrize(
    ("station", "order", "nonce"), [("entre-b", "A1", NONCE), ("entre-a", "A2", NONCE), ("entre-a", "A1", "0" * 32)]
)
def test_it_opens_for_no_other_station_order_or_nonce(station: str, order: str, nonce: str) -> None:
    ask = seal_puk(PUBLIC, "entre-a", "A1", NONCE, MADE_UP_PUK)
    with pytest.raises(InvalidTag):
        opened(ask, envelope_info(station, order, nonce))


def test_it_opens_for_no_other_key() -> None:
    ask = seal_puk(PUBLIC, "entre-a", "A1", NONCE, MADE_UP_PUK)
    with pytest.raises(InvalidTag):
        opened(ask, envelope_info("entre-a", "A1", NONCE), X25519PrivateKey.generate())


def test_the_same_code_never_looks_the_same_and_never_shows() -> None:
    asks = [seal_puk(PUBLIC, "entre-a", "A1", NONCE, MADE_UP_PUK) for _ in range(2)]
    assert asks[0].sealed != asks[1].sealed
    assert MADE_UP_PUK.encode() not in base64.b64decode(asks[0].sealed)


def test_nonces_are_32_hex_digits_and_fresh() -> None:
    nonces = {new_nonce() for _ in range(100)}
    assert len(nonces) == 100
    assert all(len(bytes.fromhex(nonce)) == 16 for nonce in nonces)


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        seal_puk(b"short", "entre-a", "A1", NONCE, MADE_UP_PUK)
