"""Issuer service: answers what stations ask of issuer and register: verified, rate limited, idempotent, audited, signed.

Rules: an id that was answered gets the same word again; who the people are is verified first (`proofs`), then what they may
(`rights`, docs/rules.md, "Who may"), here and not at the station alone; an issuer that is away is an error without a word, so
that the station may ask again with the same id.

>>> from fleet.messages.asking import LiftAsk
>>> check_bounds(LiftAsk(id="1", card_number="9999"))
Traceback (most recent call last):
...
fleet.messages.link.MessageError: id: out of bounds
"""

import asyncio
import contextlib
import hashlib
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.asking import (
    AnsweredResult,
    BinAsk,
    BindAsk,
    BlockAsk,
    BoundResult,
    CardProof,
    CardProofAsk,
    CardStateAsk,
    CardStatus,
    CertificateAsk,
    ChallengeAsk,
    DeclinedResult,
    DirectoryAsk,
    FoundResult,
    HoldAsk,
    Holder,
    IdentifiedAsk,
    InPortalResult,
    IssuedResult,
    IssuerAsk,
    LetterAsk,
    LetterNotedResult,
    LiftAsk,
    LoginAsk,
    NotFoundResult,
    PersonAsk,
    PukAsk,
    ReceivedAsk,
    Result,
    StockAsk,
    Word,
    WorklistAsk,
    tag_of,
    typ_of,
)
from fleet.messages.issuing import CardRecord, DirectoryPerson, Offer
from fleet.messages.link import Answer, MessageError, encode
from fleet.server.clock.local_days import local_day
from fleet.server.files.import_files import ImportRefusedError
from fleet.server.issuers.card_changes import CardChanges
from fleet.server.issuers.card_keys import BLOCK_BYTES, CardKeys
from fleet.server.issuers.certificate_offers import RENEWED, OfferRules, offers_of
from fleet.server.issuers.certificate_requests import check_issued, check_renewal, check_request, der_of
from fleet.server.issuers.certificates_by_hand import CertificatesByHand
from fleet.server.issuers.model import CardChange, Channel, HandoverReport
from fleet.server.issuers.ports import (
    CardRegister,
    CertificateIssuer,
    CertificateRequest,
    DirectoryEntry,
    DirectoryService,
    IssuerAwayError,
    StationWorklist,
    StatusSource,
    nothing_waits,
)
from fleet.server.issuers.proofs.administrators import Administrators
from fleet.server.issuers.proofs.authorization import (
    BEFORE_USE,
    Asker,
    HeldCard,
    Rights,
    by_holder,
    has_left,
    is_renewal,
    of_holder,
)
from fleet.server.issuers.proofs.verification import ProofJudge, Proven
from fleet.server.issuers.proved_facts import ProvedAsk, ProvedFacts
from fleet.server.issuers.requests import RESERVE, RequestLog, ReusedError
from fleet.server.keys.signing import Signer
from fleet.server.orders.model import OrderRecord
from fleet.server.stations.alarms import BLOCK_DECLINED, FACT_UNPROVED, LOOKED_ACROSS, Alarm, AlarmRecorder

DAY = timedelta(days=1)

_log = logging.getLogger(__name__)

OUT_OF_USE = ("blocked", "voided", "returned", "held")
"""Nothing that such a card would need for a new code is given out."""
Outcome = tuple[Result, tuple[str, ...]]
"""What came of a question, and the HSA-ids in whose names it was asked."""


_ID = re.compile(r"[0-9a-f]{32}\Z")
_HSA_ID = re.compile(r"[A-Z][A-Z0-9]{1,30}-[A-Z0-9]{1,30}\Z")
_CARD_NUMBER = re.compile(r"[A-Z0-9]{4,40}\Z")
_SERIAL = re.compile(r"[0-9A-Fa-f]{0,64}\Z")
_HEX = re.compile(r"(?:[0-9a-f]{2}){1,32}\Z")


