"""Updates of a station's image: from the order to the confirmed slot, and back; cut at every step one of the two slots comes up.

The machine is made up and starts as systemd-boot or a Raspberry Pi does; the slot program on it is the real one, and so is the
check of the bundle. What RAUC writes into a slot is not: that takes a machine with dm-verity.
"""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fleet.agent.bundle_fetch import FetchError
from fleet.messages.command_verification import TakenCommand
from fleet.messages.commands import Command, UpdateOrder
from fleet.messages.vocabulary import CommandName, EventType
from kiosk.station.activity import QUIET_S, Occupancy, StationActivity
from kiosk.station.image_slots import ImageSlots, InstallError
from kiosk.station.updates import BUNDLE, FETCH_WITHIN, TRIED_WITHIN_S, UpdateHours, UpdatePorts, Updates, read_record
from provisioning.updates.boot_loaders import Slot
from provisioning.updates.slots import Slots, StartNotes
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.boot_firmware import EfiMachine, Machine, PiMachine
from tests.fakes.machine.bundle import MadeBundle, small_bundle
from tests.fakes.station.visitor import Home

pytestmark = pytest.mark.skipif(shutil.which("rauc") is None, reason="Debian's rauc is not installed")
NIGHT = datetime(2026, 11, 29, 2, 0).astimezone(UTC)
OLD, NEW = "2026.47", "2026.48.1"
WORKING = ("printer", "reader")
SIGNED = "as.the.server.signed"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeBundle:
    return small_bundle(tmp_path_factory.mktemp("bundles"))


class PowerCut(BaseException):
    """Nothing is done from here on."""


class HandClock:
    """Time passes where somebody waits."""

    def __init__(self) -> None:
        self.time, self.ticks = NIGHT, 0.0

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.ticks

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        self.ticks += seconds
        await asyncio.sleep(0)


@dataclass
class World:
    """A machine, its network and the events that its stations told."""

    folder: Path
    made: MadeBundle
    kind: type[EfiMachine] | type[PiMachine] = EfiMachine
    machine: Machine = field(init=False)
    clock: HandClock = field(default_factory=HandClock)
    events: list[tuple[str, str]] = field(default_factory=list)
    online: bool = True
    faulty_with: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By version: kinds of devices that do not work under it."""
    refuses: str = ""
    """The step that the machine's programs refuse."""
    cut_at: str = ""
    fetched: list[int] = field(default_factory=list)
    """From which byte each fetch went on."""
    breaks_at: int | None = None
    lost_power: bool = False
    is_off: bool = False
    """The power went, or the machine restarts: nothing is done from here on."""

    def __post_init__(self) -> None:
        self.machine = self.kind(self.folder / "machine", slots={"A": OLD, "B": None})
        (self.folder / "data").mkdir()

    @property
    def order(self) -> UpdateOrder:
        return UpdateOrder(NEW, self.made.bundle.size, self.made.bundle.sha256, 8444)

    def cut(self, step: str) -> None:
        if self.cut_at == step:
            self.cut_at = ""
            self.is_off = self.lost_power = True
            raise PowerCut

    def slots(self) -> Slots:
        return Slots(self.machine.loader, Slot(self.machine.running or ""))

    # The installer's port

    async def install(self) -> None:
        assert (self.folder / "data" / BUNDLE).read_bytes() == self.made.path.read_bytes()
        assert read_record(self.folder / "data").signed == SIGNED
        if self.refuses == "install":
            raise InstallError("refused")
        slots, target = self.slots(), Slot(self.machine.running or "").other
        slots.mark_bad(target)
        self.machine.slots[target] = None
        self.cut("in the install")
        self.machine.slots[target] = NEW
        self.cut("before the switch")
        slots.set_primary(target)
        self.cut("after the switch")

    async def confirm(self) -> None:
        self.cut("before the confirmation")
        if self.refuses == "confirm":
            raise InstallError("refused")
        self.slots().mark_good(Slot(self.machine.running or ""))
        self.cut("after the confirmation")

    async def reboot(self) -> None:
        self.cut("before the restart")
        if self.refuses == "reboot":
            raise InstallError("refused")
        self.machine.reboot()
        self.is_off = True
        raise PowerCut

    def fetch(self, order: UpdateOrder, into: Path, on_bytes: Callable[[int], None]) -> None:
        content = self.made.path.read_bytes()
        held = into.stat().st_size if into.exists() else 0
        self.fetched.append(held)
        end = len(content) if self.breaks_at is None else self.breaks_at
        with into.open("ab") as file:
            file.write(content[held:end])
        on_bytes(end)
        self.cut("in the fetch")
        if end < order.size:
            self.breaks_at = None
            raise FetchError("the line was cut")

    async def working(self) -> tuple[str, ...]:
        version = self.machine.slots[self.machine.running or ""] or ""
        return tuple(kind for kind in WORKING if kind not in self.faulty_with.get(version, ()))

    async def record(self, kind: EventType, content: dict[str, Any]) -> None:
        assert (kind, content["version"]) == (EventType.UPDATE_STEP, NEW)
        self.events.append((content["step"], content.get("reason", "")))
        self.cut(content["step"])


