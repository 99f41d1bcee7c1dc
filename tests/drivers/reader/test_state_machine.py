"""Whatever a person, a card, a reader and the power do, in any order: I1 and I2 of reliability hold.

Hypothesis makes up the sequences: entries of every sort, tears, swaps and pulls at any exchange, power-offs, resets,
unplugged readers, stations that start again (the count of tries is kept), full disks, cards that are used elsewhere.
The virtual cards judge (`tests.fakes.cards.judge`): they hold the true counters, whatever the station thinks.

A slice runs with the other tests; KORTKIOSK_SEQUENCES=10000 runs so many sequences (`make state-machine`).
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from drivers.reader.card_reader import CardReader, CardVisit, ReaderSettings
from drivers.reader.errors import LedgerError, ReaderError
from drivers.reader.model import Purpose
from drivers.reader.outcomes import (
    Accepted,
    Locked,
    RefusalReason,
    Refused,
    Role,
    Signed,
    Unknown,
    WrongAnswer,
    WrongCode,
)
from drivers.reader.secret import Secret
from sim.reader.administrative_key import answer_to, key_of
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import NOW
from tests.fakes.cards.judge import UNTOLD, Bench, Court, Fault, JudgedCard, Step, floor_of, fresh
from tests.fakes.cards.random_counter import (
    ANSWERS,
    CARDS,
    FAULTS,
    NEW,
    PINS,
    PUKS,
    ROLES,
    SHORT_LIVED,
    Disk,
    memories,
    typed_pin,
    typed_puk,
)

SEQUENCES = int(os.environ.get("KORTKIOSK_SEQUENCES") or 0)
SLICE = 300
STEPS = 40
MOST_AT_ONCE = 1000
"""Hypothesis remembers every sequence of a run, some 100 kB each: many are tried in runs of so many."""
BATCHES = [MOST_AT_ONCE] * (SEQUENCES // MOST_AT_ONCE) + [SEQUENCES % MOST_AT_ONCE] * bool(SEQUENCES % MOST_AT_ONCE)
BATCHES = BATCHES or [SLICE]


class Counter(RuleBasedStateMachine):
    """A counter with one reader, some cards, and everything that may go wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.court = Court()
        self.folder = Path(tempfile.mkdtemp(prefix="tries-", dir=SHORT_LIVED))
        self.cards = [JudgedCard(fresh(memory), self.court) for memory in memories()]
        self.lowest = [floor_of(judged.card) - 1 for judged in self.cards]
        """The lowest count of each PUK that the station may be the cause of."""
        self.slot = VirtualSlot("Bench 0")
        self.visit: CardVisit | None = None
        self.visited: JudgedCard | None = None
        self.runner = asyncio.Runner()
        self.disk_full = False
        for judged in self.cards:
            judged.leaves = self._leaves
        self._power_up()

    def teardown(self) -> None:
        self.run(self._go_dark())
        self.runner.close()
        shutil.rmtree(self.folder)
        assert self.court.broken == []

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def _power_up(self) -> None:
        self.disk = Disk(self.folder / "tries.json")
        self.disk.full = self.disk_full
        self.bench = Bench(self.slot, self.court)
        self.reader = CardReader(self.bench, "Bench 0", ReaderSettings(ledger=self.disk, now=lambda: NOW))

    async def _go_dark(self) -> None:
        if self.visit is not None:
            await self.visit.close()
        self.visit = None
        await self.reader.close()

    def _leaves(self, fault: Fault) -> None:
        """In the middle of a step: the card is pulled, or its neighbour put in its place."""
        gone = self.slot.remove()
        if fault.what == "swap" and gone is not None:
            at = next(i for i, judged in enumerate(self.cards) if judged is gone)
            self.slot.insert(self.cards[(at + 3) % len(self.cards)])

    # What happens around the station

    @initialize(which=CARDS, pins=st.integers(0, 2), puks=st.integers(0, 8))
    def a_card_that_has_been_elsewhere_is_put_in_and_read(self, which: int, pins: int, puks: int) -> None:
        for puk, times in ((False, pins), (True, puks)):
            for _ in range(times):
                self.a_code_is_mistyped_elsewhere(which, puk)
        self.slot.insert(self.cards[which])
        self.somebody_has_the_card_read(None)

    @precondition(lambda self: self.slot.card is None)
    @rule(which=CARDS, upside_down=st.sampled_from([False] * 7 + [True]))
    def a_card_is_put_in(self, which: int, upside_down: bool) -> None:
        self.slot.insert(self.cards[which], upside_down=upside_down)

    @precondition(lambda self: self.slot.card is not None)
    @rule()
    def the_card_is_pulled(self) -> None:
        self.slot.remove()

    @rule(which=CARDS, cold=st.booleans())
    def a_card_loses_its_power(self, which: int, cold: bool) -> None:
        if cold:
            self.cards[which].power_off()
        elif self.slot.card is self.cards[which]:
            self.cards[which].reset()

    @rule(plugged=st.booleans())
    def the_reader_is_unplugged_or_back(self, plugged: bool) -> None:
        self.bench.plugged = plugged
        if not plugged and (card := self.slot.remove()) is not None:
            self.slot.insert(card)  # another insertion: what was connected is not any more

    @precondition(lambda self: self.visit is not None and self.slot.card is not None)
    @rule(which=CARDS)
    def the_reader_goes_on_with_another_card(self, which: int) -> None:
        """No honest reader does; what reconnects by itself behaves like one."""
        if self.cards[which] is not self.slot.card:
            self.cards[which].power_on()
            self.bench.instead = self.cards[which]
            self.court.dishonest = True

    @rule()
    def the_station_starts_again(self) -> None:
        """Killed: nothing is said good-bye to, and pcscd resets the card. The file with the counts is kept."""
        self.run(self.reader.close())
        self.visit, self.court.dishonest = None, False
        if (card := self.slot.remove()) is not None:
            self.slot.insert(card)
        self._power_up()

    @rule(full=st.booleans())
    def the_disk_is_full_or_has_room(self, full: bool) -> None:
        self.disk.full = self.disk_full = full

    @rule(which=CARDS, puk=st.booleans())
    def a_code_is_mistyped_elsewhere(self, which: int, puk: bool) -> None:
        """At another desk. Where nobody but the station can count the PUK's tries, it is not used elsewhere."""
        card = self.cards[which].card
        codes = card.codes  # the only way to a try that no station has made
        if not puk and card.tries_left[0] > 1:
            codes.pin.tries_left -= 1
        if puk and card.kind not in UNTOLD and card.tries_left[1] > 1:
            codes.puk.tries_left -= 1
            self.lowest[which] = min(self.lowest[which], card.tries_left[1])

    @rule(which=CARDS)
    def a_card_is_unlocked_elsewhere(self, which: int) -> None:
        """With the right PUK: both codes have all their tries again."""
        for code in (self.cards[which].card.codes.pin, self.cards[which].card.codes.puk):
            code.tries_left = code.tries_max

    # What people do at the station

    @precondition(lambda self: self.visit is None)
    @rule(fault=FAULTS)
    def somebody_has_the_card_read(self, fault: Fault | None) -> None:
        self.court.begin(Step())
        here = self._arm(fault)
        try:
            self.visit = self.run(self.reader.visit())
            self.visited = here
        except ReaderError:
            self.visit = None
        finally:
            self._disarm()
        assert self.court.codes_sent == 0

    @precondition(lambda self: self.visit is not None)
    @rule()
    def the_errand_ends(self) -> None:
        self.run(self.visit.close())
        self.visit, self.bench.instead, self.court.dishonest = None, None, False

    @precondition(lambda self: self.visit is not None)
    @rule(role=ROLES, entry=PINS, consented=st.booleans(), fault=FAULTS)
    def a_pin_is_entered(self, role: Role, entry: str, consented: bool, fault: Fault | None) -> None:
        code = typed_pin(self.visited.card, entry)
        self._does((code,), consented, fault, self.visit.verify(role, Secret(code), last_try_consented=consented))

    @precondition(lambda self: self.visit is not None)
    @rule(role=ROLES, entry=PINS, new=NEW, consented=st.booleans(), fault=FAULTS)
    def a_pin_is_changed(self, role: Role, entry: str, new: str, consented: bool, fault: Fault | None) -> None:
        old, fresh_pin = typed_pin(self.visited.card, entry), typed_pin(self.visited.card, new)
        acts = self.visit.change(role, Secret(old), Secret(fresh_pin), last_try_consented=consented)
        self._does((old, fresh_pin), consented, fault, acts)

    @precondition(lambda self: self.visit is not None)
    @rule(role=st.sampled_from(list(Role)), entry=PUKS, new=NEW, fault=FAULTS)
    def a_pin_is_unblocked(self, role: Role, entry: str, new: str, fault: Fault | None) -> None:
        if role is Role.PUK and entry == "wrong":
            role = Role.IDENTIFICATION
        puk, fresh_pin = typed_puk(self.visited.card, entry), typed_pin(self.visited.card, new)
        acts = self.visit.unblock(role, Secret(puk), Secret(fresh_pin))
        self._does((puk, fresh_pin), False, fault, acts)

    @precondition(lambda self: self.visit is not None)
    @rule(role=ROLES, new=NEW, answer=ANSWERS, fault=FAULTS)
    def an_administrator_sets_a_pin(self, role: Role, new: str, answer: str, fault: Fault | None) -> None:
        fresh_pin, serial = typed_pin(self.visited.card, new), self.visited.card.persona.serial

        async def answers(challenge: bytes) -> bytes:
            given = answer_to(challenge, key_of(serial if answer == "right" else "00"))
            return given[:8] if answer == "short" else given

        self._does((fresh_pin,), False, fault, self.visit.unblock_by_administrator(role, Secret(fresh_pin), answers))

    @precondition(lambda self: self.visit is not None)
    @rule(times=st.integers(2, 9))
    def somebody_guesses_the_puk(self, times: int) -> None:
        for _ in range(times):
            self.a_pin_is_unblocked(Role.IDENTIFICATION, "wrong", "new", None)

    @precondition(lambda self: self.visit is not None)
    @rule(purpose=st.sampled_from(["identification", "signature"]), verified=st.booleans(), fault=FAULTS)
    def a_challenge_is_signed(self, purpose: Purpose, verified: bool, fault: Fault | None) -> None:
        if verified:
            self.a_pin_is_entered(Role(purpose), "right", True, None)
        self._does((), False, fault, self.visit.sign(purpose, b"challenge"))

    @precondition(lambda self: self.visit is not None)
    @rule(fault=FAULTS)
    def the_tries_are_looked_at(self, fault: Fault | None) -> None:
        self._does((), False, fault, self.visit.refresh())

    # What is true after each

    @invariant()
    def no_puk_falls_below_what_the_floor_leaves(self) -> None:
        for judged, lowest in zip(self.cards, self.lowest, strict=True):
            assert judged.card.tries_left[1] >= max(1, lowest)

    @invariant()
    def no_card_has_a_pin_that_the_station_should_have_refused(self) -> None:
        for judged in self.cards:
            pin = judged.card.codes.pin.value
            assert 6 <= len(pin) <= 8
            assert pin.isdigit()

    @invariant()
    def the_judge_is_content(self) -> None:
        assert self.court.broken == []

    # How it is done

    def _arm(self, fault: Fault | None) -> JudgedCard | None:
        here = self.bench.instead or self.slot.card
        if isinstance(here, JudgedCard):
            here.fault = None if self.bench.instead and fault and fault.what != "tear" else fault
            return here
        return None

    def _disarm(self) -> None:
        for judged in self.cards:
            judged.fault = None
        self.court.end()

    def _does(self, entries: tuple[str, ...], consented: bool, fault: Fault | None, acts: Awaitable[Any]) -> None:
        assert self.visited is not None
        self.court.begin(Step(self.visited.card, entries, consented))
        before = [judged.card.tries_left for judged in self.cards]
        self._arm(fault)
        try:
            outcome = self.run(acts)
        except LedgerError:
            assert self.disk.full
            assert self.court.codes_sent == 0
        except ReaderError:
            assert self.court.codes_sent == 0, "a fault where the outcome of a code is unknown"
            assert [judged.card.tries_left for judged in self.cards] == before
        else:
            self._holds(outcome, before)
        finally:
            self._disarm()

    def _holds(self, outcome: object, before: list[tuple[int, int]]) -> None:
        """The outcome says what the judge has seen."""
        court, now = self.court, [judged.card.tries_left for judged in self.cards]
        if court.torn_code:
            assert outcome == Unknown(), "a torn code has an outcome that nobody can know"
        match outcome:
            case Unknown():
                assert court.faults, "unknown, and nothing broke"
            case WrongCode(left):
                assert court.codes_sent == 1
                assert left in {count for pair in now for count in pair}
                assert now != before
            case WrongAnswer(left):
                assert left in {judged.card.memory.administrator.tries_left for judged in self.cards[1::3]}
                assert now == before
            case Locked():
                assert 0 in {count for pair in now for count in pair}
            case Refused(reason):
                assert now == before, "refused, and a try was used"
                assert reason is RefusalReason.CARD or court.codes_sent == 0
            case Accepted():
                assert court.codes_sent == 1
            case Signed():
                assert not court.codes_sent
            case _:
                assert now == before  # facts


@pytest.mark.timeout(0 if SEQUENCES else 300)
@pytest.mark.parametrize("sequences", BATCHES)
def test_whatever_happens_at_the_counter_i1_and_i2_hold(sequences: int) -> None:
    chosen = settings(
        max_examples=sequences,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=not SEQUENCES,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Counter, settings=chosen)
