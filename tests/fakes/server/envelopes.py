"""Code letters: the verifier's keys, and a station that seals codes to it. `envelopes` is a fixture; who takes it names it."""

import base64
import hashlib
import hmac
import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fleet.messages.link import EnvelopeAsk, envelope_info, envelope_mac_input
from fleet.server.verifier.judge import SUITE
from fleet.server.verifier.model import Check, EnvelopeFacts

PUK = "73910264"
CARD = "9752269875"
ISSUER_KEY = bytes(range(32))


@dataclass
class Envelopes:
    """The authority's verifier directory, and a station that seals codes to its key."""

    directory: Path
    private: X25519PrivateKey

    def seal(self, puk: str, station: str = "entre-a", order: str = "O-1", nonce: str | None = None) -> EnvelopeAsk:
        nonce = nonce or os.urandom(16).hex()
        sealed = SUITE.encrypt(puk.encode(), self.private.public_key(), envelope_info(station, order, nonce))
        return EnvelopeAsk(order=order, nonce=nonce, sealed=base64.b64encode(sealed).decode())

    def check(self, puk: str, facts: EnvelopeFacts | None, **place: str) -> Check:
        ask = self.seal(puk, **place)
        return Check(1, place.get("station", "entre-a"), ask.order, ask.nonce, ask.sealed, facts)


def facts(puk: str = PUK, card: str = CARD, key: str = "2026a") -> EnvelopeFacts:
    return EnvelopeFacts(card, key, hmac.digest(ISSUER_KEY, envelope_mac_input(card, puk), hashlib.sha256).hex())


@pytest.fixture
def envelopes(tmp_path: Path) -> Envelopes:
    directory = tmp_path / "verifier"
    directory.mkdir()
    private = X25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / "hpke.key").write_bytes(pem)
    (directory / "envelope-keys.json").write_text(json.dumps({"2026a": base64.b64encode(ISSUER_KEY).decode()}))
    return Envelopes(directory, private)
