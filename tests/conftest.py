"""Fixtures that every part of the tests may ask for."""

from tests.fakes.pcsc import pcscd

__all__ = ["pcscd"]
