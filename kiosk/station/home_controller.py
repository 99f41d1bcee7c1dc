"""The home controller: between two errands it waits for a touch, a card, or a device that has changed, and gives the errand
that is wanted.

A card that was left in by the last person does not count until it has been taken; one that is put in is read at once, and
let go again before anything is asked, so that the errand that follows meets it by itself. The register is asked too, for a
short time: a card that is blocked or on hold looks well by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from drivers.reader.errors import ReaderError
from drivers.reader.model import CardFacts
from drivers.reader.port import Presence
from fleet.messages.link import Lack
from kiosk.errands.registry import Errand, errand_of
from kiosk.findings import CardEvidence, CardFinding, actionable_findings
from kiosk.issuer.no_fleet import NoFleet
from kiosk.issuer.ports import CardWord, Directory, NotFound, Unavailable
from kiosk.ports import CardPulledError, Clock, ErrandEndedError, Orders, Reader
from kiosk.station import home_views as home
from kiosk.station.closed_views import ClosedFor, closed_home_view
from kiosk.station.home_views import Offer
from kiosk.station.journal import Interrupted
from kiosk.station.open_slots import OpenSlot
from kiosk.station.supervisor import Supervisor
from kiosk.steps.card import (
    UnreadableCard,
    wait_for_card,
    wait_for_next_card,
    wait_until_empty,
    wait_until_reader_is_there,
)
from kiosk.steps.own_card import pending_hand_over
from kiosk.views import Choose, Fact

REGISTER_S = 1.0
"""So long the register may take to say something of a card that was put in."""
AT_ONCE_S = 0.2
"""Who waits longer is told what for."""
_NO_FLEET = NoFleet()


@dataclass(slots=True)
class UnclaimedCard:
    """Watch for a card that has been in a reader since the last errand, however often the home screen is drawn anew."""

    errand_ended: bool = True
    _left: bool = False

    async def look(self, reader: Reader | None) -> bool:
        """Look. A card that came while the home screen was drawn anew counts as just put in."""
        there = await _is_card_in(reader)
        self._left = there and (self.errand_ended or self._left)
        self.errand_ended = False
        return self._left


@dataclass(frozen=True, slots=True)
class HomeContent:
    """Contents of the home screen; what may change is asked each time."""

    block_line: str
    offers: Callable[[], Sequence[Offer]]
    interrupted: list[Interrupted]
    """What a stop cut off; empty once an errand has been chosen."""
    printer: Callable[[], str | None]
    """The state of a printer that cannot print."""
    closed: Callable[[], ClosedFor | None] = lambda: None
    """Why nobody is served: an administrator's notice, or no reader."""
    closed_since: Callable[[], datetime | None] = lambda: None
    contacts: tuple[Fact, ...] = ()
    """Who helps while it is closed."""
    open_slot: Callable[[], OpenSlot | None] = lambda: None
    """A slot that stands open."""
    office: str = ""
    """Who helps, and where."""
    lacks: Callable[[], Sequence[Lack]] = lambda: ()
    """What an unready station was not given yet."""


async def _nobody_administers(facts: CardFacts) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class CardKnowledge:
    """Knowledge of a card that was put in, beside what it says itself."""

    clock: Clock
    directory: Directory = _NO_FLEET
    loa2_ends: date | None = None
    """The region's last day of LoA2."""
    activates: bool = True
    """Whether the region activates cards at its stations."""
    administers: Callable[[CardFacts], Awaitable[bool]] = _nobody_administers
    """Whether a card is that of an ID administrator of this station."""
    orders: Orders | None = None


