"""What a counter with cards is made of, for random sequences: cards, what people type, what goes wrong, and a disk.

>>> TYPED["short"]
'1234'
"""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Literal

from hypothesis import strategies as st

from drivers.reader.outcomes import Role
from drivers.reader.pin.try_ledger import FileLedger
from sim.reader.card_factory import make_memory
from sim.reader.card_memory import CardMemory
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from tests.drivers.reader.conftest import NOW
from tests.fakes.cards.judge import Fault

SHORT_LIVED = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
"""Where a file that is synced a thousand times belongs."""
KINDS = ("A", "B", "C", "D", "B")
"""Of the cards; two are of one kind."""
CARDS = st.integers(0, len(KINDS) - 1)
ROLES = st.sampled_from([Role.IDENTIFICATION, Role.SIGNATURE])
PINS = st.sampled_from(
    ["right", "right", "right", "wrong", "wrong", "wrong", "short", "long", "letters", "empty", "puk"]
)
PUKS = st.sampled_from(["right", "right", "wrong", "wrong", "wrong", "short", "long", "empty", "pin"])
NEW = st.sampled_from(
    ["new", "new", "other", "other", "new", "other", "same", "short", "long", "letters", "easy", "empty"]
)
ANSWERS = st.sampled_from(["right", "right", "wrong", "short"])
WHEN: st.SearchStrategy[Literal["before", "during", "after"]] = st.sampled_from(["before", "during", "after"])
FAULT_NAMES: st.SearchStrategy[Literal["tear", "pull", "swap"]] = st.sampled_from(["tear", "pull", "swap"])
FAULTS = st.none() | st.builds(Fault, FAULT_NAMES, st.integers(0, 4), WHEN)
TYPED = {"wrong": "994167", "short": "1234", "long": "123456789012345678", "letters": "abcdef", "empty": "",
         "new": "975318", "other": "583921", "easy": "111111"}  # fmt: skip

TYPED_PUK = {"wrong": "99416703"}


@cache
def memories() -> tuple[CardMemory, ...]:
    """The cards as issued; their keys are made once."""
    authority = TestAuthority.create(NOW)
    personas = [replace(person(order).new, key_algorithm="EC-P256") for order in (6, 7, 8, 9, 10)]
    return tuple(make_memory(kind, persona, authority, NOW) for kind, persona in zip(KINDS, personas, strict=True))


class Disk(FileLedger):
    """A file on a disk that may be full."""

    full = False

    def _write(self, counts: dict[str, int]) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super()._write(counts)


def typed_pin(card: VirtualCard, entry: str) -> str:
    """What is typed where a PIN, old or new, is asked for."""
    codes = card.codes
    own = {"right": codes.pin, "same": codes.pin, "puk": codes.puk}
    return own[entry].value.decode() if entry in own else TYPED[entry]


def typed_puk(card: VirtualCard, entry: str) -> str:
    """What is typed where the PUK is asked for."""
    codes = card.codes
    own = {"right": codes.puk, "pin": codes.pin}
    return own[entry].value.decode() if entry in own else TYPED_PUK.get(entry, TYPED[entry])
