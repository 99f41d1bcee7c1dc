"""Bundles as the server has them, and the interface that pages and programs use."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from fleet.messages.commands import UpdateOrder


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """One bundle. `sha256`: of the whole file, as 64 hex digits; `size` in bytes."""

    compatible: str
    version: str
    sha256: str
    size: int
    added: datetime


class Bundles(Protocol):
    """Bundles from which stations are updated."""

    def all(self) -> list[StoredBundle]:
        """The newest first."""

    def order(self, sha256: str, *, older: bool = False, now: bool = False) -> UpdateOrder | None:
        """Return that bundle as a command names it; None where there is no such bundle, or nothing is served."""


class NoBundles:
    """Of a server that serves none."""

    def all(self) -> list[StoredBundle]:
        return []

    def order(self, sha256: str, *, older: bool = False, now: bool = False) -> UpdateOrder | None:
        return None
