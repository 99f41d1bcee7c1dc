"""Settings of the fleet, tried at a station: taken when nobody is there, kept where all works, taken back where it does not.

The station is made up but for the record on its disk and the trial itself; a restart is a new trial on the same disk.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from fleet.agent.region import RegionFile
from fleet.messages.link import SettingsState
from fleet.messages.settings import StationSettings
from fleet.messages.vocabulary import EventType
from kiosk.config import ConfigError, validated
from kiosk.fleet_settings import count_start, read_settings_record
from kiosk.station.activity import QUIET_S, Occupancy, StationActivity
from kiosk.station.settings_trial import SETTLE_S, TRIED_WITHIN_S, FleetSettings, SettingsPorts
from sim.stories.patience import LIMIT_S
from tests.fakes.fleet.given_settings import STATION, given, signed
from tests.fakes.station.visitor import Home

KEY = ECKey.generate_key("P-256")
LOUD, QUIET = given({"speech": {"volume": 5}}), given({"speech": {"volume": 1}})
OWN = {"station": {"title": "Entrén"}}


class Restarted(BaseException):
    """The program has ended to start anew."""


class HandClock:
    """Time passes where somebody waits."""

    def __init__(self) -> None:
        self.ticks = QUIET_S

    def now(self) -> datetime:
        return datetime(2026, 3, 2, tzinfo=UTC) + timedelta(seconds=self.ticks)

    def monotonic(self) -> float:
        return self.ticks

    async def sleep(self, seconds: float) -> None:
        self.ticks += seconds
        await asyncio.sleep(0)


@dataclass
class World:
    """A station's disk, devices, link and events, over its restarts."""

    data: Path
    own: Mapping[str, Any] = field(default_factory=lambda: OWN)
    clock: HandClock = field(default_factory=HandClock)
    activity: StationActivity = field(default_factory=StationActivity)
    kinds: tuple[str, ...] = ("printer", "reader")
    late: int = 0
    """So many looks at the devices find the printer not there yet."""
    is_online: bool = True
    codes: frozenset[str] = frozenset()
    can_restart: bool = True
    starts: int = 0
    events: list[tuple[str, ...]] = field(default_factory=list)
    states: list[SettingsState | None] = field(default_factory=list)
    broken_by: dict[str, str] = field(default_factory=dict)
    """By version: what does not work under it: `link`, `printer`, or a problem's code."""

    def __post_init__(self) -> None:
        self.activity.view = Home()  # type: ignore[assignment]

    @contextlib.asynccontextmanager
    async def program(self) -> Any:
        """The program, until the block ends or it restarts."""
        fleet = self.start()
        task = asyncio.create_task(fleet.run())
        try:
            async with asyncio.timeout(LIMIT_S):
                yield fleet
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def start(self) -> FleetSettings:
        self.starts += 1
        version = count_start(self.data).version
        broken = self.broken_by.get(version, "")
        self.restarted = asyncio.Event()

        async def working() -> tuple[str, ...]:
            self.late -= self.late > 0
            gone = "printer" if broken == "printer" or self.late else ""
            return tuple(kind for kind in self.kinds if kind != gone)

        async def record(kind: EventType, content: dict[str, Any]) -> None:
            self.events.append((kind.value.rpartition("settings.")[2], *map(str, content.values())))

        def restart() -> bool:
            self.restarted.set()
            return self.can_restart

        def problems() -> frozenset[str]:
            return self.codes | ({broken} - {"", "link", "printer"})

        def check(document: Mapping[str, Any]) -> Sequence[str]:
            try:
                validated(self.data, document)
            except ConfigError as error:
                return error.faults
            return ()

        ports = SettingsPorts(
            check, working, lambda: self.is_online and broken != "link", problems, record, restart,
            lambda: self.states.append(fleet.state()),
        )  # fmt: skip
        occupancy = Occupancy(self.activity, self.clock, lambda: 0.0, lambda: False, lambda: False)
        fleet = FleetSettings(self.data, self.own, STATION, lambda _: KEY, ports, occupancy)
        return fleet

    async def give(self, *sets: StationSettings) -> None:
        """Give these one after another, each with as many restarts as it needs."""
        for settings in sets:
            while True:
                async with self.program() as fleet:
                    fleet.take(files(settings))
                    if not await self.restarts(fleet):
                        break

    async def restarts(self, fleet: FleetSettings) -> bool:
        """Wait until it ends to start anew, or nothing is left to do; return whether it has asked for a start."""
        while not self.restarted.is_set():
            await asyncio.sleep(0)
            if not fleet.is_busy:
                return self.restarted.is_set()
        return True

    @property
    def version(self) -> str:
        return read_settings_record(self.data).version


def files(settings: StationSettings) -> list[RegionFile]:
    return [RegionFile("crl", "a", b""), RegionFile("settings", "settings", signed(settings, KEY))]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_settings_count_after_a_restart_in_which_all_works(world: World) -> None:
    await world.give(LOUD)
    assert world.version == LOUD.version
    assert world.events == [("applied", LOUD.version)]
    assert world.starts == 2
    assert world.states[-1] == SettingsState(LOUD.version, own=("station.title",))


