"""A station with something missing: it starts, says what, and offers what works."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drivers.reader.inprocess import InProcessBackend
from fleet.agent.store import StationStore, StoreError
from fleet.messages import kinds
from kiosk import devices
from kiosk.bench.world import World
from kiosk.config import Config, load
from kiosk.demo.seed import Region, scenario, seed
from kiosk.journeys.registry import ERRANDS
from kiosk.station import Station, opened
from kiosk.texts import Texts
from kiosk.views import Choose, View

PICKUP = ERRANDS[0]


class Visitor:
    """Looks at the home screen and goes."""

    def __init__(self) -> None:
        self.home: Choose | None = None

    def set_activity(self, notice: Any) -> None:
        """Never idle."""

    async def warn(self, view: View[Any], seconds: float) -> bool:
        return False

    async def show(self, view: View[Any]) -> Any:
        assert isinstance(view, Choose)
        self.home = view
        raise StopAsyncIteration


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Region:
    return seed(tmp_path_factory.mktemp("region"), datetime.now(UTC), mqtt_port=1)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    return World.open(tmp_path / "bench", scenario(), datetime.now(UTC))


def in_region(region: Region, data: Path, **changed: Any) -> tuple[Config, Path]:
    """The demo's station with its data elsewhere."""
    config = load(region.config)
    station = config.station.model_copy(update={"data": str(data)})
    return config.model_copy(update={"station": station, **changed}), region.config.parent


async def home_of(station: Station) -> Choose:
    """What the home screen shows."""
    visitor = Visitor()
    station.supervisor._screen = visitor
    with pytest.raises((StopAsyncIteration, RuntimeError)):
        await station._choose()
    assert visitor.home is not None
    for language in ("sv", "en"):
        for option in visitor.home.options:
            Texts.load().plain(option.reason or option.title, language)
    return visitor.home


def problems(station: Station) -> dict[str, str]:
    return {one.code: one.text for one in station.problems}


async def test_all_is_there(region: Region, world: World, tmp_path: Path) -> None:
    config, base = in_region(region, tmp_path / "data")
    async with opened(Station(config, base, Visitor(), world)) as station:
        assert station.problems == []
        assert station.missing(PICKUP) is None
        assert (await home_of(station)).options[0].reason is None
        assert [kind for _, kind in await station.events_after(0)] == [kinds.STATION_STARTED]


async def test_no_identity(world: World, tmp_path: Path) -> None:
    async with opened(Station(Config(), tmp_path, Visitor(), world)) as station:
        assert "identity" in problems(station)
        assert str(tmp_path / "identity") in problems(station)["identity"]
        assert station.missing(PICKUP) == "orders"
        reason = (await home_of(station)).options[0].reason
        assert reason is not None
        assert reason.key == "home.no.orders"
        assert await station.run(PICKUP) is None


async def test_a_damaged_database_is_named_kept_and_said(region: Region, world: World, tmp_path: Path) -> None:
    config, base = in_region(region, tmp_path / "data")
    file = tmp_path / "data" / "station.sqlite"
    file.parent.mkdir()
    file.write_bytes(b"no database " * 1000)
    async with opened(Station(config, base, Visitor(), world)) as station:
        assert str(file) in problems(station)["store"]
        assert station.missing(PICKUP) == "store"
        assert (await home_of(station)).options[0].reason is not None
    assert file.read_bytes() == b"no database " * 1000


@pytest.mark.parametrize("way", ["transact", "transact_now"])
async def test_a_full_disk(
    way: str, region: Region, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: StationStore, work: Any) -> Any:
        raise StoreError(self.path, "full")

    monkeypatch.setattr(StationStore, way, full)
    config, base = in_region(region, tmp_path / "data")
    async with opened(Station(config, base, Visitor(), world)) as station:
        assert "disk is full" in problems(station)["store"]
        assert station.missing(PICKUP) == "store"


async def test_a_second_station_on_the_same_folder_says_so(region: Region, world: World, tmp_path: Path) -> None:
    config, base = in_region(region, tmp_path / "data")
    async with (
        opened(Station(config, base, Visitor(), world)) as first,
        opened(Station(config, base, Visitor())) as second,
    ):
        assert first.problems == []
        assert "another program runs as this station" in problems(second)["running"]
        assert second.missing(PICKUP) is not None


async def test_a_disk_that_fills_later_ends_the_offers_not_the_station(
    region: Region, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, base = in_region(region, tmp_path / "data")
    async with opened(Station(config, base, Visitor(), world)) as station:

        async def full(self: StationStore, work: Any) -> Any:
            raise StoreError(self.path, "full")

        with monkeypatch.context() as patch:
            patch.setattr(StationStore, "transact", full)
            assert await station.run(PICKUP) is None
        assert station.missing(PICKUP) == "store"
        assert (await home_of(station)).options[0].reason is not None


async def test_a_reader_that_is_not_there(
    region: Region, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "PcscBackend", lambda: InProcessBackend([]))
    readers = Config().readers.model_copy(update={"holder": "Reader that is gone"})
    config, base = in_region(region, tmp_path / "data", readers=readers)
    async with opened(Station(config, base, Visitor(), world)) as station:
        assert station.missing(PICKUP) == "reader"
        state = next(one for one in station.devices.states if one.kind == "reader")
        assert (state.state, state.ok) == ("no_reader", False)


async def test_no_cabinet_and_no_printer(region: Region, world: World, tmp_path: Path) -> None:
    bare = {"cabinet": Config().cabinet, "printer": Config().printer}
    config, base = in_region(region, tmp_path / "data", **bare)
    async with opened(Station(config, base, Visitor(), world)) as station:
        assert station.missing(PICKUP) == "cabinet"
        assert {one.kind for one in station.devices.states} == {"reader"}


async def test_issuers_that_cannot_be_read(region: Region, world: World, tmp_path: Path) -> None:
    trust = Config().trust.model_copy(update={"anchors": str(tmp_path / "missing.pem")})
    config, base = in_region(region, tmp_path / "data", trust=trust)
    async with opened(Station(config, base, Visitor(), world)) as station:
        assert "missing.pem" in problems(station)["anchors"]
        assert station.missing(PICKUP) is None


async def test_what_a_stop_cut_off_is_said_on_the_home_screen(region: Region, world: World, tmp_path: Path) -> None:
    config, base = in_region(region, tmp_path / "data")
    async with opened(Station(config, base, Visitor(), world)) as station:
        assert station.fleet is not None
        await station.fleet.journal.start("pickup")
    async with opened(Station(config, base, Visitor(), world)) as station:
        banner = (await home_of(station)).banner
        assert banner is not None
        assert banner.text.key == "home.interrupted"
