"""Ten thousand stations known: what the server takes of memory with fifty dashboards open, and how soon a browser shows the list.

The stations are written into the store as their states would be. Each dashboard follows the feed and reads the overview and the
list, as a page does, all at the same time, while stations keep changing. Memory is what the kernel counts of each process, at its
peak for the server's. The browser is Debian's chromium with an empty cache, over plain HTTP as behind a proxy: interactive is
when the page and its scripts are loaded; the bytes are those of all answers as they came over the wire.
"""

import asyncio
import http.client
import itertools
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import psutil
from playwright.async_api import Browser, Error, async_playwright

from benches.crowd import run_program
from benches.figures import CannotMeasureError, Figure, with_limit
from benches.shares import family
from fleet.messages.link import DeviceState, SlotState, StationState, encode
from fleet.messages.vocabulary import DeviceKind, DeviceStatus
from fleet.server.database.database import FILE_NAME, open_database
from fleet.server.ingest.parse import Arrival, ArrivedPresence, ArrivedState
from fleet.server.ingest.write import Writer
from tests.fakes.fleet.region import Region
from tests.fakes.server.visitors import COOKIE

STATIONS = 10_000
DASHBOARDS = 50
PAGES = ("/", "/stations")
ROUNDS = 5
AT_ONCE = 500
WAIT_S = 60.0
LISTS = {
    "first page": "/stations",
    "filtered and sorted": "/stations?q=station+7&sort=-heard",
    "sorted by title": "/stations?sort=title",
}
CHROMIUM = Path("/usr/bin/chromium")
MEGA = 1 << 20


def measure(folder: Path) -> list[Figure]:
    region = Region(folder / "region")
    _know(region)
    with region.serve() as server:
        return [*_listed(region, server), *_memory(region, server)]


def _know(region: Region) -> None:
    """All stations: one in twenty is away, one in fifty has no paper."""
    with open_database(region.places.fleet_data / FILE_NAME) as database:
        writer = Writer(database)
        for first in range(0, STATIONS, AT_ONCE):
            some = range(first, min(first + AT_ONCE, STATIONS))
            writer.commit([arrival for number in some for arrival in _station(number)], datetime.now(UTC))


def _station(number: int, errand: str | None = None) -> list[Arrival]:
    paper = bool(number % 50)
    name = f"bench-{number:05d}"
    devices = (
        DeviceState("Reader", DeviceKind.READER, DeviceStatus.READY, ok=True, virtual=True),
        DeviceState(
            "Printer",
            DeviceKind.PRINTER,
            DeviceStatus.READY if paper else DeviceStatus.OUT_OF_PAPER,
            ok=paper,
            virtual=True,
        ),
    )
    state = StationState(
        title=f"Station {number}", version="bench", bootid="boot-1", time="2026-01-01T08:00:00Z", errand=errand,
        devices=devices,
        slots=tuple(SlotState(slot, "present" if slot % 3 else "empty", "closed") for slot in range(1, 9)),
    )  # fmt: skip
    return [ArrivedPresence(name, number % 20 != 0), ArrivedState(name, encode(state).decode())]


def _memory(region: Region, server: "subprocess.Popen[str]") -> list[Figure]:
    cookie = f"{COOKIE}={region.session}"
    with run_program("benches.dashboards", region.http, region.cookies(DASHBOARDS), DASHBOARDS), _changing(region):
        for _ in range(ROUNDS):
            _read_all(region, cookie)
        children = {process.name(): process.memory_info().rss / MEGA for process in family(server.pid)[1:]}
        peak = _peak(server.pid)
    beside = ", ".join(f"{name} {size:.0f}" for name, size in children.items())
    about = f"{STATIONS:,} stations known, {DASHBOARDS} dashboards; its children beside it: {beside} MB"
    now = psutil.Process(server.pid).memory_info().rss / MEGA
    return [
        with_limit(Figure("memory of the server, at its peak", peak, "MB", about), 400.0),
        Figure("memory of the server, after it", now, "MB"),
    ]


@contextmanager
def _changing(region: Region) -> Iterator[None]:
    """Stations keep changing, some each tick, in a thread."""
    ended = threading.Event()

    def change() -> None:
        with open_database(region.places.fleet_data / FILE_NAME) as database:
            writer = Writer(database)
            for number in itertools.cycle(range(STATIONS)):
                if ended.wait(0.2):
                    return
                writer.commit(_station(number, "pickup"), datetime.now(UTC))

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _read_all(region: Region, cookie: str) -> None:
    """Every dashboard its page, all at the same time."""

    def read(number: int) -> int:
        line = http.client.HTTPConnection("127.0.0.1", region.http, timeout=WAIT_S)
        line.request("GET", PAGES[number % len(PAGES)], headers={"Cookie": cookie, "HX-Request": "true"})
        answer = line.getresponse()
        size = len(answer.read())
        line.close()
        if answer.status != HTTPStatus.OK:
            raise CannotMeasureError(f"a page is answered by {answer.status}")
        return size

    with ThreadPoolExecutor(DASHBOARDS) as readers:
        list(readers.map(read, range(DASHBOARDS)))


def _peak(pid: int) -> float:
    """Megabytes (proc_pid_status(5), VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def _listed(region: Region, server: "subprocess.Popen[str]") -> list[Figure]:
    if not CHROMIUM.exists():
        raise CannotMeasureError("no browser is installed (Debian package chromium)")
    try:
        return asyncio.run(_browse(region))
    except Error as error:
        raise CannotMeasureError(f"the browser cannot be used: {str(error).splitlines()[0]}") from None


async def _browse(region: Region) -> list[Figure]:
    figures = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        await _visit(browser, region, LISTS["first page"])  # warms browser and server
        for name, path in LISTS.items():
            visits = [await _visit(browser, region, path) for _ in range(ROUNDS)]
            seconds, bytes_ = (statistics.median(values) for values in zip(*visits, strict=True))
            about = f"list of {STATIONS:,}, {name}"
            figures += [
                with_limit(
                    Figure(f"{about}: interactive", seconds, "s", "cold cache; longest " + _longest(visits)), 0.5
                ),
                with_limit(
                    Figure(f"{about}: over the wire", bytes_ / 1000, "kB", "page, style, scripts, icons"), 100.0
                ),
            ]
        await browser.close()
    return figures


def _longest(visits: Sequence[tuple[float, int]]) -> str:
    return f"{max(seconds for seconds, _ in visits):.2f} s"


async def _visit(browser: Browser, region: Region, path: str) -> tuple[float, int]:
    """Seconds until the page and its scripts are loaded, and the bytes of all answers."""
    context = await browser.new_context()
    await context.add_cookies([region.cookie])
    page = await context.new_page()
    watch = await context.new_cdp_session(page)
    sizes: list[int] = []
    watch.on("Network.loadingFinished", lambda event: sizes.append(_size(event)))
    await watch.send("Network.enable")
    began = time.perf_counter()
    await page.goto(region.url(path), wait_until="load")
    await page.locator("#stations tbody tr").first.wait_for()
    seconds = time.perf_counter() - began
    await context.close()
    return seconds, sum(sizes)


def _size(event: Any) -> int:
    return int(event["encodedDataLength"])
