"""Mandates: the exact bytes, and nothing else."""

import msgspec
import pytest

from fleet.messages.asking import BlockAsk, ask_digest
from fleet.messages.mandates import MOST_BYTES, MOST_MEANS, Mandate, MandateError, Proof, mandate_bytes, parse_mandate

MANDATE = Mandate("entre-a", "0" * 32, "2026-03-02T08:00:00Z", "9999", "AAAA", ("card.block 9999", "directory.find *"))
RAW = mandate_bytes(MANDATE)

WRONG = {
    "nothing": b"",
    "no JSON": b"{",
    "an object": b"{}",
    "another kind": RAW.replace(b"mandate-v1", b"mandate-v2"),
    "a field less": msgspec.json.encode(msgspec.json.decode(RAW)[:-1]),
    "a field more": msgspec.json.encode([*msgspec.json.decode(RAW), ""]),
    "a number for a name": RAW.replace(b'"9999",', b"9999,"),
    "no list of means": msgspec.json.encode([*msgspec.json.decode(RAW)[:-1], "card.block *"]),
    "too many means": mandate_bytes(msgspec.structs.replace(MANDATE, means=("x",) * (MOST_MEANS + 1))),
    "too long": RAW + b" " * MOST_BYTES,
    "not UTF-8": RAW.replace(b"entre-a", b"\xff"),
}


def test_what_was_signed_is_read_as_it_was() -> None:
    assert parse_mandate(RAW) == MANDATE


@pytest.mark.parametrize("story", WRONG)
def test_other_bytes_are_no_mandate(story: str) -> None:
    with pytest.raises(MandateError):
        parse_mandate(WRONG[story])


def test_a_mandate_means_what_it_lists_and_no_more() -> None:
    assert MANDATE.allows("card.block", "9999")
    assert not MANDATE.allows("directory.find", "anybody"), "there is no subject for anybody"
    assert not MANDATE.allows("card.block", "9998")
    assert not MANDATE.allows("card.hold", "9999")


def test_the_digest_of_an_ask_covers_all_but_its_proofs() -> None:
    ask = BlockAsk(id="0" * 32, card_number="9999", reason="lost", wanted="2026-03-02T08:00:00Z")
    proof = Proof(mandate="", certificate="", signature="", algorithm="ES256", wish="")
    assert ask_digest(msgspec.structs.replace(ask, proofs=(proof,))) == ask_digest(ask)
    others = {ask_digest(msgspec.structs.replace(ask, **{name: "other"})) for name in ("id", "card_number", "wanted")}
    assert len(others | {ask_digest(ask)}) == 4
