"""A station with something missing: it starts, says what, and offers what works."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from drivers.speech.sound_card import SoundCard
from fleet.agent.store import StationStore, StoreError
from fleet.messages.link import StationState
from fleet.messages.vocabulary import Effect, ErrandOutcome, EventType, Outcome
from kiosk.config import CabinetSection, Config, PinsSection, ScannerSection, SpeechSection
from kiosk.errands.registry import ERRANDS
from kiosk.ports import Ended, NamedOutcome
from kiosk.station import build_devices, housekeeping
from kiosk.station.build import open_station
from kiosk.station.host import Host
from kiosk.station.station import Station
from kiosk.texts import Texts
from kiosk.views import Choose
from provisioning import pki
from sim.bench.virtual_bench import VirtualBench
from sim.demo.seed import DemoRegion
from sim.pins import VirtualPins
from sim.reader.in_process import InProcessBackend
from sim.stories.patience import LIMIT_S
from tests.fakes.station.visitor import Visitor, in_region

PICKUP = ERRANDS[0]


async def home_of(station: Station) -> Choose:
    """What the home screen shows."""
    visitor = Visitor()
    station.home.supervisor.screen = visitor
    with pytest.raises((StopAsyncIteration, RuntimeError)):
        await station.home.choose()
    assert visitor.home is not None
    for language in ("sv", "en"):
        for option in visitor.home.options:
            Texts.load().plain(option.reason or option.title, language)
    return visitor.home


def problems(station: Station) -> dict[str, str]:
    return {one.code: one.text for one in station.problems}


async def test_all_is_there(region: DemoRegion, world: VirtualBench, tmp_path: Path) -> None:
    config, base = in_region(region, tmp_path / "data")
    async with open_station(config, base, Visitor(), virtual=world) as station:
        assert station.problems == ()
        assert station.missing(PICKUP) is None
        assert (await home_of(station)).options[0].reason is None
        told = [EventType.STATION_STARTED, EventType.CHAIN_CHECKPOINT]
        assert [kind for _, kind in await station.records.events_after(0)] == told, "a new chain is signed at once"


async def test_lists_that_somebody_has_written_are_dropped_and_told(
    region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    config, base = in_region(region, tmp_path / "data")
    async with open_station(config, base, Visitor(), virtual=world) as station:
        forged = "INSERT INTO sync_sealed VALUES ('list', x'00')"
        await station.records.file.store.transact(lambda cx: cx.execute(forged))
    async with open_station(config, base, Visitor(), virtual=world) as station:
        told = [kind for _, kind in await station.records.events_after(0)]
        assert told.count(EventType.LISTS_DROPPED) == 1
        assert station.fleet is not None
        assert station.fleet.book.administrators() == ()


async def test_a_secret_of_the_store_that_others_may_read_is_a_problem_that_is_named(
    region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    config, base = in_region(region, tmp_path / "data")
    secret = base / config.station.identity / "store.key"
    secret.chmod(0o644)
    try:
        async with open_station(config, base, Visitor(), virtual=world) as station:
            assert "store.key: others may read" in problems(station)["identity"]
    finally:
        secret.chmod(0o600)


async def test_out_of_service_outlives_a_restart(region: DemoRegion, world: VirtualBench, tmp_path: Path) -> None:
    config, base = in_region(region, tmp_path / "data")
    async with open_station(config, base, Visitor(), virtual=world) as station:
        await station.administration.close("repair")
        assert station.missing(PICKUP) == "closed"
    async with open_station(config, base, Visitor(), virtual=world) as station:
        house = station.administration
        assert (house.closed, station.missing(PICKUP)) == ("repair", "closed")
        assert station.report.state().out_of_service == "repair"
        assert (await home_of(station)).lead[0].key == "home.closed.repair"
        await house.close(None)
        assert station.missing(PICKUP) is None


async def test_the_board_shows_slots_and_devices(region: DemoRegion, world: VirtualBench, tmp_path: Path) -> None:
    config, base = in_region(region, tmp_path / "data")
    async with open_station(config, base, Visitor(), virtual=world) as station:
        house = station.administration
        look = await house.look()
        assert {slot.number: slot.look for slot in look.slots}[2] == "card"
        assert {one.kind for one in look.devices if not one.ok} == {"link"}
        assert {one.kind for one in await house.check()} == {"reader", "printer", "cabinet", "gpio", "scanner"}
        assert (house.restart(), await house.pair()) == (False, "no_cabinet")
        assert (house.missing("nothing"), [one.type for one in await house.events()]) == (
            "not_here",
            ["chain.checkpoint", "station.started"],
        )


async def test_no_identity(world: VirtualBench, tmp_path: Path) -> None:
    async with open_station(Config(), tmp_path, Visitor(), virtual=world) as station:
        assert "identity" in problems(station)
        assert str(tmp_path / "identity") in problems(station)["identity"]
        assert station.missing(PICKUP) == "orders"
        _, reason = station.home.content.offers()[0]
        assert reason is not None
        assert reason.key == "home.no.orders"
        assert await station.run(PICKUP) is None


async def test_a_damaged_database_is_named_kept_and_said(
    region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    config, base = in_region(region, tmp_path / "data")
    file = tmp_path / "data" / "station.sqlite"
    file.parent.mkdir()
    file.write_bytes(b"no database " * 1000)
    async with open_station(config, base, Visitor(), virtual=world) as station:
        assert str(file) in problems(station)["store_damaged"]
        assert "kortkiosk store set-aside" in problems(station)["store_damaged"]
        assert station.missing(PICKUP) == "store"
        assert (await home_of(station)).options[0].reason is not None
    assert file.read_bytes() == b"no database " * 1000


@pytest.mark.parametrize("way", ["transact", "transact_now"])
async def test_a_full_disk(
    way: str, region: DemoRegion, world: VirtualBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: StationStore, work: Any) -> Any:
        raise StoreError(self.path, "full")

    monkeypatch.setattr(StationStore, way, full)
    config, base = in_region(region, tmp_path / "data")
    async with open_station(config, base, Visitor(), virtual=world) as station:
        assert "disk is full" in problems(station)["store"]
        assert station.missing(PICKUP) == "store"


async def test_a_second_station_on_the_same_folder_says_so(
    region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    config, base = in_region(region, tmp_path / "data")
    async with (
        open_station(config, base, Visitor(), virtual=world) as first,
        open_station(config, base, Visitor()) as second,
    ):
        assert first.problems == ()
        assert "another program runs as this station" in problems(second)["running"]
        assert second.missing(PICKUP) is not None


async def test_a_disk_that_fills_later_ends_the_offers_not_the_station(
    region: DemoRegion, world: VirtualBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, base = in_region(region, tmp_path / "data")
    async with open_station(config, base, Visitor(), virtual=world) as station:

        async def full(self: StationStore, work: Any) -> Any:
            raise StoreError(self.path, "full")

        with monkeypatch.context() as patch:
            patch.setattr(StationStore, "transact", full)
            assert await station.run(PICKUP) is None
        assert station.missing(PICKUP) == "store"
        assert (await home_of(station)).options[0].reason is not None


async def test_once_the_disk_takes_writes_again_errands_are_to_be_had_and_what_happened_is_told(
    region: DemoRegion, world: VirtualBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody restarts a station for a disk that was full for a minute; a card in its bin waited for that to be blocked."""
    monkeypatch.setattr(housekeeping, "SETTLE_EVERY_S", 0.05)
    config, base = in_region(region, tmp_path / "data")
    async with open_station(config, base, Visitor(), virtual=world) as station:
        assert station.records is not None
        log = await station.records.journal.start("return_card")

        async def full(self: StationStore, work: Any) -> Any:
            raise StoreError(self.path, "full")

        with monkeypatch.context() as patch:

            async def falls() -> NamedOutcome:
                patch.setattr(StationStore, "transact", full)
                return NamedOutcome(Outcome.DROPPED)

            with pytest.raises(StoreError):
                await log.effect(Effect.DROP_CARD, falls(), card_number="9752269000000001")
            with pytest.raises(StoreError):
                await log.end(Ended(ErrandOutcome.FAULT, "store"))
            assert await station.run(PICKUP) is None
            await asyncio.sleep(0.2)
            assert station.missing(PICKUP) == "store"
        async with asyncio.timeout(LIMIT_S):
            while station.missing(PICKUP) is not None:  # noqa: ASYNC110  # the station's own task: no event
                await asyncio.sleep(0.02)
        query = "SELECT f.name, f.outcome, e.outcome FROM effect f JOIN errand e ON e.id = f.errand"
        rows = await station.records.file.store.transact(lambda cx: cx.execute(query).fetchall())
        assert rows == [("drop.card", "dropped", "fault")]


