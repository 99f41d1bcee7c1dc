"""Updates of the station's image: fetched, checked, installed when nobody is there, tried once, and confirmed or given up.

Rules:
- Each step is durable before it begins (`update.json`, the bundle beside it), so a cut at any moment goes on, or back, from it.
- Nothing is installed before the whole bundle is checked: size and digest of the order, then signature, payload, machine and
  version; root checks all of it again, and believes nothing of what is checked here. It is never installed in an errand, nor out
  of the station's hours for it unless the order says now.
- After the restart the new image confirms itself when its link is up and every kind of device works that worked before; otherwise
  it restarts once more, which is of the old slot.
- Each step is an event, and stands in the state.
"""

import asyncio
import hashlib
import logging
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import msgspec

from fleet.agent.bundle_fetch import FetchError
from fleet.messages.command_verification import TakenCommand, answer
from fleet.messages.commands import CommandResult, UpdateOrder
from fleet.messages.link import UpdateState, UpdateStep
from fleet.messages.vocabulary import CommandOutcome, EventType
from kiosk.station.activity import Occupancy
from kiosk.station.image_slots import ImageSlots, Installer, InstallError
from provisioning import files
from provisioning.updates.bundle import BundleError, Target, check_bundle

RECORD, BUNDLE = "update.json", "update.raucb"
SPARE_BYTES = 64 * 1024 * 1024
"""So much stays free on the disk for the station itself."""
FETCH_WITHIN = timedelta(days=2)
RETRY_S, MOST_RETRY_S = 30.0, 900.0
LOOK_EVERY_S = 1.0
TRIED_WITHIN_S = 600.0
"""So long the link and the devices of a new image may take."""

logger = logging.getLogger(__name__)


class UpdateRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """Record of an update that outlasts a restart. `begun`: RFC 3339. `working`: kinds of the devices that worked before the
    restart. For root: the order as the server has `signed` it, and the statements of its `keys`."""

    order: UpdateOrder | None = None
    step: UpdateStep | None = None
    begun: str = ""
    working: tuple[str, ...] = ()
    failed: str | None = None
    signed: str = ""
    keys: tuple[str, ...] = ()


