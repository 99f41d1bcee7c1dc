"""Fixtures of the tests of maintenance windows."""

from tests.fakes.server.alert_monitor import desk

__all__ = ["desk"]