@dataclass
class Boot:
    """The station of one start of the machine."""

    updates: Updates
    notes: StartNotes
    activity: StationActivity


@contextlib.asynccontextmanager
async def booted(world: World, version: str = "") -> AsyncIterator[Boot]:
    assert world.machine.running is not None, "nothing starts"
    world.is_off = False
    notes = world.slots().note_start()
    runs = version or world.machine.slots[world.machine.running] or ""
    activity = StationActivity()
    activity.show(Home())  # type: ignore[arg-type]
    occupancy = Occupancy(activity, world.clock, lambda: -QUIET_S, lambda: False, lambda: False)
    ports = UpdatePorts(world, world.fetch, world.working, lambda: world.online, world.record, lambda: None)
    slots = ImageSlots("kortkiosk-test", runs, notes.current or "", notes.start, notes.problems)
    hours = UpdateHours(NIGHT.astimezone().time(), (NIGHT.astimezone() + timedelta(hours=4)).time())
    yield Boot(
        Updates(world.folder / "data", slots, world.made.target.keyring, ports, occupancy, hours), notes, activity
    )


async def run_until_cut(world: World, boot: Boot, until: Callable[[], bool] = lambda: False) -> bool:
    """Whether the power went, or the machine restarted, before `until` held."""
    task = asyncio.create_task(boot.updates.run())
    async with asyncio.timeout(LIMIT_S):
        while not (world.is_off or until()):  # noqa: ASYNC110  the state has no event
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return world.is_off


def taken(order: UpdateOrder) -> TakenCommand:
    times = NIGHT.isoformat(), (NIGHT + timedelta(hours=1)).isoformat()
    return TakenCommand(
        Command("entre-a", 1, CommandName.UPDATE, *times, "a test", "tove.test", update=order), "0", SIGNED
    )


async def ordered(world: World, boot: Boot, order: UpdateOrder | None = None) -> tuple[str, str]:
    result = await boot.updates.order(taken(order or world.order))
    return result.outcome, result.reason


async def to_the_end(world: World, order: UpdateOrder | None = None) -> None:
    """Order it, and let the machine start as often as it takes."""
    async with booted(world) as boot:
        assert await ordered(world, boot, order) == ("done", "")
        cut = await run_until_cut(world, boot, lambda: _idle(boot))
    await start_until_idle(world, started=not cut)


async def start_until_idle(world: World, *, started: bool = False) -> None:
    while not started:
        async with booted(world) as boot:
            started = not await run_until_cut(world, boot, lambda: _idle(boot))


def _idle(boot: Boot) -> bool:
    state = boot.updates.state()
    return state is not None and state.step is None


@pytest.fixture
def world(made: MadeBundle, tmp_path: Path) -> World:
    return World(tmp_path, made)


async def test_a_new_image_is_fetched_installed_tried_and_confirmed(world: World) -> None:
    await to_the_end(world)
    assert world.events == [("fetched", ""), ("installed", ""), ("confirmed", "")]
    assert world.machine.slots[world.machine.lose_power() or ""] == NEW
    assert not (world.folder / "data" / BUNDLE).exists()
    async with booted(world) as boot:
        state = boot.updates.state()
        assert state is not None
        assert (state.slot, state.step, state.failed, boot.notes.start) == ("B", None, None, "usual")


async def test_a_fetch_that_breaks_goes_on_where_it_was(world: World) -> None:
    world.breaks_at = 300_000
    await to_the_end(world)
    assert world.fetched == [0, 300_000]
    assert world.events[-1] == ("confirmed", "")


async def test_a_server_that_never_answers_is_given_up(world: World) -> None:
    def never(order: UpdateOrder, into: Path, on_bytes: Callable[[int], None]) -> None:
        raise FetchError("nobody answers")

    world.fetch = never  # type: ignore[method-assign]
    await to_the_end(world)
    assert world.events == [("failed", "fetch")]
    assert world.clock.now() - NIGHT >= FETCH_WITHIN


async def test_what_does_not_work_under_the_new_image_brings_the_old_one_back(world: World) -> None:
    world.faulty_with[NEW] = ("reader",)
    await to_the_end(world)
    assert world.events == [("fetched", ""), ("installed", ""), ("failed", "self_test")]
    assert world.machine.slots[world.machine.running or ""] == OLD
    assert not world.slots().is_good(Slot.B)
    async with booted(world) as boot:
        state = boot.updates.state()
        assert state is not None
        assert state.failed == "self_test"


async def test_a_device_that_was_broken_before_hinders_no_update(world: World) -> None:
    world.faulty_with = {OLD: ("printer",), NEW: ("printer",)}
    await to_the_end(world)
    assert world.events[-1] == ("confirmed", "")


async def test_a_new_image_without_a_link_is_left_again(world: World) -> None:
    async with booted(world) as boot:
        await ordered(world, boot)
        await run_until_cut(world, boot)
    world.online = False
    begun = world.clock.monotonic()
    await start_until_idle(world)
    assert world.events[-1] == ("failed", "self_test")
    assert world.clock.monotonic() - begun >= TRIED_WITHIN_S
    assert world.machine.slots[world.machine.running or ""] == OLD


