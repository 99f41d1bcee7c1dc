"""Client of the issuer and the register: questions to the server, and its signed answers, behind the journeys' ports.

Every wish has an id made of errand, card and what is wanted, so that a question asked again (after a torn connection, by a person
who tries once more) is done once.

>>> request_id("7d0c...", "card.block", "9999000020260001") == request_id("7d0c...", "card.block", "9999000020260001")
True
"""

import base64
import hashlib
import logging
import secrets
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from drivers.reader.model import CardFacts
from drivers.reader.outcomes import Signed
from fleet.agent.answer_verification import AnswerVerifier, SyncRefused
from fleet.agent.blocks import BlockQueue, Queueable
from fleet.agent.keeping import Asker, AskTimeout, LinkDown
from fleet.messages import asking
from fleet.messages.asking import (
    BinAsk,
    BindAsk,
    BlockAsk,
    CardStateAsk,
    CertificateAsk,
    DirectoryAsk,
    HoldAsk,
    IssuerAsk,
    LiftAsk,
    ReceivedAsk,
    Result,
    StockAsk,
)
from fleet.messages.link import ReceiptMailAsk
from fleet.messages.vocabulary import AskName, Outcome
from kiosk.issuer.ports import (
    BlockReason,
    CardBlocked,
    CardBound,
    CardHeld,
    CardMarked,
    CardWord,
    CertificateIssued,
    Found,
    HoldLifted,
    HoldReason,
    InPortal,
    NotFound,
    Offer,
    RequestDeclined,
    RequestQueued,
    Unavailable,
)
from kiosk.issuer.proof_ports import P, PersonProof, with_proofs
from kiosk.ports import Clock, Pledge

logger = logging.getLogger(__name__)

ASK_LIMIT_S = 8.0
"""A person waits."""
OFFER_LIMIT_S = 1.5
"""What is offered only where the server answers at once."""
ISSUE_LIMIT_S = 25.0
"""An issuer takes longer to sign."""
HELD_AT_THE_DROP = (Outcome.JAM, Outcome.FISHING, Outcome.MUTE, Outcome.UNKNOWN)
"""What came of a card in the drop slot where nobody can say that its holder has it: a cabinet that fell silent too."""


def request_id(errand: str, action: str, card_number: str, more: bytes = b"") -> str:
    """The id of one wish: 32 hex digits."""
    return hashlib.sha256(b"\0".join((errand.encode(), action.encode(), card_number.encode(), more))).hexdigest()[:32]


class IssuerRequests:
    """Asks the server one question and opens its word."""

    def __init__(self, link: Asker, words: AnswerVerifier) -> None:
        self._link = link
        self._words = words

    async def ask_for(self, ask: P, *people: PersonProof, limit_s: float = ASK_LIMIT_S) -> Result | Unavailable:
        """Ask in the name of these people and return the result. Only here does an ask get its proofs."""
        wished: IssuerAsk = with_proofs(ask, people)  # type: ignore[assignment]  # every ask of a person is one
        return await self.ask(wished, limit_s)

    async def ask(self, ask: IssuerAsk, limit_s: float = ASK_LIMIT_S) -> Result | Unavailable:
        """Ask the server and return its result. An answer that is no word of the server's counts as none."""
        try:
            return self._words.result(await self._link.ask(ask, limit_s), ask)
        except LinkDown:
            return Unavailable()
        except AskTimeout:
            return Unavailable("no_answer")
        except SyncRefused as error:
            logger.warning("%s: %s (%s)", asking.tag_of(ask), error, error.code)
            return Unavailable(error.code)

    async def can_mail(self, hsa_id: str) -> bool:
        """Asked without a proof and answered without a signed word: it opens nothing, and the address stays at the server."""
        try:
            return (await self._link.ask(ReceiptMailAsk(hsa_id), OFFER_LIMIT_S)).mail
        except (LinkDown, AskTimeout):
            return False


