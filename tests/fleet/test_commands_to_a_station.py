"""One command all the way: from two people at the pages, over the real broker, to a virtual cabinet, and back."""

import asyncio
import http.client
import urllib.parse
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers.cabinet.port import CabinetReady
from fleet.agent.drain import FlowLimits
from fleet.agent.link import Timing
from fleet.messages.vocabulary import CommandName
from fleet.server.database.database import open_database as opened_store
from fleet.server.keys.random_tokens import form_token
from fleet.server.process.addresses import Address
from fleet.server.process.config import ServerConfig
from fleet.server.server import FleetServer
from fleet.server.sign_in.service import Access
from fleet.server.web.roles import Role
from kiosk.config import CommandsSection, load
from kiosk.station.activity import QUIET_S
from kiosk.station.build import open_station
from kiosk.station.station import Station
from sim.bench.virtual_bench import VirtualBench
from sim.demo.seed import STATION, scenario, seed
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.ports import free_address
from tests.fakes.server.visitors import COOKIE, session
from tests.fakes.station.visitor import Home, Visitor
from tests.fleet.server.conftest import wall_clock

pytestmark = pytest.mark.broker

PROMPT = Timing(first_s=0.05, pace=FlowLimits(window=20, acked_timeout_s=0.5))
SLOT = 3


class Person:
    """Somebody at the pages."""

    def __init__(self, config: ServerConfig, at: Address, name: str) -> None:
        with opened_store(config.database) as database:
            self._value = session(Access(database, wall_clock), Role.OPERATOR, name=name)
        self._at = at

    async def see(self, path: str) -> str:
        return (await asyncio.to_thread(self._ask, path, None))[1]

    async def send(self, path: str, **fields: str) -> str:
        """A form; gives where it leads."""
        whole = {"form_token": form_token(self._value), **fields}
        return (await asyncio.to_thread(self._ask, path, urllib.parse.urlencode(whole).encode()))[0]

    async def waits_for(self, path: str, said: str) -> str:
        """The page, once it says that."""
        async with asyncio.timeout(LIMIT_S):
            while said not in (page := await self.see(path)):  # noqa: ASYNC110  # another process's page: no event
                await asyncio.sleep(0.05)
        return page

    def _ask(self, path: str, body: bytes | None) -> tuple[str, str]:
        """Where it leads, and the page."""
        headers = {"Cookie": f"{COOKIE}={self._value}", "Origin": f"http://{self._at}", "Accept-Language": "sv"}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        line = http.client.HTTPConnection(self._at.host, self._at.port, timeout=LIMIT_S)
        try:
            line.request("GET" if body is None else "POST", path, body, headers)
            answer = line.getresponse()
            said = answer.read().decode()
            assert answer.status == (200 if body is None else 303), said
            return answer.headers.get("location", ""), said
        finally:
            line.close()


@asynccontextmanager
async def standing(places: Path, port: int) -> AsyncIterator[Station]:
    """A station of that region, online, with nobody there."""
    region = seed(places, datetime.now(UTC), mqtt_port=port)
    world = VirtualBench.open(places / "bench", scenario(), datetime.now(UTC))
    config = load(region.config).model_copy(update={"commands": CommandsSection(allowed=tuple(CommandName))})
    async with open_station(config, region.config.parent, Visitor(), virtual=world, timing=PROMPT) as station:
        assert station.fleet is not None
        await becomes(station.fleet.link.on_change, station.fleet.link.online)
        station.status.activity.view = Home()  # type: ignore[assignment]
        station.runner.supervisor.touched = station.clock.monotonic() - QUIET_S
        station.devices.on_change()
        yield station


async def becomes(on_change: Callable[[Callable[[bool], None]], object], online: bool) -> None:
    reached = asyncio.Event()
    on_change(lambda now: reached.set() if now else None)
    if not online:
        await asyncio.wait_for(reached.wait(), LIMIT_S)


async def test_a_slot_that_two_people_open_from_afar(tmp_path: Path) -> None:
    mqtt = free_address()
    region = seed(tmp_path / "region", datetime.now(UTC), mqtt_port=mqtt.port)
    config = ServerConfig(tmp_path / "fleet", region.authority, mqtt, Address("127.0.0.1", 0))
    async with FleetServer(config) as server, standing(tmp_path / "region", mqtt.port) as station:
        tove, olle = (Person(config, server.http, name) for name in ("tove.test", "olle.test"))
        await tove.waits_for("/stations", f'href="/stations/{STATION}"')
        ordered = {"command": "open_slot", "slot": str(SLOT), "reason": "kortet ligger på tvären"}
        page = await tove.send(f"/stations/{STATION}/commands", **ordered)
        assert "Väntar på en andra person" in await tove.see(page)
        assert await olle.send(f"{page}/approve") == page
        done = await tove.waits_for(page, "Gjort")
        assert [name for name in ("tove.test", "olle.test") if name not in done] == []
        assert station.devices.cabinet is not None
        state = await station.devices.cabinet.state()
        assert isinstance(state, CabinetReady)
        assert [slot.number for slot in state.slots if slot.door == "open"] == [SLOT]
        events = await tove.waits_for(f"/stations/{STATION}", f"Kommando: Öppna fack {SLOT}, gjort")
        assert f"Kommando mottaget: Öppna fack {SLOT}, av tove.test, olle.test" in events
    with opened_store(config.database) as database:
        told, _ = Access(database, wall_clock).entries()
    steps = [(one.who, one.action) for one in reversed(told) if one.action.startswith("command.")]
    assert steps == [
        ("tove.test", "command.ask"), ("olle.test", "command.approve"), ("server", "command.send"),
        ("server", "command.done"),
    ]  # fmt: skip
