"""Schema of the journal's tables, and the names of outcomes in them."""

import sqlite3

from drivers.cabinet.port import NotOpened, Opened, OpenUnknown
from drivers.printer.port import NotLaidOut, NotPrinted, Printed, PrintUnknown
from drivers.reader.keys import Generated
from drivers.reader.outcomes import Accepted, Locked, Refused, Unknown, WrongAnswer, WrongCode
from fleet.messages.vocabulary import Effect, Outcome
from kiosk.issuer.ports import (
    CardBlocked,
    CardBound,
    CardHeld,
    CardMarked,
    CertificateIssued,
    HoldLifted,
    InPortal,
    LetterNoted,
    LetterOrdered,
    PukReleased,
    RequestDeclined,
    RequestQueued,
    Unavailable,
)
from kiosk.ports import NamedOutcome
from kiosk.steps.certificate.card_write import GarbledAnswer, KeyUnavailable
from kiosk.steps.pin.by_administrator import NotAnswered
from kiosk.steps.pin.unlocking import NotSent
from kiosk.stock import repository as stock

SCHEMA = (
    """
CREATE TABLE IF NOT EXISTS errand (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, started TEXT NOT NULL, order_no TEXT, hsa_id TEXT, order_content BLOB,
    card_number TEXT, ended TEXT, outcome TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS errand_holder ON errand (hsa_id);
CREATE TABLE IF NOT EXISTS effect (
    id INTEGER PRIMARY KEY, errand TEXT NOT NULL REFERENCES errand (id), order_no TEXT, name TEXT NOT NULL,
    facts TEXT NOT NULL, intended TEXT NOT NULL, outcome TEXT, concluded TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS effect_order ON effect (order_no);
CREATE INDEX IF NOT EXISTS effect_open ON effect (id) WHERE outcome IS NULL;
CREATE TABLE IF NOT EXISTS receipt (
    number TEXT PRIMARY KEY, order_no TEXT, document BLOB NOT NULL, qr TEXT NOT NULL, issued TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS receipt_order ON receipt (order_no);
"""
    + stock.SCHEMA
)

_LAST_OF_KEY = """
SELECT f.name FROM effect f JOIN errand e ON e.id = f.errand
WHERE e.card_number = ? AND f.name IN ('card.generate_key', 'card.delete_certificate') AND json_extract(f.facts, '$.key') = ?
ORDER BY f.id DESC LIMIT 1
"""
"""The last thing that was done to a place of a card: a key made in it, or a certificate taken off it."""

DONE = frozenset({Outcome.OPENED, Outcome.TAKEN, Outcome.ACCEPTED, Outcome.WRITTEN, Outcome.PRINTED, Outcome.DROPPED})
"""Outcomes after which an effect need not be done again for the same order."""

UNDOES = {Effect.SLOT_RETURN: frozenset({Effect.SLOT_TAKE, Effect.CARD_UNBLOCK})}
"""Effects that take earlier ones back: a card that went back is another than the order's, whatever was done to it."""


def drop_plain_orders(cx: sqlite3.Connection) -> None:
    """Orders that an earlier version kept in clear, or somebody else has written: a station with an identity encrypts them."""
    plain = "substr(order_content, 1, 2) = x'7b22' AND json_valid(CAST(order_content AS TEXT))"
    cx.execute(f"UPDATE errand SET order_content = NULL WHERE {plain}")  # noqa: S608  # a constant


OUTCOMES: dict[type, Outcome] = {
    Accepted: Outcome.ACCEPTED,
    WrongCode: Outcome.WRONG_CODE,
    WrongAnswer: Outcome.WRONG_ANSWER,
    Locked: Outcome.LOCKED,
    Refused: Outcome.REFUSED,
    Unknown: Outcome.UNKNOWN,
    NotSent: Outcome.NOT_SENT,
    NotAnswered: Outcome.NOT_ANSWERED,
    Generated: Outcome.GENERATED,
    KeyUnavailable: Outcome.UNANSWERED,
    GarbledAnswer: Outcome.GARBLED,
    Opened: Outcome.OPENED,
    NotOpened: Outcome.NOT_OPENED,
    OpenUnknown: Outcome.UNKNOWN,
    Printed: Outcome.PRINTED,
    NotPrinted: Outcome.NOT_PRINTED,
    NotLaidOut: Outcome.NOT_LAID_OUT,
    PrintUnknown: Outcome.UNKNOWN,
    CertificateIssued: Outcome.ISSUED,
    CardBlocked: Outcome.BLOCKED,
    CardHeld: Outcome.HELD,
    CardMarked: Outcome.MARKED,
    HoldLifted: Outcome.LIFTED,
    RequestQueued: Outcome.QUEUED,
    RequestDeclined: Outcome.DECLINED,
    Unavailable: Outcome.UNAVAILABLE,
    PukReleased: Outcome.RELEASED,
    InPortal: Outcome.IN_PORTAL,
    LetterOrdered: Outcome.LETTER_ORDERED,
    LetterNoted: Outcome.LETTER_NOTED,
    CardBound: Outcome.BOUND,
}
"""The outcome of an effect by the type of its result. It travels over the link: a type may be renamed, its outcome not."""


def outcome_of(result: object) -> str:
    """The outcome that is written for the result of an effect. Raises TypeError for a type that has none."""
    if isinstance(result, NamedOutcome):
        return result.outcome
    outcome = OUTCOMES.get(type(result))
    if outcome is None:
        raise TypeError(f"no outcome is known for a result of type {type(result).__name__}: add it to OUTCOMES")
    return outcome


def effect_details(result: object) -> dict[str, str | int]:
    """Return the details of an outcome beside its name: why a slot or the flap did not open, or a document cannot be printed."""
    if isinstance(result, NotLaidOut):
        return {"why": result.why}
    return {"fault": result.fault.value} if isinstance(result, NotOpened) else {}


def subject_of(order: str | None, card_number: str | None = None) -> str | None:
    """The CloudEvents subject of an event: its order where there is one, else its card."""
    if order:
        return f"order/{order}"
    return f"card/{card_number}" if card_number else None


def was_key_made(cx: sqlite3.Connection, card_number: str | None, key_id: str) -> bool:
    """Return whether the last that is known of the key in that place of the card is that it was made."""
    last = cx.execute(_LAST_OF_KEY, (card_number, key_id)).fetchone()
    return last is not None and last[0] == Effect.CARD_GENERATE_KEY
