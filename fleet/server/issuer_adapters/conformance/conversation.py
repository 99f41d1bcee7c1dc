"""Requests of the conformance suite, as any client could send them, and answers held against the contract."""

import json
import secrets
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

import msgspec

from fleet.messages.issuing import CardRecord
from fleet.server.issuer_adapters.rest import KnownAnswer
from fleet.server.issuers.http_client import Reply

T = TypeVar("T")
OK, NOT_FOUND, CONFLICT = 200, 404, 409


class MismatchError(Exception):
    """Mismatch between what the issuer does and what the contract says. The text names both; it shows no code and no name."""


class Transport(Protocol):
    """An issuer's address, as `IssuerHttp` is one."""

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Raises IssuerAwayError."""

    async def post(self, path: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        """Raises IssuerAwayError."""


class _Refusal(msgspec.Struct, frozen=True):
    reason: str


def new_key() -> str:
    """A new `Idempotency-Key`: 32 hex digits."""
    return secrets.token_hex(16)


class Conversation:
    """The REST interface, raw. `heard`: so many answers came at all. All methods raise IssuerAwayError, MismatchError."""

    def __init__(self, http: Transport) -> None:
        self._http = http
        self.heard = 0

    async def get(self, path: str) -> Reply:
        reply = await self._http.get(path)
        self.heard += 1
        return reply

    async def change(self, number: str, change: str, body: object, key: str | None) -> Reply:
        """POST a change; `key` None sends no `Idempotency-Key`. Bytes are sent as they are."""
        headers = {"Content-Type": "application/json", **({} if key is None else {"Idempotency-Key": key})}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        reply = await self._http.post(f"/api/v1/cards/{number}/{change}", content, headers)
        self.heard += 1
        return reply

    async def look_up(self, **query: str) -> KnownAnswer:
        """Return the directory's answer to a query that it must know."""
        return answer_of(await self.get(f"/api/v1/directory?{urlencode(query)}"), KnownAnswer)

    async def card(self, number: str) -> CardRecord:
        """The card as the directory has it."""
        cards = [card for card in (await self.look_up(card_number=number)).cards if card.card_number == number]
        if len(cards) != 1:
            raise MismatchError(f"the directory has {len(cards)} cards of that number")
        return cards[0]


def answer_of(reply: Reply, kind: type[T]) -> T:
    """HTTP 200 with a body of that kind."""
    if reply.status != OK:
        raise MismatchError(f"HTTP {reply.status}{_reason(reply)}, and 200 was due")
    try:
        return msgspec.json.decode(reply.content, type=kind)
    except msgspec.MsgspecError as error:
        raise MismatchError(f"an answer that does not fit the contract: {error}") from None


def check_refused(reply: Reply, reason: str | None = None) -> None:
    """HTTP 409 with that reason; without one any 4xx will do."""
    if reason is None:
        if not 400 <= reply.status < 500:
            raise MismatchError(f"HTTP {reply.status}, and a refusal (4xx) was due")
    elif reply.status != CONFLICT or _refusal(reply) != reason:
        raise MismatchError(f"HTTP {reply.status}{_reason(reply)}, and 409 with the reason {reason} was due")


def check_equal(subject: str, given: Any, due: Any) -> None:
    """Raises MismatchError where they differ; both are shown."""
    if given != due:
        raise MismatchError(f"{subject} is {given}, and {due} was due")


def _refusal(reply: Reply) -> str:
    try:
        return msgspec.json.decode(reply.content, type=_Refusal).reason
    except msgspec.MsgspecError:
        return ""


def _reason(reply: Reply) -> str:
    reason = _refusal(reply)
    return f" ({reason[:40]})" if reason else ""
