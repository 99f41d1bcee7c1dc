"""The demo's programs: each in a process of its own, started in order, ended in order, none left behind."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from sim.demo.issuer import SEED
from sim.demo.seed import DemoRegion

STOP_S = 10.0
READY_S = 120.0
BENCH_LEFT = 1290
"""The bench stands to the right of the station, where the display is wide enough; else it can be moved."""


class ProcessStartError(Exception):
    """A program did not come up; the text says which and where its log is."""


class DemoProcess:
    """One program with its log."""

    def __init__(self, name: str, arguments: list[str], log: Path, environment: dict[str, str] | None = None) -> None:
        self.name = name
        self.log = log
        self._arguments = arguments
        self._environment = {**os.environ, **(environment or {})}
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, ready: str | None = None) -> str:
        """Start it; with `ready` wait for a line on its standard output that begins so, and give that line."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self._arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE if ready else log,
                stderr=log, env=self._environment, start_new_session=True,
            )  # fmt: skip
        return await self._await_line(ready) if ready else ""

    async def _await_line(self, ready: str) -> str:
        assert self.process is not None
        assert self.process.stdout is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                while line := (await self.process.stdout.readline()).decode():
                    if line.startswith(ready):
                        return line.strip()
        await self.stop()
        raise ProcessStartError(f"{self.name} did not start; its log is {self.log}")

    def kill(self) -> None:
        """Cut its power: no farewell."""
        if self.running and self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    @property
    def running(self) -> bool:
        """True while it has started and not ended."""
        return self.process is not None and self.process.returncode is None

    async def stop(self) -> None:
        """End it in order; after a while, end it at once."""
        if not self.running or self.process is None:
            return
        self.process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await self.process.wait()
        except TimeoutError:
            self.kill()
            await self.process.wait()


def server(region: DemoRegion, mqtt: str, http: str) -> DemoProcess:
    """The fleet server with its embedded broker."""
    arguments = [sys.executable, "-m", "fleet.server.cli", "serve", "--data", str(region.fleet_data)]
    arguments += ["--authority", str(region.authority), "--mqtt", mqtt, "--http", http, "--demo"]
    arguments += ["--issuer", str(region.issuer / "issuer.toml")]
    return DemoProcess("the fleet server", arguments, region.folder / "server.log")


def issuer(region: DemoRegion, secure: str, public: str) -> DemoProcess:
    """The process of the simulated issuer."""
    arguments = [sys.executable, "-m", "fleet.server.cli", "issuer-simulator", "--data", str(region.issuer)]
    arguments += ["--secure", secure, "--public", public, "--seed", str(region.issuer / SEED)]
    arguments += ["--cards-authority", str(region.bench / "authority")]
    return DemoProcess("the issuer simulator", arguments, region.folder / "issuer.log")


def station(region: DemoRegion, display: str | None = None) -> DemoProcess:
    """The process of the station."""
    arguments = [sys.executable, "-m", "kiosk.cli", "run", "--config", str(region.config)]
    return DemoProcess(
        "the station", arguments, region.folder / "station.log", {"DISPLAY": display} if display else None
    )


def bench(region: DemoRegion, power: Path) -> DemoProcess:
    """The process of the bench window."""
    arguments = [sys.executable, "-m", "sim.bench.window", "--socket", str(region.bench / "bench.sock")]
    arguments += ["--power-socket", str(power), "--position", f"{BENCH_LEFT},0"]
    return DemoProcess("the bench", arguments, region.folder / "bench.log")


async def fleet_command(region: DemoRegion, *arguments: str) -> None:
    """Run one command of kortkiosk-fleet on the region's data. Raises ProcessStartError with what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fleet.server.cli", *arguments, "--data", str(region.fleet_data),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise ProcessStartError(f"kortkiosk-fleet {arguments[0]}: {output.decode().strip()}")
