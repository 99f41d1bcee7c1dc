"""Fixtures that every part of the tests may ask for, and the sharing out of tests between processes."""

import gc
import os
import signal
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.fakes.cards.pcsc import pcscd
from tests.fakes.server.postgres import postgres
from tests.left_behind import Guard
from tests.sharing import ByGroup, long_ones_first

__all__ = ["pcscd", "postgres"]

# How long an example takes says how busy the machine is. Continuous integration tries the same examples each time, so that what
# it says is of the change that it looks at; new ones are looked for everywhere else, and by the campaigns.
settings.register_profile(
    "kortkiosk", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("kortkiosk")

# As the programs do (`fleet.subcommands`).
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def pytest_configure(config: pytest.Config) -> None:
    """A plugin of its own: what stands here is not asked about fixtures of the whole run."""
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # run in the background of a shell; what we start would ignore it too
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(Guard(), "left_behind")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays to the end: the collector need not look through it again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones first. From here on the collector works, on what comes."""
    long_ones_first(items)
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)  # asked where several processes run the tests
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByGroup:
    """A group of tests at a time."""
    return ByGroup(config, log)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Long bytes go by the argument's name: what they hold may differ between processes, and all must find the same tests."""
    return argname if isinstance(val, bytes) and len(val) > 16 else None
