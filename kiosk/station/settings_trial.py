"""The fleet's settings at a station: taken between errands, tried after a restart, and taken back by itself where they fail.

Rules:
- New settings are checked by the station's own rules together with its `station.toml` before anything is changed.
- The program starts anew with them when nobody is there. They count once the link is up, every kind of device works that worked
  before, and no problem has come that was not there; where that is not so in time, those of before come back with a restart.
- A version that was refused or taken back is not taken again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from fleet.agent.region import RegionFile
from fleet.messages.command_verification import FindKey
from fleet.messages.link import MessageError, SettingsState
from fleet.messages.settings import StationSettings, open_settings
from fleet.messages.vocabulary import EventType
from kiosk.fleet_settings import (
    MAX_REASON,
    SettingsRecord,
    laid_below,
    own_keys,
    read_settings_record,
    write_settings_record,
)
from kiosk.settings_faults import find_faults
from kiosk.station.activity import Occupancy

LOOK_EVERY_S = 1.0
SETTLE_S = 20.0
"""So long after the start new problems are waited for."""
TRIED_WITHIN_S = 600.0
"""So long the link and the devices may take."""
ADVICE = frozenset({"contacts", "levels"})
"""Problems that say what is still to be given: settings that bring one have broken nothing."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SettingsPorts:
    """Ports with which settings are tried."""

    check: Callable[[Mapping[str, Any]], Sequence[str]]
    """The faults of the station's whole document."""
    working: Callable[[], Awaitable[tuple[str, ...]]]
    """Kinds of the devices that work now."""
    online: Callable[[], bool]
    problems: Callable[[], frozenset[str]]
    """Codes of what is missing or broken now."""
    record: Callable[[EventType, dict[str, Any]], Awaitable[None]]
    restart: Callable[[], bool]
    """Start the program anew; False where nobody would."""
    changed: Callable[[], None]
    """Tells the fleet of the state."""