class FleetIssuer:
    """Implements `Issuer` and `Directory` of `kiosk.issuer.ports`."""

    def __init__(self, requests: IssuerRequests) -> None:
        self._requests = requests

    async def offers(self, facts: CardFacts) -> tuple[Offer, ...] | RequestDeclined | Unavailable:
        """By register, directory and the region's dates, at the server."""
        match await self.state(facts.card_number, hsa_id=facts.holder.hsa_id if len(facts.holders) > 1 else ""):
            case CardWord(offers=offers):
                return offers
            case NotFound():
                return RequestDeclined("unknown_card")
            case Unavailable() as away:
                return away

    async def certificate(
        self,
        request: bytes,
        offer: Offer,
        *,
        facts: CardFacts,
        errand: str,
        proof: Signed | None = None,
        people: tuple[PersonProof, ...] = (),
    ) -> CertificateIssued | InPortal | RequestDeclined | Unavailable:
        """Through the server to the issuer; the certificate that comes is checked there and again by the card's driver."""
        ask = CertificateAsk(
            id=request_id(errand, AskName.CERTIFICATE_REQUEST, facts.card_number, request),
            card_number=facts.card_number,
            hsa_id=facts.holder.hsa_id,
            profile=offer.profile,
            loa=offer.loa,
            request=text_of(request),
            current=text_of(proof.certificate) if proof else None,
            proof=text_of(proof.signature) if proof else None,
            algorithm=proof.algorithm if proof else None,
        )
        result = await self._requests.ask_for(ask, *people, limit_s=ISSUE_LIMIT_S)
        if isinstance(result, asking.IssuedResult):
            return CertificateIssued(tuple(base64.b64decode(certificate) for certificate in result.chain))
        return InPortal() if isinstance(result, asking.InPortalResult) else refusal_of(result)

    async def bind(
        self, card_number: str, hsa_id: str, *, errand: str, people: tuple[PersonProof, ...]
    ) -> CardBound | RequestDeclined | Unavailable:
        """At the server, which has the order made."""
        id_ = request_id(errand, AskName.CARD_BIND, card_number, hsa_id.encode())
        ask = BindAsk(id=id_, card_number=card_number, hsa_id=hsa_id)
        result = await self._requests.ask_for(ask, *people)
        if isinstance(result, asking.BoundResult):
            return CardBound(result.order, result.card_number, result.slot)
        return refusal_of(result)

    async def state(self, card_number: str, *, hsa_id: str = "") -> CardWord | NotFound | Unavailable:
        """Each question is a new one: what is asked may have changed."""
        ask = CardStateAsk(id=secrets.token_hex(16), card_number=card_number, hsa_id=hsa_id or msgspec.UNSET)
        match await self._requests.ask(ask):
            case asking.CardStatus() as status:
                return CardWord(
                    card_number, status.state, status.product, status.holder, status.protected, status.reserve,
                    status.loa, status.hold_reason, status.activate_by, status.offers, status.nonce, status.held_from,
                )  # fmt: skip
            case asking.NotFoundResult():
                return NotFound()
            case Unavailable() as away:
                return away
            case _:
                return Unavailable("no_answer")

    async def find(
        self, *, hsa_id: str = "", card_number: str = "", people: tuple[PersonProof, ...] = ()
    ) -> Found | NotFound | RequestDeclined | Unavailable:
        """A person, or a card."""
        ask = DirectoryAsk(id=secrets.token_hex(16), hsa_id=hsa_id, card_number=card_number)
        result = await self._requests.ask_for(ask, *people)
        match result:
            case asking.DeclinedResult(reason=reason):
                return RequestDeclined(reason)
            case asking.FoundResult(person=person, cards=cards, offers=offers):
                return Found(person, cards, offers)
            case asking.NotFoundResult():
                return NotFound()
            case Unavailable():
                return result
            case _:
                return Unavailable("no_answer")

    async def can_mail(self, hsa_id: str) -> bool:
        """Return whether the server has an address and a mail server."""
        return await self._requests.can_mail(hsa_id)


