"""REST client of the issuer: register, directory and orders, by our own OpenAPI (docs/operations.md, "The issuer").

Every change carries the wish's id as `Idempotency-Key`: an issuer does it once. A refusal is HTTP 409 with a `reason`; what
is not known is 404.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from fleet.messages.asking import (
    AnsweredResult,
    BlockAsk,
    BlockedResult,
    ChallengeAsk,
    DeclinedResult,
    HeldResult,
    HoldAsk,
    LetterAsk,
    LetterOrderedResult,
    LiftAsk,
    LiftedResult,
    PukAsk,
    ReleasedResult,
)
from fleet.messages.issuing import CardRecord, DirectoryPerson
from fleet.server.issuers.http_client import IssuerHttp, Reply
from fleet.server.issuers.model import HandoverReport
from fleet.server.issuers.ports import DirectoryEntry, IssuerAwayError

T = TypeVar("T")
OK, NOT_FOUND, CONFLICT = 200, 404, 409


class _Refused(msgspec.Struct, frozen=True):
    reason: str


class KnownAnswer(msgspec.Struct, frozen=True):
    """Answer of `GET /directory`: a person with all cards, or the card of that number with its holder."""

    person: DirectoryPerson | None
    cards: tuple[CardRecord, ...] = ()


class ReceivedAnswer(msgspec.Struct, frozen=True, tag_field="outcome", tag="received"):
    """Answer of `POST /cards/NUMBER/received`: the state after it, `active`, or `held` where a hold stands."""

    state: Literal["active", "held"]


class RestRegister:
    """Implements `CardRegister`, `DirectoryService` and `OrderSource`."""

    def __init__(self, http: IssuerHttp) -> None:
        self._http = http

    async def block(self, ask: BlockAsk, by: str) -> BlockedResult | DeclinedResult:
        """POST /cards/NUMBER/block."""
        return await self._change(ask, "block", {"reason": ask.reason, "by": by, "wanted": ask.wanted}, BlockedResult)

    async def hold(self, ask: HoldAsk, by: str) -> HeldResult | DeclinedResult:
        """POST /cards/NUMBER/hold."""
        return await self._change(ask, "hold", {"reason": ask.reason, "by": by, "wanted": ask.wanted}, HeldResult)

    async def lift(self, ask: LiftAsk, by: str) -> LiftedResult | DeclinedResult:
        """POST /cards/NUMBER/lift."""
        return await self._change(ask, "lift", {"by": by}, LiftedResult)

    async def release_puk(self, ask: PukAsk, station: str, people: tuple[str, ...]) -> ReleasedResult | DeclinedResult:
        """POST /cards/NUMBER/puk."""
        body = {"station": station, "people": people, "reply_key": ask.reply_key, "hsa_id": people[0]}
        return await self._change(ask, "puk", body, ReleasedResult)

    async def answer_challenge(self, ask: ChallengeAsk, people: tuple[str, ...]) -> AnsweredResult | DeclinedResult:
        """POST /cards/NUMBER/challenge. An adapter without the route knows no card there."""
        block, serial = ask.challenge.lower(), ask.serial.lower()
        body = {"key": ask.key, "challenge": block, "serial": serial, "people": people, "hsa_id": people[0]}
        chosen = {} if ask.algorithm is None else {"algorithm": ask.algorithm}
        answer = await self._change(ask, "challenge", {**body, **chosen}, AnsweredResult)
        return DeclinedResult("no_key") if answer == DeclinedResult("unknown_card") else answer

    async def order_letter(self, ask: LetterAsk, holder: str) -> LetterOrderedResult | DeclinedResult:
        """POST /cards/NUMBER/letter."""
        return await self._change(ask, "letter", {"hsa_id": holder}, LetterOrderedResult)

    async def received(self, report: HandoverReport) -> DeclinedResult | None:
        """POST /cards/NUMBER/received."""
        by, when = report.attested_by or (), report.handed_over
        body = {"hsa_id": report.hsa_id, "by": by, "handed_over": when, "receipt": report.receipt}
        answer = await self._change(report, "received", body, ReceivedAnswer)
        return answer if isinstance(answer, DeclinedResult) else None

    async def find(self, hsa_id: str, card_number: str) -> DirectoryEntry | None:
        """GET /directory."""
        query = {"hsa_id": hsa_id} if hsa_id else {"card_number": card_number}
        reply = await self._http.get(f"/api/v1/directory?{urlencode(query)}")
        if reply.status == NOT_FOUND:
            return None
        answer = _read(reply, KnownAnswer)
        return DirectoryEntry(answer.person, answer.cards)

    async def orders(self) -> bytes:
        """GET /orders.csv."""
        reply = await self._http.get("/api/v1/orders.csv")
        if reply.status != OK:
            raise IssuerAwayError(f"orders: HTTP {reply.status}")
        return reply.content

    async def _change(self, ask: Any, change: str, body: Mapping[str, object], kind: type[T]) -> T | DeclinedResult:
        headers = {"Content-Type": "application/json", "Idempotency-Key": ask.id}
        path = f"/api/v1/cards/{quote(ask.card_number, safe='')}/{change}"
        reply = await self._http.post(path, msgspec.json.encode(body), headers)
        if reply.status == CONFLICT:
            return DeclinedResult(_read(reply, _Refused).reason)
        if reply.status == NOT_FOUND:
            return DeclinedResult("unknown_card")
        return _read(reply, kind)


def _read(reply: Reply, kind: type[T]) -> T:
    if reply.status not in (OK, CONFLICT):
        raise IssuerAwayError(f"register: HTTP {reply.status}")
    try:
        return msgspec.json.decode(reply.content, type=kind)
    except msgspec.MsgspecError:
        raise IssuerAwayError("register: an answer that does not fit the contract") from None
