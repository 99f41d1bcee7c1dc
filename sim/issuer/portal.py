"""Portal of the simulated issuer: a web page on which a person does by hand what an issuer's interface does for programs.

Rules: the register's own (`sim.issuer.register`): who attends is not the holder, a card out of use gets nothing, a PUK is shown
once. Nobody logs in: whoever reaches the page names an HSA-id.
"""

import html
import secrets
import sqlite3
from collections.abc import Callable
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from fleet.messages.asking import BlockedResult, DeclinedResult
from sim.issuer import register
from sim.issuer.core import Simulator
from sim.issuer.database import card_of
from sim.issuer.register import ChangeRequest, UnregisteredCardError
from sim.issuer.request_bodies import Block, Challenge

MAX_FORM = 1024
ACTS = {"challenge": "Response to a challenge", "puk": "Show the PUK, once", "block": "Block for good"}
Page = Callable[[str, str], str]


def portal_router(simulator: Simulator, page: Page) -> APIRouter:
    """The page and its answers. `page` makes a whole page of a title and a body in HTML."""
    router = APIRouter()

    @router.get("/portal")
    def form() -> Response:
        return HTMLResponse(page("Portal", _FORM))

    @router.post("/portal")
    async def act(request: Request) -> Response:
        body = await request.body() if int(request.headers.get("content-length", "0")) <= MAX_FORM else b""
        fields = {name: values[0].strip() for name, values in parse_qs(body.decode("ascii", "replace")).items()}
        answer, status = _done(simulator, fields)
        return HTMLResponse(page("Portal", f'<p id="answer">{html.escape(answer)}</p>{_FORM}'), status)

    return router


def _done(simulator: Simulator, fields: dict[str, str]) -> tuple[str, int]:
    """Make the change; return what the page says, and the status. The change and its audit are one transaction."""
    action, hsa_id = fields.get("do", ""), fields.get("who", "")
    request = ChangeRequest(fields.get("card", "").replace(" ", ""), secrets.token_hex(16), simulator.clock())
    if action not in ACTS:
        return "Nothing was chosen.", 400
    try:
        with simulator.state.change() as cx:
            answer, outcome = _change(simulator, cx, request, fields, action, hsa_id)
            cx.execute(
                "INSERT INTO audit (at, what, card, people, outcome) VALUES (?, ?, ?, ?, ?)",
                (request.at, f"portal {action}", request.card_number, hsa_id, outcome),
            )
    except UnregisteredCardError:
        return "There is no such card.", 404
    except ValidationError as error:
        return f"{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}", 400
    return answer, 409 if outcome == "declined" else 200


def _change(
    simulator: Simulator,
    cx: sqlite3.Connection,
    request: ChangeRequest,
    fields: dict[str, str],
    action: str,
    hsa_id: str,
) -> tuple[str, str]:
    """Make the change; return what is said of it, and the outcome."""
    card = card_of(cx, request.card_number)
    if card is None:
        raise UnregisteredCardError
    if action == "block":
        came = register.block(cx, request, Block(reason="lost", by=hsa_id, wanted=request.at))
        return ("Blocked.", "blocked") if isinstance(came, BlockedResult) else (came.reason, "declined")
    digits = "".join(fields.get("challenge", "").split()).lower() if action == "challenge" else "00" * 16
    serial = simulator.keys.serial("unblock", card.card_number).lower()  # the register knows the card by its number
    people = (card.hsa_id, hsa_id)
    challenge = Challenge(key="unblock", challenge=digits, serial=serial, people=people, hsa_id=card.hsa_id)
    answer = register.answer_challenge(simulator.keys, cx, request, challenge)
    if action == "challenge":
        if isinstance(answer, DeclinedResult):
            return answer.reason, "declined"
        return answer.response.upper(), "answered"
    if isinstance(answer, DeclinedResult) and answer.reason != "no_key":
        return answer.reason, "declined"
    puk = register.take_puk(cx, card.card_number)
    return ("no_puk", "declined") if puk is None else (puk, "shown")


_BUTTONS = " ".join(f'<button name="do" value="{name}">{text}</button>' for name, text in ACTS.items())
_FORM = (
    '<form method="post" action="/portal"><p><label>Your HSA-id <input name="who"></label></p>'
    '<p><label>Card number <input name="card" size="24"></label></p>'
    f'<p><label>Challenge <input name="challenge" size="44"></label></p><p>{_BUTTONS}</p></form>'
)
