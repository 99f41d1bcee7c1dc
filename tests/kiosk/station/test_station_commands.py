"""Commands of the fleet at the station: done once, between errands, told and written down; or refused, with the reason."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from drivers.reader.secret import Secret
from fleet.agent.store import StoreError
from fleet.messages.commands import COMMAND_TYP, CommandResult, Message
from fleet.messages.link import decode
from fleet.messages.vocabulary import CommandName, EventType
from kiosk.administration_ports import Closed
from kiosk.config import CommandsSection, Config, PinsSection
from kiosk.errands.registry import ERRANDS
from kiosk.station import self_test
from kiosk.station.activity import QUIET_S
from kiosk.station.build import open_station
from kiosk.station.host import Host
from kiosk.station.station import Station
from kiosk.station.station_commands import LOOK_EVERY_S
from sim.bench.virtual_bench import VirtualBench
from sim.demo.seed import STATION, DemoRegion, scenario, seed
from sim.pins import VirtualPins
from sim.stories.clock import HandClock
from sim.stories.patience import LIMIT_S
from tests.fakes.station.visitor import Home, Visitor, in_region

START = datetime.now(UTC).replace(microsecond=0)
EVERYTHING = CommandsSection(allowed=tuple(CommandName))


class StationClock(HandClock):
    """Of a station: it also has a floor. Time passes while a command waits for a free station, where `flows` says so."""

    flows = False
    off_s: int | None = None
    floor: datetime = START

    async def sleep(self, seconds: float) -> None:
        if seconds == LOOK_EVERY_S:
            self.advance(seconds if self.flows else 0)
            await asyncio.sleep(0)
        else:
            await asyncio.get_running_loop().create_future()

    def raise_floor(self, signed: datetime | None) -> None:
        """It stands still all the same."""


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> DemoRegion:
    return seed(tmp_path_factory.mktemp("region"), START, mqtt_port=1)


@pytest.fixture
def world(tmp_path: Path) -> VirtualBench:
    return VirtualBench.open(tmp_path / "bench", scenario(), START)


class Program:
    """The program around the station. `end`: what a restart does; None where nobody would start it again."""

    def __init__(self, end: Callable[[], None] | None) -> None:
        self.end = end
        self.ended = False
        self.log_lines: Callable[[], Sequence[str]] = tuple
        self.host = Host(end_program=self._end if end is not None else None, log_lines=lambda: self.log_lines())

    def _end(self) -> None:
        assert self.end is not None
        self.ended = True
        self.end()


class Bench:
    """A station that hears commands, and what it answers."""

    def __init__(self, station: Station, program: Program, key: ECKey) -> None:
        self.station = station
        self.program = program
        self.answers: asyncio.Queue[CommandResult] = asyncio.Queue()
        self._key = key
        self._sequence = 0
        assert station.fleet is not None
        station.fleet.link.tell_result = lambda raw: self.answers.put_nowait(decode(CommandResult, raw))  # type: ignore[method-assign]

    def at_home(self) -> None:
        """Nobody has been there for a while."""
        self.station.status.activity.view = Home()  # type: ignore[assignment]
        self.station.clock.advance(QUIET_S)  # type: ignore[attr-defined]

    def tell(self, command: str, valid: timedelta = timedelta(minutes=15), **facts: Any) -> bytes:
        """A command comes. Gives its bytes."""
        self._sequence += 1
        now = self.station.clock.now()
        content = {
            "station": STATION, "sequence": self._sequence, "command": command, "issued": now.isoformat(),
            "not_after": (now + valid).isoformat(), "reason": "a test", "by": "tove.test", **facts,
        }  # fmt: skip
        header = {"alg": "ES256", "typ": COMMAND_TYP}
        payload = jws.serialize_compact(header, json.dumps(content).encode(), self._key)
        self.hear(payload.encode())
        return payload.encode()

    def hear(self, payload: bytes) -> None:
        assert self.station.fleet is not None
        self.station.fleet.link.on_command(payload)

    async def answer(self) -> CommandResult:
        return await asyncio.wait_for(self.answers.get(), LIMIT_S)

    async def said(self, command: str, valid: timedelta = timedelta(minutes=15), **facts: Any) -> tuple[str, str]:
        """Outcome and reason."""
        self.tell(command, valid, **facts)
        result = await self.answer()
        return result.outcome, result.reason

    async def events(self) -> list[str]:
        """Kinds of those that commands left."""
        assert self.station.records is not None
        return [kind for _, kind in await self.station.records.events_after(0) if ".command." in kind]


@asynccontextmanager
async def benched(
    config: Config, base: Path, world: VirtualBench, region: DemoRegion, end: Callable[[], None] | None = None
) -> AsyncIterator[Bench]:
    key = ECKey.import_key((region.authority / "server" / "signing.key").read_bytes())
    program, clock = Program(end), StationClock(START)
    async with open_station(config, base, Visitor(), program.host, world, clock=clock) as station:  # type: ignore[arg-type]
        bench = Bench(station, program, key)
        bench.at_home()
        yield bench


@pytest.fixture
async def bench(region: DemoRegion, world: VirtualBench, tmp_path: Path) -> AsyncIterator[Bench]:
    config, base = in_region(region, tmp_path / "data", pins=PinsSection(kind="virtual"), commands=EVERYTHING)
    async with benched(config, base, world, region) as made:
        yield made


@pytest.fixture
async def restartable(region: DemoRegion, world: VirtualBench, tmp_path: Path) -> AsyncIterator[Bench]:
    """A station whose program would be started again."""
    config, base = in_region(region, tmp_path / "data", pins=PinsSection(kind="virtual"), commands=EVERYTHING)
    async with benched(config, base, world, region, lambda: None) as made:
        yield made


def test_the_messages_of_a_command_are_those_of_the_station() -> None:
    assert Message == Closed


async def test_closed_to_visitors_with_a_message_and_open_again(bench: Bench) -> None:
    assert await bench.said("out_of_service", message="moving") == ("done", "")
    assert bench.station.report.state().out_of_service == "moving"
    assert await bench.said("in_service") == ("done", "")
    assert bench.station.report.state().out_of_service is None
    assert await bench.events() == [EventType.COMMAND_TAKEN, EventType.COMMAND_ENDED] * 2


async def test_a_slot_that_two_people_agreed_on_opens_once(bench: Bench, world: VirtualBench) -> None:
    payload = bench.tell("open_slot", slot=3, second="olle.test")
    first = await bench.answer()
    assert first.outcome == "done"
    await bench.station.devices.look()
    assert {slot.number for slot in bench.station.devices.slots if slot.door == "open"} == {3}
    world.close_door(3)
    bench.hear(payload)
    assert await bench.answer() == first, "told again, not done again"
    await bench.station.devices.look()
    assert {slot.number for slot in bench.station.devices.slots if slot.door == "open"} == set()


async def test_a_slot_is_opened_from_afar_only_where_the_stations_file_says_so(
    region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    config, base = in_region(region, tmp_path / "data")
    assert set(CommandName) - set(config.commands.allowed) == {"open_slot"}
    async with benched(config, base, world, region) as bench:
        assert await bench.said("open_slot", slot=3, second="olle.test") == ("refused", "not_allowed")


async def test_a_slot_that_cannot_be_opened_is_said_to_be(bench: Bench, world: VirtualBench) -> None:
    two = {"second": "olle.test"}
    assert await bench.said("open_slot", slot=64, **two) == ("refused", "no_such_slot")
    world.jam(3, True)
    assert await bench.said("open_slot", slot=3, **two) == ("failed", "jammed")
    cabinet, bench.station.devices.cabinet = bench.station.devices.cabinet, None
    assert await bench.said("open_slot", slot=3, **two) == ("refused", "no_cabinet")
    bench.station.devices.cabinet = cabinet


@pytest.mark.parametrize("command", ["restart", "restart_machine", "self_test", "open_slot"])
@pytest.mark.parametrize("who", ["errand", "menu", "touch", "door", "sensor"])
async def test_while_somebody_is_there_it_waits_and_ends_as_busy(restartable: Bench, command: str, who: str) -> None:
    bench = restartable
    facts = {"slot": 3, "second": "olle.test"} if command == "open_slot" else {}
    bench.program.end = lambda: pytest.fail("restarted while somebody was there")
    bench.station.clock.flows = True  # type: ignore[attr-defined]
    await somebody(bench.station, who)
    assert await bench.said(command, timedelta(seconds=4), **facts) == ("refused", "busy")
    assert not bench.program.ended


async def somebody(station: Station, who: str) -> None:
    """As it is when somebody is at the station."""
    pins = station.devices.pins
    assert isinstance(pins, VirtualPins)
    if who == "errand":
        station.status.activity.errand = "pickup"
    elif who == "menu":
        station.status.activity.view = None
    elif who == "touch":
        station.runner.supervisor.touched = station.clock.monotonic() + 60
    elif who == "door":
        pins.open_door(True)
    else:
        pins.stand_before(True)
    while station.occupancy.is_free():  # noqa: ASYNC110  # contacts come by a queue of their own
        await asyncio.sleep(0)


async def test_what_waits_is_done_when_the_person_has_gone(bench: Bench) -> None:
    bench.station.status.activity.errand = "pickup"
    bench.tell("self_test", timedelta(hours=8))
    assert await bench.said("sync") == ("failed", "offline"), "what needs no free station goes on meanwhile"
    bench.station.status.activity.errand = None
    assert (await bench.answer()).outcome == "done"


async def test_a_self_test_tells_every_device_and_touches_no_persons_card(
    bench: Bench, world: VirtualBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = bench.station.devices.reader
    assert reader is not None
    bench.station.devices.virtual = frozenset()
    monkeypatch.setattr(reader, "visit", lambda: pytest.fail("a card was met"))
    world.insert("1:old", "holder")
    bench.tell("self_test")
    found = (await bench.answer()).devices
    assert [(one.kind, one.state) for one in found] == [
        ("reader", "ready"), ("reader", "ready"), ("printer", "ready"), ("cabinet", "ready"), ("gpio", "ready"),
        ("scanner", "ready"),
    ]  # fmt: skip


async def test_a_self_test_lets_a_virtual_card_sign(
    bench: Bench, world: VirtualBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = []

    async def signs(visit: Any, pin: Secret | None) -> bool:
        signed.append(pin is not None)
        return True

    monkeypatch.setattr(self_test, "_signs", signs)
    world.insert("1:old", "holder")
    assert await bench.said("self_test") == ("done", "")
    assert signed == [True]


async def test_no_errand_begins_while_a_slot_is_being_opened(bench: Bench) -> None:
    records = bench.station.records
    assert records is not None
    async with bench.station.status.activity.exclusive:
        begun = asyncio.create_task(bench.station.run(ERRANDS[0]))
        for _ in range(3):  # the journal is written on a thread, one after the other
            await records.file.store.transact(lambda cx: cx.execute("SELECT 1").fetchone())
        assert EventType.ERRAND_STARTED not in [kind for _, kind in await records.events_after(0)]
    while bench.station.status.activity.errand is None:  # noqa: ASYNC110  # nothing else tells
        await asyncio.sleep(0)
    begun.cancel()
    await asyncio.gather(begun, return_exceptions=True)


async def test_a_restart_is_told_by_the_program_that_came_up(
    region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    config, base = in_region(region, tmp_path / "data", commands=EVERYTHING)
    ended = asyncio.Event()
    async with benched(config, base, world, region, ended.set) as bench:
        bench.tell("restart")
        await asyncio.wait_for(ended.wait(), LIMIT_S)
        assert bench.program.ended
        assert bench.answers.empty()
    async with benched(config, base, world, region) as bench:
        assert (await told_again(bench)).outcome == "done"
        assert await bench.events() == [EventType.COMMAND_TAKEN, EventType.COMMAND_ENDED]


@pytest.mark.parametrize("ends", [0, 1])
async def test_a_restart_of_the_machine_is_asked_of_systemd_and_told_by_the_program_that_came_up(
    ends: int, region: DemoRegion, world: VirtualBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "$@" >{asked}\nexit {ends}\n')
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    config, base = in_region(region, tmp_path / "data", commands=EVERYTHING)
    async with benched(config, base, world, region) as bench:
        bench.at_home()
        bench.tell("restart_machine")
        if ends:
            assert (await bench.answer()).reason == "no_restart"
            return
        async with asyncio.timeout(LIMIT_S):
            while not asked.exists() or not asked.read_text():  # noqa: ASYNC110  # another program writes it
                await asyncio.sleep(0.01)
        assert asked.read_text() == "reboot\n"
        assert bench.answers.empty()
    async with benched(config, base, world, region) as bench:
        assert (await told_again(bench)).outcome == "done"


async def told_again(bench: Bench) -> CommandResult:
    """What a new connection is told first."""
    fleet = bench.station.fleet
    assert fleet is not None
    for listener in list(fleet.link.listeners):
        listener(True)
    return await bench.answer()


async def test_where_nobody_would_start_it_again_a_restart_is_refused(bench: Bench) -> None:
    assert await bench.said("restart") == ("refused", "no_restart")


async def test_what_a_power_cut_left_open_is_told_as_interrupted(
    region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    config, base = in_region(region, tmp_path / "data", commands=EVERYTHING)
    async with benched(config, base, world, region) as bench:
        assert bench.station.devices.cabinet is not None
        opening = asyncio.Event()

        async def never(number: int) -> Any:
            opening.set()
            await asyncio.get_running_loop().create_future()

        bench.station.devices.cabinet.open_slot = never  # type: ignore[method-assign]
        bench.tell("open_slot", slot=3, second="olle.test")
        await asyncio.wait_for(opening.wait(), LIMIT_S)
    async with benched(config, base, world, region) as bench:
        result = await told_again(bench)
        assert (result.outcome, result.reason) == ("failed", "interrupted")


async def test_the_log_leaves_without_persons_cards_and_values(bench: Bench) -> None:
    assert bench.station.records is not None
    journal = bench.station.records.journal
    content = {"errand": "E-1", "kind": "pickup", "outcome": "done", "card_number": "9752269875", "hsa_id": "TEST-1"}
    await journal.transact(lambda cx: journal.event(cx, EventType.ERRAND_ENDED, "order/O-1", content))
    bench.program.log_lines = lambda: ("2026-03-02T08:15:00.000Z WARNING kiosk: the link åäö: %s",)
    bench.tell("log_bundle")
    lines = (await bench.answer()).lines
    assert any(line.endswith("errand.ended pickup done") for line in lines)
    assert any("the link ???: %s" in line for line in lines)
    assert not any(word in line for word in ("9752269875", "TEST-1", "O-1", "tove.test", "a test") for line in lines)


async def test_the_network_is_tested_on_order(bench: Bench) -> None:
    bench.tell("network_test")
    lines = (await bench.answer()).lines
    assert lines[-1].startswith("connections to ")
    assert "0 of 5, failed: ECONNREFUSED" in lines[-1]  # the made-up region's broker has no port
    assert any(line.startswith("nameserver") for line in lines)


async def test_a_station_refuses_what_its_own_list_does_not_name(
    region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    config, base = in_region(region, tmp_path / "data", commands=CommandsSection(allowed=("sync",)))
    async with benched(config, base, world, region) as bench:
        assert await bench.said("self_test") == ("refused", "not_allowed")


async def test_a_fault_of_the_program_or_the_disk_is_an_answer_and_not_the_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(why: object) -> None:
        raise OSError("made-up fault")

    monkeypatch.setattr(bench.station.status.notice, "set", full)
    assert await bench.said("in_service") == ("failed", "store")
    for error, reason in ((StoreError(Path("x"), "full"), "store"), (RuntimeError("made-up fault"), "fault")):

        def broken(error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(bench.program, "log_lines", broken)
        assert await bench.said("log_bundle") == ("failed", reason)
    monkeypatch.undo()
    assert await bench.said("log_bundle") == ("done", "")
