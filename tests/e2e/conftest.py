"""Fixtures of the end-to-end tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.fleet.region import Region


@pytest.fixture
def region() -> Iterator[Region]:
    """A made-up region; nothing runs yet. Its folder has a short name: the bench's socket may have 108 letters (unix(7))."""
    with tempfile.TemporaryDirectory(prefix="kk-") as folder:
        yield Region(Path(folder))


@pytest.fixture
def served(region: Region) -> Iterator[Region]:
    """The same, with its fleet server running."""
    with region.serve():
        yield region