class UpdateFailedError(Exception):
    """The update ends here. `reason` is a stable code."""

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(text or reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class UpdateHours:
    """From when until when, local time, the station may be updated; over midnight too.

    >>> UpdateHours(time(23), time(4)).holds(time(1, 30)), UpdateHours(time(1), time(5)).holds(time(12))
    (True, False)
    """

    begin: time
    end: time

    def holds(self, now: time) -> bool:
        if self.begin <= self.end:
            return self.begin <= now < self.end
        return now >= self.begin or now < self.end


@dataclass(frozen=True, slots=True)
class UpdatePorts:
    """Ports with which updates are made."""

    installer: Installer
    fetch: Callable[[UpdateOrder, Path, Callable[[int], None]], None]
    """Blocks. Raises FetchError, OSError."""
    working: Callable[[], Awaitable[tuple[str, ...]]]
    """Kinds of the devices that work now."""
    online: Callable[[], bool]
    record: Callable[[EventType, dict[str, Any]], Awaitable[None]]
    changed: Callable[[], None]
    """Tells the fleet of the state."""
    statements: Callable[[], tuple[str, ...]] = tuple
    """Of the rotation of the server's keys."""


class Updates:
    """One for a station. `slots` None: it runs from no image, and takes no order. `run` it beside the link."""

    def __init__(
        self,
        folder: Path,
        slots: ImageSlots | None,
        keyring: Path,
        ports: UpdatePorts,
        occupancy: Occupancy,
        hours: UpdateHours,
    ) -> None:
        self._folder, self._slots, self._keyring = folder, slots, keyring
        self._ports, self._occupancy, self._hours = ports, occupancy, hours
        self._clock = occupancy.clock
        self._ordered = asyncio.Event()
        self._held = 0
        self._fetching: asyncio.Future[None] | None = None
        self._record = read_record(folder)

    def state(self) -> UpdateState | None:
        """Return the state of the update, for the fleet."""
        if self._slots is None:
            return None
        record, order = self._record, self._record.order
        percent = 100 * self._held // order.size if order is not None and record.step == "fetching" else None
        return UpdateState(
            self._slots.compatible, self._slots.slot, record.step, order.version if order else None, percent,
            record.failed, self._slots.problems,
        )  # fmt: skip

    async def order(self, taken: TakenCommand) -> CommandResult:
        """Take the order of a command; a newer one stands in the place of one that is not installed yet."""
        order = taken.command.update
        if self._slots is None or order is None:
            return answer(taken, CommandOutcome.REFUSED, "no_slots")
        if not self._slots.can_try:
            return answer(taken, CommandOutcome.REFUSED, "boot_loader")
        if self._record.step in ("installing", "restarting", "testing"):
            return answer(taken, CommandOutcome.REFUSED, "updating")
        try:
            self._held = 0
            begun, keys = self._clock.now().isoformat(), self._ports.statements()
            self._keep(UpdateRecord(order, "fetching", begun, signed=taken.signed, keys=keys))
        except OSError:
            return answer(taken, CommandOutcome.FAILED, "store")
        self._ordered.set()
        return answer(taken, CommandOutcome.DONE)

    async def restart_machine(self, taken: TakenCommand) -> CommandResult:
        """Restart the machine by a command; the program that comes up tells of it."""
        try:
            await self._ports.installer.reboot()
        except InstallError:
            return answer(taken, CommandOutcome.FAILED, "no_restart")
        return await asyncio.Future()

    async def run(self) -> None:
        """Until cancelled: finish what the last stop left, then what is ordered. A newer order begins anew."""
        if self._slots is None:
            return
        await self._ended_by(self._after_start(self._slots))
        while True:
            self._ordered.clear()
            work = asyncio.create_task(self._ended_by(self._update(self._slots)))
            try:
                await self._ordered.wait()
            finally:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)

    async def _ended_by(self, work: Awaitable[None]) -> None:
        try:
            await work
        except UpdateFailedError as error:
            logger.warning("an update failed: %s", error)
            await self._fail(error.reason)
        except OSError as error:
            logger.error("an update cannot be kept: %s", error.strerror)

    async def _update(self, slots: ImageSlots) -> None:
        order = self._record.order
        if order is None or self._record.step not in ("fetching", "waiting"):
            return
        bundle = self._folder / BUNDLE
        if self._record.step == "fetching":
            await self._fetch(order, bundle)
            await self._record_step("fetched", order)
            self._step("waiting")
        await asyncio.to_thread(self._check, order, bundle, slots)
        await self._wait(order)
        async with self._occupancy.activity.exclusive:
            await self._install(order)
            await asyncio.get_running_loop().create_future()  # the machine restarts now, and no errand begins before

    async def _fetch(self, order: UpdateOrder, bundle: Path) -> None:
        pause, until = RETRY_S, datetime.fromisoformat(self._record.begun) + FETCH_WITHIN
        if self._fetching is not None:  # of an order that this one has replaced: it notices with its next piece
            await asyncio.wait([self._fetching])
        while True:
            self._fetching = asyncio.ensure_future(asyncio.to_thread(self._fetch_in_thread, order, bundle))
            try:
                await asyncio.shield(self._fetching)
                return
            except FetchError as error:
                logger.warning("a bundle is not fetched yet: %s", error)
            if self._clock.now() >= until:
                raise UpdateFailedError("fetch")
            await self._clock.sleep(pause)
            pause = min(2 * pause, MOST_RETRY_S)

    def _fetch_in_thread(self, order: UpdateOrder, bundle: Path) -> None:
        """Blocks. Raises FetchError, UpdateFailedError, OSError."""

        def note(fetched: int) -> None:
            if self._record.order is not order:
                raise FetchError("another bundle was ordered")
            self._held = fetched

        _forget_other(bundle, order)
        held_bytes = bundle.stat().st_size if bundle.exists() else 0
        if shutil.disk_usage(self._folder).free < order.size - held_bytes + SPARE_BYTES:
            raise UpdateFailedError("space")
        self._ports.fetch(order, bundle, note)

    def _check(self, order: UpdateOrder, bundle: Path, slots: ImageSlots) -> None:
        """Blocks. Raises UpdateFailedError, OSError."""
        with bundle.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != order.sha256:
            bundle.unlink()
            raise UpdateFailedError("payload", "the bundle has another digest than the order")
        try:
            checked_bundle = check_bundle(bundle, Target(self._keyring, slots.compatible, slots.version, order.older))
        except BundleError as error:
            raise UpdateFailedError(error.fault, str(error)) from None
        if checked_bundle.version != order.version:
            raise UpdateFailedError("version", f"the bundle has version {checked_bundle.version}")

    async def _wait(self, order: UpdateOrder) -> None:
        """Until nobody is there, in the hours for it unless the order says now."""
        activity = self._occupancy.activity
        while not (
            self._occupancy.is_free()
            and not activity.exclusive.locked()
            and (order.now or self._hours.holds(self._clock.now().astimezone().time()))
        ):
            await self._clock.sleep(LOOK_EVERY_S)

    async def _install(self, order: UpdateOrder) -> None:
        working = await self._ports.working()
        self._keep(msgspec.structs.replace(self._record, step="installing", working=working))
        try:
            await self._ports.installer.install()
        except InstallError as error:
            raise UpdateFailedError("install", str(error)) from None
        await self._record_step("installed", order)
        self._step("restarting")
        try:
            await self._ports.installer.reboot()
        except InstallError as error:
            raise UpdateFailedError("restart", str(error)) from None

    async def _after_start(self, slots: ImageSlots) -> None:
        """Judge what this start is of an update that was under way."""
        order, step = self._record.order, self._record.step
        if order is None or step is None:
            return
        if step == "installing" and slots.start in ("usual", "not_started"):  # cut in the middle: once more
            self._step("waiting")
        elif step in ("installing", "restarting", "testing"):
            if slots.start == "usual" and slots.version == order.version:  # cut after it was confirmed
                await self._finish(order)
            elif slots.start == "trial" and slots.version == order.version:
                await self._try_out(order)
            else:
                raise UpdateFailedError("not_started" if slots.start == "not_started" else "fell_back")

    async def _try_out(self, order: UpdateOrder) -> None:
        self._step("testing")
        until = self._clock.monotonic() + TRIED_WITHIN_S
        while not await self._works():
            if self._clock.monotonic() >= until:
                await self._fail("self_test")
                await self._leave()
                return
            await self._clock.sleep(LOOK_EVERY_S)
        try:
            await self._ports.installer.confirm()
        except InstallError as error:
            logger.error("a new image cannot be confirmed: %s", error)
            await self._fail("confirm")
            await self._leave()
            return
        await self._finish(order)

    async def _works(self) -> bool:
        return self._ports.online() and set(self._record.working) <= set(await self._ports.working())

    async def _leave(self) -> None:
        """Back to the old slot, once nobody is in the middle of an errand."""
        while not self._occupancy.is_free():
            await self._clock.sleep(LOOK_EVERY_S)
        try:
            await self._ports.installer.reboot()
        except InstallError as error:
            logger.error("a machine does not restart: %s", error)

    async def _finish(self, order: UpdateOrder) -> None:
        await self._record_step("confirmed", order)
        self._keep(UpdateRecord())
        (self._folder / BUNDLE).unlink(missing_ok=True)

    async def _fail(self, reason: str) -> None:
        order = self._record.order
        if order is not None:
            await self._record_step("failed", order, reason)
        self._keep(UpdateRecord(order=None, failed=reason))

    async def _record_step(self, step: str, order: UpdateOrder, reason: str = "") -> None:
        why = {"reason": reason} if reason else {}
        await self._ports.record(EventType.UPDATE_STEP, {"step": step, "version": order.version, **why})

    def _step(self, step: UpdateStep) -> None:
        self._keep(msgspec.structs.replace(self._record, step=step))

    def _keep(self, record: UpdateRecord) -> None:
        """Durable when this returns. Raises OSError."""
        files.write_file(self._folder / RECORD, msgspec.json.encode(record))
        self._record = record
        self._ports.changed()


def read_record(folder: Path) -> UpdateRecord:
    """Read the record that was kept; empty where it cannot be read: then the start decides, and the old slot stays."""
    try:
        return msgspec.json.decode((folder / RECORD).read_bytes(), type=UpdateRecord)
    except (OSError, msgspec.DecodeError):
        return UpdateRecord()


def _forget_other(bundle: Path, order: UpdateOrder) -> None:
    """Delete what was fetched of another bundle: it is of no use. The bundle's digest is kept beside it."""
    digest_file = bundle.with_suffix(".sha256")
    if not digest_file.exists() or digest_file.read_text("ascii", "replace") != order.sha256:
        bundle.unlink(missing_ok=True)
        files.write_file(digest_file, order.sha256.encode())