async def test_the_next_ones_and_those_before_again(world: World) -> None:
    await world.give(LOUD, QUIET, LOUD)
    assert world.events == [("applied", of.version) for of in (LOUD, QUIET, LOUD)]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("link", "link"),
        ("printer", "devices: printer"),
        ("anchors", "problems: anchors"),
        ("region", "problems: region"),
    ],
)
async def test_what_breaks_the_station_is_taken_back(world: World, broken: str, reason: str) -> None:
    await world.give(LOUD)
    world.broken_by[QUIET.version] = broken
    begun = world.clock.ticks
    await world.give(QUIET)
    assert world.clock.ticks - begun >= TRIED_WITHIN_S
    assert world.version == LOUD.version
    record = read_settings_record(world.data)
    assert record.refused == QUIET.version
    assert record.reason.startswith(reason)
    kind, version, *_ = world.events[-1]
    assert (kind, version) == ("refused", QUIET.version)
    starts = world.starts
    await world.give(QUIET)
    assert world.starts == starts + 1, "what was refused is not tried again"


async def test_a_device_that_comes_late_is_waited_for(world: World) -> None:
    async with world.program() as fleet:
        fleet.take(files(LOUD))
        assert await world.restarts(fleet)
    world.late = 50
    await world.give(LOUD)
    assert world.version == LOUD.version
    assert world.events == [("applied", LOUD.version)]


async def test_problems_are_waited_for_before_settings_count(world: World) -> None:
    begun = world.clock.ticks
    await world.give(LOUD)
    assert world.clock.ticks - begun >= SETTLE_S


async def test_what_was_broken_before_is_not_the_settings_fault(world: World) -> None:
    world.kinds, world.codes = ("reader",), frozenset({"cabinet"})
    await world.give(LOUD)
    assert world.events == [("applied", LOUD.version)]


async def test_anchors_without_levels_yet_are_kept(world: World) -> None:
    world.broken_by[LOUD.version] = "levels"
    await world.give(LOUD)
    assert world.events == [("applied", LOUD.version)]


async def test_nothing_is_done_in_an_errand(world: World) -> None:
    world.activity.errand = "unlock"
    async with world.program() as fleet:
        fleet.take(files(LOUD))
        for _ in range(200):
            await asyncio.sleep(0)
        assert world.version == ""
        assert fleet.state() == SettingsState("", "waiting", own=("station.title",))
        world.activity.errand = None
        assert await world.restarts(fleet)
    assert world.version == LOUD.version


async def test_a_newer_set_replaces_one_that_still_waits(world: World) -> None:
    world.activity.errand = "unlock"
    async with world.program() as fleet:
        fleet.take(files(LOUD))
        for _ in range(50):
            await asyncio.sleep(0)
        fleet.take(files(QUIET))
        world.activity.errand = None
        assert await world.restarts(fleet)
    assert world.version == QUIET.version


async def test_no_errand_begins_while_the_program_ends(world: World) -> None:
    async with world.program() as fleet:
        fleet.take(files(LOUD))
        assert await world.restarts(fleet)
        assert world.activity.exclusive.locked()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (given({"speech": {"volume": 9}}), "speech.volume"),
        (given({"trust": {"anchors": "fleet:roots"}}, {"roots": "no PEM"}), "trust.anchors"),
        (given({"commands": {"allowed": []}}), "commands.allowed"),
        (given({"cabinet": {"port": "/dev/ttyACM0"}}), "cabinet"),
    ],
)
async def test_faults_are_refused_before_anything_is_changed(
    world: World, settings: StationSettings, reason: str
) -> None:
    await world.give(settings)
    (event,) = world.events
    assert event[:3] == ("refused", settings.version, "faults")
    assert reason in event[3]
    assert (world.version, world.starts) == ("", 1)


async def test_what_fits_alone_may_not_fit_the_stations_own_file(world: World) -> None:
    world.own = {"cabinet": {"kind": "virtual"}}
    await world.give(given({"cabinet": {"port": "/dev/ttyACM0", "kind": "serial"}}))
    assert world.events[0][0] == "refused"


async def test_what_the_server_has_not_signed_is_no_settings(world: World) -> None:
    async with world.program() as fleet:
        fleet.take([RegionFile("settings", "settings", signed(LOUD, ECKey.generate_key("P-256")))])
        assert not await world.restarts(fleet)
    assert (world.events, world.version) == ([], "")


async def test_a_server_that_gives_none_changes_nothing(world: World) -> None:
    await world.give(LOUD)
    async with world.program() as fleet:
        fleet.take([RegionFile("crl", "a", b"")])
        assert not await world.restarts(fleet)
    assert world.version == LOUD.version


async def test_without_anyone_to_start_the_program_they_wait_for_the_next_start(world: World) -> None:
    world.can_restart = False
    async with world.program() as fleet:
        fleet.take(files(LOUD))
        assert await world.restarts(fleet)
        state = fleet.state()
        assert state is not None
        assert (state.version, state.step) == ("", "waiting")
    await world.give(LOUD)
    assert world.events == [("applied", LOUD.version)]


async def test_a_refusal_is_told_after_a_power_cut(world: World) -> None:
    async with world.program() as fleet:
        fleet.take(files(LOUD))
        assert await world.restarts(fleet)
    for _ in range(4):  # it never comes up
        count_start(world.data)
    assert read_settings_record(world.data).refused == LOUD.version
    await world.give(LOUD)
    assert world.events == [("refused", LOUD.version, "start", "")]


async def test_going_back_at_the_server_clears_the_refusal(world: World) -> None:
    await world.give(LOUD)
    world.broken_by[QUIET.version] = "printer"
    await world.give(QUIET, LOUD)
    state = world.states[-1]
    assert state is not None
    assert (state.version, state.refused, state.reason) == (LOUD.version, "", "")


async def test_a_full_disk_leaves_the_settings_of_before(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kiosk.station.settings_trial.write_settings_record", full)
    async with world.program() as fleet:
        fleet.take(files(LOUD))
        assert not await world.restarts(fleet)
    assert world.version == ""
