"""Erasure ledger: a file beside the store, so that a restored back-up can be made to forget again.

Rules: it says which places of which chains and which orders were erased, and when; never a person or a card. It is written before
the store is, durably: what is in it and not erased yet is erased by the next run. What goes by age needs no ledger: it goes again
by age.

>>> Erased("2026-06-01T10:00:00Z", station="entre-a", epoch=1, sequences=(3, 4, 5)).order is None
True
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

LEDGER_FILE = "erasures.jsonl"


class LedgerError(Exception):
    """The file cannot be used. The text names it, the line, and why."""


class Erased(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Sequences of one chain, or one order."""

    at: str
    station: str | None = None
    epoch: int | None = None
    sequences: tuple[int, ...] = ()
    order: str | None = None


def add_erasures(path: Path, entries: Iterable[Erased]) -> None:
    """Durable when this returns. Raises OSError."""
    raw = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def read_erasures(path: Path) -> Iterator[Erased]:
    """All entries; none where there is no file. Raises LedgerError."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise LedgerError(f"{path}: {error.strerror}") from None
    for number, line in enumerate(content.splitlines(), 1):
        try:
            yield msgspec.json.decode(line, type=Erased)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise LedgerError(f"{path}: line {number}: {error}") from None
