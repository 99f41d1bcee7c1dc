"""Durable try counter against brute force, for cards whose own counter cannot be read safely (reliability I1).

A count grows *before* a code goes to the card, so that a power cut errs on the safe side, and is corrected by the
card's own answer. The station keeps it durably, by card number; the default here forgets at the end of the program.

>>> ledger = MemoryLedger()
>>> ledger.spend("9752 (made up)", "02"); ledger.used("9752 (made up)", "02")
1
"""

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from drivers.reader.errors import LedgerError

UNREADABLE = 15
"""Tries that count as used where the station's own count is lost."""


class TryLedger(Protocol):
    """Tries used per card and code. `card` is the card number (the chip's serial where it has none), `code` names one of its
    codes. Called from the threads of all readers, maybe at once. Each method raises LedgerError, and nothing else, where it
    cannot count."""

    def used(self, card: str, code: str) -> int:
        """Tries that may have been used since the code was last right."""

    def spend(self, card: str, code: str) -> None:
        """Count one more, durably, before the command is sent."""

    def settle(self, card: str, code: str, used: int) -> None:
        """Set the count to what the card itself has said."""


class MemoryLedger:
    """Counts for as long as the program runs."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str], int] = {}

    def used(self, card: str, code: str) -> int:
        return self._used.get((card, code), 0)

    def spend(self, card: str, code: str) -> None:
        self._used[card, code] = self.used(card, code) + 1

    def settle(self, card: str, code: str, used: int) -> None:
        self._used[card, code] = used


class FileLedger:
    """Counts in a small file, replaced as a whole at each change, so that they outlive program and power.

    A file that cannot be understood counts every code as used up: the strict side is the safe one. Readers of one program
    and programs on one machine may share the file: each change is made alone, under a lock beside it (`.lock`).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._alone = threading.Lock()

    def used(self, card: str, code: str) -> int:
        counts = self._read()
        return UNREADABLE if counts is None else counts.get(f"{card}/{code}", 0)

    def spend(self, card: str, code: str) -> None:
        self._change(f"{card}/{code}", lambda used: used + 1)

    def settle(self, card: str, code: str, used: int) -> None:
        self._change(f"{card}/{code}", lambda _before: used)

    def _change(self, key: str, change: Callable[[int], int]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._alone, self._locked():
                counts = self._read()
                if counts is not None:
                    self._write(counts | {key: change(counts.get(key, 0))})
        except OSError as reason:
            raise LedgerError(f"the count of tries cannot be kept: {reason.strerror}") from reason

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """No other program changes the file meanwhile."""
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, counts: dict[str, int]) -> None:
        draft = self._path.with_suffix(".new")
        with draft.open("w", encoding="utf-8") as file:
            json.dump({key: count for key, count in counts.items() if count}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        _sync(self._path.parent)

    def _read(self) -> dict[str, int] | None:
        try:
            counts = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError):
            return None
        sound = isinstance(counts, dict) and all(isinstance(count, int) and count >= 0 for count in counts.values())
        return counts if sound else None


def _sync(folder: Path) -> None:
    """Without it a power cut may bring the file that was replaced back."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
