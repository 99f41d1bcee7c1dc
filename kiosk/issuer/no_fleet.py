"""Null object for issuer and register, of a station that belongs to no fleet: nobody can be asked, and nothing is switched off.

>>> NoFleet().off(errand="pickup") is None
True
"""

from drivers.reader.errors import ReaderError
from drivers.reader.keys import ManagementAlgorithm, ManagementKey
from drivers.reader.model import CardFacts
from drivers.reader.outcomes import Signed
from fleet.messages.asking import BinAsk, ReceivedAsk, StockAsk
from kiosk.issuer.ports import (
    BlockReason,
    HoldReason,
    LoggedIn,
    Offer,
    RequestDeclined,
    SwitchOff,
    Unavailable,
)
from kiosk.issuer.proof_ports import PersonProof

NOBODY = Unavailable("not_set_up")


class _NoKey:
    def __init__(self, algorithm: ManagementAlgorithm) -> None:
        self.algorithm = algorithm

    def answer(self, challenge: bytes) -> bytes:
        """There is no server that holds the key."""
        raise ReaderError("this station has no server that could answer for the card's management key")


class NoFleet:
    """Implements every port of `kiosk.issuer.ports`."""

    async def offers(self, facts: CardFacts) -> tuple[Offer, ...] | RequestDeclined | Unavailable:
        return NOBODY

    async def certificate(
        self,
        request: bytes,
        offer: Offer,
        *,
        facts: CardFacts,
        errand: str,
        proof: Signed | None = None,
        people: tuple[PersonProof, ...] = (),
    ) -> Unavailable:
        return NOBODY

    async def block(self, card_number: str, reason: BlockReason, *, by: PersonProof, errand: str) -> RequestDeclined:
        return RequestDeclined("not_set_up")

    async def blocked_in_portal(
        self, card_number: str, reason: BlockReason, *, by: PersonProof, errand: str
    ) -> Unavailable:
        return NOBODY

    async def bind(self, card_number: str, hsa_id: str, *, errand: str, people: tuple[PersonProof, ...]) -> Unavailable:
        return NOBODY

    async def hold(
        self, card_number: str, reason: HoldReason, *, by: PersonProof | None, errand: str, note_only: bool = False
    ) -> RequestDeclined:
        return RequestDeclined("not_set_up")

    async def lift(self, card_number: str, *, by: PersonProof, errand: str) -> Unavailable:
        return NOBODY

    def pledge_for_drop(
        self, card_number: str, block: BlockReason | None, *, by: PersonProof | None, errand: str,
        hold: HoldReason = "returned", note_only: bool = False,
    ) -> None:  # fmt: skip
        return None

    def pledge_for_errand(
        self, ask: ReceivedAsk | StockAsk | BinAsk, people: tuple[PersonProof, ...], *, errand: str
    ) -> None:
        return None

    async def waiting(self) -> int:
        return 0

    def management(
        self, facts: CardFacts, algorithm: ManagementAlgorithm, *, errand: str, people: tuple[PersonProof, ...]
    ) -> ManagementKey:
        return _NoKey(algorithm)

    async def answer_witness(
        self, facts: CardFacts, algorithm: ManagementAlgorithm, witness: bytes, challenge: bytes, *, errand: str
    ) -> Unavailable:
        return NOBODY

    async def unblock_response(
        self, facts: CardFacts, challenge: bytes, *, administrator: LoggedIn, errand: str
    ) -> Unavailable:
        return NOBODY

    async def release_puk(self, facts: CardFacts, *, administrator: LoggedIn, errand: str) -> Unavailable:
        return NOBODY

    async def order_letter(self, card_number: str, *, errand: str, by: PersonProof | None = None) -> Unavailable:
        return NOBODY

    async def state(self, card_number: str, *, hsa_id: str = "") -> Unavailable:
        return NOBODY

    async def find(
        self, *, hsa_id: str = "", card_number: str = "", people: tuple[PersonProof, ...] = ()
    ) -> Unavailable:
        return NOBODY

    async def can_mail(self, hsa_id: str) -> bool:
        return False

    async def log_in(self, proof: PersonProof) -> Unavailable:
        return NOBODY

    async def tasks(self, administrator: LoggedIn, *, take: str = "") -> Unavailable:
        return NOBODY

    def off(self, *, errand: str = "", product: str = "", card_number: str = "") -> SwitchOff | None:
        return None
