"""A pilot's rules: nobody is stored, and the station closes itself at the first fault of its own."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.messages.vocabulary import Effect, ErrandOutcome, EventType
from kiosk.ports import Ended
from kiosk.region import SHIPPED, PilotRules, load
from kiosk.station.build import open_station
from kiosk.station.pilot import FILE, NumberFilter, Pilot, PilotStop, reopen
from kiosk.steps.context import ErrandContext
from sim.bench.virtual_bench import VirtualBench
from sim.demo.seed import DemoRegion
from sim.reader.personas import people
from sim.stories.errand_stories import ErrandStory, errand_stories, play
from sim.stories.patience import LIMIT_S
from sim.stories.person import Person
from sim.stories.room import Room, quick_folder
from sim.stories.setting import room_for
from tests.fakes.station.visitor import Visitor, in_region

CORNER = load(SHIPPED / "pilot.toml")
RULES = CORNER.pilot
OWN_ACTS = [tale for tale in errand_stories() if tale.errand in CORNER.errands and tale.outcome == "done"]
NAMING = [
    text.encode()
    for one in people()
    for text in (one.name, one.hsa_id, one.old.card_number, one.new.card_number)
]  # fmt: skip


def piloted(tale: ErrandStory, folder: Path) -> ErrandStory:
    """The story in a corner that keeps the rules."""

    def prepare(room: Room) -> None:
        tale.prepare(room)
        room.journal.pilot = Pilot(RULES, folder)
        room.equip(seal=None)

    return replace(tale, prepare=prepare)


@pytest.mark.parametrize("tale", OWN_ACTS, ids=[tale.title for tale in OWN_ACTS])
async def test_nothing_that_a_station_writes_names_a_card_or_a_person(tale: ErrandStory, tmp_path: Path) -> None:
    with quick_folder(tmp_path) as folder:
        room, _, ended = await play(folder, piloted(tale, tmp_path))
        told = await room.told()
        await room.close()
        written = b"".join(file.read_bytes() for file in folder.rglob("station.sqlite*"))
    assert ended.outcome in ("done", "refused", "cancelled")
    assert f"ended {ended.outcome}" in told
    assert [text for text in NAMING if text in written] == []
    assert not (tmp_path / FILE).exists(), "what a person does is no fault of the station"


@pytest.mark.parametrize(
    ("kind", "content", "why"),
    [
        (EventType.CARD_NOT_GENUINE, {"why": "false_signature"}, "not_genuine"),
        (EventType.ERRAND_ENDED, {"outcome": ErrandOutcome.FAULT, "reason": "crash"}, "try_lost"),
        (EventType.ERRAND_ENDED, {"outcome": ErrandOutcome.FAULT, "reason": "card"}, "try_lost"),
        (EventType.ERRAND_ENDED, {"outcome": ErrandOutcome.UNKNOWN, "reason": ""}, "try_lost"),
        (EventType.STATION_STARTED, {"found": [Effect.CARD_UNBLOCK]}, "try_lost"),
        (EventType.EFFECT_DONE, {"effect": "card.change", "note": "9999990000000017"}, "number_written"),
        (EventType.ERRAND_ENDED, {"outcome": ErrandOutcome.UNKNOWN, "reason": "card_pulled"}, None),
        (EventType.ERRAND_ENDED, {"outcome": ErrandOutcome.FAULT, "reason": "reader_gone"}, None),
        (EventType.ERRAND_ENDED, {"outcome": ErrandOutcome.REFUSED, "reason": "pin_locked"}, None),
        (EventType.STATION_STARTED, {"found": [Effect.RECEIPT_PRINT]}, None),
        (EventType.EFFECT_DONE, {"errand": "0d3fa0c1-5f0e-4d53-9f0b-191212121212"}, None),
    ],
)
def test_it_closes_itself_durably_and_tells_once(
    kind: EventType, content: dict[str, object], why: PilotStop | None, tmp_path: Path
) -> None:
    told: list[PilotStop] = []
    pilot = Pilot(RULES, tmp_path, told.append)
    for _ in range(2):
        assert "9999990000000017" not in str(pilot.record(kind, content))
    assert (pilot.stopped, told) == (why, [why] if why else [])
    assert Pilot(RULES, tmp_path).stopped == why
    assert reopen(tmp_path) == (why is not None)
    assert Pilot(RULES, tmp_path).stopped is None


def test_where_no_rule_says_so_it_goes_on_and_writes_all(tmp_path: Path) -> None:
    pilot, content = Pilot(PilotRules(), tmp_path), {"card_number": "9999990000000017", "why": "no_key"}
    assert pilot.record(EventType.CARD_NOT_GENUINE, content) == content
    assert pilot.stopped is None


def test_a_damaged_note_keeps_it_closed(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xff\x00")
    assert Pilot(RULES, tmp_path).stopped == "unreadable"


def test_a_disk_that_takes_no_note_closes_it_all_the_same(tmp_path: Path) -> None:
    """An error out of a line of a log would end what wrote it."""
    told: list[PilotStop] = []
    pilot = Pilot(RULES, tmp_path / "gone", told.append)
    pilot.record(EventType.CARD_NOT_GENUINE, {"why": "no_key"})
    assert (pilot.stopped, told) == ("not_genuine", ["not_genuine"])


@pytest.mark.parametrize("fault", ["is no TOML [", None])
async def test_a_corner_whose_file_cannot_be_read_closes_and_still_stores_nobody(
    fault: str | None, region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    """A line that is filled in by hand and wrong must not make an ordinary station of it."""
    file = tmp_path / "region.toml"
    file.write_bytes((SHIPPED / "pilot.toml").read_bytes())
    config, base = in_region(region, tmp_path / "data")
    config = config.model_copy(update={"station": config.station.model_copy(update={"region": str(file)})})
    async with open_station(config, base, Visitor(), virtual=world) as station:
        assert station.home.content.closed() is None
    if fault is None:
        file.unlink()
    else:
        file.write_text(fault)
    async with open_station(config, base, Visitor(), virtual=world) as station:
        assert "region" in {one.code for one in station.problems}
        assert station.home.content.closed() == "pilot"
        assert station.records is not None
        assert station.records.journal.names_nobody
    file.write_bytes((SHIPPED / "pilot.toml").read_bytes())
    async with open_station(config, base, Visitor(), virtual=world) as station:
        assert station.home.content.closed() is None, "the file is right again: nothing happened to a card"
    file.write_text('name = "An ordinary region"')
    async with open_station(config, base, Visitor(), virtual=world) as station:
        assert station.records is not None
        assert not station.records.journal.names_nobody


def test_a_number_in_a_log_is_not_written_and_closes_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pilot = Pilot(RULES, tmp_path)
    caplog.handler.addFilter(NumberFilter(pilot))
    log = logging.getLogger("drivers.reader")
    log.warning("of %d cards one was slow", 12)
    assert pilot.stopped is None
    log.warning("card %s is slow", "9999990000000017")
    try:
        raise RuntimeError("19121212-1212 is not known")
    except RuntimeError:
        log.exception("a read failed")
    assert pilot.stopped == "number_written"
    assert "12121212" not in caplog.text
    assert "card [number] is slow" in caplog.text


async def test_an_errand_that_crashes_closes_the_corner(tmp_path: Path) -> None:
    async def crash(context: ErrandContext) -> Ended:
        raise RuntimeError("a fault of ours")

    tale = OWN_ACTS[0]
    with quick_folder(tmp_path) as folder:
        room = room_for(folder, tale.setting)
        try:
            piloted(tale, tmp_path).prepare(room)
            await room.errand(Person(room.world, room.clock, tale.story()), crash, tale.errand)
        finally:
            await room.close()
    assert Pilot(RULES, tmp_path).stopped == "try_lost"


async def test_a_corner_needs_no_issuers(region: DemoRegion, world: VirtualBench, tmp_path: Path) -> None:
    """Nobody has to be believed there; any other station without them is closed."""
    config, base = in_region(region, tmp_path / "data")
    station_section = config.station.model_copy(update={"region": str(SHIPPED / "pilot.toml")})
    trust = config.trust.model_copy(update={"anchors": str(tmp_path / "missing.pem")})
    config = config.model_copy(update={"station": station_section, "trust": trust})
    async with open_station(config, base, Visitor(), virtual=world) as station:
        assert station.home.content.closed() is None
        assert "anchors" in station.report.state().lacks


async def test_a_corner_has_four_errands_and_stays_closed_over_a_restart(
    region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    config, base = in_region(region, tmp_path / "data")
    station_section = config.station.model_copy(update={"region": str(SHIPPED / "pilot.toml")})
    config = config.model_copy(update={"station": station_section})
    async with open_station(config, base, Visitor(), virtual=world) as station:
        offered = [errand.id for errand, reason in station.home.content.offers() if reason is None]
        assert sorted(offered) == sorted(CORNER.errands)
        assert station.records is not None
        journal = station.records.journal
        await journal.transact(lambda cx: journal.event(cx, EventType.CARD_NOT_GENUINE, None, {"why": "no_key"}))
        async with asyncio.timeout(LIMIT_S):
            while "pilot_stopped" not in {one.code for one in station.problems}:  # noqa: ASYNC110  # told by a thread
                await asyncio.sleep(0.01)
        assert station.report.state().out_of_service == "pilot"
    async with open_station(config, base, Visitor(), virtual=world) as station:
        offered = [errand.id for errand, reason in station.home.content.offers() if reason is None]
        assert (offered, station.home.content.closed()) == (["information"], "pilot")
    reopen(tmp_path / "data")
    async with open_station(config, base, Visitor(), virtual=world) as station:
        assert station.home.content.closed() is None
