"""Differences between what the store holds and what its own chains say that it should hold.

>>> str(Difference("missing", "entre-a", "events", "1:5"))
'entre-a: events 1:5: is not there'
>>> str(Difference("differs", "entre-a", "chains", "1", "highest", "9", "8"))
"entre-a: chains 1: highest is '9', should be '8'"
"""

from typing import Literal, get_args

import msgspec

Fault = Literal[
    "missing", "extra", "differs", "unreadable", "broken", "altered", "gone", "kept", "unrecorded", "unproved"
]  # fmt: skip
"""What is wrong with a row:
- `missing`: it should be there. `extra`: nothing vouches for it. `differs`: a column says something else.
- `unreadable`: the envelope of an event is none. `altered`: its content does not fit the hash in it.
- `broken`: the link between two events of a chain, or to an entry of the audit.
- `gone`: content is not there and nothing says that it was erased. `kept`: said to be erased, and there.
- `unrecorded`: said to be erased, and the audit does not know of it. `unproved`: a signature that does not hold."""

FAULTS: tuple[Fault, ...] = get_args(Fault)

_WORDS: dict[Fault, str] = {
    "missing": "is not there",
    "extra": "is there, and nothing vouches for it",
    "unreadable": "cannot be read",
    "broken": "the chain is broken here",
    "altered": "data and salt do not fit the hash in the envelope",
    "gone": "its content is gone, and nothing says that it was erased",
    "kept": "is said to be erased, and its content is there",
    "unrecorded": "was erased, and the audit does not know of it",
    "unproved": "the signature does not hold",
}


class Difference(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One row, or one column of it. `station` is empty where the row belongs to none; `key` is the rest of the row's key:
    `EPOCH:SEQUENCE` (or a range of it) of what has a place in a chain. Values are told of columns that hold no content."""

    fault: Fault
    station: str
    table: str
    key: str
    column: str = ""
    stored: str | None = None
    expected: str | None = None

    def __str__(self) -> str:
        row = f"{self.station}: {self.table} {self.key}".removeprefix(": ").rstrip()
        if self.fault != "differs":
            return f"{row}: {_WORDS[self.fault]}"
        return f"{row}: {self.column} is {self.stored!r}, should be {self.expected!r}"