class FleetBlocking:
    """Implements `Blocking`: by the station's own queue, durable before anything is said."""

    def __init__(self, queue: BlockQueue, requests: IssuerRequests, clock: Clock) -> None:
        self._queue = queue
        self._requests = requests
        self._clock = clock

    async def block(
        self, card_number: str, reason: BlockReason, *, by: PersonProof, errand: str
    ) -> CardBlocked | CardMarked | RequestQueued | RequestDeclined:
        """For good, or a mark until a person has. Raises StoreError: then nothing was kept, and the person must be told so."""
        now = self._now()
        result = await self._tell(self._block_ask(card_number, reason, by, errand, now), now)
        if isinstance(result, asking.BlockedResult):
            return CardBlocked(datetime.fromisoformat(result.at))
        if isinstance(result, asking.MarkedResult):
            return CardMarked()
        return _queued_or_declined(result, now)

    async def blocked_in_portal(
        self, card_number: str, reason: BlockReason, *, by: PersonProof, errand: str
    ) -> CardBlocked | RequestDeclined | Unavailable:
        """Past the queue: a mark that waits there is told first."""
        if await self._queue.waits_for(card_number):
            return Unavailable("no_connection")
        id_ = request_id(errand, f"{AskName.CARD_BLOCK}.in_portal", card_number)
        ask = BlockAsk(id=id_, card_number=card_number, reason=reason, wanted=self._now(), in_portal=True)
        result = await self._requests.ask_for(ask, by)
        if isinstance(result, asking.BlockedResult):
            return CardBlocked(datetime.fromisoformat(result.at))
        return refusal_of(result)

    async def hold(
        self, card_number: str, reason: HoldReason, *, by: PersonProof | None, errand: str, note_only: bool = False
    ) -> CardHeld | CardMarked | RequestQueued | RequestDeclined:
        """Until it is lifted. Raises StoreError."""
        now = self._now()
        result = await self._tell(self._hold_ask(card_number, reason, by, errand, now, note_only=note_only), now)
        if isinstance(result, asking.HeldResult):
            return CardHeld(result.from_state)
        if isinstance(result, asking.MarkedResult):
            return CardMarked()
        return _queued_or_declined(result, now)

    async def lift(
        self, card_number: str, *, by: PersonProof, errand: str
    ) -> HoldLifted | RequestDeclined | Unavailable:
        """Only where nothing about the card waits in the queue: a hold that is told later must not outlast its end."""
        if await self._queue.waits_for(card_number):
            return Unavailable("no_connection")
        id_ = request_id(errand, AskName.CARD_LIFT, card_number)
        result = await self._requests.ask_for(LiftAsk(id=id_, card_number=card_number), by)
        return HoldLifted(result.state) if isinstance(result, asking.LiftedResult) else refusal_of(result)

    def pledge_for_drop(
        self, card_number: str, block: BlockReason | None, *, by: PersonProof | None, errand: str,
        hold: HoldReason = "returned", note_only: bool = False,
    ) -> Pledge:  # fmt: skip
        """The asks have the ids that `block` and `hold` of that errand give them: asked again there, each is done once."""
        now = self._now()
        hold_ask = self._hold_ask(card_number, hold, by, errand, now, note_only=note_only)
        dropped = hold_ask if block is None or by is None else self._block_ask(card_number, block, by, errand, now)
        return self._queue.pledge({Outcome.DROPPED: dropped, **dict.fromkeys(HELD_AT_THE_DROP, hold_ask)})

    def pledge_for_errand(
        self, ask: ReceivedAsk | StockAsk | BinAsk, people: tuple[PersonProof, ...], *, errand: str
    ) -> Pledge:
        """The newest of an errand counts: they have one id."""
        wished = msgspec.structs.replace(
            ask, id=request_id(errand, asking.tag_of(ask), getattr(ask, "card_number", ""))
        )
        return self._queue.pledge({errand: with_proofs(wished, people)})

    async def waiting(self) -> int:
        """Return how many have not been told."""
        return await self._queue.waiting()

    def _block_ask(self, card_number: str, reason: BlockReason, by: PersonProof, errand: str, now: str) -> BlockAsk:
        id_ = request_id(errand, AskName.CARD_BLOCK, card_number)
        return with_proofs(BlockAsk(id=id_, card_number=card_number, reason=reason, wanted=now), (by,))

    def _hold_ask(
        self, card_number: str, reason: HoldReason, by: PersonProof | None, errand: str, now: str, *, note_only: bool
    ) -> HoldAsk:
        id_ = request_id(errand, AskName.CARD_HOLD, card_number)
        noted: Literal[True] | UnsetType = True if note_only else UNSET
        ask = HoldAsk(id=id_, card_number=card_number, reason=reason, wanted=now, note_only=noted)
        return with_proofs(ask, (by,)) if by else ask

    async def _tell(self, ask: Queueable, now: str) -> Result | None:
        return await self._queue.tell(ask, now, ASK_LIMIT_S)

    def _now(self) -> str:
        return self._clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")


def _queued_or_declined(result: Result | None, now: str) -> RequestQueued | RequestDeclined:
    if result is None:
        return RequestQueued(datetime.fromisoformat(now))
    return RequestDeclined(result.reason if isinstance(result, asking.DeclinedResult) else "no_answer")


def refusal_of(result: Result | Unavailable) -> RequestDeclined | Unavailable:
    """Translate a result that is not the wanted one into the ports' terms."""
    match result:
        case asking.DeclinedResult(reason=reason):
            return RequestDeclined(reason)
        case Unavailable():
            return result
        case _:
            return Unavailable("no_answer")


def text_of(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
