"""Administrative keys of a card, which the server holds: it answers the card's challenges there; the issuer releases the PUK."""

import asyncio
import base64
from datetime import date
from typing import Literal

from drivers.reader.errors import ReaderError
from drivers.reader.keys import ManagementAlgorithm, ManagementKey, MutualAnswer
from drivers.reader.model import CardFacts
from fleet.messages import asking
from fleet.messages.asking import ChallengeAsk, LetterAsk
from fleet.messages.vocabulary import AskName
from kiosk.issuer.client import ASK_LIMIT_S, IssuerRequests, refusal_of, request_id, text_of
from kiosk.issuer.ports import (
    CardKeyResponse,
    InPortal,
    LetterNoted,
    LetterOrdered,
    LoggedIn,
    PukReleased,
    RequestDeclined,
    Unavailable,
)
from kiosk.issuer.proof_ports import PersonProof
from kiosk.issuer.puk_release import ReplyKey


class FleetCardKeys:
    """Implements `CardKeys`. What the server does not know of a card it does not answer for."""

    def __init__(self, requests: IssuerRequests, station: str) -> None:
        self._requests = requests
        self._station = station

    def management(
        self, facts: CardFacts, algorithm: ManagementAlgorithm, *, errand: str, people: tuple[PersonProof, ...]
    ) -> ManagementKey:
        """Answers from the reader's thread by way of the running loop."""
        return _AskedKey(self._requests, facts, algorithm, errand, people, asyncio.get_running_loop())

    async def answer_witness(
        self, facts: CardFacts, algorithm: ManagementAlgorithm, witness: bytes, challenge: bytes, *, errand: str
    ) -> MutualAnswer | RequestDeclined | Unavailable:
        """One block each way; the key stays at the server."""
        ask = asking.CardProofAsk(
            id=request_id(errand, AskName.CARD_AUTHENTICATE, facts.card_number, witness + challenge),
            card_number=facts.card_number,
            algorithm=algorithm,
            witness=witness.hex(),
            challenge=challenge.hex(),
        )
        result = await self._requests.ask(ask)
        if isinstance(result, asking.CardProof):
            return MutualAnswer(bytes.fromhex(result.witness), bytes.fromhex(result.digest))
        return refusal_of(result)

    async def unblock_response(
        self, facts: CardFacts, challenge: bytes, *, administrator: LoggedIn, errand: str
    ) -> CardKeyResponse | InPortal | RequestDeclined | Unavailable:
        """For the card's administrative key, whose kind the server knows."""
        ask = _challenge(facts, "unblock", None, challenge, errand)
        return await _responded(self._requests, ask, *attending_proofs(administrator))

    async def release_puk(
        self, facts: CardFacts, *, administrator: LoggedIn, errand: str
    ) -> PukReleased | InPortal | RequestDeclined | Unavailable:
        """Sealed by the issuer to a key that is made for this one question, and that the administrator's wish covers."""
        key = ReplyKey()
        id_ = request_id(errand, AskName.CARD_PUK, facts.card_number, key.public)
        ask = asking.PukAsk(id=id_, card_number=facts.card_number, reply_key=text_of(key.public))
        result = await self._requests.ask_for(ask, *attending_proofs(administrator))
        if isinstance(result, asking.InPortalResult):
            return InPortal()
        if not isinstance(result, asking.ReleasedResult):
            return refusal_of(result)
        puk = key.open(base64.b64decode(result.sealed), asking.puk_info(self._station, facts.card_number, id_))
        return Unavailable("no_answer") if puk is None else PukReleased(puk)

    async def order_letter(
        self, card_number: str, *, errand: str, by: PersonProof | None = None
    ) -> LetterOrdered | LetterNoted | RequestDeclined | Unavailable:
        """One letter for an errand."""
        id_ = request_id(errand, AskName.CARD_LETTER, card_number)
        result = await self._requests.ask_for(LetterAsk(id=id_, card_number=card_number), *((by,) if by else ()))
        if isinstance(result, asking.LetterOrderedResult):
            return LetterOrdered(date.fromisoformat(result.arrives), result.where)
        if isinstance(result, asking.LetterNotedResult):
            return LetterNoted()
        return refusal_of(result)


class _AskedKey:
    """A management key whose holder is the server."""

    def __init__(
        self,
        requests: IssuerRequests,
        facts: CardFacts,
        algorithm: ManagementAlgorithm,
        errand: str,
        people: tuple[PersonProof, ...],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.algorithm = algorithm
        self._requests = requests
        self._facts = facts
        self._errand = errand
        self._people = people
        self._loop = loop

    def answer(self, challenge: bytes) -> bytes:
        """Blocks the reader's thread, never the loop. Raises ReaderError."""
        ask = _challenge(self._facts, "management", self.algorithm, challenge, self._errand)
        future = asyncio.run_coroutine_threadsafe(_responded(self._requests, ask, *self._people), self._loop)
        try:
            response = future.result(ASK_LIMIT_S + 1)
        except TimeoutError:
            future.cancel()
            response = Unavailable("no_answer")
        if isinstance(response, CardKeyResponse):
            return response.data
        why = "people do" if isinstance(response, InPortal) else response.reason
        raise ReaderError(f"the server does not answer for the card's management key: {why}")


def _challenge(
    facts: CardFacts,
    key: Literal["management", "unblock"],
    algorithm: ManagementAlgorithm | None,
    challenge: bytes,
    errand: str,
) -> ChallengeAsk:
    return ChallengeAsk(
        id=request_id(errand, f"card.challenge.{key}", facts.card_number, challenge),
        card_number=facts.card_number,
        key=key,
        algorithm=algorithm,
        challenge=challenge.hex(),
        serial=facts.serial,
    )


def attending_proofs(*administrators: LoggedIn) -> tuple[PersonProof, ...]:
    """Return the proofs that those who attend have signed about the card."""
    return tuple(administrator.act for administrator in administrators if administrator.act is not None)


async def _responded(
    requests: IssuerRequests, ask: ChallengeAsk, *people: PersonProof
) -> CardKeyResponse | InPortal | RequestDeclined | Unavailable:
    match await requests.ask_for(ask, *people):
        case asking.AnsweredResult(response):
            return CardKeyResponse(bytes.fromhex(response))
        case asking.InPortalResult():
            return InPortal()
        case result:
            return refusal_of(result)
