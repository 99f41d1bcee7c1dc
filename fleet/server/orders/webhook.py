"""Webhook of an order system, inbound: POST /api/v1/hooks/orders, signed, idempotent.

Rules (see `fleet.server.keys.webhook_signatures`): several signatures are separated by spaces, and one good one is enough.
A timestamp that is more than five minutes off is refused; an id that came before is answered and changes nothing; the same id
with another body is refused. Nothing of a message is looked at before its signature is good."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from fleet.server.audit_log.log import AuditEvent
from fleet.server.cards.model import Cards, Delivery
from fleet.server.files.csv_files import FileProblem
from fleet.server.files.import_files import ImportRefusedError
from fleet.server.keys.webhook_signatures import ID, SIGNATURE, TIMESTAMP, signature
from fleet.server.orders.model import OrderLine
from fleet.server.orders.request_bodies import Message
from fleet.server.web.authorization import address_of, needs
from fleet.server.web.roles import Right

TOLERANCE_S = 300
MOST_ID = 64
WHO = "order-system"


def hooks_router(cards: Cards, secret: bytes, clock: Callable[[], datetime]) -> APIRouter:
    router = APIRouter(prefix="/api/v1", include_in_schema=False)

    @router.post("/hooks/orders", dependencies=needs(Right.HOOK))
    async def take(request: Request) -> Response:
        message, body = await _proved(request, secret, clock())
        return await run_in_threadpool(_take, cards, request, message, body)

    return router


async def _proved(request: Request, secret: bytes, now: datetime) -> tuple[str, bytes]:
    """Id and exact body of a message that is genuine and fresh. Raises HTTPException."""
    message, timestamp = (request.headers.get(name, "") for name in (ID, TIMESTAMP))
    body = await request.body()
    expected = signature(secret, message, timestamp, body)
    given = request.headers.get(SIGNATURE, "").split()
    good = any(hmac.compare_digest(expected.encode(), candidate.encode()) for candidate in given)
    if not (good and timestamp.isascii() and timestamp.isdigit() and 0 < len(message) <= MOST_ID):
        raise HTTPException(401, f"{SIGNATURE}: not ours")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE_S:
        raise HTTPException(401, f"{TIMESTAMP}: too far from now")
    return message, body


def _path(problem: FileProblem) -> str:
    """Return the path of the problem within the message."""
    index = problem.line - 1
    return f"cancel.{index}" if problem.column == "cancel" else f"orders.{index}.{problem.column}"


def _take(cards: Cards, request: Request, message: str, body: bytes) -> Response:
    try:
        content = Message.model_validate_json(body)
    except ValidationError as error:
        places = "; ".join(
            ".".join(str(part) for part in fault["loc"]) + f": {fault['msg']}" for fault in error.errors()
        )
        raise HTTPException(422, places[:1000]) from None
    rows = [OrderLine(number, order.record(order.order)) for number, order in enumerate(content.orders, 1)]
    figures = f"{len(content.orders)} placed, {len(content.cancel)} cancelled"
    audit_entry = (WHO, address_of(request), AuditEvent("order.place", message, figures))
    try:
        taken = cards.deliver(Delivery(message, hashlib.sha256(body).hexdigest()), rows, content.cancel, audit_entry)
    except ImportRefusedError as error:
        raise HTTPException(
            409, "; ".join(f"{_path(problem)}: {problem.reason}" for problem in error.problems)
        ) from None
    if taken is None:
        raise HTTPException(409, f"{ID}: stood for another message")
    return JSONResponse({"taken": taken})
