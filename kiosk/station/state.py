"""The state of the station as its fleet sees it, retained on its topic `state`, and events that belong to no errand."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from fleet.agent.identity import Identity
from fleet.agent.store import StoreError
from fleet.messages.link import DataKept, SettingsState, StationState, UpdateState
from fleet.messages.vocabulary import EventType
from kiosk.station.devices import Devices
from kiosk.station.journal import Journal
from kiosk.station.status import StationStatus
from kiosk.version import VERSION, image

DATA_NOTE = Path("/run/kortkiosk-data-kept")
"""What opened the volume of /data says of it, on a machine of an image: how it is kept, or why it was not opened."""
RECOVERY_KEY = Path("/run/kortkiosk-appliance/recovery-key")
"""The volume's recovery key, sealed to the fleet's authority (`provisioning.appliance.recovery`)."""

DataFault = Literal["D1", "D2", "D3", "D4", "D5"]
"""The disk is not there, the files of the key are not, the TPM does not give it out, the volume is damaged or of another key, its
files are damaged."""


class StateClock(Protocol):
    """The station's trusted time, and how far the machine's own clock is off."""

    off_s: int | None

    def now(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class StateReport:
    """The sources of the state that is told to the fleet; each is read anew for every report."""

    title: str
    bootid: str
    clock: StateClock
    status: StationStatus
    devices: Devices
    region: Callable[[], str | None]
    """The digest of the region's data that is held."""
    identity: Identity | None
    update: Callable[[], UpdateState | None] = lambda: None
    settings: Callable[[], SettingsState | None] = lambda: None
    data_note: Path = DATA_NOTE
    recovery_key: Path = RECOVERY_KEY

    def state(self) -> StationState:
        activity, left_in = self.status.activity, self.status.card_left_in
        return StationState(
            title=self.title,
            version=VERSION,
            bootid=self.bootid,
            time=_utc(self.clock.now()),
            errand=activity.errand,
            step=activity.view_name if activity.errand else None,
            devices=self.devices.states,
            slots=self.devices.slots,
            out_of_service=self.status.out_of_service,
            left_in=_utc(left_in) if left_in is not None else None,
            region=self.region(),
            firmware=self.devices.firmware,
            image=image(),
            clock_off_s=self.clock.off_s,
            update=self.update(),
            certificate_until=_utc(self.identity.not_after) if self.identity is not None else None,
            certificate_from=_utc(self.identity.not_before) if self.identity and self.identity.not_before else None,
            key_kept=self.identity.key_kept if self.identity is not None else None,
            data_kept=data_kept(self.data_note),
            recovery_key=_read(self.recovery_key) or None,
            server_keys=self.identity.server_keys.sequence if self.identity is not None else None,
            settings=self.settings(),
            lacks=self.status.lacks,
        )


def data_kept(note: Path = DATA_NOTE) -> DataKept | None:
    """Return how the volume of /data is kept; None where nothing has noted it."""
    return next((kept for kept in get_args(DataKept) if kept == _read(note)), None)


def data_fault(note: Path = DATA_NOTE) -> DataFault | None:
    """Why the volume of /data was not opened, so that what is there is in memory; None where it was."""
    return next((fault for fault in get_args(DataFault) if fault == _read(note)), None)


def _read(note: Path) -> str:
    try:
        return note.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


@dataclass(frozen=True, slots=True)
class EventRecorder:
    """Writes events of the station itself. `journal` is None where the station can write nothing down."""

    journal: Journal | None
    report: Callable[[str, str], None]

    async def record(self, kind: EventType, content: dict[str, Any]) -> None:
        """Commit an event; what cannot be written is a problem of the station."""
        if self.journal is None:
            return
        journal = self.journal
        try:
            await journal.transact(lambda cx: journal.event(cx, kind, None, content))
        except StoreError as error:
            self.report(error.problem, str(error))


def _utc(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")
