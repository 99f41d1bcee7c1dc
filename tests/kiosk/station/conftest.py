"""A made-up region and its bench."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sim.bench.virtual_bench import VirtualBench
from sim.demo.seed import DemoRegion, scenario, seed


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> DemoRegion:
    return seed(tmp_path_factory.mktemp("region"), datetime.now(UTC), mqtt_port=1)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[VirtualBench]:
    return VirtualBench.open(tmp_path / "bench", scenario(), datetime.now(UTC))
