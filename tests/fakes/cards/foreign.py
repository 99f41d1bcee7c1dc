"""Foreign cards drawn at random, what people do with them, and the court that holds the cards' own counters.

The court stands where the card counts a try, so nothing that the station believes about tries is believed here.
"""

import contextlib
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from hypothesis import strategies as st

from drivers.reader.card_reader import CardReader, ReaderSettings
from drivers.reader.card_visit import CardVisit
from drivers.reader.errors import ReaderError
from drivers.reader.model import Purpose
from drivers.reader.outcomes import Accepted, Locked, RefusalReason, Refused, Role, Signed, WrongCode
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.profiles import Profiles
from drivers.reader.profiles.tables import least_floor
from drivers.reader.secret import Secret
from drivers.reader.signatures.signing import verifies
from sim.reader.card_factory import fresh_memory
from sim.reader.card_memory import StoredKey
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pkcs15_codes import StoredCode
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from sim.reader.traits import TRAITS, contradictions
from sim.stories.foreign import LYING, UNDESCRIBED, described_profile, estrange, known_without_ours
from tests.drivers.reader.conftest import NOW

Act = Literal["read", "verify", "change", "unblock", "sign"]
PERSON = person(6).new
TYPED = {"wrong": "994167", "new": "975318", "other": "583921", "short": "1234", "letters": "abcdef"}
UNREADABLE = frozenset({"secure-messaging", "pace"})
MESSAGE = b"a foreign card"


@dataclass(frozen=True)
class Step:
    """What somebody does: with which code, what is typed, and whether the last try may be used."""

    act: Act
    role: Role = Role.IDENTIFICATION
    entry: str = "right"
    new: str = "new"
    consented: bool = False

    @property
    def purpose(self) -> Purpose:
        """Of the key with which is signed."""
        return "signature" if self.role is Role.SIGNATURE else "identification"


@dataclass(frozen=True)
class Case:
    """A card, whether there is a profile of its product, and what is done with it."""

    kind: str
    traits: tuple[str, ...]
    described: bool
    steps: tuple[Step, ...]


@cache
def authority() -> TestAuthority:
    return TestAuthority.create(NOW)


@cache
def _keys() -> tuple[StoredKey, ...]:
    return VirtualCard.create(PERSON, authority(), NOW).keys


def make_card(kind: str, traits: tuple[str, ...]) -> VirtualCard:
    """A fresh card with an answer to reset that no profile names."""
    card = estrange(VirtualCard(fresh_memory(kind, PERSON, authority(), NOW, _keys(), traits)))
    card.sleep = lambda _seconds: None
    return card


def consistent(kind: str, names: list[str]) -> tuple[str, ...]:
    """Of the names those that a card of that kind can have together, the first of each contradiction."""
    kept: list[str] = []
    for name in dict.fromkeys(names):
        if kind in TRAITS[name].kinds and not contradictions((*kept, name)):
            kept.append(name)
    return tuple(kept)


@st.composite
def traits_of(draw: st.DrawFn) -> tuple[str, tuple[str, ...]]:
    """A kind, and traits that a card of it can have."""
    kind = draw(st.sampled_from("AABBBBCD"))
    possible = [name for name, trait in TRAITS.items() if kind in trait.kinds and name not in UNREADABLE]
    names = draw(st.lists(st.sampled_from(possible), max_size=6))
    if draw(st.integers(0, 29)) == 0:
        names.append(draw(st.sampled_from(sorted(UNREADABLE))))
    return kind, consistent(kind, names)


STEPS = st.builds(
    Step,
    st.sampled_from(["read", "verify", "verify", "change", "unblock", "unblock", "sign", "sign"]),
    st.sampled_from([Role.IDENTIFICATION] * 3 + [Role.SIGNATURE]),
    st.sampled_from(["right"] * 5 + ["wrong"] * 3 + ["short"]),
    st.sampled_from(["new", "other", "new", "other", "short", "letters"]),
    st.booleans(),
)
CASES = st.builds(
    lambda card, described, steps: Case(*card, described, tuple(steps)),
    traits_of(), st.booleans(), st.lists(STEPS, min_size=3, max_size=8),
)  # fmt: skip


@dataclass
class Court:
    """Sees each try that the card counts. `broken` are the rules that were broken."""

    card: VirtualCard
    untold: bool
    """Nothing tells the tries of the PUK but its answers to a wrong one, which hold within a visit."""
    answered: bool = False
    """It has answered so in this visit."""
    step: Step | None = None
    spent: int = 0
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        codes, original = self.card.codes, self.card.codes.tried

        def tried(code: StoredCode, *, right: bool) -> bool:
            self._sees(code)
            self.spent += 0 if right else bool(code.tries_left)
            return original(code, right=right)

        codes.tried = tried  # type: ignore[method-assign]

    def _sees(self, code: StoredCode) -> None:
        step, puk = self.step, code is self.card.codes.puk
        if step is None or step.act in ("read", "sign"):
            self.broken.append("a try where nobody typed a code")
        elif puk and step.act != "unblock":
            self.broken.append("a try of the PUK where nobody typed it")
        elif puk and code.tries_left < least_floor(code.tries_max) + (self.untold and not self.answered):
            self.broken.append(f"a PUK with {code.tries_left} tries left")
        elif not puk and code.tries_left == 1 and not step.consented:
            self.broken.append("the last PIN try without consent")
        elif not puk and code is not self.code_of(step.role):
            self.broken.append("a PIN of one role spent on another's")

    def code_of(self, role: Role) -> StoredCode:
        """The code that is for that role on this card."""
        second = getattr(self.card.codes, "signature_pin", None)
        return second if role is Role.SIGNATURE and second is not None else self.card.codes.pin


