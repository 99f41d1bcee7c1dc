"""Fixtures that every part of the tests may ask for, and the sharing out of tests between processes."""

from typing import Any

import pytest

from tests.fakes.pcsc import pcscd
from tests.fakes.postgres import postgres
from tests.left_behind import Guard
from tests.sharing import ByGroup, long_ones_first

__all__ = ["pcscd", "postgres"]


def pytest_configure(config: pytest.Config) -> None:
    """A plugin of its own: what stands here is not asked about fixtures of the whole run."""
    config.pluginmanager.register(Guard(), "left_behind")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones first."""
    long_ones_first(items)


@pytest.hookimpl(optionalhook=True)  # asked where several processes run the tests
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByGroup:
    """A group of tests at a time."""
    return ByGroup(config, log)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Long bytes go by the argument's name: what they hold may differ between processes, and all must find the same tests."""
    return argname if isinstance(val, bytes) and len(val) > 16 else None