def check_bounds(ask: IdentifiedAsk) -> None:
    """Raises MessageError, which names the member and shows nothing of it."""
    number, person = getattr(ask, "card_number", ""), getattr(ask, "hsa_id", "")
    rules = {
        "id": bool(_ID.match(ask.id)),
        "card_number": not number or bool(_CARD_NUMBER.match(number)),
        "hsa_id": not person or bool(_HSA_ID.match(person)),
        "challenge": not isinstance(ask, ChallengeAsk | CardProofAsk) or bool(_HEX.match(ask.challenge)),
        "serial": not isinstance(ask, ChallengeAsk) or bool(_SERIAL.match(ask.serial)),
        "witness": not isinstance(ask, CardProofAsk) or bool(_HEX.match(ask.witness)),
        "find": not isinstance(ask, DirectoryAsk) or bool(ask.hsa_id) != bool(ask.card_number),
        "take": not isinstance(ask, WorklistAsk) or not ask.take or bool(_ID.match(ask.take)),
        "card": isinstance(ask, LoginAsk | WorklistAsk | DirectoryAsk | StockAsk | BinAsk) or bool(number),
        "order": not isinstance(ask, ReceivedAsk) or 0 < len(ask.order) <= 64,
        "receipt": not isinstance(ask, ReceivedAsk) or len(ask.receipt) <= 64,
        "moves": not isinstance(ask, StockAsk) or all(0 < move.slot <= 999 for move in ask.moves),
    }
    for name, fits in rules.items():
        if not fits:
            raise MessageError(f"{name}: out of bounds")


@dataclass(frozen=True, slots=True)
class IssuerParts:
    """The adapters of one issuer, and the region's data and rules, that answers are made of."""

    certificates: CertificateIssuer
    register: CardRegister
    directory: DirectoryService
    keys: CardKeys
    rules: OfferRules
    status: StatusSource
    handovers: Channel = "interface"
    letters: Channel = "interface"
    unlocks: Channel = "interface"
    holds: bool = True
    """Whether the issuer's system has a hold; else its register marks cards."""
    by_hand: CertificatesByHand | None = None
    """Where people make certificates in the issuer's portal: `certificates` is this too."""


