"""Devices and peers of a journey, in memory: orders, the verifier of code letters, a printer, the station's seal."""

import json
from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from msgspec.structs import replace

from drivers.printer.document import Document
from drivers.printer.port import NotLaidOut, NotPrinted, Printed, PrinterMute, PrinterStatus, PrintOutcome, Ready
from drivers.reader.secret import Secret
from fleet.messages.attending import refusal_to_attend
from fleet.messages.leavers import Stop, leaver_digest
from fleet.messages.link import Administrator, Delivery, Order
from fleet.messages.vocabulary import EventType
from kiosk.issuer.ports import LoggedIn, RequestDeclined, Task, Tasks, Unavailable
from kiosk.issuer.proof_ports import PersonProof
from kiosk.ports import EnvelopeVerdict
from kiosk.station.journal import Journal
from kiosk.steps.capabilities import StationSeal
from sim.reader.personas import person
from sim.stories.clock import NOW

STATION = "test-station"
RELEASE_CODE = "40506070"
"""What every made-up letter of an LoA2 card says."""


AUTHORITY = "test fleet authority"


class HeldOrders:
    """Implements `Orders` over a list, with the journal's word on what is unfinished or collected."""

    def __init__(self, orders: Iterable[Order], administrators: Iterable[Administrator], journal: Journal) -> None:
        self.all = tuple(orders)
        self.administrators = {administrator.hsa_id: administrator for administrator in administrators}
        self.too_old = False
        self.leavers: set[str] = set()
        """Digests of certificates (`fleet.messages.leavers`)."""
        self.stopped: dict[str, Stop] = {}
        """The same, of cards that are on hold or blocked."""
        self.too_long_alone = False
        self._journal = journal

    async def has_left(self, certificates: Iterable[bytes]) -> bool:
        return any(leaver_digest(certificate) in self.leavers for certificate in certificates)

    async def listed_stop(self, certificates: Iterable[bytes]) -> Stop | None:
        return next(filter(None, (self.stopped.get(leaver_digest(certificate)) for certificate in certificates)), None)

    async def are_recent(self) -> bool:
        return not self.too_long_alone

    async def pending_hand_over(self, card_number: str) -> Delivery | None:
        given = (
            {order.order for order in self.all} if self.too_old else await self._activated() | await self.collected()
        )
        return next(
            (order.delivery for order in self.all if order.card_number == card_number and order.order not in given),
            None,
        )

    async def find(self, hsa_id: str) -> Order | None:
        unfinished = await self._journal.unfinished(hsa_id)
        unfinished = unfinished if unfinished is not None and unfinished.delivery == "station" else None
        offered = (*await self.owed(), *await self.waiting())
        return unfinished or next((order for order in offered if order.hsa_id == hsa_id), None)

    async def posted(self, hsa_id: str, card_number: str) -> Order | None:
        unfinished = await self._journal.unfinished(hsa_id)
        offered = (*((unfinished,) if unfinished else ()), *await self._owed(), *await self._waiting())
        return next((order for order in offered if order.delivery == "post" and order.card_number == card_number), None)

    async def past(self, hsa_id: str, card_number: str = "") -> Order | None:
        over = (order for order in self.all if order.hsa_id == hsa_id and order.last_day < NOW.date().isoformat())
        return next((order for order in over if card_number in ("", order.card_number)), None)

    async def administrator(self, hsa_id: str) -> Administrator | None:
        return self.administrators.get(hsa_id)

    async def waiting(self) -> tuple[Order, ...]:
        return tuple(order for order in await self._waiting() if order.delivery == "station")

    async def _waiting(self) -> tuple[Order, ...]:
        gone = {order.order for order in self.all} if self.too_old else await self.collected() | await self._activated()
        today = NOW.date().isoformat()
        return tuple(order for order in self.all if order.order not in gone and order.last_day >= today)

    async def owed(self) -> tuple[Order, ...]:
        return tuple(order for order in await self._owed() if order.delivery == "station")

    async def _owed(self) -> tuple[Order, ...]:
        activated = set() if self.too_old else await self._activated() - await self.collected()
        return tuple(replace(order, receipt_owed=True) for order in self.all if order.order in activated)

    async def owed_as_of(self) -> datetime | None:
        return None if self.too_old else NOW

    async def _activated(self) -> set[str]:
        """Orders whose card was activated here, as the server hears of it."""
        rows = await self._journal.transact(lambda cx: cx.execute("SELECT envelope FROM outbox").fetchall())
        events = (json.loads(row[0]) for row in rows)
        return {
            event["subject"].removeprefix("order/") for event in events if event["type"] == EventType.CARD_ACTIVATED
        }

    async def here(self) -> tuple[Order, ...] | None:
        """All that is open here, also what is on its way."""
        return None if self.too_old else await self.waiting()

    async def collected(self) -> set[str]:
        """Orders that were handed out here."""
        rows = await self._journal.transact(lambda cx: cx.execute("SELECT id FROM sync_collected").fetchall())
        return {row[0] for row in rows}


