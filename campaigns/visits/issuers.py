"""Issuers of the visits: with an interface, with a portal for people, and none; each notes what was asked of it.

What is asked of the twin goes into the fleet server's own tables as the server writes it, so that its worklist can be read.
"""

import hashlib
import json
from typing import Any

from sqlalchemy import insert

from campaigns.faults.server_core import Server
from campaigns.visits.mix import Issuer
from fleet.messages.asking import (
    BlockAsk,
    BlockedResult,
    DeclinedResult,
    HeldResult,
    HoldAsk,
    LetterAsk,
    LetterNotedResult,
    LetterOrderedResult,
    MarkedResult,
    ReceivedAsk,
    tag_of,
)
from fleet.messages.vocabulary import AskName
from fleet.server.issuers import request_queue
from fleet.server.issuers.certificate_files import TrustedIssuers
from fleet.server.issuers.certificates_by_hand import CertificatesByHand, request_id
from fleet.server.issuers.model import HandoverReport, RequestKey
from fleet.server.issuers.ports import CertificateRequest
from fleet.server.issuers.proofs.assurance import SHIPPED
from fleet.server.issuers.tables import wishes
from kiosk.issuer.ports import (
    CardBlocked,
    CardHeld,
    CardMarked,
    CardWord,
    Found,
    LetterNoted,
    LetterOrdered,
    NotFound,
    Offer,
    RequestDeclined,
    RequestQueued,
    Unavailable,
)
from sim.stories.clock import HandClock
from sim.stories.devices import STATION
from sim.stories.issuer import SimulatedIssuer
from sim.stories.room import authority

PORTALS: tuple[Issuer, ...] = ("portal_est", "portal")
"""They have no hold: a card is marked by the fleet's own stations, and a block waits for a person."""
BESIDE_THE_PORTAL = ("certificate", "unblock", "authenticate")
BY_HAND = ("unblock", "puk", "blocked_in_portal", "certificate")
"""What whoever attends does in the portal, while the server writes it down."""
MARKED, NOTED, WAITING = tag_of(MarkedResult), tag_of(LetterNotedResult), "waiting"
DONE = {AskName.CARD_HOLD: tag_of(HeldResult), AskName.CARD_BLOCK: tag_of(BlockedResult)}
Told = tuple[AskName, str, str, str]
"""Ask, outcome, reason of the ask, reason of a refusal."""


class VisitIssuer(SimulatedIssuer):
    """An issuer of that kind. `asked`: what came of each hold, block and letter."""

    def __init__(self, clock: HandClock, issuer: Issuer, *, is_online: bool) -> None:
        super().__init__(authority(), clock)
        self.kind = issuer
        self.holds = issuer not in PORTALS
        self.by_people = issuer in PORTALS
        self.unlocks_by_people = issuer == "portal"
        self.certificates_by_people = issuer == "portal"
        self.online = is_online
        self.asked: list[Told] = []

    async def offers(self, facts: Any) -> tuple[Offer, ...] | RequestDeclined | Unavailable:
        return Unavailable() if self.kind == "none" else await super().offers(facts)

    async def block(self, card_number: str, reason: str, **about: Any) -> Any:
        return self._note(AskName.CARD_BLOCK, reason, await super().block(card_number, reason, **about))

    async def hold(self, card_number: str, reason: str, **about: Any) -> Any:
        return self._note(AskName.CARD_HOLD, reason, await super().hold(card_number, reason, **about))

    async def blocked_in_portal(self, card_number: str, reason: str, **about: Any) -> Any:
        return self._note(AskName.CARD_BLOCK, reason, await super().blocked_in_portal(card_number, reason, **about))

    async def order_letter(self, card_number: str, **about: Any) -> Any:
        return self._note(AskName.CARD_LETTER, "", await super().order_letter(card_number, **about))

    async def state(self, card_number: str, *, hsa_id: str = "") -> CardWord | NotFound | Unavailable:
        return Unavailable() if self.kind == "none" else await super().state(card_number, hsa_id=hsa_id)

    async def find(self, **about: Any) -> Found | NotFound | RequestDeclined | Unavailable:
        return Unavailable() if self.kind == "none" else await super().find(**about)

    def _no(self, action: str) -> RequestDeclined | Unavailable | None:
        """Refuse what wants the issuer's own answer: a portal gives programs none."""
        has_interface = self.kind == "api" or (self.kind == "portal_est" and action in BESIDE_THE_PORTAL)
        by_hand = self.kind in PORTALS and action in BY_HAND
        return super()._no(action) if has_interface or by_hand else Unavailable()

    def _note(self, ask: AskName, reason: str, came: Any) -> Any:
        """Note what was asked. What an issuer without interface was asked for waits in the server's queue; what was asked
        without a connection is done or waits later."""
        match came:
            case RequestDeclined(why):
                self.asked.append((ask, tag_of(DeclinedResult), reason, why))
            case CardBlocked() | CardHeld() if self.kind == "none":
                self.asked.append((ask, WAITING, reason, ""))
                return RequestQueued(self._clock.now())
            case CardMarked():
                self.asked.append((ask, MARKED, reason, ""))
            case RequestQueued():
                self.asked.append((ask, self._later(ask), reason, ""))
            case CardHeld():
                self.asked.append((ask, tag_of(HeldResult), reason, ""))
            case CardBlocked():
                self.asked.append((ask, tag_of(BlockedResult), reason, ""))
            case LetterNoted():
                self.asked.append((ask, NOTED, reason, ""))
            case LetterOrdered():
                self.asked.append((ask, tag_of(LetterOrderedResult), reason, ""))
        return came

    def _later(self, ask: AskName) -> str:
        """Return what comes of it once the station is connected again."""
        if self.kind in PORTALS:
            return MARKED
        return DONE[ask] if self.kind == "api" else WAITING


