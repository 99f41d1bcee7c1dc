"""A receipt counts where its station signed it, and the card where it says so; any other is kept, and says what is wrong."""

import base64
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from fleet.messages.vocabulary import EventType
from fleet.server.ingest.receipt_verification import ReceiptOrigin, receipt_fault
from fleet.server.ingest.write import Writer
from fleet.server.readings.queries import StoreReadings
from kiosk.receipts import CardSignature, ReceiptFacts, ReceiptPerson, draft_receipt, finish_receipt
from tests.fakes.issuers.proving import CardHolder
from tests.fakes.server import receipts
from tests.fakes.server.receipts import signed_receipt
from tests.fleet.server.conftest import NOW, SealingStation, arrived

ORIGIN = ReceiptOrigin("entre-a", "R-1", "O-1", "9999")
ALVA = CardHolder.made("TEST000000-0001", "9999", "signature")
FALSE = "a signature of the receipt is missing, or is not the one that the station saw"


def by_card(holder: str = ALVA.hsa_id, number: str = "R-1") -> dict[str, Any]:
    """One that the holder's card signed."""
    facts = ReceiptFacts(
        "pickup", receipts.AT, "entre-a", "Made up", "O-1", "9999", ReceiptPerson(holder, "Alva"), "old_card", None, None, "1"
    )  # fmt: skip
    key, station = receipts.own_key("entre-a")
    der = ALVA.key.certificate.public_bytes(receipts.Encoding.DER)
    draft = draft_receipt(facts, number)
    assert isinstance(ALVA.key.private, ec.EllipticCurvePrivateKey)
    made = ALVA.key.private.sign(draft.signing_input(der), ec.ECDSA(receipts.hashes.SHA256()))
    document = finish_receipt(draft, key, (station,), CardSignature(made, "ES256", der)).document
    found: dict[str, Any] = msgspec.json.decode(document)
    return found


def cut(document: dict[str, Any], number: int) -> dict[str, Any]:
    """Another signature in the place of that one."""
    signatures = [dict(one) for one in document["signatures"]]
    raw = base64.urlsafe_b64decode(signatures[number]["signature"] + "==")
    signatures[number]["signature"] = base64.urlsafe_b64encode(raw[:-1] + bytes([raw[-1] ^ 1])).rstrip(b"=").decode()
    return {**document, "signatures": signatures}


TAMPERED: dict[str, tuple[Callable[[], Any], str | None]] = {
    "by the station": (lambda: signed_receipt("entre-a", "R-1", "O-1", "9999"), None),
    "by the card too": (by_card, None),
    "made up": (lambda: {"made": "up"}, "the receipt is not written as a receipt is"),
    "null": (lambda: None, "the receipt is not written as a receipt is"),
    "of another station": (lambda: signed_receipt("entre-b", "R-1", "O-1", "9999"), "of something else"),
    "of another order": (lambda: signed_receipt("entre-a", "R-1", "O-2", "9999"), "of something else"),
    "of another card": (lambda: signed_receipt("entre-a", "R-1", "O-1", "9998"), "of something else"),
    "with another number": (lambda: signed_receipt("entre-a", "R-2", "O-1", "9999"), "of something else"),
    "the station's signature changed": (lambda: cut(by_card(), 0), "the station's signature does not hold"),
    "the card's signature changed": (lambda: cut(by_card(), 1), FALSE),
    "the card's signature left out": (lambda: {**by_card(), "signatures": by_card()["signatures"][:1]}, FALSE),
    "by somebody else's card": (lambda: by_card("TEST000000-0002"), "the holder's signature does not hold"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_receipt_that_does_not_hold_says_why(what: str) -> None:
    document, fault = TAMPERED[what]
    found = receipt_fault(msgspec.json.encode(document()), ORIGIN)
    assert found is None if fault is None else fault in (found or "")


def test_a_made_up_receipt_is_stored_with_an_alarm_and_is_nobodys_receipt(
    writer: Writer, station: SealingStation, readings: StoreReadings
) -> None:
    about = {"errand": "E-1", "order": "O-1", "card_number": "9999", "number": "R-1", "signed": "card"}
    writer.commit(arrived(station.seal(EventType.RECEIPT_ISSUED, {**about, "receipt": {"made": "up"}})), NOW)
    assert readings.receipt("R-1") is None
    assert ("entre-a", "receipt_unproved", "R-1: the receipt is not written as a receipt is") in readings.summary(
        NOW
    ).alarms
    assert [event.content["number"] for event in readings.events(errand="E-1")] == ["R-1"]
