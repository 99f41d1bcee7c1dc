"""The simulator's interfaces for the fleet server, behind mutual TLS: EST (RFC 7030), and REST for register, directory, orders.

The OpenAPI at /api/v1/openapi.json is that of any issuer: docs/issuer.md says it in words.

>>> from fleet.messages.asking import BlockedResult
>>> schema_of(BlockedResult)["properties"]["at"]
{'type': 'string'}
"""

import base64
import binascii
import hashlib
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates
from fastapi import APIRouter, FastAPI, Header, Path, Query, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from fleet.messages.asking import (
    AnsweredResult,
    BlockedResult,
    HeldResult,
    LetterOrderedResult,
    LiftedResult,
    ReleasedResult,
)
from fleet.server.issuer_adapters.rest import KnownAnswer, ReceivedAnswer
from sim.issuer import BANNER, HEADER, register
from sim.issuer.core import Simulator
from sim.issuer.database import card_of, cards_of, person_of
from sim.issuer.enrollment import CertificateLabel, NotEnrolledError, enroll
from sim.issuer.register import Changed, ChangeRequest, UnregisteredCardError
from sim.issuer.request_bodies import Block, Challenge, Hold, HsaId, Letter, Lift, Puk, Received, Refusal

MAX_REQUEST = 16 * 1024
B = TypeVar("B", bound=BaseModel)
Number = Annotated[str, Path(pattern=r"^[A-Z0-9]{4,40}$")]
Label = Annotated[
    str, Path(description="profile and level: `identification-3`, `signature-3`, `reserve-2`, `reserve-3`")
]
EST_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/pkcs10": {"schema": {"type": "string", "contentEncoding": "base64"}}},
    }
}
EST_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Certificates as a certs-only CMS.",
        "content": {"application/pkcs7-mime": {"schema": {"type": "string", "contentEncoding": "base64"}}},
    },
    400: {"description": "No certificate for that request; the body says why."},
}
Key = Annotated[str, Header(alias="Idempotency-Key", pattern=r"^[0-9a-f]{32}$")]


def answers_with(kind: Any) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers so; 404 and 409 are those of every change."""
    content = {"application/json": {"schema": schema_of(kind)}}
    return {
        200: {"description": (kind.__doc__ or "").strip(), "content": content},
        404: {"description": "Not known."},
        409: {"model": Refusal},
    }


def schema_of(kind: Any) -> dict[str, Any]:
    """JSON Schema of a struct, every reference replaced by what it names."""
    schema = msgspec.json.schema(kind)
    whole: dict[str, Any] = _inlined(
        {key: value for key, value in schema.items() if key != "$defs"}, schema.get("$defs", {})
    )
    return whole


def _inlined(node: Any, named: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inlined(item, named) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inlined(named[node["$ref"].rpartition("/")[2]], named)
    return {key: _inlined(value, named) for key, value in node.items()}


def secure_app(simulator: Simulator) -> FastAPI:
    """Both interfaces. Whoever gets here has shown a TLS certificate of ours."""
    app = FastAPI(
        title="Issuer: register, directory and orders",
        description="What a fleet server asks of an issuer, over TLS with certificates at both ends.",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )

    @app.middleware("http")
    async def say_so(request: Request, following: Any) -> Response:
        response: Response = await following(request)
        response.headers[HEADER] = BANNER
        return response

    app.include_router(est_router(simulator))
    app.include_router(rest_router(simulator))
    return app


def est_router(simulator: Simulator) -> APIRouter:
    """RFC 7030 section 4; the label says which kind of certificate."""
    router = APIRouter(prefix="/.well-known/est", tags=["certificates (RFC 7030)"], default_response_class=Response)

    @router.get("/cacerts", responses=EST_ANSWERS)
    def cacerts() -> Response:
        """The issuing authorities (RFC 7030 4.1)."""
        return _certificates(simulator.hierarchy.certificates)

    def enrol(label: str, body: bytes, *, again: bool) -> Response:
        try:
            request = base64.b64decode(body)
            with simulator.state.change() as cx:
                certificate = enroll(
                    cx, simulator.hierarchy, CertificateLabel.parse(label), request, simulator.terms(), again=again
                )
        except (NotEnrolledError, binascii.Error) as error:
            return PlainTextResponse(f"{BANNER}: {error}", status_code=400)
        return _certificates((certificate,))

    @router.post("/{label}/simpleenroll", responses=EST_ANSWERS, openapi_extra=EST_BODY)
    async def simpleenroll(label: Label, request: Request) -> Response:
        """A certificate of that kind (RFC 7030 4.2.1)."""
        return enrol(label, await _body(request), again=False)

    @router.post("/{label}/simplereenroll", responses=EST_ANSWERS, openapi_extra=EST_BODY)
    async def simplereenroll(label: Label, request: Request) -> Response:
        """A renewal: the subject is that of a certificate of the card (RFC 7030 4.2.2)."""
        return enrol(label, await _body(request), again=True)

    return router


def rest_router(simulator: Simulator) -> APIRouter:
    """Routes of the REST interface: register, directory, orders."""
    router = APIRouter(prefix="/api/v1", tags=["issuer"])
    changed = _changes(simulator)

    @router.post("/cards/{number}/block", responses=answers_with(BlockedResult))
    def block(number: Number, body: Block, key: Key) -> Response:
        """Revoke all certificates of the card, for good."""
        return changed("block", number, key, body, register.block)

    @router.post("/cards/{number}/hold", responses=answers_with(HeldResult))
    def hold(number: Number, body: Hold, key: Key) -> Response:
        """Suspend all certificates of the card."""
        return changed("hold", number, key, body, register.hold)

    @router.post("/cards/{number}/lift", responses=answers_with(LiftedResult))
    def lift(number: Number, body: Lift, key: Key) -> Response:
        """End the suspension: the card is what it was before."""
        return changed("lift", number, key, body, register.lift)

    @router.post("/cards/{number}/puk", responses=answers_with(ReleasedResult))
    def puk(number: Number, body: Puk, key: Key) -> Response:
        """Release the PUK, once, sealed to the asker."""
        return changed("puk", number, key, body, register.release_puk)

    @router.post("/cards/{number}/letter", responses=answers_with(LetterOrderedResult))
    def letter(number: Number, body: Letter, key: Key) -> Response:
        """Send a new code letter."""
        return changed("letter", number, key, body, register.order_letter)

    @router.post("/cards/{number}/received", responses=answers_with(ReceivedAnswer))
    def received(number: Number, body: Received, key: Key) -> Response:
        """Register that the holder has the card: it is in use from now on."""
        return changed("received", number, key, body, register.receive)

    @router.post("/cards/{number}/challenge", responses=answers_with(AnsweredResult))
    def challenge(number: Number, body: Challenge, key: Key) -> Response:
        """Answer a card's challenge under its own key."""
        return changed("challenge", number, key, body, partial(register.answer_challenge, simulator.keys))

    @router.get("/directory", responses=answers_with(KnownAnswer))
    def directory(
        hsa_id: Annotated[HsaId | None, Query()] = None,
        card_number: Annotated[str | None, Query(pattern=r"^[A-Z0-9]{4,40}$")] = None,
    ) -> Response:
        """A person with all cards, or the card of that number with its holder."""
        with simulator.state.change() as cx:
            entry = _look_up(cx, hsa_id, card_number)
        return _json(entry) if entry is not None else PlainTextResponse(BANNER, status_code=404)

    @router.get("/orders.csv", response_class=PlainTextResponse)
    def orders() -> Response:
        """All orders that may be imported."""
        with simulator.state.change() as cx:
            row = cx.execute("SELECT csv FROM orders").fetchone()
        return Response(row[0] if row else b"", media_type="text/csv")

    return router


