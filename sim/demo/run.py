"""Running the demo: seed, server, station, bench; or, without a display, the scripted pick-up on a virtual screen."""

import asyncio
import contextlib
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet.agent.identity import Identity
from sim.bench.virtual_bench import VirtualBench
from sim.demo import processes, story
from sim.demo import suggestions as trying
from sim.demo.issuer import tell_certificates
from sim.demo.player import Player
from sim.demo.processes import DemoProcess, ProcessStartError
from sim.demo.seed import STATION, DemoRegion, region, scenario, seed
from sim.reader.personas import person

MQTT_PORT, HTTP_PORT = 8883, 8080
SCRIPTED = 1
"""The person whose card the scripted pick-up collects."""


@dataclass(frozen=True, slots=True)
class RunningDemo:
    """A demo that is up."""

    region: DemoRegion
    http: str
    """The dashboard; its link signs in once, on this computer."""
    second: str
    """The same for another person, in another browser."""
    issuer: str
    """Where the simulated issuer's pages are."""
    station: DemoProcess


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, flush=True)


async def with_windows(folder: Path) -> int:
    """Station and bench window on this display, until one of them is closed or the demo is interrupted."""
    async with _fleet(folder) as up:
        power = PowerSwitch(up.station, folder / "power.sock")
        await power.start()
        bench = processes.bench(up.region, power.path)
        await up.station.start()
        await bench.start()
        say(f"Dashboard:  {up.http} (signs you in once; start the demo again for another link)")
        say(f"            {up.second} (a second person, in another browser: to confirm proposals)")
        say(f"Issuer:     {up.issuer} (a simulator)")
        say("Station and bench are two windows. Try:")
        for line in trying.lines():
            say(line)
        say("Ctrl-C ends everything.")
        try:
            await _until_closed(up.station, bench, power)
        finally:
            await bench.stop()
            await power.stop()
    return 0


async def on_virtual_screen(folder: Path) -> int:
    """The pick-up by itself, with real touches on an Xvfb; says where the pictures are."""
    pictures = folder / "pictures"
    async with _fleet(folder) as up, virtual_display() as display:
        station = processes.station(up.region, display)
        await station.start()
        try:
            say("No display: the pick-up runs by itself on a virtual screen.")
            player = Player(display, up.region.bench / "bench.sock")
            scenes = story.own_card(person(SCRIPTED))
            await player.play(scenes, pictures=pictures, tell=lambda view: say(f"  {view}"))
            await player.await_view("home")
            await player.picture(pictures / "99-home.png")
            await _drained(up)
        finally:
            await station.stop()
        say(f"Done. Pictures of every screen: {pictures}")
        say(f"Receipt as printed:             {up.region.bench / 'receipts'}")
        say("Start the demo with a display to look around, and at the dashboard.")
    return 0


@contextlib.asynccontextmanager
async def _fleet(folder: Path) -> AsyncIterator[RunningDemo]:
    """Seeded region and running server; the station is made, not started."""
    places = region(folder)
    mqtt_port = _mqtt_port(places)
    say(f"Everything made up is in {folder}; delete it to start afresh.")
    places = await asyncio.to_thread(seed, folder, datetime.now(UTC), mqtt_port=mqtt_port)
    await asyncio.to_thread(_issue_cards, places, datetime.now(UTC))
    await processes.fleet_command(places, "init")
    await processes.fleet_command(places, "station", "add", STATION)
    await processes.fleet_command(places, "import-orders", str(places.orders))
    await processes.fleet_command(places, "import-administrators", str(places.administrators))
    http_port = HTTP_PORT if _free(HTTP_PORT) else 0
    issuer = processes.issuer(places, "127.0.0.1:0", "127.0.0.1:0")
    issuer_pages = (await issuer.start("ready")).rpartition("public=")[2].partition(" ")[0]
    server = processes.server(places, f"127.0.0.1:{mqtt_port}", f"127.0.0.1:{http_port}")
    station = processes.station(places)
    try:
        ready = await server.start("ready")
        links = dict(word.split("=", 1) for word in ready.split() if "=" in word)
        yield RunningDemo(places, links["sign_in"], links["second"], issuer_pages, station)
    finally:
        await station.stop()
        await server.stop()
        await issuer.stop()


def _issue_cards(places: DemoRegion, now: datetime) -> None:
    """Make the cards that people bring, once, and tell the issuer of their certificates."""
    if (places.bench / "cards").exists():
        return
    world = VirtualBench.open(places.bench, scenario(), now)
    tell_certificates(places.issuer, [world.card(name) for name in world.hand])


def _mqtt_port(places: DemoRegion) -> int:
    """The broker's port: as the station was enrolled with, else one that is free. Raises ProcessStartError."""
    identity = places.config.parent / "identity"
    if identity.exists():
        port = Identity.load(identity).broker.port
        if not _free(port):
            raise ProcessStartError(
                f"port {port} is taken: end the other demo, or delete {places.folder} and start again"
            )
        return port
    if _free(MQTT_PORT):
        return MQTT_PORT
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextlib.asynccontextmanager
async def virtual_display(size: str = "1280x800x24") -> AsyncIterator[str]:
    """An Xvfb of one's own; gives its display. Raises ProcessStartError where there is none to start."""
    if shutil.which("Xvfb") is None:
        raise ProcessStartError("there is neither a display nor Xvfb (Debian package xvfb)")
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        "Xvfb", "-displayfd", str(writing), "-screen", "0", size, "-nolisten", "tcp",
        pass_fds=(writing,), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writing)
    try:
        with os.fdopen(reading) as number:
            display = (await asyncio.to_thread(number.readline)).strip()
        if not display:
            raise ProcessStartError("Xvfb did not start")
        yield f":{display}"
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


class PowerSwitch:
    """The switch of the station's power: the bench window flips it over a socket of the demo's own."""

    def __init__(self, program: DemoProcess, path: Path) -> None:
        self.path = path
        self.on = True
        self._program = program
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self.path)
        self.path.chmod(0o600)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._switch(line)).encode() + b"\n")
                await writer.drain()
        finally:
            writer.close()

    async def _switch(self, line: bytes) -> dict[str, Any]:
        try:
            is_on = bool(json.loads(line)["on"])
        except (ValueError, KeyError, TypeError):
            return {"ok": False, "why": 'say {"do": "power", "on": true or false}'}
        self.on = is_on
        if not is_on:
            self._program.kill()
        elif not self._program.running:
            await self._program.start()
        return {"ok": True}


async def _until_closed(station: DemoProcess, bench: DemoProcess, power: PowerSwitch) -> None:
    """Until a person closes a window; a station without power is not closed."""
    # Processes come and go with the power: there is no one event to wait for.
    while bench.running and (station.running or not power.on):  # noqa: ASYNC110
        await asyncio.sleep(0.2)


async def _drained(up: RunningDemo) -> None:
    """Give the last events a moment to reach the server before all is ended."""
    await asyncio.sleep(1.0)
