"""Signed envelopes: what fits is read, and what was changed, cut, or signed as something else is refused by one error."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc.jwk import ECKey

from fleet.messages import statements
from fleet.messages.link import Acked, Answer, SyncAsk, encode
from fleet.messages.signed import (
    ACKED_TYP,
    ANSWER_TYP,
    MAX_SIGNED_ASK_BYTES,
    ROOTS_KEPT,
    AckedReader,
    SignedAnswer,
    SignedError,
    open_answer,
    open_ask,
    sign_acked,
    sign_ask,
    unverified_nonce,
)
from fleet.messages.statements import name_of
from fleet.server.keys.signing import Signer
from provisioning import pki

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
KEY = ECKey.generate_key("P-256")
SIGNER = Signer(KEY)
OWN = pki.new_key()
CERTIFICATE = pki.issue_client(pki.make_ca(NOW), "entre-a", OWN.public_key(), NOW)
NONCE, ASK = sign_ask((OWN, CERTIFICATE), "entre-a", SyncAsk(), NOW)
ANSWER = SIGNER.sign(encode(SignedAnswer("entre-a", "0" * 32, "2026-06-01T10:00:00Z", Answer(ok=True))), ANSWER_TYP)
WORDS = [(f"entre-{number}", Acked(1, number, ((number + 2, number + 3),))) for number in range(5)]


def test_an_ask_is_read_with_the_certificate_that_signed_it() -> None:
    opened = open_ask(ASK)
    assert (opened.signed.station, opened.signed.nonce, opened.time) == ("entre-a", NONCE, NOW)
    assert bytes(opened.signed.ask) == encode(SyncAsk())
    assert name_of(opened.certificate) == "entre-a"
    assert unverified_nonce(ASK) == NONCE


def changed(payload: bytes, **members: Any) -> bytes:
    """The same ask with other content under the old signature."""
    header, body, signature = payload.split(b".")
    content = {**json.loads(base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4))), **members}
    return b".".join((header, base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"="), signature))


BAD_ASKS = {
    "nothing": b"",
    "no JWS": b'{"ask":"sync"}',
    "not ASCII": b"\xff" * 9,
    "too long": ASK + b"A" * MAX_SIGNED_ASK_BYTES,
    "another station": changed(ASK, station="entre-b"),
    "another ask": changed(ASK, ask={"ask": "order.find", "hsa_id": "X"}),
    "cut": ASK[:-4],
    "an answer": ANSWER.encode(),
    "nested without end": b"[" * 5000,
}


@pytest.mark.parametrize("story", BAD_ASKS)
def test_what_is_no_signed_ask_is_refused(story: str) -> None:
    with pytest.raises(SignedError):
        open_ask(BAD_ASKS[story])


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"nonce": "short"}, "nonce"),
        ({"nonce": "G" * 32}, "nonce"),
        ({"time": "now"}, "time"),
        ({"time": "0001-01-01T00:00:00Z"}, "time"),
        ({"time": "2026-06-01T10:00:00"}, "time"),
        ({"more": 1}, "unknown field"),
    ],
)
def test_a_well_signed_ask_of_another_form_is_refused(members: dict[str, Any], why: str) -> None:
    content = {"station": "entre-a", "nonce": "0" * 32, "time": "2026-06-01T10:00:00Z", "ask": {}, **members}
    text = statements.sign(OWN, CERTIFICATE, "kortkiosk.ask+jws", json.dumps(content).encode())
    with pytest.raises(SignedError, match=why):
        open_ask(text.encode())


@pytest.mark.parametrize(
    "payload", [b"", b"a.b.c", b"a.!!.c", b"a.bm8.c", b"a." + base64.b64encode(b'{"nonce":"short"}') + b".c"]
)
def test_no_nonce_is_read_where_there_is_none(payload: bytes) -> None:
    assert unverified_nonce(payload) is None


def test_an_answer_is_the_servers_alone_and_of_its_own_type() -> None:
    assert open_answer(ANSWER.encode(), KEY).answer == Answer(ok=True)
    content = encode(SignedAnswer("entre-a", "0" * 32, "2026-06-01T10:00:00Z", Answer(ok=True)))
    forged = [
        Signer(ECKey.generate_key("P-256")).sign(content, ANSWER_TYP),
        SIGNER.sign(content, ACKED_TYP),
        "x",
        SIGNER.sign(b"[]", ANSWER_TYP),
    ]
    for text in forged:
        with pytest.raises(SignedError):
            open_answer(text.encode(), KEY)


def test_every_station_reads_its_own_word_and_no_other_ones() -> None:
    payloads, reader = sign_acked(WORDS, NOW, SIGNER.sign), AckedReader(KEY)
    for (station, word), payload in zip(WORDS, payloads, strict=True):
        assert reader.open(payload, station) == (word, NOW)
        with pytest.raises(SignedError):
            reader.open(payload, "entre-9")
    assert sign_acked([], NOW, SIGNER.sign) == []


@pytest.mark.parametrize(
    "members",
    [
        {"acked": {"epoch": 1, "through": 99, "wanted": []}},
        {"index": 2},
        {"index": -1},
        {"index": 10**30},
        {"path": []},
        {"path": ["!"]},
        {"path": ["AAAA"]},
        {"path": ["A" * 43] * 99},
        {"root": "x"},
        {"more": 1},
    ],
)
def test_a_word_that_was_changed_is_refused(members: dict[str, Any]) -> None:
    payload = {**json.loads(sign_acked(WORDS, NOW, SIGNER.sign)[1]), **members}
    with pytest.raises(SignedError):
        AckedReader(KEY).open(json.dumps(payload).encode(), "entre-1")


def test_only_the_last_roots_are_remembered() -> None:
    reader = AckedReader(KEY)
    for number in range(ROOTS_KEPT + 5):
        reader.open(sign_acked([("entre-a", Acked(1, number))], NOW, SIGNER.sign)[0], "entre-a")
    assert len(reader.roots) == ROOTS_KEPT
