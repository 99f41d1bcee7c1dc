"""A small bench: one person with a letter and two cards, and an administrator."""

from datetime import UTC, datetime
from pathlib import Path

from sim.bench.virtual_bench import BenchLetter, Scenario, VirtualBench

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
SMALL = Scenario(
    slots={1: "6:new"},
    hand=("6:old", "13:new"),
    letters=(BenchLetter(6, "Folke Kurvholm", "9999000020260006", "13579206"),),
    slot_count=6,
)


def open_world(folder: Path) -> VirtualBench:
    """The small bench's world in that folder."""
    return VirtualBench.open(folder, SMALL, NOW)
