"""emupos, an ESC/POS printer that is none of ours, run as a program of its own with three papers and its control interface."""

import asyncio
import json
import socket
import subprocess
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from drivers.printer.profile import load_printer_profile
from sim.stories.patience import LIMIT_S

PROGRAM = Path(__file__).parents[3] / "build" / "emupos" / "bin" / "emupos"
_PAGES = "{0: PC437, 2: PC850, 5: PC865, 16: WPC1252, 19: PC858}"


@dataclass
class Emupos:
    """A running program: a printer for each of our profiles, by name."""

    folder: Path
    ports: dict[str, int]
    api: int
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Raises AssertionError where it does not come up."""
        devices = []
        for name, port in self.ports.items():
            (self.folder / f"{name}.yaml").write_text(_profile(load_printer_profile(name).dots))
            devices.append(_device(name, port))
        config = self.folder / "emupos.yaml"
        config.write_text(f"schema: 1\napi: {{ port: {self.api} }}\ndevices:\n" + "".join(devices))
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen([PROGRAM, "run", "--config", config], stdout=log, stderr=log)
        until = time.monotonic() + LIMIT_S
        while not self._listens():
            still = self.process.poll() is None and time.monotonic() < until
            assert still, (self.folder / "log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(LIMIT_S)

    async def fault(self, name: str, fault: str, active: bool) -> None:
        """paper-near-end, paper-out, cover-open or offline."""
        await self._ask("PUT" if active else "DELETE", f"devices/{name}/faults/{fault}")

    async def receipts(self, name: str) -> int:
        return len(json.loads(await self._ask("GET", f"devices/{name}/receipts")))

    async def latest(self, name: str) -> tuple[Image.Image, str]:
        """The newest paper, and what words it says are on it."""
        path = self.folder / "latest.png"
        path.write_bytes(await self._ask("GET", f"devices/{name}/receipts/latest/image"))
        text = (await self._ask("GET", f"devices/{name}/receipts/latest/text")).decode()
        return Image.open(path), text

    async def _ask(self, method: str, what: str) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.api}/api/v1/{what}", method=method)

        def ask() -> bytes:
            with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
                return bytes(answer.read())

        return await asyncio.to_thread(ask)

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.api), 1):
            return True
        return False


def _device(name: str, port: int) -> str:
    return (
        f"- id: {name}\n  type: printer\n  profile: ./{name}.yaml\n  receipts_dir: ./receipts\n"
        f"  connections: [{{ tcp: {{ port: {port} }} }}]\n"
    )


def _profile(dots: int) -> str:
    return (
        f"type: printer\nname: of {dots} dots\ndpi: 203\nwidth_dots: {dots}\n"
        "font_a: { width: 12, height: 24 }\nfont_b: { width: 9, height: 17 }\n"
        f"code_pages: {_PAGES}\ndefault_code_page: 0\ndrawer_sensor_open_level: high\n"
    )