def collect(cx: Any, order: str) -> None:
    cx.execute("INSERT OR IGNORE INTO sync_collected VALUES (?)", (order,))


class ListedLogIn:
    """Implements `Administrators` over `HeldOrders`: the card's signature, and the list."""

    def __init__(self, orders: HeldOrders) -> None:
        self.orders = orders
        self.away = False
        """Nobody can be asked, and the list is too old."""
        self.hears_tasks = True
        self.waiting: list[Task] = []
        """What the server would say that waits here."""

    async def log_in(self, proof: PersonProof) -> LoggedIn | RequestDeclined | Unavailable:
        if self.away or self.orders.too_long_alone:
            return Unavailable()
        administrator = await self.orders.administrator(proof.hsa_id)
        refusal = refusal_to_attend(administrator, proof.loa, NOW.date().isoformat())
        if refusal is not None or administrator is None:
            return RequestDeclined(refusal or "not_administrator")
        return LoggedIn(administrator.hsa_id, administrator.name, "list", proof, administrator.roles)

    async def tasks(self, administrator: LoggedIn, *, take: str = "") -> Tasks | RequestDeclined | Unavailable:
        """As the server tells them; offline nobody does."""
        if not self.hears_tasks:
            return Unavailable()
        self.waiting = [
            Task(task.id, task.kind, task.due, task.card, "you") if task.id == take else task for task in self.waiting
        ]
        return Tasks(tuple(self.waiting), len(self.waiting))


class LetterVerifier:
    """Implements `Envelopes` as the server does: at most five wrong guesses, and it may be away."""

    def __init__(self, pukes: dict[str, str]) -> None:
        self.pukes = pukes
        self.online = True
        self.silent: deque[bool] = deque()
        """Whether the next questions are left without an answer."""
        self.guesses = 0
        self.matches = 0
        self.release_guesses = 0

    async def available(self) -> bool:
        return self.online

    async def verify(self, order: Order, puk: Secret) -> EnvelopeVerdict:
        if self.silent and self.silent.popleft():
            return EnvelopeVerdict.UNAVAILABLE
        if self.guesses >= 5:
            return EnvelopeVerdict.TOO_MANY
        if puk.reveal() == self.pukes[order.order]:
            self.matches += 1
            return EnvelopeVerdict.MATCH
        self.guesses += 1
        return EnvelopeVerdict.NO_MATCH

    async def release(self, order: Order, code: Secret) -> EnvelopeVerdict:
        if not self.online:
            return EnvelopeVerdict.UNAVAILABLE
        if self.release_guesses >= 5:
            return EnvelopeVerdict.TOO_MANY
        if code.reveal() == RELEASE_CODE:
            return EnvelopeVerdict.MATCH
        self.release_guesses += 1
        return EnvelopeVerdict.NO_MATCH


class PaperTray:
    """Implements `Printer`: gives the outcomes that it is told, then prints."""

    name = "test printer"
    virtual = True

    def __init__(self, *outcomes: PrintOutcome) -> None:
        self._outcomes = deque(outcomes)
        self.papers: list[Document] = []

    def fails(self, *outcomes: PrintOutcome) -> None:
        """The next prints end so."""
        self._outcomes.extend(outcomes)

    async def status(self) -> PrinterStatus:
        match self._outcomes[0] if self._outcomes else Printed():
            case NotPrinted(status):
                return status
            case Printed() | NotLaidOut():
                return Ready()
            case _:
                return PrinterMute()

    async def print(self, document: Document) -> PrintOutcome:
        outcome = self._outcomes.popleft() if self._outcomes else Printed()
        if not isinstance(outcome, NotPrinted | NotLaidOut):
            self.papers.append(document)
        return outcome

    def close(self) -> None: ...


@cache
def seal() -> StationSeal:
    """A station's key, with its certificate and the authority's."""
    above, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    chain = (_certificate(STATION, key, above), _certificate(AUTHORITY, above, above))
    return StationSeal(
        STATION, "Testentrén", key, tuple(certificate.public_bytes(Encoding.DER) for certificate in chain)
    )


def _certificate(subject: str, key: ec.EllipticCurvePrivateKey, issuer: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, AUTHORITY)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=key is issuer, path_length=None), critical=True)
        .sign(issuer, hashes.SHA256())
    )


def order_of(number: int, **changed: Any) -> Order:
    """The order of a made-up person, whose card waits in slot 2 * number."""
    holder = person(number)
    facts: dict[str, Any] = {
        "order": f"A-{number:04d}",
        "hsa_id": holder.hsa_id,
        "name": None if holder.protected_identity else holder.name,
        "protected": holder.protected_identity,
        "card_number": holder.new.card_number,
        "product": "ordinary",
        "loa": holder.new.loa,
        "slot": 2 * number,
        "last_day": "2026-12-31",
    }
    return Order(**(facts | changed))
