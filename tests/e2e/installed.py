"""From power on to in service without a keyboard: a new station's own program and window, real touches, a whole fleet server.

Once as it should go, and once with the power cut at each view: `make faults`.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kiosk.config import load
from provisioning.est.claim_codes import Claim
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.display import virtual_display
from tests.fakes.server.enrolment_desk import Desk, fleet_with_desk

pytestmark = [pytest.mark.screen, pytest.mark.broker, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]
SHIPPED = """
[station]
assistant = true
[display]
fullscreen = false
position = [0, 0]
[readers]
holder = "virtual"
[printer]
kind = "virtual"
[cabinet]
kind = "virtual"
"""
"""As an image ships one, with virtual devices."""
ANSWERS = {
    "setup.language": "en",
    "setup.network": "keep",
    "setup.tested": "next",
    "setup.printed_page": "yes",
    "setup.slots": "yes",
    "setup.ready": "start",
}


VIEWS = (
    "setup.language", "setup.network", "setup.server", "setup.station", "setup.code", "setup.joining", "setup.approve",
    "setup.testing", "setup.tested", "setup.printed_page", "setup.slots", "setup.comparing_time", "setup.ready",
)  # fmt: skip


@pytest.mark.parametrize("cut_at", ["", *VIEWS])
async def test_a_new_station_is_touched_into_service(cut_at: str, tmp_path: Path) -> None:
    file = tmp_path / "station/station.toml"
    file.parent.mkdir()
    file.write_text(SHIPPED)
    with virtual_display() as display:
        async with fleet_with_desk(tmp_path) as desk, asyncio.timeout(LIMIT_S):
            claim = Claim.parse(await asyncio.to_thread(desk.claim, "entre-a"))
            typed = {"setup.server": claim.server.removeprefix("https://"), "setup.station": "entre-a"}
            answers = {**ANSWERS, **typed, "setup.code": str(claim.code).replace("-", "")}
            if cut_at:
                async with power_on(display, file, answers) as process:
                    assert cut_at in await watch(process, desk, until=cut_at)
                    process.kill()
            async with power_on(display, file, answers) as process:
                views = await watch(process, desk, until="setup.ready") if cut_at != "setup.ready" else []
                while not await asyncio.to_thread(desk.receives_visitors, "entre-a"):  # noqa: ASYNC110  # a store
                    await asyncio.sleep(0.1)
    assert tuple(views) == VIEWS or cut_at
    assert load(file).station.title == "entre-a"


@asynccontextmanager
async def power_on(display: str, file: Path, answers: dict[str, str]) -> AsyncIterator[Process]:
    """The station's program, until the context ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.fakes.screens.installing", str(file), json.dumps(answers),
        cwd=ROOT, env={**os.environ, "DISPLAY": display, "PYTHONPATH": str(ROOT)}, stdout=PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def watch(process: Process, desk: Desk, *, until: str) -> list[str]:
    """The views that were seen; the key that the screen shows is approved at the dashboard, where it is the same."""
    assert process.stdout is not None
    views: list[str] = []
    while not views or views[-1] != until:
        line = await process.stdout.readline()
        assert line, f"the station ended after {views}"
        told = json.loads(line)
        if told["view"] not in views[-1:]:  # drawn anew for each device
            views.append(told["view"])
        if told["view"] == "setup.approve" and until != "setup.approve":
            station, key = told["facts"][:2]
            assert await asyncio.to_thread(desk.approve, station, key)
    return views
