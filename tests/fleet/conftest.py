"""What the fleet's programs change of the process that runs them, put back after each test."""

import logging
import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def process() -> Iterator[None]:
    """A program that a test runs in its own process sets up the log of that process, and what ends it."""
    handlers, level = logging.root.handlers[:], logging.root.level
    ends = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    logging.root.handlers[:], logging.root.level = handlers, level
    for number, handler in ends.items():
        signal.signal(number, handler)
