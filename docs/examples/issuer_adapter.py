"""Example of an issuer's adapter: the REST interface of docs/issuer.md over a register that lives in memory.

A start for integrators. Replace what `Register` keeps by calls to the issuer's own system; keep the rules. It needs fastapi and
cryptography, nothing of kortkiosk:

    uvicorn issuer_adapter:app --ssl-certfile server.pem --ssl-keyfile server.key \\
        --ssl-ca-certs clients.pem --ssl-cert-reqs 2

Then hold it against the interface: `kortkiosk-fleet issuer-check https://localhost:8000 --issuer issuer.toml --cards cards.toml`.
Certificates (EST), CRLs and OCSP are not in it: an issuer's authority has them.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from fastapi import APIRouter, FastAPI, Header, HTTPException, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

DEAD = ("blocked", "returned", "voided")
ORDER_COLUMNS = "order,hsa_id,name,protected,card_number,product,loa,station,slot,last_day,envelope_key,envelope_mac"
LETTER_DAYS = 5
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)

HsaId = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,30}-[A-Z0-9]{1,30}$")]
Number = Annotated[str, Path(pattern=r"^[A-Z0-9]{4,40}$")]
Key = Annotated[str, Header(alias="Idempotency-Key", pattern=r"^[0-9a-f]{32}$")]
BlockReason = Literal["lost", "stolen", "code_known", "returned", "left", "replaced", "damaged", "own_wish"]
HoldReason = Literal["forgotten", "lost", "found", "stolen", "code_known", "returned", "envelope_broken", "deadline"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Received(_Body):
    hsa_id: HsaId
    by: Annotated[tuple[HsaId, ...], Field(max_length=2)]
    handed_over: str
    receipt: Annotated[str, Field(max_length=40)] = ""


class Hold(_Body):
    reason: HoldReason
    by: HsaId | Annotated[str, Field(max_length=0)]
    wanted: str


class Lift(_Body):
    by: HsaId


class Block(_Body):
    reason: BlockReason
    by: HsaId
    wanted: str


class Letter(_Body):
    hsa_id: HsaId


class Puk(_Body):
    station: str
    people: Annotated[tuple[HsaId, ...], Field(min_length=2, max_length=3)]
    reply_key: str
    hsa_id: HsaId


class Challenge(_Body):
    key: Literal["management", "unblock"]
    challenge: Annotated[str, Field(pattern=r"^([0-9a-f]{16}|[0-9a-f]{32})$")]
    algorithm: Literal["3DES", "AES-128", "AES-192", "AES-256"] | None = None
    serial: Annotated[str, Field(pattern=r"^[0-9a-f]{0,64}$")] = ""
    people: Annotated[tuple[HsaId, ...], Field(min_length=1, max_length=3)]
    hsa_id: HsaId


class Refusal(Exception):
    """It will not be done. The reason is one of docs/messages.md; the answer is HTTP 409."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class Card:
    """What the register keeps of a card. `key`: its administrative key (AES)."""

    number: str
    hsa_id: str
    state: str
    product: str = "601"
    loa: int = 3
    reserve: bool = False
    held_from: str | None = None
    hold_reason: str | None = None
    blocked_at: str = ""
    puk: str | None = field(default=None, repr=False)
    key: bytes | None = field(default=None, repr=False)

    def record(self) -> dict[str, Any]:
        """As the directory answers it."""
        content = {
            "card_number": self.number, "hsa_id": self.hsa_id, "product": self.product, "state": self.state,
            "loa": self.loa, "reserve": self.reserve,
        }  # fmt: skip
        return {**content, "held_from": self.held_from, "hold_reason": self.hold_reason} if self.held_from else content


class Register:
    """The rules of each change. A method gives the body of the answer, or raises Refusal and has changed nothing."""

    def __init__(self, people: dict[str, dict[str, Any]], cards: list[Card], orders: str = ORDER_COLUMNS) -> None:
        self.people = people
        self.cards = {card.number: card for card in cards}
        self.orders = orders
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def received(self, card: Card, asked: Received, key: str) -> dict[str, Any]:
        """In use from now on. A hold stays, and ends in use."""
        _check_holder(card, asked.hsa_id)
        _check_alive(card)
        if card.state == "held":
            card.held_from = "active"
        else:
            card.state = "active"
        return {"outcome": "received", "state": card.state}

    def hold(self, card: Card, asked: Hold, key: str) -> dict[str, Any]:
        """A second hold keeps the state of the first."""
        _check_alive(card)
        card.held_from = card.held_from or card.state
        card.state, card.hold_reason = "held", asked.reason
        return {"outcome": "held", "from_state": card.held_from}

    def lift(self, card: Card, asked: Lift, key: str) -> dict[str, Any]:
        """Back to exactly what it was."""
        if card.state != "held" or card.held_from is None:
            raise Refusal("not_held")
        card.state, card.held_from, card.hold_reason = card.held_from, None, None
        return {"outcome": "lifted", "state": card.state}

    def block(self, card: Card, asked: Block, key: str) -> dict[str, Any]:
        """For good; all certificates of the card are revoked too."""
        if card.state != "blocked":
            card.state, card.held_from, card.hold_reason = "blocked", None, None
            card.blocked_at = self.now().isoformat(timespec="seconds")
        return {"outcome": "blocked", "at": card.blocked_at}

    def letter(self, card: Card, asked: Letter, key: str) -> dict[str, Any]:
        """To the address that the register has."""
        _check_holder(card, asked.hsa_id)
        _check_alive(card)
        if card.reserve:
            raise Refusal("reserve_card")
        arrives = self.now().date() + timedelta(days=LETTER_DAYS)
        return {"outcome": "ordered", "arrives": arrives.isoformat(), "where": "home"}

    def puk(self, card: Card, asked: Puk, key: str) -> dict[str, Any]:
        """Once; sealed (HPKE, RFC 9180) so that only the asking station opens it, for this card and request."""
        _check_usable(card)
        _check_attended(card, asked)
        if card.puk is None:
            raise Refusal("no_puk")
        try:
            public = X25519PublicKey.from_public_bytes(base64.b64decode(asked.reply_key, validate=True))
        except ValueError:
            raise Refusal("bad_request") from None
        bound = json.dumps(["kortkiosk-puk-v1", asked.station, card.number, key], separators=(",", ":")).encode()
        sealed, card.puk = SUITE.encrypt(card.puk.encode(), public, info=bound), None
        return {"outcome": "released", "sealed": base64.b64encode(sealed).decode()}

    def challenge(self, card: Card, asked: Challenge, key: str) -> dict[str, Any]:
        """One block under the card's own key, which never leaves. To unlock it takes somebody beside the holder."""
        _check_usable(card)
        if asked.key == "unblock":
            _check_attended(card, asked)
        block = bytes.fromhex(asked.challenge)
        if card.key is None or len(block) != 16:
            raise Refusal("no_key")
        encryptor = Cipher(algorithms.AES(card.key), modes.ECB()).encryptor()  # noqa: S305 - cards take single blocks
        return {"outcome": "answered", "response": (encryptor.update(block) + encryptor.finalize()).hex()}