class FleetSettings:
    """One for a station that belongs to a fleet. `run` it beside the link; `take` is given each new set of the region's files.

    Args:
        own: what `station.toml` itself says.
    """

    def __init__(
        self,
        data: Path,
        own: Mapping[str, Any],
        station: str,
        find_key: FindKey,
        ports: SettingsPorts,
        occupancy: Occupancy,
    ) -> None:
        self._data, self._own, self._station, self._find_key = data, own, station, find_key
        self._ports, self._occupancy = ports, occupancy
        self._clock = occupancy.clock
        self._record = read_settings_record(data)
        self._running = self._record.version
        self._next: bytes | None = None
        self._is_due = asyncio.Event()
        self._is_trying = self._record.step == "testing"

    @property
    def is_busy(self) -> bool:
        """True while settings wait, or are tried."""
        return self._is_due.is_set() or self._is_trying

    def state(self) -> SettingsState | None:
        """Return the state of the settings, for the fleet; None where it has never given any."""
        record = self._record
        if not (record.version or record.refused or self._is_due.is_set()):
            return None
        step = "waiting" if self._is_due.is_set() or record.version != self._running else record.step
        return SettingsState(self._running, step, record.refused, record.reason, own_keys(self._own))

    def take(self, files: Sequence[RegionFile]) -> None:
        """Take note of the settings that the region's data hold now; a server that gives none says nothing of them."""
        self._next = next((file.content for file in files if file.kind == "settings"), None)
        if self._next is not None:
            self._is_due.set()

    async def run(self) -> None:
        """Try what this start is made with, then take what comes, until cancelled."""
        try:
            if self._is_trying:
                await self._try_out()
            await self._tell_refusal()
        except OSError as error:
            logger.error("the trial of settings cannot be kept: %s", error.strerror)
        self._is_trying = False
        while True:
            await self._is_due.wait()
            signed, self._next = self._next, None
            try:
                if signed is not None:
                    await self._stage(signed)
            except OSError as error:
                logger.error("settings cannot be kept: %s", error.strerror)
            if self._next is None:
                self._is_due.clear()
                self._ports.changed()

    async def _stage(self, signed: bytes) -> None:
        """Make settings those of the next start, once nobody is there; a newer set that comes meanwhile goes before."""
        record = self._record
        try:
            settings = open_settings(signed, self._find_key, self._station)
        except MessageError as error:
            logger.error("the fleet's settings cannot be read: %s", error)
            return
        if settings.version == record.version and record.refused:
            self._keep(msgspec.structs.replace(record, refused="", reason=""))
        if settings.version in (record.version, record.refused):
            return
        if faults := await asyncio.to_thread(self._faults, settings):
            await self._refuse(settings.version, f"faults: {'; '.join(faults)}")
            return
        self._ports.changed()
        while self._next is None and (self._occupancy.activity.exclusive.locked() or not self._occupancy.is_free()):
            await self._clock.sleep(LOOK_EVERY_S)
        if self._next is not None:
            return
        async with self._occupancy.activity.exclusive:
            new = SettingsRecord(
                settings, signed.decode("ascii"), "testing", record.proven,
                await self._ports.working(), tuple(sorted(self._ports.problems())),
            )  # fmt: skip
            self._keep(new)
            if self._ports.restart():
                await asyncio.get_running_loop().create_future()  # no errand begins before the end of the program

    def _faults(self, settings: StationSettings) -> Sequence[str]:
        alone = find_faults(settings.values, settings.files)
        return alone or self._ports.check(laid_below(self._own, self._data, settings))

    async def _try_out(self) -> None:
        """Let the settings count as soon as all works that worked before; otherwise go back to those of before."""
        begun = self._clock.monotonic()
        self._ports.changed()
        while (missing := await self._missing()) or self._clock.monotonic() - begun < SETTLE_S:
            if missing and self._clock.monotonic() - begun >= TRIED_WITHIN_S:
                await self._take_back(missing)
                return
            await self._clock.sleep(LOOK_EVERY_S)
        record = self._record
        self._keep(SettingsRecord(record.settings, record.signed))
        await self._ports.record(EventType.SETTINGS_APPLIED, {"version": record.version})
        self._ports.changed()

    async def _missing(self) -> str:
        """Return what does not work that worked before the settings came, as a code and what; empty where all does."""
        if not self._ports.online():
            return "link: the fleet server is not reached"
        if gone := set(self._record.working) - set(await self._ports.working()):
            return f"devices: {', '.join(sorted(gone))}"
        if new := self._ports.problems() - ADVICE - set(self._record.problems):
            return f"problems: {', '.join(sorted(new))}"
        return ""

    async def _take_back(self, reason: str) -> None:
        logger.warning("the fleet's settings are taken back: %s", reason)
        while not self._occupancy.is_free():
            await self._clock.sleep(LOOK_EVERY_S)
        async with self._occupancy.activity.exclusive:
            self._keep(self._record.taken_back(reason))
            if self._ports.restart():
                await asyncio.get_running_loop().create_future()

    async def _refuse(self, version: str, reason: str) -> None:
        logger.warning("the fleet's settings %s are refused: %s", version, reason)
        record = msgspec.structs.replace(self._record, refused=version, reason=reason[:MAX_REASON], is_told=False)
        self._keep(record)
        await self._tell_refusal()

    async def _tell_refusal(self) -> None:
        """Record the event of a refusal that the fleet does not know yet; after a power cut it may come twice."""
        record = self._record
        if record.is_told:
            return
        code, _, text = record.reason.partition(": ")
        content = {"version": record.refused, "reason": code, "text": text}
        await self._ports.record(EventType.SETTINGS_REFUSED, content)
        self._keep(msgspec.structs.replace(record, is_told=True))
        self._ports.changed()

    def _keep(self, record: SettingsRecord) -> None:
        """Write the record, durable when this returns. Raises OSError."""
        write_settings_record(self._data, record)
        self._record = record
