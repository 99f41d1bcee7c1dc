"""A whole made-up region on loopback for end-to-end tests: authority, broker, fleet server, an enrolled station's folder.

The fleet server is the real program in a process of its own, so that a test may kill it.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fleet.agent.identity import Broker
from fleet.server.database.database import FILE_NAME
from fleet.server.live_feed.hub import MOST_OF_ONE
from fleet.server.stations.service import add_stations
from fleet.server.store_cli import IMPORTS
from provisioning.authority import Authority
from provisioning.enrol import enrol
from sim.demo import seed
from sim.demo.issuer import SEED
from sim.reader.personas import person
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.ports import free_port
from tests.fakes.server.databases import new_store
from tests.fakes.server.visitors import COOKIE, audience, keys_to

SERVER = (sys.executable, "-m", "fleet.server.cli")
KIOSK = (sys.executable, "-m", "kiosk.cli")


def everybody_is_here(seed: Path) -> None:
    """Nobody of the demonstration's people has left: each of them is handed a card."""
    content = json.loads(seed.read_bytes())
    for one in content["people"]:
        one.pop("left", None)
    seed.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def activated_elsewhere(seed: Path, numbers: Collection[int]) -> None:
    """The register says that the new cards of these people are active: they have every errand, though their orders are open."""
    content = json.loads(seed.read_bytes())
    cards = {person(number).new.card_number for number in numbers}
    content["cards"] = [one | ({"state": "active"} if one["card_number"] in cards else {}) for one in content["cards"]]
    seed.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


