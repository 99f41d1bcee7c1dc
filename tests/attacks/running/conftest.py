"""One running whole for all attacks of a process."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.running.world import World, started


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """Its folder has a short name: a socket's may have 108 letters (unix(7))."""
    with tempfile.TemporaryDirectory(prefix="kk-") as folder, started(Path(folder)) as made:
        yield made
