"""Fixtures of the tests of the server's side of an issuer."""

from tests.fakes.issuers.server_side import place

__all__ = ["place"]