def write_down(server: Server, issuer: VisitIssuer, card_number: str) -> None:
    """Write down what the server has of the asks, once the station is connected again; and what becomes of the hand-overs."""
    now = server.clock.now()
    received = [ask for ask in issuer.proved.values() if isinstance(ask, ReceivedAsk)]
    for proved in received:
        server.believe(STATION, proved)
    with server.database.writing.begin() as connection:
        for proved in received:
            report = HandoverReport(
                id="7" * 32, card_number=proved.card_number, order=proved.order, hsa_id="", handed_over=proved.handed_over
            )  # fmt: skip
            request_queue.enqueue(connection, RequestKey(STATION, report.id), report, "", now)
        for number, (ask, outcome, reason, refusal) in enumerate(issuer.asked):
            key = RequestKey(STATION, hashlib.sha256(f"{ask} {number}".encode()).hexdigest()[:32])
            if outcome == WAITING:
                request_queue.enqueue(connection, key, _queued(ask, key.id, card_number, reason), "", now)
                continue
            if outcome == NOTED:
                letter = LetterAsk(id=key.id, card_number=card_number)
                request_queue.enqueue(connection, key, letter, "", now)
                request_queue.leave_to_people(connection, key)
            row = {"station": key.station, "id": key.id, "ask": ask, "digest": "", "card_number": card_number}
            answer_row = {"outcome": outcome, "reason": refusal or None, "people": json.dumps([])}
            hold = {"hold_reason": reason or None, "at": now}
            connection.execute(insert(wishes).values(**row, **answer_row, **hold))
        for row in request_queue.due_requests(connection, now):
            if isinstance(row.content, HandoverReport):
                if issuer.kind == "api":
                    request_queue.record_answer(connection, row.key, None, now)
                else:
                    request_queue.leave_to_people(connection, row.key)


def write_certificates_down(server: Server, issuer: VisitIssuer) -> None:
    """Write down what the server has of the requests that people carry, by its own judgement of the files that came back."""
    trusted = TrustedIssuers(authority().anchors(), authority().intermediates(), SHIPPED)
    by_hand = CertificatesByHand(server.database, server.clock.now, trusted)
    for carried in issuer.carried.values():
        facts = carried.facts
        request = CertificateRequest(
            carried.request, carried.offer, facts.card_number, facts.holder.hsa_id, station=STATION
        )
        by_hand.answer(request)
        if carried.issued is not None:
            by_hand.give(request_id(request), carried.issued.chain[0])


def _queued(ask: AskName, id: str, card_number: str, reason: str) -> BlockAsk | HoldAsk:
    kind: Any = BlockAsk if ask == AskName.CARD_BLOCK else HoldAsk
    queued: BlockAsk | HoldAsk = kind(id=id, card_number=card_number, reason=reason, wanted="")
    return queued
