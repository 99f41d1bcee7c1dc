"""Fixtures of the end-to-end tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.region import Region


@pytest.fixture
def region(tmp_path: Path) -> Region:
    """A made-up region; nothing runs yet."""
    return Region(tmp_path / "region")


@pytest.fixture
def served(region: Region) -> Iterator[Region]:
    """The same, with its fleet server running."""
    with region.serve():
        yield region
