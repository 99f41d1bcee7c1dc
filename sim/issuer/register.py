"""The simulator's register: what may be done to a card, and what is then true of it. Each inside the caller's transaction.

Rules: a block is for good and revokes every certificate of the card; a hold suspends them and remembers the state that it was
made in; lifting gives back exactly that state; a PUK is released once, sealed so that only the asking station can open it.
"""

import base64
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from fleet.messages.asking import (
    AnsweredResult,
    BlockedResult,
    DeclinedResult,
    HeldResult,
    LetterOrderedResult,
    LiftedResult,
    ReleasedResult,
    puk_info,
)
from fleet.messages.issuing import CardRecord
from fleet.server.issuer_adapters.rest import ReceivedAnswer
from fleet.server.issuers.card_keys import CardKeys
from sim.issuer.database import card_of, keep_card
from sim.issuer.request_bodies import Block, Challenge, Hold, Letter, Lift, Puk, Received

LETTER_DAYS = 5
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
DEAD = ("blocked", "returned", "voided")


class UnregisteredCardError(Exception):
    """The register has no card of that number."""


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """Request for a change: of which card, in which wish, when."""

    card_number: str
    key: str
    now: datetime

    @property
    def at(self) -> str:
        """Time of the request, as RFC 3339 has it."""
        return self.now.isoformat(timespec="seconds").replace("+00:00", "Z")


def block(cx: sqlite3.Connection, request: ChangeRequest, body: Block) -> BlockedResult | DeclinedResult:
    """Revoke all; a card that is blocked stays as it is."""
    card = _card(cx, request)
    if card.state != "blocked":
        keep_card(cx, card, state="blocked", held_from=None, hold_reason=None)
        cx.execute(
            "UPDATE certificate SET revoked = CASE WHEN held = 1 OR revoked IS NULL THEN ? ELSE revoked END, held = 0"
            " WHERE card = ?",
            (request.at, card.card_number),
        )
        return BlockedResult(request.at)
    row = cx.execute("SELECT min(revoked) FROM certificate WHERE card = ?", (card.card_number,)).fetchone()
    return BlockedResult(row[0] or request.at)


def hold(cx: sqlite3.Connection, request: ChangeRequest, body: Hold) -> HeldResult | DeclinedResult:
    """Suspend all that is not revoked. A second hold keeps the state of the first."""
    card = _card(cx, request)
    if card.state in DEAD:
        return DeclinedResult(f"card_{card.state}")
    before = card.held_from if card.state == "held" and card.held_from else card.state
    keep_card(cx, card, state="held", held_from=before, hold_reason=body.reason)
    cx.execute(
        "UPDATE certificate SET revoked = ?, held = 1 WHERE card = ? AND revoked IS NULL",
        (request.at, card.card_number),
    )
    return HeldResult(before)


def lift(cx: sqlite3.Connection, request: ChangeRequest, body: Lift) -> LiftedResult | DeclinedResult:
    """Take the suspension back, and nothing else."""
    card = _card(cx, request)
    if card.state != "held" or card.held_from is None:
        return DeclinedResult("not_held")
    keep_card(cx, card, state=card.held_from, held_from=None, hold_reason=None)
    cx.execute("UPDATE certificate SET revoked = NULL, held = 0 WHERE card = ? AND held = 1", (card.card_number,))
    return LiftedResult(card.held_from)


def release_puk(cx: sqlite3.Connection, request: ChangeRequest, body: Puk) -> ReleasedResult | DeclinedResult:
    """Once; then the register holds it no more."""
    card = _card(cx, request)
    if card.state in (*DEAD, "held"):
        return DeclinedResult(f"card_{card.state}")
    if len(set(body.people)) < 2 or body.hsa_id not in card.hsa_ids:
        return DeclinedResult("administrators_missing")
    try:
        public = X25519PublicKey.from_public_bytes(base64.b64decode(body.reply_key, validate=True))
    except ValueError:
        return DeclinedResult("bad_request")
    puk = take_puk(cx, card.card_number)
    if puk is None:
        return DeclinedResult("no_puk")
    sealed = SUITE.encrypt(puk.encode(), public, info=puk_info(body.station, card.card_number, request.key))
    return ReleasedResult(base64.b64encode(sealed).decode())


def take_puk(cx: sqlite3.Connection, card_number: str) -> str | None:
    """The PUK of a card; the register holds it no more."""
    row = cx.execute("SELECT puk FROM card WHERE number = ?", (card_number,)).fetchone()
    cx.execute("UPDATE card SET puk = NULL WHERE number = ?", (card_number,))
    return str(row[0]) if row and row[0] is not None else None


def order_letter(cx: sqlite3.Connection, request: ChangeRequest, body: Letter) -> LetterOrderedResult | DeclinedResult:
    """A letter to the registered address; to the office for a protected identity would be the issuer's own rule."""
    card = _card(cx, request)
    if body.hsa_id not in card.hsa_ids:
        return DeclinedResult("unknown_card")
    if card.state in DEAD or card.reserve:
        return DeclinedResult("reserve_card" if card.reserve else f"card_{card.state}")
    return LetterOrderedResult((request.now.date() + timedelta(days=LETTER_DAYS)).isoformat(), "home")


def receive(cx: sqlite3.Connection, request: ChangeRequest, body: Received) -> ReceivedAnswer | DeclinedResult:
    """The card is in use. One on hold stays so, and goes back to use when the hold ends; who has it already keeps it. A reserve
    card that is nobody's becomes that person's, for good."""
    card = _card(cx, request)
    if card.reserve and not card.hsa_id:
        card = keep_card(cx, card, hsa_id=body.hsa_id)
    if body.hsa_id not in card.hsa_ids:
        return DeclinedResult("unknown_card")
    if card.state in DEAD:
        return DeclinedResult(f"card_{card.state}")
    if card.state == "held":
        keep_card(cx, card, held_from="active", activate_by=None)
        return ReceivedAnswer("held")
    keep_card(cx, card, state="active", activate_by=None)
    return ReceivedAnswer("active")


def answer_challenge(
    keys: CardKeys, cx: sqlite3.Connection, request: ChangeRequest, body: Challenge
) -> AnsweredResult | DeclinedResult:
    """One block under the card's own key, which stays here. To unlock it takes somebody beside the holder."""
    card = _card(cx, request)
    if card.state in (*DEAD, "held"):
        return DeclinedResult(f"card_{card.state}")
    others = set(body.people) - {*card.hsa_ids}
    if body.hsa_id not in card.hsa_ids or (body.key == "unblock" and not others):
        return DeclinedResult("administrators_missing")
    response = keys.answer(body.key, card.card_number, body.algorithm, bytes.fromhex(body.challenge), body.serial)
    return DeclinedResult("no_key") if response is None else AnsweredResult(response.hex())


def _card(cx: sqlite3.Connection, request: ChangeRequest) -> CardRecord:
    card = card_of(cx, request.card_number)
    if card is None:
        raise UnregisteredCardError
    return card


Changed = (
    BlockedResult
    | HeldResult
    | LiftedResult
    | ReleasedResult
    | LetterOrderedResult
    | ReceivedAnswer
    | AnsweredResult
    | DeclinedResult
)
Work = Callable[[sqlite3.Connection, ChangeRequest], Changed]
