"""Changes of a test card, one at a time, each held against the state machine: answer, repetition, and the state afterwards."""

import base64
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fleet.messages.asking import (
    AnsweredResult,
    BlockedResult,
    HeldResult,
    LetterOrderedResult,
    LiftedResult,
    ReleasedResult,
    puk_info,
)
from fleet.messages.issuing import CardRecord
from fleet.server.issuer_adapters.conformance.conversation import (
    Conversation,
    MismatchError,
    answer_of,
    check_equal,
    check_refused,
    new_key,
)
from fleet.server.issuer_adapters.conformance.settings import CheckCard
from fleet.server.issuer_adapters.conformance.state_machine import Change, Refused, after, held_from_after
from fleet.server.issuer_adapters.rest import ReceivedAnswer

STATION = "issuer-check"
"""Named as station in what the suite asks for."""
ANSWERS: Mapping[Change, Any] = {
    "received": ReceivedAnswer, "hold": HeldResult, "lift": LiftedResult, "block": BlockedResult,
    "letter": LetterOrderedResult, "challenge": AnsweredResult, "puk": ReleasedResult,
}  # fmt: skip
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_MOST_DIGITS = 16


class CardChanges:
    """Makes changes in the administrator's name. All methods raise IssuerAwayError, MismatchError."""

    def __init__(self, issuer: Conversation, administrator: str, clock: Callable[[], datetime]) -> None:
        self._issuer = issuer
        self._administrator = administrator
        self._clock = clock
        self._reply_key = X25519PrivateKey.generate()
        self._blocked_at: dict[str, str] = {}

    def body(self, change: Change, card: CheckCard) -> dict[str, Any]:
        """A body that is in order."""
        now = self._clock().isoformat(timespec="seconds").replace("+00:00", "Z")
        people = [card.hsa_id, self._administrator]
        match change:
            case "received":
                return {"hsa_id": card.hsa_id, "by": [self._administrator], "handed_over": now}
            case "hold":
                return {"reason": "forgotten", "by": "", "wanted": now}
            case "lift":
                return {"by": self._administrator}
            case "block":
                return {"reason": "lost", "by": self._administrator, "wanted": now}
            case "letter":
                return {"hsa_id": card.hsa_id}
            case "challenge":
                fields = {"serial": card.serial} if card.serial else {}
                return {
                    "key": "unblock",
                    "challenge": card.challenge,
                    "people": people,
                    "hsa_id": card.hsa_id,
                    **fields,
                }
            case "puk":
                public = self._reply_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
                fields = {"station": STATION, "reply_key": base64.b64encode(public).decode()}
                return {**fields, "people": people, "hsa_id": card.hsa_id}

    async def make(self, change: Change, card: CheckCard, before: CardRecord) -> None:
        """Change the card once, ask the same again, and look what it has come to."""
        key, body = new_key(), self.body(change, card)
        reply = await self._issuer.change(card.number, change, body, key)
        due = after(change, before)
        if isinstance(due, Refused):
            check_refused(reply, due.reason)
        else:
            self._check_answer(card, before, key, due, answer_of(reply, ANSWERS[change]))
        again = await self._issuer.change(card.number, change, body, key)
        if (again.status, again.content) != (reply.status, reply.content):
            raise MismatchError("the same request with the same Idempotency-Key is answered otherwise")
        now = await self._issuer.card(card.number)
        check_equal("the state afterwards", now.state, before.state if isinstance(due, Refused) else due)
        from_ = before.held_from if isinstance(due, Refused) else held_from_after(change, before)
        check_equal("the state that it is held from", now.held_from, from_)

    def _check_answer(self, card: CheckCard, before: CardRecord, key: str, due: str, answer: Any) -> None:
        match answer:
            case ReceivedAnswer() | LiftedResult():
                check_equal("the state that is answered", answer.state, due)
            case HeldResult():
                check_equal("from_state", answer.from_state, held_from_after("hold", before))
            case BlockedResult():
                _check_time(answer.at)
                check_equal("the time of the block", self._blocked_at.setdefault(card.number, answer.at), answer.at)
            case LetterOrderedResult():
                self._check_day(answer.arrives)
            case AnsweredResult():
                _check_response(card, answer.response)
            case ReleasedResult():
                self._check_sealed(puk_info(STATION, card.number, key), answer.sealed)

    def _check_day(self, text: str) -> None:
        try:
            arrives = date.fromisoformat(text)
        except ValueError:
            raise MismatchError("the day of arrival is no day as YYYY-MM-DD") from None
        if arrives < self._clock().date():
            raise MismatchError(f"the letter arrived before it was ordered, on {arrives}")

    def _check_sealed(self, info: bytes, sealed: str) -> None:
        try:
            code = _SUITE.decrypt(base64.b64decode(sealed, validate=True), self._reply_key, info=info)
        except (InvalidTag, ValueError):
            raise MismatchError("the PUK is not sealed to the asker with station, card and request") from None
        if not code.isdigit() or len(code) > _MOST_DIGITS:
            raise MismatchError("what was sealed is no PUK: digits, at most 16")


def _check_time(text: str) -> None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise MismatchError("the time of the block is not written as RFC 3339 has it") from None
    if at.tzinfo is None:
        raise MismatchError("the time of the block has no zone")


def _check_response(card: CheckCard, response: str) -> None:
    if len(response) != len(card.challenge) or response == card.challenge:
        raise MismatchError("the response is not one enciphered block")
    if card.response is not None and response != card.response:
        raise MismatchError("the response is not the one that is known of this card's key")
