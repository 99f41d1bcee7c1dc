"""Faults of a station's devices while somebody stands at it, by name.

Each strikes a `Room` at a question. What is `passing` is over at the next question; everything else stays until the errand
has ended, and `heal` then undoes it where the journal has to be read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drivers.printer.port import NotPrinted, OutOfPaper, PrinterMute, PrintOutcome, PrintUnknown
from fleet.agent.store import StoreError
from sim.reader import status
from sim.reader.cards import VirtualCard
from sim.reader.rogue import CopiedCard, InterposedCard, copy_card, interpose_card
from sim.stories.devices import LetterVerifier, PaperTray
from sim.stories.issuer import SimulatedIssuer
from sim.stories.person import Person
from sim.stories.room import Room

MANY = 50
"""Prints that fail: more than an errand asks for."""


@dataclass(frozen=True)
class Fault:
    """One fault. `heal` takes it away."""

    strike: Callable[[Room], None]
    heal: Callable[[Room], None]
    passing: bool = False
    deaf: bool = False
    """Nothing comes of what hands do at the cabinet."""


def _nothing(room: Room) -> None: ...


def _unplug(room: Room) -> None:
    room.world.backend.unplug(room.world.slots["holder"].name)


def _plug(room: Room) -> None:
    room.world.backend.plug(room.world.slots["holder"])


def _printer(*outcomes: PrintOutcome) -> Callable[[Room], None]:
    def strike(room: Room) -> None:
        if isinstance(room.caps.printer, PaperTray):
            room.caps.printer.fails(*outcomes)

    return strike


def _mute_cabinet(room: Room) -> None:
    room.world.cabinet.set_mute()


def _jam(room: Room) -> None:
    for number in range(1, room.world.cabinet.slot_count + 1):
        room.world.cabinet.set_jammed(number, True)


def _lose_answer(room: Room) -> None:
    room.world.cabinet.lose_next_answer()


def _network(online: bool) -> Callable[[Room], None]:
    def strike(room: Room) -> None:
        for peer in (room.caps.envelopes, room.caps.blocking):
            if isinstance(peer, LetterVerifier | SimulatedIssuer):
                peer.online = online

    return strike


def _fill_disk(room: Room) -> None:
    async def refuse(work: Any) -> Any:
        raise StoreError(room.store.path, "full")

    room.store.transact = refuse  # type: ignore[method-assign]


def _empty_disk(room: Room) -> None:
    if "transact" in vars(room.store):
        del room.store.transact


def _rogue(made: Callable[[VirtualCard], VirtualCard]) -> Callable[[Room], None]:
    """Every card that is put in from here on is a rogue one."""

    def strike(room: Room) -> None:
        world = room.world
        names = {*world.scenario.hand, *world.scenario.slots.values()}
        here = [slot.card for slot in world.slots.values()]
        for name in names:
            card = world.card(name)
            if all(card is not inserted for inserted in here):
                world.cards[name] = made(card)

    return strike


def believed_rogues(room: Room) -> list[VirtualCard]:
    """Rogue cards that were given a code and took it, where no true card behind them has verified the same."""
    rogues = [card for card in room.world.cards.values() if isinstance(card, CopiedCard | InterposedCard)]
    return [card for card in rogues if _verified(card) and not _true_behind(card)]


def _verified(card: VirtualCard) -> bool:
    return any(entry.ins == "VERIFY" and entry.sw == status.OK for entry in card.log)


def _true_behind(card: VirtualCard) -> bool:
    return isinstance(card, InterposedCard) and not isinstance(card.then, CopiedCard) and _verified(card.then)


ROGUES: dict[str, Fault] = {
    "a copy": Fault(_rogue(copy_card), _nothing),
    "own key": Fault(_rogue(lambda card: copy_card(card, "own key")), _nothing),
    "true, then copy": Fault(_rogue(interpose_card), _nothing),
    "copy, then true": Fault(_rogue(lambda card: interpose_card(card, "copy first")), _nothing),
}
"""A copy of a card; one that signs with its own key; the true card for the code, and a copy for the rest; and the other way."""
FAULTS: dict[str, Fault] = {
    "reader gone": Fault(_unplug, _plug),
    "reader back": Fault(_unplug, _plug, passing=True),
    "no paper": Fault(_printer(*[NotPrinted(OutOfPaper())] * MANY), _nothing),
    "printer mute": Fault(_printer(*[NotPrinted(PrinterMute())] * MANY), _nothing),
    "print torn": Fault(_printer(PrintUnknown()), _nothing),
    "cabinet mute": Fault(_mute_cabinet, _nothing, deaf=True),
    "slots jam": Fault(_jam, _nothing),
    "answer lost": Fault(_lose_answer, _nothing),
    "network away": Fault(_network(online=False), _nothing),
    "disk full": Fault(_fill_disk, _empty_disk),
    "disk full once": Fault(_fill_disk, _empty_disk, passing=True),
    **ROGUES,
}


def at_question(fault: Fault, number: int) -> Callable[[Room, Person, int], None]:
    """Lets the fault strike at that question; from there on the person copes with whatever is asked."""

    def befall(room: Room, someone: Person, at: int) -> None:
        if at == number:
            someone.awkward, someone.in_vain = True, fault.deaf
            fault.strike(room)
        elif at == number + 1 and fault.passing:
            fault.heal(room)

    return befall
