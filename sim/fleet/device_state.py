"""Reported state of a simulated station: its devices, its slots, and whether it is in service.

>>> SimulatedDevices("sim-00001", paper=False).devices()[1].state.value
'out_of_paper'
"""

from dataclasses import dataclass
from typing import Literal

from fleet.messages.link import DeviceState, SlotState, StationState
from fleet.messages.vocabulary import DeviceKind, DeviceStatus

VERSION = "simulator"
SLOTS = 8


@dataclass(slots=True)
class SimulatedDevices:
    """`open_slot`: whose door stands open; `out_of_service`: what visitors are told, as in `Command.message`."""

    station: str
    errand: str | None = None
    paper: bool = True
    open_slot: int | None = None
    out_of_service: str | None = None

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
        card: Literal["present", "empty"] = "present" if number % 3 else "empty"
        return SlotState(number, card, "open" if number == self.open_slot else "closed")
