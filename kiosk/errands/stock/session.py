"""One administrator at the cabinet: the list of cards, the slots, and a door that is opened and shut again."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeVar, assert_never

from drivers.cabinet.port import CabinetReady, NotOpened, Opened, OpenUnknown, SlotFault, SlotReading
from fleet.messages.asking import StockAsk, StockMove
from fleet.messages.vocabulary import Effect, EventType, Outcome
from kiosk.errands.stock import views
from kiosk.issuer.ports import LoggedIn
from kiosk.ports import Cabinet, Pledge
from kiosk.steps.context import ErrandContext
from kiosk.steps.identity.administrator import log_in_another, proofs_of
from kiosk.stock.stocktaking import Ledger, Stock, Why
from kiosk.views import Await

T = TypeVar("T")


@dataclass(slots=True)
class StockSession:
    """The cabinet in the hands of `by`. Counts what was moved."""

    context: ErrandContext
    cabinet: Cabinet
    stock: Stock
    by: LoggedIn
    second: LoggedIn | None = None
    """The other administrator, once it takes two to put cards in."""
    stored: int = 0
    taken_out: int = 0
    missing: int = 0
    counted: bool = False
    moves: tuple[StockMove, ...] = ()

    @classmethod
    def of(cls, context: ErrandContext, by: LoggedIn) -> Self:
        """The errand is not offered without cabinet and orders."""
        assert context.caps.cabinet is not None
        assert context.caps.stock is not None
        return cls(context, context.caps.cabinet, context.caps.stock, by)

    @property
    def has_done(self) -> bool:
        """True while there is something to write a receipt of."""
        return self.counted or self.stored + self.taken_out + self.missing > 0

    async def need_second(self) -> None:
        """Another administrator too, once, where cards of this region or station want two. Raises StopError."""
        needs_two = self.context.caps.region.stock.two_administrators or (await self.ledger()).keyless
        if needs_two and self.second is None:
            await self.context.ask(views.two_wanted(self.context))
            self.second = await log_in_another(self.context, self.by.hsa_ids)

    def today(self) -> str:
        """ISO 8601, as people here have it."""
        return self.context.caps.clock.now().astimezone().date().isoformat()

    async def ledger(self) -> Ledger:
        return await self.stock.look()

    async def slots(self) -> tuple[SlotReading, ...]:
        """All slots as their sensors say. Raises StopError where the cabinet does not answer."""
        state = await self.cabinet.state()
        if not isinstance(state, CabinetReady):
            raise views.cabinet_out(self.context)
        return state.slots

    async def open(self, slot: int) -> Literal["opened", "unclear", "shut"]:
        """Open a slot; `shut` after saying why it stays so. Raises StopError where it is the cabinet itself."""
        match await self.context.log.effect(Effect.SLOT_OPEN, self.cabinet.open_slot(slot), slot=slot):
            case Opened():
                return "opened"
            case OpenUnknown():
                return "unclear"
            case NotOpened(SlotFault.JAMMED | SlotFault.OTHER_OPEN | SlotFault.NO_SUCH_SLOT as fault):
                await self.context.ask(views.not_open(self.context, slot, fault))
                return "shut"
            case NotOpened():
                raise views.cabinet_out(self.context)
            case other:
                assert_never(other)

    async def until_shut(
        self, slot: int, view: Await, card: Literal["present", "empty"], opened: str = "opened"
    ) -> bool:
        """Show `view` until the door is shut with the card as it is wanted; False where the person shut it otherwise."""
        seen = await self.context.ask(view, until=self.cabinet.wait_slot(slot, card=card, door="closed"))
        if isinstance(seen, str):
            shut = self.cabinet.wait_slot(slot, card=None, door="closed")
            seen = await self.context.ask(views.shut(self.context, slot), until=shut)
        as_wanted = isinstance(seen, SlotReading) and seen.card == card
        if as_wanted and opened == "unclear":
            await self.context.log.settled(Effect.SLOT_OPEN, Outcome.OPENED)
        return as_wanted

    async def put(self, card_number: str, order: str, slot: int) -> None:
        """Tell that the card lies there now."""
        about: dict[str, Any] = {"order": order} if order else {}
        about |= {"second": self.second.hsa_id} if self.second else {}
        await self.context.log.note(
            EventType.CARD_STORED, card_number=card_number, slot=slot, by=self.by.hsa_id,
            pledge=self._moved(order, slot, "stored"), **about,
        )  # fmt: skip
        self.stored += 1

    async def took(self, card_number: str, order: str, slot: int, why: Why) -> None:
        """Tell that the card is out of its slot, or that it was never there."""
        about: dict[str, Any] = {"order": order} if order else {}
        moved = self._moved(order, slot, "missing" if why == "missing" else "taken_out")
        await self.context.log.note(
            EventType.CARD_TAKEN_OUT,
            card_number=card_number,
            slot=slot,
            why=why,
            by=self.by.hsa_id,
            pledge=moved,
            **about,
        )
        self.missing += why == "missing"
        self.taken_out += why != "missing"

    def _moved(self, order: str, slot: int, move: Literal["stored", "taken_out", "missing"]) -> Pledge | None:
        """Return the message about all that was moved of orders so far, told with the administrators' proofs once the
        errand has ended."""
        people = proofs_of(self.by, self.second)
        if order:
            at = self.context.caps.clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")
            self.moves = (*self.moves, StockMove(order, slot, move, at))
        if not (people and self.moves):
            return None
        return self.context.caps.blocking.pledge_for_errand(
            StockAsk(id="", moves=self.moves), people, errand=self.context.log.id
        )

    async def compared(self, slots: int, differences: Iterable[dict[str, str | int]]) -> None:
        """Tell how list and sensors agree."""
        await self.context.log.note(
            EventType.STOCK_COUNTED, by=self.by.hsa_id, slots=slots, differences=list(differences)
        )
        self.counted = True
