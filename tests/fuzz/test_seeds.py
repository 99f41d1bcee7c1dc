"""What fuzzing has found, and what it starts from, is read without a fault; atheris is not needed for it."""

from pathlib import Path

import pytest

from campaigns.fuzz.targets import TARGETS

SEEDS = Path(__file__).parents[2] / "campaigns" / "fuzz" / "seeds"
SMALL = 8192


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_gives_a_value_or_the_parsers_own_error(name: str) -> None:
    seeds = sorted((SEEDS / name).iterdir())
    assert seeds, "a target without seeds"
    for seed in [b"", b"\0", *(path.read_bytes() for path in seeds)]:
        TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
def test_a_seed_that_ends_early_does_no_harm(name: str) -> None:
    for path in sorted((SEEDS / name).iterdir())[:4]:
        whole = path.read_bytes()
        for end in range(0, len(whole), max(1, len(whole) // 16)):
            TARGETS[name](whole[:end])


def test_seeds_are_small_and_belong_to_a_target() -> None:
    assert {folder.name for folder in SEEDS.iterdir()} == set(TARGETS)
    assert [path for path in SEEDS.rglob("*") if path.is_file() and path.stat().st_size > SMALL] == []