class Counter:
    """A counter with one card: does the steps of a case and judges each of them."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.card = make_card(case.kind, case.traits)
        described = described_profile(case.kind, case.traits)
        profiles = Profiles([*known_without_ours(), *([described] if case.described else [])])
        self.court = Court(self.card, untold=described.commands.counter_of_puk == "none")
        self.profile = described
        self.slot = VirtualSlot("Bench 0")
        self.slot.insert(self.card)
        settings = ReaderSettings(ledger=MemoryLedger(), profiles=profiles, now=lambda: NOW)
        self.reader = CardReader(InProcessBackend([self.slot]), self.slot.name, settings)
        self.visit: CardVisit | None = None

    @property
    def _visited(self) -> CardVisit:
        assert self.visit is not None
        return self.visit

    @property
    def honest(self) -> bool:
        """A right code is taken, if it is sent."""
        lying = UNDESCRIBED if self.case.described else LYING
        return not set(self.case.traits) & (lying | UNREADABLE)

    async def run(self) -> list[str]:
        """All the steps; gives the outcomes by name."""
        named: list[str] = []
        try:
            await self._read()
            for step in self.case.steps if self.visit is not None else ():
                named.append(await self._does(step))
        finally:
            if self.visit is not None:
                await self.visit.close()
            await self.reader.close()
        return named

    async def _read(self) -> None:
        if self.visit is not None:
            await self.visit.close()
            self.visit = None
        self.court.step, self.court.answered = None, False
        try:
            self.visit = await self.reader.visit()
        except ReaderError:
            assert set(self.case.traits) & UNREADABLE, "a card that can be read is not"
        assert not self.court.broken, self.court.broken

    async def _does(self, step: Step) -> str:
        if step.act == "read":
            await self._read()
            return "read"
        code = self.court.code_of(step.role)
        value = code.value
        self.court.step, self.court.spent = step, 0
        outcome: object = Refused(RefusalReason.CARD)
        with contextlib.suppress(*([ReaderError] if set(self.case.traits) & UNREADABLE else [])):
            outcome = await self._outcome(step, code)
        self.court.step = None
        if step.act == "unblock" and (
            isinstance(outcome, Accepted) or (isinstance(outcome, WrongCode) and outcome.tries_left)
        ):
            self.court.answered = True
        assert not self.court.broken, self.court.broken
        self._holds(step, outcome, value)
        return type(outcome).__name__

    async def _outcome(self, step: Step, code: StoredCode) -> object:
        visit, consented = self._visited, step.consented
        right = code.value.decode()
        entry, new = Secret(TYPED.get(step.entry, right)), Secret(TYPED[step.new])
        match step.act:
            case "verify":
                return await visit.verify(step.role, entry, last_try_consented=consented)
            case "change":
                return await visit.change(step.role, entry, new, last_try_consented=consented)
            case "unblock":
                puk = self.card.codes.puk.value.decode()
                typed = puk if step.entry == "right" else "9" * (len(puk) if step.entry == "wrong" else 3)
                return await visit.unblock(step.role, Secret(typed), new)
            case _:
                return await visit.sign(step.purpose, MESSAGE)

    def _holds(self, step: Step, outcome: object, value: bytes) -> None:
        """The outcome says what became of the code, of its tries and of the PUK's."""
        code, puk, spent = self.court.code_of(step.role), self.card.codes.puk, self.court.spent
        judged = puk if step.act == "unblock" else code
        assert spent <= 1, "two tries for one entry"
        match outcome:
            case Accepted(kept_new):
                assert step.entry == "right"
                assert not spent
                changed = step.act == "change" or (step.act == "unblock" and kept_new)
                assert code.value == (TYPED[step.new].encode() if changed else value)
                assert code.tries_left == code.tries_max
            case WrongCode(left):
                assert spent == 1
                assert left in (None, judged.tries_left)
                assert code.value == value
                assert step.entry != "right" or not self.honest
            case Locked():
                assert not judged.tries_left
                assert code.value == value
            case Refused():
                assert not spent, "refused, and a try was used"
                assert code.value == value
                self._refused(step, outcome, value)
            case Signed(signature=signature):
                certificate = self._visited.facts.certificate(step.purpose)
                assert certificate is not None
                assert verifies(certificate.der, MESSAGE, signature)
            case _:
                raise AssertionError(f"{outcome} has no name here")

    def _refused(self, step: Step, outcome: Refused, value: bytes) -> None:
        """No right code is refused where the product is known and the rules allow it."""
        by_nobody = "global-pin" in self.case.traits
        allowed = step.act in ("verify", "change") or (step.act == "unblock" and self.case.described and not by_nobody)
        valid = step.act == "verify" or (step.new in ("new", "other") and TYPED[step.new].encode() != value)
        if allowed and valid and step.entry == "right" and self.honest:
            new_code = set(self.case.traits) & {"refuses-old-codes", "refuses-weak-codes"} and step.act == "change"
            reasons = (RefusalReason.LAST_TRY, RefusalReason.BELOW_FLOOR)
            assert outcome.reason in (*reasons, *([RefusalReason.NEW_CODE] if new_code else [])), outcome
