"""The driver with a made-up board."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.cabinet import board_connection as connection
from drivers.cabinet import driver
from drivers.cabinet.port import CabinetReady
from sim.stories.patience import LIMIT_S
from tests.fakes.cabinet.board_bench import BoardBench


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board that answers is waited for: it may be a process on a machine that is busy."""
    for name in ("ANSWER_S", "DOOR_S", "FIRST_LOOK_S"):
        monkeypatch.setattr(driver, name, LIMIT_S)


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BoardBench]:
    monkeypatch.setattr(connection, "RETRY_S", 0.02)
    monkeypatch.setattr(connection, "MEND_RETRY_S", 0.02)
    bench = BoardBench(tmp_path)
    yield bench
    await bench.cabinet.close()
    bench.cable.pull()


@pytest.fixture
async def ready(bench: BoardBench) -> BoardBench:
    bench.cable.plug()
    bench.cabinet.start()
    assert isinstance(await bench.cabinet.state(), CabinetReady)
    return bench