class Once:
    """Does a change once for its key. A real register keeps key, answer and change in one transaction."""

    def __init__(self, register: Register) -> None:
        self.register = register
        self.turn = threading.Lock()
        self._done: dict[str, tuple[str, int, bytes]] = {}

    def change(self, name: str, number: str, key: str, asked: BaseModel) -> Response:
        """The answer, also to who asks again."""
        digest = hashlib.sha256(f"{name}/{number}/{asked.model_dump_json()}".encode()).hexdigest()
        with self.turn:
            if key not in self._done:
                self._done[key] = digest, *self._answer(name, number, key, asked)
            before, status, content = self._done[key]
        if before != digest:
            raise HTTPException(422, "another request had this key")
        return Response(content, status, media_type="application/json")

    def _answer(self, name: str, number: str, key: str, asked: BaseModel) -> tuple[int, bytes]:
        card = self.register.cards.get(number)
        if card is None:
            raise HTTPException(404)
        try:
            return 200, json.dumps(getattr(self.register, name)(card, asked, key)).encode()
        except Refusal as refusal:
            return 409, json.dumps({"outcome": "declined", "reason": refusal.reason}).encode()


def change_routes(once: Once) -> APIRouter:
    """One route for each change."""
    router = APIRouter(prefix="/api/v1")

    @router.post("/cards/{number}/received")
    def received(number: Number, body: Received, key: Key) -> Response:
        return once.change("received", number, key, body)

    @router.post("/cards/{number}/hold")
    def hold(number: Number, body: Hold, key: Key) -> Response:
        return once.change("hold", number, key, body)

    @router.post("/cards/{number}/lift")
    def lift(number: Number, body: Lift, key: Key) -> Response:
        return once.change("lift", number, key, body)

    @router.post("/cards/{number}/block")
    def block(number: Number, body: Block, key: Key) -> Response:
        return once.change("block", number, key, body)

    @router.post("/cards/{number}/letter")
    def letter(number: Number, body: Letter, key: Key) -> Response:
        return once.change("letter", number, key, body)

    @router.post("/cards/{number}/puk")
    def puk(number: Number, body: Puk, key: Key) -> Response:
        return once.change("puk", number, key, body)

    @router.post("/cards/{number}/challenge")
    def challenge(number: Number, body: Challenge, key: Key) -> Response:
        return once.change("challenge", number, key, body)

    return router


def create_app(once: Once) -> FastAPI:
    """The interface over a register."""
    app = FastAPI(
        title="Example of an issuer's adapter", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json"
    )
    app.include_router(change_routes(once))

    @app.get("/api/v1/directory")
    def directory(
        hsa_id: Annotated[HsaId | None, Query()] = None,
        card_number: Annotated[str | None, Query(pattern=r"^[A-Z0-9]{4,40}$")] = None,
    ) -> dict[str, Any]:
        with once.turn:
            cards = [one for one in once.register.cards.values() if card_number == one.number or hsa_id == one.hsa_id]
            person = once.register.people.get(hsa_id or (cards[0].hsa_id if cards else ""))
            if person is None and not cards:
                raise HTTPException(404)
            return {"person": person, "cards": [card.record() for card in cards]}

    @app.get("/api/v1/orders.csv")
    def orders() -> Response:
        return Response(once.register.orders, media_type="text/csv")

    return app


def _check_holder(card: Card, hsa_id: str) -> None:
    if card.hsa_id != hsa_id:
        raise Refusal("unknown_card")


def _check_alive(card: Card) -> None:
    if card.state in DEAD:
        raise Refusal(f"card_{card.state}")


def _check_usable(card: Card) -> None:
    if card.state in (*DEAD, "held"):
        raise Refusal(f"card_{card.state}")


def _check_attended(card: Card, asked: Puk | Challenge) -> None:
    """The holder, and somebody else."""
    if asked.hsa_id != card.hsa_id or not set(asked.people) - {card.hsa_id}:
        raise Refusal("administrators_missing")


app = create_app(Once(Register({}, [])))