async def test_nothing_is_installed_in_an_errand_or_out_of_hours_unless_now(world: World) -> None:
    world.clock.time = NIGHT + timedelta(hours=10)
    async with booted(world) as boot:
        await ordered(world, boot)
        await run_until_cut(world, boot, lambda: world.clock.now() >= NIGHT + timedelta(hours=11))
        assert world.events == [("fetched", "")], "by day it waits"
    world.clock.time = NIGHT
    async with booted(world) as boot:
        boot.activity.errand = "pickup"
        assert not await run_until_cut(world, boot, lambda: world.clock.now() >= NIGHT + timedelta(minutes=30))
        assert world.events == [("fetched", "")], "in an errand it waits"
    world.clock.time = NIGHT + timedelta(hours=10)
    async with booted(world) as boot:
        await ordered(world, boot, UpdateOrder(NEW, world.order.size, world.order.sha256, 8444, now=True))
        assert await run_until_cut(world, boot)
        assert world.clock.now() < NIGHT + timedelta(hours=11)
    assert world.events[-1] == ("installed", "")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sha256": "00" * 32}, "payload"),
        ({"version": "2026.48.2"}, "version"),
    ],
)
async def test_a_bundle_that_is_not_what_was_ordered_is_not_installed(
    world: World, change: dict[str, Any], reason: str
) -> None:
    facts = {"version": NEW, "size": world.order.size, "sha256": world.order.sha256, "port": 8444, **change}
    wrong = UpdateOrder(**facts)
    seen: list[tuple[str, str]] = []

    async def record(kind: EventType, content: dict[str, Any]) -> None:
        seen.append((content["step"], content.get("reason", "")))

    world.record = record  # type: ignore[method-assign]
    await to_the_end(world, wrong)
    assert seen == [("fetched", ""), ("failed", reason)]
    assert world.machine.slots["B"] is None


async def test_an_older_image_is_installed_only_where_it_was_asked_for(world: World) -> None:
    world.machine.slots["A"] = "2026.100"
    await to_the_end(world)
    assert world.events[-1] == ("failed", "older")
    await to_the_end(world, UpdateOrder(NEW, world.order.size, world.order.sha256, 8444, older=True))
    assert world.events[-1] == ("confirmed", "")


@pytest.mark.parametrize(("refuses", "reason"), [("install", "install"), ("reboot", "restart"), ("confirm", "confirm")])
async def test_programs_that_refuse_end_the_update(world: World, refuses: str, reason: str) -> None:
    world.refuses = refuses
    await to_the_end(world)
    assert world.events[-1] == ("failed", reason)


async def test_a_station_without_slots_or_with_an_old_boot_loader_takes_no_order(world: World) -> None:
    async with booted(world) as boot:
        ports = UpdatePorts(world, world.fetch, world.working, lambda: True, world.record, lambda: None)
        occupancy = Occupancy(boot.activity, world.clock, lambda: 0, lambda: False, lambda: False)
        hours = UpdateHours(NIGHT.time(), NIGHT.time())
        old = ImageSlots("kortkiosk-test", OLD, "A", "usual", ("old_firmware",))
        for slots, reason in ((None, "no_slots"), (old, "boot_loader")):
            updates = Updates(world.folder / "data", slots, world.made.target.keyring, ports, occupancy, hours)
            result = await updates.order(taken(world.order))
            assert (result.outcome, result.reason) == ("refused", reason)


CUTS = (
    "in the fetch", "fetched", "in the install", "before the switch", "after the switch", "installed",
    "before the restart", "before the confirmation", "after the confirmation", "confirmed",
)  # fmt: skip
ENDS_OLD = {
    EfiMachine: {"before the confirmation"},
    PiMachine: {"before the confirmation", "before the restart"},
}
"""Cut there, the trial was not confirmed, or never begun: a Pi forgets with the power that a slot is to be tried."""


@pytest.mark.parametrize("kind", [EfiMachine, PiMachine])
@pytest.mark.parametrize("step", CUTS)
async def test_cut_at_any_step_one_of_the_two_comes_up_and_the_server_knows_which(
    made: MadeBundle, tmp_path: Path, step: str, kind: type[EfiMachine] | type[PiMachine]
) -> None:
    world = World(tmp_path, made, kind)
    world.cut_at = step
    async with booted(world) as boot:
        await ordered(world, boot)
        assert await run_until_cut(world, boot)
    ended = False
    while not ended:
        if world.lost_power:
            world.machine.lose_power()
            world.lost_power = False
        async with booted(world) as boot:
            ended = not await run_until_cut(world, boot, lambda boot=boot: _idle(boot))  # type: ignore[misc]
    assert world.cut_at == ""
    version = world.machine.slots[world.machine.running or ""]
    async with booted(world) as boot:
        state = boot.updates.state()
        assert state is not None
        assert state.step is None
        assert (version, world.events[-1][0], state.failed is not None) in (
            (NEW, "confirmed", False), (OLD, "failed", True),
        )  # fmt: skip
        assert (version == OLD) is (step in ENDS_OLD[kind])
        assert boot.notes.start == "usual"
