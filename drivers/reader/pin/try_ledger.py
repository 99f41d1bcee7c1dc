"""Durable try counter against brute force, for cards whose own counter cannot be read safely (reliability I1).

A count grows *before* a code goes to the card, so that a power cut errs on the safe side, and is corrected by the
card's own answer. The station keeps it durably; the default here forgets at the end of the program. A card is named by
all that tells it from another, since serial numbers may be those of a whole batch.

>>> ledger, card = MemoryLedger(), name_in_ledger(bytes.fromhex("3B00"), "0000", bytes((1,)))
>>> ledger.spend(card, "02"); ledger.used(card, "02"), card
(1, '3B00:0000:01')
"""

import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from drivers.reader.errors import LedgerError
from drivers.reader.system import only_program, sync_folder

UNREADABLE = 15
"""Tries that count as used where the station's own count is lost."""
LOCKED = 255
"""Tries that count as used where the card itself said that none are left: more than any card has."""


def name_in_ledger(atr: bytes, serial: str, digest: bytes) -> str:
    """The name under which a card is counted; `digest` is over its certificates."""
    return f"{atr.hex().upper()}:{serial}:{digest.hex().upper()}"


class TryLedger(Protocol):
    """Tries used per card (`name_in_ledger`) and code. Called from the threads of all readers, maybe at once. Each method raises
    LedgerError, and nothing else, where it cannot count."""

    def used(self, card: str, code: str) -> int:
        """Tries that may have been used since the code was last right."""

    def spend(self, card: str, code: str) -> None:
        """Count one more, durably, before the command is sent."""

    def settle(self, card: str, code: str, used: int) -> None:
        """Set the count to what the card itself has said."""

    def carry(self, former: str, card: str) -> bool:
        """Count for `card` at least what is counted under its former name; whether there was anything."""


Counts = dict[str, int]
"""By card and code, as `CARD/CODE`."""


def _carried(counts: Counts, former: str, card: str) -> Counts:
    """Return what `card` has to be counted at least, by what is counted for `former`."""
    start = f"{former}/"
    renamed = {f"{card}/{key.removeprefix(start)}": used for key, used in counts.items() if key.startswith(start)}
    return {key: max(used, counts.get(key, 0)) for key, used in renamed.items() if used}


class MemoryLedger:
    """Counts for as long as the program runs."""

    def __init__(self) -> None:
        self.counts: Counts = {}

    def used(self, card: str, code: str) -> int:
        return self.counts.get(f"{card}/{code}", 0)

    def spend(self, card: str, code: str) -> None:
        self.settle(card, code, self.used(card, code) + 1)

    def settle(self, card: str, code: str, used: int) -> None:
        self.counts[f"{card}/{code}"] = used

    def carry(self, former: str, card: str) -> bool:
        carried = _carried(self.counts, former, card)
        self.counts |= carried
        return bool(carried)


class FileLedger:
    """Counts in a small file, replaced as a whole at each change, so that they outlive program and power.

    A file that cannot be understood, or whose checksum does not fit (one flipped bit would forget tries), counts every code as
    used up: the strict side is the safe one. Readers of one program
    and programs on one machine may share the file: each change is made alone, under a lock beside it (`.lock`).
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._alone = threading.Lock()

    @property
    def is_readable(self) -> bool:
        """True while the file is what was written. Where it is not, nothing is counted in it any more."""
        return self._read() is not None

    def used(self, card: str, code: str) -> int:
        counts = self._read()
        return UNREADABLE if counts is None else counts.get(f"{card}/{code}", 0)

    def spend(self, card: str, code: str) -> None:
        key = f"{card}/{code}"
        self._change(lambda counts: {key: counts.get(key, 0) + 1})

    def settle(self, card: str, code: str, used: int) -> None:
        self._change(lambda _counts: {f"{card}/{code}": used})

    def carry(self, former: str, card: str) -> bool:
        if not _carried(self._read() or {}, former, card):
            return False
        self._change(lambda counts: _carried(counts, former, card))
        return True

    def _change(self, change: Callable[[Counts], Counts]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._alone, only_program(self._path.with_suffix(".lock")):
                counts = self._read()
                if counts is not None:
                    self._write(counts | change(counts))
        except OSError as reason:
            raise LedgerError(f"the count of tries cannot be kept: {reason.strerror}") from reason

    def _write(self, counts: Counts) -> None:
        draft = self._path.with_suffix(".new")
        with draft.open("w", encoding="utf-8") as file:
            kept = {key: count for key, count in counts.items() if count}
            json.dump({"counts": kept, "sha256": _digest(kept)}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        sync_folder(self._path.parent)  # else a power cut may bring the file that was replaced back

    def _read(self) -> Counts | None:
        try:
            kept = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(kept, dict):
            return None
        counts, digest = kept, None
        if kept.keys() == {"counts", "sha256"}:  # an earlier version wrote the counts alone
            counts, digest = kept["counts"], kept["sha256"]
        sound = isinstance(counts, dict) and all(isinstance(count, int) and count >= 0 for count in counts.values())
        return counts if sound and digest in (None, _digest(counts)) else None


def _digest(counts: Counts) -> str:
    return hashlib.sha256(json.dumps(counts, sort_keys=True).encode()).hexdigest()
