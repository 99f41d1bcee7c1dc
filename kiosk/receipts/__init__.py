"""Receipts: made, signed by station and card, laid out, and checked. Pure: no I/O, no screen, no database.

A receipt is a JWS in general JSON serialisation (RFC 7515 section 7.2.1) with one exact form: the same receipt is
never two different byte strings. A QR text holds a compact statement of it, signed by the station by itself.

    unsigned = draft(facts)
    made = await visit.sign("signature", unsigned.signing_input(certificate_der))
    by_card = CardSignature(made.signature, made.algorithm, made.certificate)
    receipt = finish(unsigned, station_key, station_chain, by_card)
    verify(receipt.document, trust)      # Genuine | Altered | UnknownSigner | Revoked | Undecided
"""

from kiosk.receipts.facts import ReceiptDetail, ReceiptError, ReceiptFacts, ReceiptPerson, ReceiptStatement
from kiosk.receipts.issuing import (
    CardSignature,
    Draft,
    Receipt,
    document_bytes,
    draft_receipt,
    finish_receipt,
    read_receipt,
)
from kiosk.receipts.numbers import new_number, read_number
from kiosk.receipts.paper import binder_document, receipt_document
from kiosk.receipts.template import ReceiptLine, Template, template
from kiosk.receipts.verification import (
    Altered,
    Genuine,
    ReceiptSigner,
    ReceiptTrust,
    ReceiptWitness,
    SignedAfterRevocation,
    Undecided,
    UnknownSigner,
    Verdict,
    verify_receipt,
)

__all__ = [
    "Altered",
    "CardSignature",
    "Draft",
    "Genuine",
    "Receipt",
    "ReceiptDetail",
    "ReceiptError",
    "ReceiptFacts",
    "ReceiptLine",
    "ReceiptPerson",
    "ReceiptSigner",
    "ReceiptStatement",
    "ReceiptTrust",
    "ReceiptWitness",
    "SignedAfterRevocation",
    "Template",
    "Undecided",
    "UnknownSigner",
    "Verdict",
    "binder_document",
    "document_bytes",
    "draft_receipt",
    "finish_receipt",
    "new_number",
    "read_number",
    "read_receipt",
    "receipt_document",
    "template",
    "verify_receipt",
]
