"""The process is left as it was, as in the fleet's tests."""

from tests.fleet.conftest import process

__all__ = ["process"]
