"""Fixtures of the tests of alerts."""

from tests.fakes.server.alert_monitor import desk

__all__ = ["desk"]
