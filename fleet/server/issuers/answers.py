"""Answers what stations ask of issuer and register: checked, limited, done once, written down, signed.

Rules: an id that was answered gets the same word again, whoever asks; who may have something done is judged here and not at the
station alone (product.md "Who may"); an issuer that is away is an error without a word, so that the station may ask again with
the same id.

>>> await IssuerAnswers(...).answer("entre-a", BlockAsk(...))            # doctest: +SKIP
Answer(ok=True, jws='ey...')
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from datetime import datetime

from fleet.messages.asking import (
    Answered,
    BlockAsk,
    CertificateAsk,
    ChallengeAsk,
    Declined,
    DirectoryAsk,
    Found,
    HoldAsk,
    Issued,
    IssuerAsk,
    LetterAsk,
    LiftAsk,
    LoginAsk,
    Nonce,
    NonceAsk,
    NotFound,
    PukAsk,
    Released,
    Result,
    Word,
    tag_of,
    typ_of,
)
from fleet.messages.issuing import CardRecord, Person
from fleet.messages.link import Answer, encode
from fleet.server.issuers.bounds import check_bounds
from fleet.server.issuers.checking import check_issued, check_renewal, check_request, der_of
from fleet.server.issuers.logins import Logins
from fleet.server.issuers.offers import offers_of
from fleet.server.issuers.port import IssuerAwayError, Standing, Wanted
from fleet.server.issuers.side import IssuerSide
from fleet.server.issuers.wishes import ReusedError, Wishes
from fleet.server.signing import Signer
from fleet.server.store.alarms import BLOCK_DECLINED, Alarm
from fleet.server.store.overview import local_day
from fleet.server.store.requesting import Queueable
from fleet.server.store.writing import Writer

_log = logging.getLogger(__name__)

Outcome = tuple[Result, tuple[str, ...]]
"""What came of a question, and the HSA-ids in whose names it was asked."""


class IssuerAnswers:
    """Answers one question at a time; several may run at once."""

    def __init__(
        self,
        side: IssuerSide,
        wishes: Wishes,
        logins: Logins,
        signer: Signer,
        writer: Writer,
        clock: Callable[[], datetime],
    ) -> None:
        self._side = side
        self._wishes = wishes
        self._logins = logins
        self._signer = signer
        self._writer = writer
        self._clock = clock
        self.changed: Callable[[], None] = lambda: None
        """Called when certificates have been revoked, suspended, or taken back."""

    async def answer(self, station: str, ask: IssuerAsk) -> Answer:
        """The signed word, or an error. Raises MessageError, sqlalchemy.exc.SQLAlchemyError."""
        check_bounds(ask)
        now = self._clock()
        try:
            result = await asyncio.to_thread(self._wishes.known, station, ask)
            if result is None:
                if not await asyncio.to_thread(self._wishes.reserve, station, ask, now):
                    return _error("too_many", "This station has asked this too often within the hour.")
                result = await self._fresh(station, ask)
        except ReusedError:
            return _error("id_used", "The id has been used for another question.")
        except IssuerAwayError as error:
            _log.error("%s: %s cannot be answered: %s", station, tag_of(ask), error)
            if isinstance(ask, Queueable):
                await asyncio.to_thread(self._wishes.wait_for, station, ask, self._clock())
            return _error("issuer_away", "The issuer does not answer just now.")
        word = Word(station, ask.id, now.isoformat(timespec="seconds").replace("+00:00", "Z"), result)
        return Answer(ok=True, jws=self._signer.sign(encode(word), typ_of(ask)))

    async def carry_out(self, station: str, ask: Queueable, *, own: bool) -> Result:
        """The same from the queue, without a word to sign. `own`: the server itself wants it, and was allowed to before.

        Raises IssuerAwayError, ReusedError, sqlalchemy.exc.SQLAlchemyError.
        """
        known = await asyncio.to_thread(self._wishes.known, station, ask)
        return await self._fresh(station, ask, own=own) if known is None else known

    async def _fresh(self, station: str, ask: IssuerAsk, *, own: bool = False) -> Result:
        result, people = await self._deal_with(station, ask, own=own)
        await self._keep(station, ask, people, result)
        return result

    async def _keep(self, station: str, ask: IssuerAsk, people: tuple[str, ...], result: Result) -> None:
        """The audit; and an alarm where a card that somebody wants blocked is not."""
        now = self._clock()
        if isinstance(ask, NonceAsk):
            return
        if isinstance(ask, BlockAsk | HoldAsk) and isinstance(result, Declined):
            alarm = Alarm(station, BLOCK_DECLINED, f"{ask.card_number}: {result.reason}")
            await asyncio.to_thread(self._writer.alarm, alarm, now)
        await asyncio.to_thread(self._wishes.keep, station, ask, people, result, now)

    async def _deal_with(self, station: str, ask: IssuerAsk, *, own: bool) -> Outcome:
        match ask:
            case CertificateAsk():
                return await self._certificate(station, ask)
            case BlockAsk() | HoldAsk() | LiftAsk():
                return await self._change(ask, own=own), (ask.by,)
            case ChallengeAsk():
                return await self._challenge(station, ask)
            case PukAsk():
                return await self._puk(station, ask)
            case LetterAsk():
                return await self._letter(ask), (ask.hsa_id,)
            case NonceAsk():
                nonce = secrets.token_hex(16)
                await asyncio.to_thread(self._wishes.new_nonce, station, nonce, self._clock())
                return Nonce(nonce), ()
            case LoginAsk():
                return await self._log_in(station, ask)
            case DirectoryAsk():
                return await self._find(ask), (ask.hsa_id,)

    async def _certificate(self, station: str, ask: CertificateAsk) -> Outcome:
        attending = await self._attending(station, ask.administrators)
        people = (ask.hsa_id, *attending)
        wanted = await self._wanted(station, ask, {one for one in attending if one != ask.hsa_id})
        if isinstance(wanted, Declined):
            return wanted, people
        issued = await self._side.certificates.certificate(wanted)
        if isinstance(issued, Issued):
            wrong = check_issued(issued, wanted.request, wanted.offer, ask.hsa_id, self._clock())
            if wrong is not None:
                _log.error("the issuer gave another certificate than was asked for")
                return wrong, people
        return issued, people

    async def _wanted(self, station: str, ask: CertificateAsk, attending: set[str]) -> Wanted | Declined:
        request = der_of(ask.request)
        wrong = check_request(request, ask.hsa_id, ask.card_number)
        if wrong is not None:
            return wrong
        current = None
        if ask.current is not None or ask.profile != "reserve":
            proved = check_renewal(ask, request)
            if isinstance(proved, Declined):
                return proved
            if not self._logins.is_genuine(proved, self._clock()):
                return Declined("card_not_valid")
            current = der_of(ask.current)
        known = await self._card(ask.card_number)
        if known is None:
            return Declined("unknown_card")
        today = datetime.fromisoformat(local_day(self._clock())).date()
        offers = offers_of(known[0], known[1], today, self._side.rules)
        offer = next((one for one in offers if (one.profile, one.loa) == (ask.profile, ask.loa)), None)
        if offer is None or known[1].hsa_id != ask.hsa_id:
            return Declined("not_offered")
        if len(attending) < offer.administrators:
            return Declined("administrators_missing")
        if offer.administrators > 1 and not await self._may_attend_for(station, known[0], attending):
            return Declined("kur_needed")
        return Wanted(request, offer, ask.card_number, ask.hsa_id, current)

    async def _change(self, ask: Queueable, *, own: bool) -> Result:
        known = await self._card(ask.card_number)
        if known is None:
            return Declined("unknown_card")
        anonymous = isinstance(ask, HoldAsk) and not ask.by
        if not own and not anonymous and ask.by != known[1].hsa_id and not await self._is_administrator(ask.by):
            return Declined("not_allowed")
        result: Result
        match ask:
            case BlockAsk():
                result = await self._side.register.block(ask)
            case HoldAsk():
                result = await self._side.register.hold(ask)
            case LiftAsk():
                result = await self._side.register.lift(ask)
        if not isinstance(result, Declined):
            self.changed()
        return result

    async def _challenge(self, station: str, ask: ChallengeAsk) -> Outcome:
        people: tuple[str, ...] = (ask.hsa_id,)
        if ask.key == "unblock":
            attending = await self._attending(station, (ask.administrator or "",))
            people += attending
            if not attending or attending[0] == ask.hsa_id:
                return Declined("administrators_missing"), people
        known = await self._card(ask.card_number)
        if known is None or known[1].hsa_id != ask.hsa_id:
            return Declined("unknown_card"), people
        if known[1].state in ("blocked", "voided", "returned", "held"):
            return Declined(f"card_{known[1].state}"), people
        response = self._side.keys.answer(ask.key, ask.card_number, ask.algorithm, bytes.fromhex(ask.challenge))
        return Declined("no_key") if response is None else Answered(response.hex()), people

    async def _puk(self, station: str, ask: PukAsk) -> Outcome:
        attending = await self._attending(station, (ask.administrator,))
        people = (ask.hsa_id, *attending)
        if not attending or attending[0] == ask.hsa_id:
            return Declined("administrators_missing"), people
        known = await self._card(ask.card_number)
        if known is None or known[1].hsa_id != ask.hsa_id:
            return Declined("unknown_card"), people
        said: Released | Declined = await self._side.register.release_puk(ask, station, people)
        return said, people

    async def _letter(self, ask: LetterAsk) -> Result:
        known = await self._card(ask.card_number)
        if known is None or known[1].hsa_id != ask.hsa_id:
            return Declined("unknown_card")
        return await self._side.register.order_letter(ask)

    async def _log_in(self, station: str, ask: LoginAsk) -> Outcome:
        """The issuer's own word on the card counts before the lists, which may be hours old."""
        now = self._clock()
        standing: Standing = "unknown"
        chain = self._logins.chain(ask, now)
        if chain is not None and len(chain) > 1:
            try:
                standing = await self._side.status.standing(chain[0], chain[1], now)
            except IssuerAwayError as error:
                _log.warning("a log-in is judged by the lists at hand: %s", error)
        said = await asyncio.to_thread(self._logins.log_in, station, ask, now, standing)
        return said, () if isinstance(said, Declined) else (said.hsa_id,)

    async def _find(self, ask: DirectoryAsk) -> Result:
        known = await self._side.directory.find(ask.hsa_id, ask.card_number)
        if known is None:
            return NotFound()
        today = datetime.fromisoformat(local_day(self._clock())).date()
        offers = tuple(
            offer
            for card in known.cards
            if card.card_number == ask.card_number
            for offer in offers_of(known.person, card, today, self._side.rules)
        )
        return Found(known.shown, known.cards, offers)

    async def _card(self, number: str) -> tuple[Person | None, CardRecord] | None:
        known = await self._side.directory.find("", number)
        card = next((one for one in known.cards if one.card_number == number), None) if known else None
        return None if known is None or card is None else (known.person, card)

    async def _attending(self, station: str, tokens: tuple[str, ...]) -> tuple[str, ...]:
        """The different administrators that these tokens stand for."""
        now = self._clock()
        told = [await asyncio.to_thread(self._logins.administrator, station, one, now) for one in tokens[:2]]
        return tuple(dict.fromkeys(one for one in told if one is not None))

    async def _may_attend_for(self, station: str, holder: Person | None, attending: set[str]) -> bool:
        """Two attend for a protected identity, or for somebody of whom nobody knows that, by the role for it alone."""
        if holder is not None and not holder.protected:
            return True
        return await asyncio.to_thread(self._logins.attending.all_have_role_for_protected, station, attending)

    async def _is_administrator(self, hsa_id: str) -> bool:
        return await asyncio.to_thread(self._logins.name, hsa_id) is not None


def _error(code: str, text: str) -> Answer:
    return Answer(ok=False, error=code, text=text)