class Region:
    """Folders and ports; `serve` runs the server, `walk` an errand at the station."""

    def __init__(
        self, folder: Path, *, verify: str = "server", through: int | None = None, posted: tuple[int, ...] = (),
        prepare: Callable[[seed.DemoRegion], None] = lambda places: None, imported_ago: timedelta = timedelta(),
    ) -> None:  # fmt: skip
        """`through`: the port by which stations reach the broker, where something stands between; `posted`: whose new cards
        came by post; `prepare` changes the files that are imported, `imported_ago` before now."""
        self.mqtt, self.http = free_port(), free_port()
        self.stations_port = through or self.mqtt
        self.issuer_ports = free_port(), free_port()
        self.server_environment: dict[str, str] = {}
        """What the fleet server is started with beside this process's own environment."""
        authority = folder / "card-authority"
        self.places = seed.seed(
            folder, datetime.now(UTC), mqtt_port=self.stations_port, verify=verify, cards=authority, posted=posted
        )
        prepare(self.places)
        self.cards = folder / "cards"
        self.cards.mkdir()
        self.environment = {**os.environ, "KORTKIOSK_TEST_AUTHORITY": str(authority)}
        self.places.fleet_data.mkdir(mode=0o700)
        with closing(new_store(self.places.fleet_data / FILE_NAME)) as database:
            with database.writing.begin() as connection:
                add_stations(connection, [seed.STATION])
            for what, file in (
                ("import-orders", self.places.orders),
                ("import-administrators", self.places.administrators),
            ):
                store = IMPORTS[what](file.read_bytes())
                with database.writing.begin() as connection:
                    store(connection, datetime.now(UTC) - imported_ago)
        self.session, self.token = keys_to(self.places.fleet_data, datetime.now(UTC))

    @contextmanager
    def serve(self, *more: str) -> Iterator["subprocess.Popen[str]"]:
        """The fleet server, with the issuer where one has been started and more arguments. Yields its process.

        Raises AssertionError where in the end it works in a file that somebody deleted.
        """
        arguments = ["serve", "--unseparated", "--data", self.places.fleet_data, "--authority", self.places.authority]
        arguments += ["--mqtt", f"127.0.0.1:{self.mqtt}", "--http", f"127.0.0.1:{self.http}", *more]
        settings = self.places.issuer / "issuer.toml"
        with self._running("server", *arguments, *(("--issuer", settings) if settings.exists() else ())) as process:
            yield process
            assert not (lost := _deleted_stores(process.pid)), lost

    @contextmanager
    def issuer(self) -> Iterator["subprocess.Popen[str]"]:
        """The simulated issuer: start it before the server."""
        with self._running(
            "issuer", "issuer-simulator", "--data", self.places.issuer, "--seed", self.places.issuer / SEED,
            "--cards-authority", self.places.folder / "card-authority",
            "--secure", f"127.0.0.1:{self.issuer_ports[0]}", "--public", f"127.0.0.1:{self.issuer_ports[1]}",
        ) as process:  # fmt: skip
            yield process

    @contextmanager
    def _running(self, name: str, *arguments: object) -> Iterator["subprocess.Popen[str]"]:
        """A program, from its word that it is ready until it has ended."""
        log = (self.places.folder / f"{name}.log").open("a")
        more = self.server_environment if name == "server" else {}
        command = [*SERVER, *map(str, arguments)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **more} if more else None
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("ready"), (self.places.folder / f"{name}.log").read_text()
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(LIMIT_S)
            finally:
                process.kill()  # one that would not end; of one that has, nothing
            log.close()
            if process.stdout is not None:
                process.stdout.close()

    def another_station(self, name: str) -> Path:
        """Enrol one more station, with devices and settings as the first. Gives its `station.toml`."""
        authority, config, now = (
            Authority(self.places.authority),
            self.places.folder / name / "station.toml",
            datetime.now(UTC),
        )
        enrol(
            authority,
            config.parent / "identity",
            Broker("localhost", self.stations_port),
            authority.claim(name, now),
            now,
        )
        config.write_bytes(self.places.config.read_bytes())
        return config

    def walk(
        self, answers: Path, reader: str = "virtual", *more: str, config: Path | None = None, errand: str = "pickup"
    ) -> tuple[int, list[dict[str, Any]], str]:
        """An errand at that station, else the first. Exit code, the lines of JSON, and what was said on standard error."""
        done = subprocess.run(
            [*KIOSK, "walk", errand, "--reader", reader, "--answers", str(answers),
             "--config", str(config or self.places.config), "--json", *more],
            capture_output=True, text=True, env=self.environment, timeout=LIMIT_S,
        )  # fmt: skip
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    def api(self, path: str) -> Any:
        """What the server's API says."""
        request = urllib.request.Request(self.url(f"/api/v1/{path}"), headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def becomes(self, path: str, reached: Callable[[Any], bool]) -> Any:
        """What the server's API says once it is so: it hears of an errand a little after the person has gone."""
        until = time.monotonic() + LIMIT_S
        while not reached(said := self.api(path)):
            assert time.monotonic() < until, said
            time.sleep(0.05)
        return said

    def page(self, path: str, cookie: str = "") -> bytes:
        """What a page answers to an administrator, or to whoever has that cookie (NAME=VALUE)."""
        request = urllib.request.Request(self.url(path), headers={"Cookie": cookie or f"{COOKIE}={self.session}"})
        with urllib.request.urlopen(request) as answer:
            content: bytes = answer.read()
        return content

    def cookies(self, dashboards: int) -> str:
        """Of people enough for so many open dashboards, as `benches.dashboards` takes them."""
        people = audience(self.places.fleet_data, datetime.now(UTC), -(-dashboards // MOST_OF_ONE))
        return ",".join(f"{COOKIE}={one}" for one in people)

    @property
    def cookie(self) -> dict[str, str]:
        """What a browser is given to be signed in."""
        return {"name": COOKIE, "value": self.session, "url": self.url()}

    def url(self, path: str = "/") -> str:
        """The address of a page."""
        return f"http://127.0.0.1:{self.http}{path}"


def answers(folder: Path, person: int, *, puk: str, old_pin: str = "246813", new_pin: str = "314159") -> Path:
    """An answers file for that person's pick-up, from the documented example, with these codes."""
    example = Path(__file__).parents[3] / "kiosk" / "errands" / "pickup" / "walk.toml"
    text = example.read_text(encoding="utf-8")
    for old, new in (
        ("order = 1,", f"order = {person},"), ('"old.json"', f'"old-{person}.json"'), ('"new.json"', f'"new-{person}.json"'),
        ("20260001", f"20260{person:03d}"), ("13579201", puk), ("314159", new_pin), ("246813", old_pin),
    ):  # fmt: skip
        assert old in text
        text = text.replace(old, new)
    path = folder / f"pickup-{person}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _deleted_stores(pid: int) -> list[str]:
    """Files of stores that a program has open and that have no name any more; none of a program that has ended."""
    found = []
    for handle in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(OSError):  # closed meanwhile
            found.append(str(handle.readlink()))
    return [name for name in found if ".sqlite" in name and name.endswith(" (deleted)")]