class IssuerAnswers:
    """Answers one question at a time; several may run at once."""

    def __init__(
        self,
        parts: IssuerParts,
        wishes: RequestLog,
        judge: ProofJudge,
        administrators: Administrators,
        signer: Signer,
        alarms: AlarmRecorder,
        clock: Callable[[], datetime],
    ) -> None:
        self.parts = parts
        self._wishes = wishes
        self._judge = judge
        self._rights = Rights(parts.directory, administrators, clock)
        self._changes = CardChanges(parts.register, self._rights, wishes, alarms, clock, holds=parts.holds)
        self._facts = ProvedFacts(wishes.database, self._rights, clock)
        self._signer = signer
        self._alarms = alarms
        self._clock = clock
        self.changed: Callable[[], None] = lambda: None
        """Called when certificates have been revoked, suspended, or taken back."""
        self.worklist: StationWorklist = nothing_waits
        """What waits at a station, for its administrators."""
        self.ordered: Callable[[], None] = lambda: None
        """Called when an order was moved by proofs, or made for a reserve card that was bound."""
        self.kept: Callable[[], None] = lambda: None
        """Called when an answer has been written down: pages show it."""

    async def answer(self, station: str, ask: IssuerAsk) -> Answer:
        """The signed word, or an error. Raises MessageError, sqlalchemy.exc.SQLAlchemyError."""
        check_bounds(ask)
        now = self._clock()
        try:
            result = await asyncio.to_thread(self._wishes.known, station, ask)
            if result is None:
                register = isinstance(ask, HoldAsk | LetterAsk | CardStateAsk)
                if register and await asyncio.to_thread(self._wishes.awaits_self_test, station):
                    return _error("not_tested", "A new station does a self test before it asks the register.")
                if not await asyncio.to_thread(self._wishes.reserve, station, ask, now):
                    return _error("too_many", "This station has asked this too often within the hour.")
                result = await self._proved(station, ask)
        except ReusedError:
            return _error("id_used", "The id has been used for another question.")
        except IssuerAwayError as error:
            _log.error("%s: %s cannot be answered: %s", station, tag_of(ask), error)
            return _error("issuer_away", "The issuer does not answer just now.")
        word = Word(station, ask.id, now.isoformat(timespec="seconds").replace("+00:00", "Z"), result)
        return Answer(ok=True, jws=self._signer.sign(encode(word), typ_of(ask)))

    async def carry_out(self, station: str, ask: CardChange, *, by: str, own: bool) -> Result:
        """The same from the queue, without a word to sign: whose proof came with it was verified before it was put there.
        `own`: the server itself wants it.

        Raises IssuerAwayError, ReusedError, sqlalchemy.exc.SQLAlchemyError.
        """
        earlier = await asyncio.to_thread(self._wishes.known, station, ask)
        return await self._fresh(station, ask, Asker(by, own=own)) if earlier is None else earlier

    async def _proved(self, station: str, ask: IssuerAsk) -> Result:
        """Once those whose proofs it carries have been verified. A block that the issuer cannot take now waits for it."""
        if isinstance(ask, CardStateAsk):
            return await self._state(station, ask)
        people = await self._judge.people(station, ask, self._clock())
        if isinstance(people, DeclinedResult):
            return await self._keep(station, ask, (), people)
        asker = Asker.of(people)
        for person in people:
            der = person.chain[0].public_bytes(Encoding.DER)
            await asyncio.to_thread(self._wishes.remember_certificate, person.hsa_id, der, person.card_number)
        admitted: list[Proven] = []
        try:
            for person in people:
                judged = await self._rights.admit(person, ask)
                if isinstance(judged, DeclinedResult):
                    return await self._keep(station, ask, (person.hsa_id,), judged, asker)
                admitted.append(judged)
            return await self._fresh(station, ask, Asker.of(tuple(admitted)))
        except IssuerAwayError:
            if isinstance(ask, CardChange):
                await asyncio.to_thread(self._wishes.wait_for, station, ask, asker.by, self._clock())
            raise

    async def _fresh(self, station: str, ask: PersonAsk, asker: Asker) -> Result:
        result, people = await self._deal_with(station, ask, asker)
        kept = await self._keep(station, ask, people, result, asker)
        if isinstance(ask, CardChange) and not isinstance(result, DeclinedResult):
            with contextlib.suppress(IssuerAwayError):  # stations hear what the card is now (`stopped_cards`)
                await self.parts.directory.find("", ask.card_number)
        return kept

    async def _keep(
        self, station: str, ask: PersonAsk, people: tuple[str, ...], result: Result, asker: Asker | None = None
    ) -> Result:
        """The audit; and an alarm where a card that somebody wants blocked is not, or a fact is not proved. What has come to
        nothing used no nonce."""
        now = self._clock()
        if isinstance(result, DeclinedResult | InPortalResult) and asker is not None:
            nonces = [person.nonce for person in asker.people]
            await asyncio.to_thread(self._judge.nonces.release, nonces, ask.id)
        if isinstance(ask, BlockAsk | HoldAsk | ProvedAsk) and isinstance(result, DeclinedResult):
            code = FACT_UNPROVED if isinstance(ask, ProvedAsk) else BLOCK_DECLINED
            alarm = Alarm(station, code, f"{getattr(ask, 'card_number', '') or tag_of(ask)}: {result.reason}")
            await asyncio.to_thread(self._alarms.record, alarm, now)
        await asyncio.to_thread(self._wishes.keep, station, ask, people, result, now)
        self.kept()
        return result

    async def _deal_with(self, station: str, ask: PersonAsk, asker: Asker) -> Outcome:
        people = tuple(person.hsa_id for person in asker.people) or (asker.by,)
        match ask:
            case BlockAsk() | HoldAsk() | LiftAsk():
                result = await self._changes.change(station, ask, asker)
                if not isinstance(result, DeclinedResult):
                    self.changed()
                return result, people
            case BindAsk() | CertificateAsk():
                give = (
                    self._bind(station, ask, asker)
                    if isinstance(ask, BindAsk)
                    else self._certificate(station, ask, asker)
                )
                return await give, people
            case LoginAsk():
                return await self._log_in(station, asker), people
            case WorklistAsk():
                return await self._tell_worklist(station, ask, asker), people
            case DirectoryAsk():
                return await self._find(station, ask, asker), people
            case ChallengeAsk() | PukAsk() | LetterAsk():
                card = await self._rights.card(ask.card_number, *(person.hsa_id for person in asker.people))
                return await self._about(station, ask, asker, card)
            case CardProofAsk():
                return await self._authenticate(station, ask), people
            case ReceivedAsk() | StockAsk() | BinAsk():
                result = await self._facts.take(station, ask, asker)
                self.ordered()
                return result, people
            case _:
                raise AssertionError(f"{tag_of(ask)} has no answer")

    async def _about(
        self, station: str, ask: ChallengeAsk | PukAsk | LetterAsk, asker: Asker, card: HeldCard | None
    ) -> Outcome:
        """Answer an ask for which the card has to be known: about its own keys, or a new letter."""
        people = tuple(person.hsa_id for person in asker.people)
        if card is None:
            return DeclinedResult("unknown_card"), people
        holder = card[1].hsa_id
        attending = await self._rights.attending(asker, station, card[1])
        people = tuple(dict.fromkeys((holder, *people)))
        if has_left(card[0], local_day(self._clock())):
            return DeclinedResult("holder_left"), people
        match ask:
            case ChallengeAsk():
                return await self._challenge(ask, asker, card, attending), people
            case PukAsk():
                if not attending:
                    return DeclinedResult("administrators_missing"), people
                if card[1].state in OUT_OF_USE:
                    return DeclinedResult(f"card_{card[1].state}"), people
                if self.parts.unlocks == "portal":
                    return InPortalResult(), people
                return await self.parts.register.release_puk(ask, station, (holder, *attending)), people
            case LetterAsk():
                return await self._letter(station, ask, asker, card[1], attending), people if asker.people else ()

    async def _letter(
        self, station: str, ask: LetterAsk, asker: Asker, record: CardRecord, attending: tuple[str, ...]
    ) -> Result:
        if record.reserve:  # one whose codes are lost is scrapped
            return DeclinedResult("reserve_card")
        if asker.people and not of_holder(asker.people, record) and not attending:
            return DeclinedResult("not_allowed")
        if not asker.people and await asyncio.to_thread(self._wishes.had_letter, ask, self._clock()):
            return DeclinedResult("letter_lately")
        if (
            not asker.people
            and await asyncio.to_thread(self._wishes.take_place, station, ask, self._clock()) is not None
        ):
            return DeclinedResult("over_limit")
        if self.parts.letters == "portal":
            await asyncio.to_thread(self._wishes.leave_to_people, station, ask, asker.by, self._clock())
            return LetterNotedResult()
        return await self.parts.register.order_letter(ask, record.hsa_id)

    async def _challenge(self, ask: ChallengeAsk, asker: Asker, card: HeldCard, attending: tuple[str, ...]) -> Result:
        record = card[1]
        if not attending and (ask.key == "unblock" or not of_holder(asker.people, record)):
            return DeclinedResult("administrators_missing" if ask.key == "unblock" else "not_allowed")
        if record.state in OUT_OF_USE:
            return DeclinedResult(f"card_{record.state}")
        challenge = bytes.fromhex(ask.challenge)
        response = self.parts.keys.answer(ask.key, ask.card_number, ask.algorithm, challenge, ask.serial)
        if response is not None:
            return AnsweredResult(response.hex())
        if len(challenge) not in BLOCK_BYTES.values():
            return DeclinedResult("no_key")
        if ask.key == "unblock" and self.parts.unlocks == "portal":
            return InPortalResult()
        people = tuple(dict.fromkeys((record.hsa_id, *attending)))
        answer = await self.parts.register.answer_challenge(ask, people)
        if isinstance(answer, AnsweredResult) and not re.fullmatch(
            f"[0-9a-f]{{{len(ask.challenge)}}}", answer.response
        ):
            _log.error("the issuer answered a challenge with something else than one block")
            return DeclinedResult("no_key")
        return answer

    async def _authenticate(self, station: str, ask: CardProofAsk) -> Result:
        """A card that is still to be handed out there, by its own key. Whoever has the answer manages that card: never one in
        use.
        """
        card = await self._rights.card(ask.card_number)
        if card is None or not await asyncio.to_thread(self._wishes.waits_here, station, ask.card_number):
            return DeclinedResult("unknown_card")
        if card[1].state not in BEFORE_USE:
            return DeclinedResult(f"card_{card[1].state}")
        witness, challenge = bytes.fromhex(ask.witness), bytes.fromhex(ask.challenge)
        proof = self.parts.keys.prove(ask.card_number, ask.algorithm, witness, challenge)
        if proof is None:
            return DeclinedResult("no_key")
        return CardProof(proof[0].hex(), hashlib.sha256(proof[1]).hexdigest())

    async def _certificate(self, station: str, ask: CertificateAsk, asker: Asker) -> Result:
        request = await self._wanted(station, ask, asker)
        if isinstance(request, DeclinedResult):
            return request
        issued = await self.parts.certificates.certificate(request)
        if not isinstance(issued, IssuedResult):
            return issued
        wrong = check_issued(issued, request.request, request.offer, ask.hsa_id, self._clock())
        if self.parts.by_hand is not None and (wrong is not None or not self._is_genuine(issued)):
            _log.error("a certificate that was given back by hand does not hold any more: it waits for people again")
            await self.parts.by_hand.reopen(request)
            return InPortalResult()
        if wrong is not None:
            _log.error("the issuer gave another certificate than was asked for")
        return wrong or issued

    def _is_genuine(self, issued: IssuedResult) -> bool:
        return self._judge.is_genuine(x509.load_der_x509_certificate(der_of(issued.chain[0])), self._clock())

    async def _wanted(self, station: str, ask: CertificateAsk, asker: Asker) -> CertificateRequest | DeclinedResult:
        request = der_of(ask.request)
        wrong = check_request(request, ask.hsa_id, ask.card_number)
        if wrong is not None:
            return wrong
        current, renewed = None, None
        if ask.current is not None or is_renewal(ask):
            proved = check_renewal(ask, request)
            if isinstance(proved, DeclinedResult):
                return proved
            if not self._judge.is_genuine(proved, self._clock()):
                return DeclinedResult("card_not_valid")
            current, renewed = der_of(ask.current), proved
        card = await self._rights.card(ask.card_number, ask.hsa_id)
        if card is None:
            return DeclinedResult("unknown_card")
        offers = await self._offers(card)
        offer = next(
            (candidate for candidate in offers if (candidate.profile, candidate.loa) == (ask.profile, ask.loa)), None
        )
        if offer is None or card[1].hsa_id != ask.hsa_id:
            return DeclinedResult("not_offered")
        if (too_many := await self._too_many(station, ask, renewed)) is not None:
            return too_many
        attending = await self._rights.attending(asker, station, card[1])
        if len(attending) < offer.administrators:
            return DeclinedResult("administrators_missing")
        if offer.administrators > 1 and not await self._rights.may_attend_for(station, card[0], attending):
            return DeclinedResult("kur_needed")
        mine = by_holder(asker.people, card[1]) if is_renewal(ask) else of_holder(asker.people, card[1]) or attending
        return (
            CertificateRequest(request, offer, ask.card_number, ask.hsa_id, current, station)
            if mine
            else DeclinedResult("not_allowed")
        )

    async def _too_many(
        self, station: str, ask: CertificateAsk, renewed: x509.Certificate | None
    ) -> DeclinedResult | None:
        """Why none is made now: before the window of what is renewed, again within it, or too many at one station in a day.
        Where people make them, they look at each, and a station may come for one again."""
        if self.parts.by_hand is not None:
            return None
        rules, now = self.parts.rules, self._clock()
        window = timedelta(days=rules.window_days if renewed is not None else 1)
        made = await asyncio.to_thread(self._wishes.certificates_since, ask, now - window)
        too_early = renewed is not None and renewed.not_valid_after_utc > now + window
        if too_early or len(made) >= RENEWED or (made and min(made) < now - DAY):
            return DeclinedResult("not_offered")
        many = await asyncio.to_thread(self._wishes.certificates_at, station, now - DAY)
        return DeclinedResult("too_many") if many >= rules.certificates_a_day else None

    async def _bind(self, station: str, ask: BindAsk, asker: Asker) -> BoundResult | DeclinedResult:
        """The issuer first: an order whose card is nobody's there would be handed out for nothing. Asked again it goes on."""
        attending = tuple(sorted(await self._rights.attending(asker, station, None, holder=ask.hsa_id)))
        if len(attending) < 2:
            return DeclinedResult("administrators_missing")
        entry, now = await self.parts.directory.find(ask.hsa_id, ""), self._clock()
        person = entry.shown if entry is not None else None
        if person is None or has_left(person, local_day(now)):
            return DeclinedResult("holder_left")
        if not await self._rights.may_attend_for(station, person, attending):
            return DeclinedResult("kur_needed")
        before = await asyncio.to_thread(self._wishes.bound_before, station, ask.hsa_id)
        return before or await self._bind_card(station, ask, person, attending, now)

    async def _bind_card(
        self, station: str, ask: BindAsk, person: DirectoryPerson, attending: tuple[str, ...], now: datetime
    ) -> BoundResult | DeclinedResult:
        card = await self._rights.card(ask.card_number)
        slot = await asyncio.to_thread(self._wishes.free_reserve_slot, station, ask.card_number)
        if card is None or not card[1].reserve or slot is None:
            return DeclinedResult("unknown_card")
        if card[1].hsa_id not in ("", ask.hsa_id):
            return DeclinedResult("other_person")
        if card[1].state in OUT_OF_USE:
            return DeclinedResult(f"card_{card[1].state}")
        today = local_day(now)
        record = OrderRecord(
            f"R-{ask.id[:16]}", ask.hsa_id, person.name, person.protected, ask.card_number, RESERVE, 3, station, slot,
            today, None, None,
        )  # fmt: skip
        at = now.isoformat(timespec="seconds").replace("+00:00", "Z")
        report = HandoverReport(
            id=ask.id, card_number=ask.card_number, order=record.order, hsa_id=ask.hsa_id, handed_over=at,
            attested_by=attending,
        )  # fmt: skip
        if self.parts.handovers == "interface":  # else people register it in the portal, once it is handed over
            refused = await self.parts.register.received(report)
            if refused is not None:
                return refused
        try:
            bound = await asyncio.to_thread(self._wishes.order_reserve_card, record, now)
        except ImportRefusedError as error:
            _log.error("a reserve card that was bound has no order: %s", error)
            return DeclinedResult("not_offered")
        self.ordered()
        return bound

    async def _log_in(self, station: str, asker: Asker) -> Result:
        if len(asker.people) != 1:
            return DeclinedResult("bad_mandate")
        return await self._rights.log_in(asker.people[0], station)

    async def _tell_worklist(self, station: str, ask: WorklistAsk, asker: Asker) -> Result:
        admitted = await self._log_in(station, asker)
        if isinstance(admitted, DeclinedResult):
            return admitted
        return await asyncio.to_thread(self.worklist, station, asker.people[0].hsa_id, ask.take)

    async def _state(self, station: str, ask: CardStateAsk) -> Result:
        """Without whose card it is: nobody has proved anything yet."""
        card = await self._rights.card(ask.card_number, ask.hsa_id or "")
        if card is None:
            return NotFoundResult()
        person, record = card
        if ask.hsa_id and record.hsa_id != ask.hsa_id:
            person = None  # the register does not know that the card names them
        gone = has_left(person, local_day(self._clock()))
        holder: Holder = "unknown" if person is None else "left" if gone else "here"
        return CardStatus(
            await asyncio.to_thread(self._judge.nonces.new, station, ask.card_number, self._clock()),
            record.state, record.product, record.loa, holder, record.reserve,
            person is None or person.protected, record.held_from, record.hold_reason, record.activate_by,
            await self._offers((person, record)),
        )  # fmt: skip

    async def _find(self, station: str, ask: DirectoryAsk, asker: Asker) -> Result:
        entry = await self._look_up(ask, asker)
        if entry is None:
            return NotFoundResult()
        holders = {card.hsa_id for card in entry.cards if ask.hsa_id or card.card_number == ask.card_number}
        holders |= {entry.person.hsa_id} if entry.person is not None else set()
        known_to = holders == {asker.by} or await self._rights.attending(asker, station, None, of=holders)
        theirs = {_organisation(person.hsa_id) for person in asker.people}
        if theirs and {_organisation(hsa_id) for hsa_id in holders} - theirs:
            alarm = Alarm(station, LOOKED_ACROSS, asker.by)
            await asyncio.to_thread(self._alarms.record, alarm, self._clock())
        if not known_to and not await asyncio.to_thread(self._wishes.waits_here, station, ask.card_number):
            return DeclinedResult("not_allowed")
        cards = [(entry.person, card) for card in entry.cards if card.card_number == ask.card_number]
        offers = [offer for card in cards for offer in await self._offers(card)]
        return FoundResult(entry.shown, entry.cards, tuple(offers))

    async def _look_up(self, ask: DirectoryAsk, asker: Asker) -> DirectoryEntry | None:
        """A person with all cards; or a card with its holder, as it stands for that one of their HSA-ids that asks."""
        if ask.hsa_id:
            return await self.parts.directory.find(ask.hsa_id, "")
        card = await self._rights.card(ask.card_number, asker.by)
        return None if card is None else DirectoryEntry(card[0], (card[1],))

    async def is_still_used(self, card_number: str) -> bool:
        """Return whether one of several employers that the card names still has its holder."""
        card = await self._rights.card(card_number)
        return card is not None and bool(card[1].also) and not has_left(card[0], local_day(self._clock()))

    async def _offers(self, card: HeldCard) -> tuple[Offer, ...]:
        person, record = card
        today = local_day(self._clock())
        given = await asyncio.to_thread(self._wishes.reserve_days, record.card_number, today) if record.reserve else 0
        offers = offers_of(person, record, datetime.fromisoformat(today).date(), self.parts.rules, given)
        return offers if self.parts.by_hand is None else await self.parts.by_hand.offers(record.card_number, offers)


def _organisation(hsa_id: str) -> str:
    return hsa_id.partition("-")[0]


def _error(code: str, text: str) -> Answer:
    return Answer(ok=False, error=code, text=text)
