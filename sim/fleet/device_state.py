"""Reported state of a simulated station: its devices, the cards in its slots, and whether it is in service.

>>> SimulatedDevices("sim-00001", paper=False).devices()[1].state.value
'out_of_paper'
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet.messages.link import DeviceState, SlotState, StationState
from fleet.messages.vocabulary import DeviceKind, DeviceStatus, Effect, EventType

VERSION = "simulator"
SLOTS = 24


@dataclass(frozen=True, slots=True)
class WaitingCard:
    """A card that lies in a slot, or came by post, and whose order it is."""

    order: str
    card_number: str


@dataclass(slots=True)
class SimulatedDevices:
    """`open_slot`: whose door stands open; `out_of_service`: what visitors are told, as in `Command.message`."""

    station: str
    errand: str | None = None
    paper: bool = True
    open_slot: int | None = None
    out_of_service: str | None = None
    cards: dict[int, WaitingCard] = field(default_factory=dict)
    """By slot: what lies there."""
    posted: list[WaitingCard] = field(default_factory=list)
    """Cards that came by post to holders who come here, and are not activated yet."""

    def follow(self, kind: str, content: Mapping[str, Any]) -> None:
        """Take over what a told event means: an errand begins or ends, a card leaves its slot, or is activated."""
        if kind == EventType.ERRAND_ENDED:
            self.errand = None
        elif kind == EventType.ERRAND_STARTED:
            self.errand = content["kind"]
        elif kind == EventType.EFFECT_DONE and content["effect"] == Effect.SLOT_TAKE:  # taken, or gone
            self.cards.pop(content["slot"], None)
        elif kind == EventType.CARD_ACTIVATED:
            self.posted = [card for card in self.posted if card.order != content["order"]]

    def devices(self) -> tuple[DeviceState, ...]:
        return (
            DeviceState("Reader", DeviceKind.READER, DeviceStatus.READY, ok=True, virtual=True),
            DeviceState(
                "Printer",
                DeviceKind.PRINTER,
                DeviceStatus.READY if self.paper else DeviceStatus.OUT_OF_PAPER,
                ok=self.paper,
                virtual=True,
            ),
            DeviceState("Cabinet", DeviceKind.CABINET, DeviceStatus.READY, ok=True, virtual=True),
        )

    def state(self, bootid: str, time: str, outbox_depth: int) -> StationState:
        """All of it; `time` is RFC 3339."""
        return StationState(
            title=f"Simulated station {int(self.station.rpartition('-')[2])}",
            version=VERSION,
            bootid=bootid,
            time=time,
            errand=self.errand,
            devices=self.devices(),
            slots=tuple(self._slot(number) for number in range(1, SLOTS + 1)),
            outbox_depth=outbox_depth,
            out_of_service=self.out_of_service,
            firmware=VERSION,
            image=VERSION,
            clock_off_s=0,
        )

    def _slot(self, number: int) -> SlotState:
        card = "present" if number in self.cards else "empty"
        return SlotState(number, card, "open" if number == self.open_slot else "closed")  # type: ignore[arg-type]
