"""Programs that root's services are asked with."""

import asyncio
import time
from pathlib import Path

import pytest

from kiosk.station.image_slots import ServiceInstaller

TURNS = 12
"""Turns of the loop, more than asyncio needs from the end of a program to what waits for its output."""


@pytest.mark.parametrize("turns", range(TURNS))
async def test_a_stop_just_when_the_program_has_ended_is_a_stop(
    turns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "systemctl").write_text(f"#!/bin/sh\necho >{tmp_path}/runs\nexec sleep 0.1\n")
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    asked = asyncio.create_task(ServiceInstaller().reboot())
    while not (tmp_path / "runs").exists():  # noqa: ASYNC110  # another program writes it
        await asyncio.sleep(0.01)
    time.sleep(0.3)  # noqa: ASYNC251  # it ends while the loop does not look
    for _ in range(turns):
        await asyncio.sleep(0)
    asked.cancel()
    (outcome,) = await asyncio.gather(asked, return_exceptions=True)
    assert outcome is None or isinstance(outcome, asyncio.CancelledError)