Change = Callable[[str, str, str, B, Callable[[sqlite3.Connection, ChangeRequest, B], Changed]], Response]


def _changes(simulator: Simulator) -> "Change[Any]":
    def changed(
        action: str, number: str, key: str, body: Any, work: Callable[[sqlite3.Connection, ChangeRequest, Any], Changed]
    ) -> Response:
        """Done once for a key: change, answer and audit are one transaction."""
        digest = hashlib.sha256(f"{action}/{number}/{body.model_dump_json()}".encode()).hexdigest()
        with simulator.state.change() as cx:
            row = cx.execute("SELECT digest, status, body FROM done WHERE key = ?", (key,)).fetchone()
            if row is not None:
                same = row[0] == digest
                return _raw(row[2], row[1]) if same else PlainTextResponse("another change", status_code=422)
            request = ChangeRequest(number, key, simulator.clock())
            try:
                result = work(cx, request, body)
            except UnregisteredCardError:
                return PlainTextResponse(BANNER, status_code=404)
            refused = "reason" in result.__struct_fields__
            status, answer_body = (409 if refused else 200), msgspec.json.encode(result)
            cx.execute("INSERT INTO done VALUES (?, ?, ?, ?)", (key, digest, status, answer_body))
            outcome = str(result.__struct_config__.tag)
            cx.execute(
                "INSERT INTO audit (at, what, card, people, outcome) VALUES (?, ?, ?, ?, ?)",
                (request.at, action, number, _people(body), outcome),
            )
        return _raw(answer_body, status)

    return changed


def _people(body: Any) -> str:
    """Name the people who stand behind a change, for the audit."""
    people = getattr(body, "people", ()) or getattr(body, "by", ()) or getattr(body, "hsa_id", "")
    return people if isinstance(people, str) else ",".join(people)


def _look_up(cx: sqlite3.Connection, hsa_id: str | None, card_number: str | None) -> dict[str, Any] | None:
    if card_number:
        card = card_of(cx, card_number)
        return None if card is None else {"person": person_of(cx, card.hsa_id), "cards": [card]}
    person, cards = person_of(cx, hsa_id or ""), cards_of(cx, hsa_id or "")
    return {"person": person, "cards": cards} if person or cards else None


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_REQUEST:
            return b""
    return body


def _certificates(certificates: tuple[x509.Certificate, ...]) -> Response:
    """A certs-only CMS (RFC 5751 3.2.2), base64 (RFC 7030 4.1.3)."""
    content = base64.encodebytes(serialize_certificates(list(certificates), Encoding.DER))
    headers = {"Content-Transfer-Encoding": "base64"}
    return Response(content, headers=headers, media_type="application/pkcs7-mime; smime-type=certs-only")


def _json(content: Any) -> Response:
    return _raw(msgspec.json.encode(content), 200)


def _raw(content: bytes, status: int) -> Response:
    return Response(content, status_code=status, media_type="application/json")
