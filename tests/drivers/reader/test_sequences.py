"""Any sequence of entries, tears and swaps leaves reliability I1 and I2 intact, with the virtual card as judge.

KORTKIOSK_SEQUENCES says how many sequences are tried for each kind of card (10 000 and more take minutes).
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from drivers.reader.card_session import CardSession
from drivers.reader.channel import Channel
from drivers.reader.errors import ReaderError
from drivers.reader.inprocess import InProcessBackend
from drivers.reader.ledger import MemoryLedger
from drivers.reader.outcomes import Accepted, CodeOutcome, Role, Unknown
from drivers.reader.profiles import builtin
from drivers.reader.session import open_session
from drivers.reader.virtual.cards import VirtualCard
from drivers.reader.virtual.personas import person
from drivers.reader.virtual.pki import TestAuthority
from drivers.reader.virtual.slot import VirtualSlot
from drivers.secret import Secret
from tests.drivers.reader.conftest import EC_PERSON, NOW

SEQUENCES = int(os.environ.get("KORTKIOSK_SEQUENCES", "25"))
STEPS = 30
PIN = Role.IDENTIFICATION
FLOOR = {"A": 3, "B": 3, "C": 2, "D": 2}
PINS = ("246813", "975318", "864209", "999998")
PUKS = ("right", "99999998")
VERIFY, CHANGE, RESET = 0x20, 0x24, 0x2C
_folder = tempfile.TemporaryDirectory()
_issued: dict[str, Path] = {}


def fresh(kind: str) -> VirtualCard:
    """A card as it was issued; its keys are made once for each kind."""
    if kind not in _issued:
        path = Path(_folder.name) / f"{kind}.json"
        VirtualCard.create(person(EC_PERSON).new, TestAuthority.create(NOW), NOW, kind=kind, path=path)
        _issued[kind] = path
    card = VirtualCard.load(_issued[kind])
    card.path = None
    return card


class Judge:
    """Sits on the wire of one card and writes down what must never be."""

    def __init__(self, card: VirtualCard, floor: int) -> None:
        self.card, self.floor = card, floor
        self.faults: list[str] = []
        self.mine = True
        """The card is the one that the session identified."""
        self._real = card.transmit
        card.transmit = self.transmit  # type: ignore[method-assign]

    def transmit(self, apdu: bytes) -> bytes:
        if apdu[1] == RESET and self.card.tries_left[1] < self.floor:
            self.faults.append(f"a PUK went out with {self.card.tries_left[1]} tries left")
        if not self.mine and apdu[1] in (RESET, CHANGE):
            self.faults.append("a command that cannot be undone went to another card")
        return self._real(apdu)


class Sequences(RuleBasedStateMachine):
    """One person, one card of some kind and another, one reader, and bad luck."""

    kind = "B"

    @initialize()
    def begin(self) -> None:
        self.card, self.other = fresh(self.kind), fresh(self.kind)
        self.judges = (Judge(self.card, FLOOR[self.kind]), Judge(self.other, FLOOR[self.kind]))
        self.slot, self.ledger = VirtualSlot("Bench 0"), MemoryLedger()
        self.backend = InProcessBackend([self.slot])
        self.slot.insert(self.card)
        self.pins = {self.card.persona.pin}
        """What the PIN may be: more than one after an outcome that nobody knows."""
        self.consented = False
        self.session: CardSession | None = None

    @precondition(lambda self: self.session is None)
    @rule()
    def identify(self) -> None:
        if self.slot.card is not self.card:
            self.slot.remove()
            self.slot.insert(self.card)
        self.judges[1].mine = False
        connection = self.backend.connect(self.slot.name)
        try:
            self.session = open_session(Channel(connection), profiles=builtin(), ledger=self.ledger)
        except ReaderError:
            connection.close()

    @precondition(lambda self: self.session is not None)
    @rule(entry=st.sampled_from(PINS), consented=st.booleans())
    def verify(self, entry: str, consented: bool) -> None:
        self.consented |= consented
        self._do(lambda session: session.verify(PIN, Secret(entry), consented=consented), right=entry)

    @precondition(lambda self: self.session is not None)
    @rule(old=st.sampled_from(PINS), new=st.sampled_from(PINS[:3]), consented=st.booleans())
    def change(self, old: str, new: str, consented: bool) -> None:
        self.consented |= consented
        self._do(lambda s: s.change(PIN, Secret(old), Secret(new), consented=consented), right=old, new=new)

    @precondition(lambda self: self.session is not None)
    @rule(puk=st.sampled_from(PUKS), new=st.sampled_from(PINS[:3]))
    def unblock(self, puk: str, new: str) -> None:
        entry = Secret(self.card.persona.puk if puk == "right" else puk)
        self._do(lambda session: session.unblock(PIN, entry, Secret(new)), new=new)

    @rule(exchanges=st.integers(0, 5), when=st.sampled_from(["before", "during", "after"]))
    def tear(self, exchanges: int, when: Any) -> None:
        self.card.tear(exchanges, when)

    @rule()
    def swap(self) -> None:
        inside = self.slot.remove()
        self.slot.insert(self.other if inside is self.card else self.card)

    @precondition(lambda self: self.session is not None)
    @rule()
    def leave(self) -> None:
        self._close()

    @precondition(lambda self: self.session is not None)
    @rule()
    def look(self) -> None:
        self._do(lambda session: session.refresh() and None)

    def _do(self, act: Any, *, right: str = "", new: str = "") -> None:
        assert self.session is not None
        before = self.card.tries_left[0]
        try:
            outcome: CodeOutcome | None = act(self.session)
        except ReaderError:  # the card was gone before a code went out
            self._close()
            return
        if outcome == Accepted():
            assert not right or right in self.pins or before == 0
            self.pins = {new or right}
        elif outcome == Unknown():
            self.pins |= {new} if new else set()
            self._close()

    def _close(self) -> None:
        if self.session is not None:
            self.session.channel.connection.close()
        self.session = None

    @invariant()
    def the_card_has_nothing_to_complain_of(self) -> None:
        if not hasattr(self, "card"):
            return
        assert [judge.faults for judge in self.judges] == [[], []]
        assert self.card.tries_left[1] >= 1
        assert self.card.tries_left[0] >= 1 or self.consented, "the last try went without consent"
        assert self.other.tries_left == fresh_tries(self.kind)


def fresh_tries(kind: str) -> tuple[int, int]:
    """Tries of a card as it was issued."""
    return {"A": (3, 5), "B": (3, 10), "C": (5, 3), "D": (3, 3)}[kind]


def _for(kind: str) -> Any:
    machine = type(f"Sequences{kind}", (Sequences,), {"kind": kind})
    case = machine.TestCase
    case.settings = settings(
        max_examples=SEQUENCES, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck)
    )
    return case


TestCardA, TestCardB, TestCardC, TestCardD = map(_for, "ABCD")