async def test_a_reader_that_is_not_there(
    region: DemoRegion, world: VirtualBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_devices, "PcscBackend", lambda: InProcessBackend([]))
    readers = Config().readers.model_copy(update={"holder": "Reader that is gone"})
    anchors = tmp_path / "anchors.pem"
    anchors.write_bytes(b"".join(map(pki.certificate_pem, world.trust_anchors())))
    trust = Config().trust.model_copy(update={"anchors": str(anchors)})
    config, base = in_region(region, tmp_path / "data", readers=readers, trust=trust)
    async with open_station(config, base, Visitor(), virtual=world) as station:
        assert station.missing(PICKUP) == "reader"
        state = next(one for one in station.devices.states if one.kind == "reader")
        assert (state.state, state.ok) == ("no_reader", False)
        home = await home_of(station)
        assert (home.title.key, home.lead[0].key) == ("home.closed", "home.closed.reader")
        assert "report_lost" in {option.value for option in home.options}, "a lost card does not wait"


async def test_no_cabinet_and_no_printer(region: DemoRegion, world: VirtualBench, tmp_path: Path) -> None:
    bare = {name: getattr(Config(), name) for name in ("cabinet", "printer", "pins", "scanner")}
    config, base = in_region(region, tmp_path / "data", **bare)
    async with open_station(config, base, Visitor(), virtual=world) as station:
        assert station.missing(PICKUP) == "cabinet"
        assert {one.kind for one in station.devices.states} == {"reader"}