@dataclass(frozen=True, slots=True)
class HomeController:
    """The controller of the home screen. `changed` is set by a device's change."""

    supervisor: Supervisor
    content: HomeContent
    knowledge: CardKnowledge
    changed: asyncio.Event
    reader: Reader | None
    administrator_reader: Reader | None = None
    on_left_in: Callable[[bool], None] = lambda left: None
    """Told each time whether a card is still in that nobody took."""
    holders_card: UnclaimedCard = field(default_factory=UnclaimedCard)
    administrators_card: UnclaimedCard = field(default_factory=UnclaimedCard)

    def errand_ended(self) -> None:
        """A card that is still in a reader is left in, until it is taken."""
        self.administrators_card.errand_ended = self.holders_card.errand_ended = True

    async def choose(self) -> Errand | None:
        """The errand that somebody wants; None where the home screen is to be drawn anew."""
        try:
            answer = await self._home()
            if answer == home.MORE:
                answer = await self._more()
            if isinstance(answer, CardFacts):
                answer = await self._with_card(answer)
            elif isinstance(answer, UnreadableCard) and self.reader is not None:
                await self.supervisor.ask(home.strange_card_view(answer.why), until=wait_until_empty(self.reader))
        except (ErrandEndedError, ReaderError):
            return None
        chosen = errand_of(answer) if isinstance(answer, str) else None
        offered = {errand.id for errand, reason in self.content.offers() if reason is None}
        if chosen is None or chosen.id not in offered:
            return None
        self.content.interrupted.clear()
        return chosen

    async def _home(self) -> object:
        forgotten = await self.holders_card.look(self.reader)
        waiting = await self.administrators_card.look(self.administrator_reader)
        self.on_left_in(forgotten)
        self.changed.clear()
        open_slot = self.content.open_slot()
        if open_slot is not None and not open_slot.seen_to:
            answer = await self.supervisor.ask(
                home.open_slot_view(open_slot, self.content.office), until=self._something(forgotten, waiting)
            )
            if answer != home.OTHERS:
                return answer
        view = self._home_view(forgotten, open_slot)
        return await self.supervisor.ask(view, until=self._something(forgotten, waiting))

    def _home_view(self, forgotten: bool, open_slot: OpenSlot | None) -> Choose:
        content = self.content
        if (why := content.closed()) is not None:
            return closed_home_view(
                why,
                content.offers(),
                content.contacts,
                since=content.closed_since(),
                now=self.knowledge.clock.now(),
                forgotten=forgotten,
                lacks=content.lacks(),
            )
        return home.home_view(
            content.block_line,
            content.offers(),
            content.interrupted,
            forgotten=forgotten,
            printer=content.printer(),
            open_slot=open_slot,
        )

    async def _more(self) -> object:
        """The other errands. A card may come here too."""
        forgotten = await self.holders_card.look(self.reader)
        waiting = await self.administrators_card.look(self.administrator_reader)
        return await self.supervisor.ask(
            home.more_errands_view(self.content.offers()), until=self._something(forgotten, waiting)
        )

    async def _with_card(self, facts: CardFacts) -> object:
        register = await self._register(facts.card_number)
        orders = self.knowledge.orders
        pending = None if orders is None else await pending_hand_over(orders, register, facts.card_number)
        findings = actionable_findings(
            CardEvidence(
                facts,
                self.knowledge.clock.now(),
                register,
                pending=pending,
                loa2_ends=self.knowledge.loa2_ends,
                activates=self.knowledge.activates,
            )
        )
        administers = await self.knowledge.administers(facts)
        try:
            answer = await self._ask_about_card(facts, findings, administers=administers)
        except CardPulledError:
            return None
        except ErrandEndedError:
            answer = home.END
        if answer == home.END:
            await self.supervisor.take_card()
            self.holders_card.errand_ended = True  # what is in now, nobody took
        return answer

    async def _ask_about_card(self, facts: CardFacts, findings: Sequence[CardFinding], *, administers: bool) -> object:
        """Ask with the card's menu, and with the rest of it, and return the answer."""
        offers, closed = self.content.offers(), self.content.closed() is not None
        menu = home.card_view(facts, findings, offers, administers=administers, closed=closed)
        rest = home.other_card_errands_view(facts, findings, offers, closed=closed)
        while (answer := await self.supervisor.ask(menu)) == home.OTHERS:
            if (answer := await self.supervisor.ask(rest)) != home.BACK:
                break
        return answer

    async def _register(self, card_number: str) -> CardWord | NotFound | Unavailable:
        """The register's word on the card, if it comes soon; who waits for it is told so."""
        asking = asyncio.ensure_future(asyncio.wait_for(self.knowledge.directory.state(card_number), REGISTER_S))
        try:
            done, _ = await asyncio.wait({asking}, timeout=AT_ONCE_S)
            if not done:
                await self.supervisor.ask(home.register_view(), until=asking)
            return await asking
        except TimeoutError:
            return Unavailable("no_answer")
        finally:
            asking.cancel()

    async def _something(self, forgotten: bool, waiting: bool) -> CardFacts | UnreadableCard | str | None:
        """A device has changed (None), a card was put in, or one into the administrators' own reader."""
        changed = asyncio.ensure_future(self.changed.wait())
        card = asyncio.ensure_future(self._card_comes(forgotten))
        administrator = asyncio.ensure_future(self._administrator_comes(waiting))
        tasks = {changed, card, administrator}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if card.done():
                return card.result()
            return home.ADMINISTRATE if administrator.done() else None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _administrator_comes(self, left_in: bool) -> None:
        """A card in the second reader; one that was left in does not count until it was taken."""
        if self.administrator_reader is None:
            await asyncio.get_running_loop().create_future()
            raise AssertionError("nothing ends that wait")
        if left_in:
            await wait_until_empty(self.administrator_reader)
        async for presence in self.administrator_reader.changes():
            if presence in (Presence.PRESENT, Presence.MUTE):
                return

    async def _card_comes(self, forgotten: bool) -> CardFacts | UnreadableCard:
        if self.reader is None:
            await asyncio.get_running_loop().create_future()
            raise AssertionError("nothing ends that wait")
        await wait_until_reader_is_there(self.reader)  # else each look is an error, and home drawn without end
        met = await (wait_for_next_card(self.reader) if forgotten else wait_for_card(self.reader))
        if isinstance(met, UnreadableCard):
            return met
        facts = met.facts
        await met.close()
        return facts


async def _is_card_in(reader: Reader | None) -> bool:
    """Return whether a card is in that reader now."""
    try:
        return reader is not None and await reader.presence() is Presence.PRESENT
    except ReaderError:
        return False