@pytest.mark.parametrize(
    ("fault", "state", "banner"),
    [
        ("paper_low", "paper_low", None),
        ("out_of_paper", "out_of_paper", "home.printer.empty"),
        ("cover_open", "cover_open", "home.printer.down"),
        ("cutter", "cutter", "home.printer.down"),
        ("offline", "offline", "home.printer.down"),
        ("hang_up", "mute", "home.printer.down"),
    ],
)
async def test_how_the_printer_is_goes_to_the_fleet_and_what_it_means_to_the_home_screen(
    region: DemoRegion, world: VirtualBench, tmp_path: Path, fault: str, state: str, banner: str | None
) -> None:
    config, base = in_region(region, tmp_path / "data")
    async with open_station(config, base, Visitor(), virtual=world) as station:
        told: list[StationState] = []
        assert (await home_of(station)).banner is None
        station.fleet.link.publish_state = told.append
        world.break_printer(**{fault: True})
        await station.devices.look()

        home = await home_of(station)
        assert (home.banner.text.key if home.banner else None) == banner
        assert all(option.reason is None for option in home.options), "errands go on without paper"
        (printer,) = (one for one in told[-1].devices if one.kind == "printer")
        assert (printer.state, printer.ok) == (state, banner is None)


async def test_a_cabinet_whose_board_is_missing_is_named_with_what_mends_it(
    region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    serial = CabinetSection(kind="serial", port=str(tmp_path / "no-such-port"), key="cabinet.json")
    config, base = in_region(region, tmp_path / "data", cabinet=serial)
    async with open_station(config, base, Visitor(), virtual=world) as station:
        assert station.missing(PICKUP) == "cabinet"
        assert "plug its USB cable in" in problems(station)["cabinet"]
        state = next(one for one in station.devices.states if one.kind == "cabinet")
        assert (state.state, state.ok, state.virtual) == ("missing", False, False)
        assert station.devices.slots == ()
        assert not station.devices.missing("reader"), "the reader's errands go on"


async def test_issuers_that_cannot_be_read_keep_a_station_closed(
    region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    """It would call each card false: visitors are told whom it waits for instead, and so is the fleet."""
    trust = Config().trust.model_copy(update={"anchors": str(tmp_path / "missing.pem")})
    config, base = in_region(region, tmp_path / "data", trust=trust)
    async with open_station(config, base, Visitor(), virtual=world) as station:
        assert "missing.pem" in problems(station)["anchors"]
        assert station.missing(PICKUP) == "closed"
        home = await home_of(station)
        assert [text.key for text in home.lead] == ["home.closed.unready", "home.lacks.anchors", "closed.inside"]
        state = station.report.state()
        assert (state.out_of_service, state.lacks) == ("unready", ("anchors",))


async def test_what_a_stop_cut_off_is_said_on_the_home_screen(
    region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    config, base = in_region(region, tmp_path / "data")
    async with open_station(config, base, Visitor(), virtual=world) as station:
        assert station.fleet is not None
        await station.records.journal.start("pickup")
    async with open_station(config, base, Visitor(), virtual=world) as station:
        banner = (await home_of(station)).banner
        assert banner is not None
        assert banner.text.key == "home.interrupted"


async def test_an_open_service_door_keeps_every_errand_and_is_written_down(
    region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    config, base = in_region(region, tmp_path / "data", pins=PinsSection(kind="virtual"))
    closed: list[bool] = []
    stirred = asyncio.Event()

    def on_closed(is_closed: bool) -> None:
        closed.append(is_closed)
        stirred.set()

    async with open_station(config, base, Visitor(), Host(on_closed=on_closed), world) as station:
        assert station.missing(PICKUP) is None
        pins = station.devices.pins
        assert isinstance(pins, VirtualPins)
        for is_open, missing in ((True, "door"), (False, None)):
            stirred.clear()
            pins.open_door(is_open)
            await asyncio.wait_for(stirred.wait(), LIMIT_S)
            assert station.missing(PICKUP) == missing
        assert closed == [True, False]
        assert [kind for _, kind in await station.records.events_after(2)] == [
            EventType.DOOR_OPENED,
            EventType.DOOR_SHUT,
        ]


async def test_headphones_are_told_to_the_program(region: DemoRegion, world: VirtualBench, tmp_path: Path) -> None:
    config, base = in_region(region, tmp_path / "data", pins=PinsSection(kind="virtual"))
    told: asyncio.Queue[bool] = asyncio.Queue()
    async with open_station(config, base, Visitor(), Host(on_headphones=told.put_nowait), world) as station:
        pins = station.devices.pins
        assert isinstance(pins, VirtualPins)
        for plugged in (True, False):
            pins.plug_headphones(plugged)
            assert await asyncio.wait_for(told.get(), LIMIT_S) is plugged


def test_a_station_speaks_where_its_configuration_names_a_synthesizer() -> None:
    card = SoundCard()
    assert build_devices.make_speech(SpeechSection(), card) is None
    speech = build_devices.make_speech(SpeechSection(kind="espeak-ng"), card)
    assert speech is not None
    assert speech.name == "espeak-ng"
    assert build_devices.make_sound(SpeechSection(kind="espeak-ng"), card) is None
    assert build_devices.make_sound(SpeechSection(tones=True), card) is not None


async def test_pins_and_scanner_are_among_the_devices(region: DemoRegion, world: VirtualBench, tmp_path: Path) -> None:
    fitted = {"pins": PinsSection(kind="virtual"), "scanner": ScannerSection(kind="virtual")}
    config, base = in_region(region, tmp_path / "data", **fitted)
    async with open_station(config, base, Visitor(), virtual=world) as station:
        assert [(one.kind, one.state, one.ok) for one in station.devices.states[-2:]] == [
            ("gpio", "ready", True),
            ("scanner", "ready", True),
        ]
