"""The drop slot on the board: a card counts only after the bin's sensor, by one order of sensors and no other."""

from drivers.cabinet import drop_rule
from drivers.cabinet import messages as m
from drivers.cabinet.firmware.coil import Coil
from drivers.cabinet.firmware.counters import Counters
from drivers.cabinet.firmware.drop_slot import DropSlot
from drivers.cabinet.firmware.events import Events
from drivers.cabinet.firmware.panel import MemoryFlash, World
from tests.drivers.cabinet.firmware.rig import Rig

SENSORS = ("flap", "first", "second", "bin")
LETTERS = "f12b"


def orders(longest: int) -> "list[str]":
    """All orders of up to so many reports, as letters."""
    found, last = [], [""]
    for _ in range(longest):
        last = [order + letter for order in last for letter in LETTERS]
        found.extend(last)
    return found


def right(order: str) -> bool:
    """Whether a card went all the way in it: the flap (more than once, if need be), 1, 2, bin; the rest comes too late."""
    return order.lstrip("f").startswith("12b") and order.startswith("f")


class Fast:
    """The drop slot alone, for the thousands of orders."""

    def __init__(self) -> None:
        self.now = 0
        world = World(1, lambda: 1000 * self.now)
        self.counters = Counters(MemoryFlash(), 1, 0)
        self.events = Events()
        self.slot = DropSlot(world, Coil(world, 400), self.counters, self.events, True, 50, 0)
        assert self.slot.unlock(60, 0) == m.OK

    def see(self, order: str) -> None:
        for letter in order:
            bit = 1 << LETTERS.index(letter)
            for bits in (bit, bit, 0, 0):
                self.now += 4
                self.slot.scan(bits, self.now)


def test_of_all_orders_up_to_six_only_the_right_one_counts_and_only_with_the_bin() -> None:
    every = orders(6)
    assert len(every) == 5460
    for order in every:
        drop = Fast()
        before = []
        for letter in order:
            before.append(drop.counters.bin_count)
            drop.see(letter)
        assert drop.counters.bin_count == right(order), order
        if right(order):
            first_counted = (before + [1]).index(1)
            assert order[first_counted - 1] == "b", order
        assert drop.slot.unlocked != drop_rule.ended(drop.slot.stage), order


def test_a_card_goes_all_the_way() -> None:
    rig = Rig().begin()
    assert rig.code(m.OPEN_FLAP, limit_s=10) == m.OK
    rig.hand("drop")

    assert rig.events == [
        (m.FLAP, 0, 1), (m.DROP, 0, 1), (m.DROP, 0, 2), (m.DROP, 0, 3), (m.DROP, 0, 4), (m.FLAP, 0, 0),
        (m.DROP_ENDED, 0, drop_rule.ENDED_COUNTED),
    ]  # fmt: skip
    state = rig.do(m.READ_STATE)
    assert (state.number("bin_count"), state.number("drop_stage")) == (1, drop_rule.COUNTED)


def test_fishing_locks_the_flap_and_counts_nothing() -> None:
    rig = Rig().begin()
    rig.do(m.OPEN_FLAP, limit_s=10)
    rig.hand("pulse flap", "pulse second")

    assert rig.events[-1] == (m.DROP_ENDED, 0, drop_rule.ENDED_FISHING)
    assert rig.world.said[-2:] != ["flap unlocked"]
    assert "flap locked" in rig.world.said
    assert rig.do(m.READ_STATE).number("bin_count") == 0


def test_sensors_that_answer_together_have_no_order() -> None:
    rig = Rig().begin()
    rig.do(m.OPEN_FLAP, limit_s=10)
    rig.hand("pulse flap", "pulse first")
    rig.world.drop = 4 | 8
    rig.run(20)

    assert rig.events[-1] == (m.DROP_ENDED, 0, drop_rule.ENDED_FISHING)
    assert rig.do(m.READ_STATE).number("bin_count") == 0


def test_a_watch_ends_by_time_and_says_how_far_the_card_came() -> None:
    for hands, outcome in (((), drop_rule.ENDED_NOTHING), (("pulse flap", "pulse first"), drop_rule.ENDED_JAM)):
        rig = Rig().begin()
        rig.do(m.OPEN_FLAP, limit_s=2)
        rig.hand(*hands)
        rig.run(2001)
        assert rig.events[-1] == (m.DROP_ENDED, 0, outcome)
        assert "flap locked" in rig.world.said


def test_what_is_seen_without_a_watch_counts_nothing() -> None:
    rig = Rig().begin()
    rig.hand("drop")

    assert rig.events == []
    assert rig.do(m.READ_STATE).number("bin_count") == 0


def test_a_full_bin_keeps_the_flap_locked_by_count_and_by_sensor() -> None:
    rig = Rig(holds=1).begin()
    rig.do(m.OPEN_FLAP, limit_s=10)
    rig.hand("drop")
    assert rig.events[-1] == (m.BIN_FULL_CHANGED, 0, 1)
    rig.run(300)
    assert rig.code(m.OPEN_FLAP, limit_s=10) == m.BIN_FULL
    assert rig.code(m.CLEAR_COUNTERS, which=m.CLEAR_BIN) == m.OK
    rig.hand("full on")
    assert rig.code(m.OPEN_FLAP, limit_s=10) == m.BIN_FULL
    rig.hand("full off")
    assert rig.code(m.OPEN_FLAP, limit_s=10) == m.OK


def test_an_open_bin_keeps_the_flap_locked_and_ends_a_watch() -> None:
    rig = Rig().begin()
    rig.do(m.OPEN_FLAP, limit_s=10)
    rig.hand("bin_door on")
    assert (m.DROP_ENDED, 0, drop_rule.ENDED_NOTHING) in rig.events
    assert rig.code(m.OPEN_FLAP, limit_s=10) == m.BIN_OPEN
    assert rig.do(m.READ_STATE).number("flags") == m.FLAG_BIN_OPEN


def test_a_second_watch_waits_for_the_first_to_end() -> None:
    rig = Rig().begin()
    rig.do(m.OPEN_FLAP, limit_s=10)
    assert rig.code(m.OPEN_FLAP, limit_s=10) == m.BUSY
    rig.do(m.LOCK)
    assert rig.code(m.OPEN_FLAP, limit_s=10) == m.OK


def test_a_flap_with_a_solenoid_is_a_coil_like_the_others() -> None:
    rig = Rig(solenoid=True).begin()
    rig.do(m.OPEN_FLAP, limit_s=10)
    assert rig.code(m.OPEN_SLOT, slot=1) == m.BUSY
    rig.run(500)
    assert (m.COIL_LIMIT, 255, 360) in rig.events
    assert rig.world.longest_us == 360_000
    rig.hand("drop")
    assert rig.do(m.READ_STATE).number("bin_count") == 1

    rig.run(1500)
    rig.do(m.OPEN_FLAP, limit_s=10)
    rig.hand("pulse flap")
    assert rig.world.coil == 0


def test_a_process_that_comes_round_late_still_sees_the_panel_s_hands() -> None:
    rig = Rig().begin()
    rig.do(m.OPEN_FLAP, limit_s=100)
    rig.panel.put("drop")
    while rig.panel.waiting or rig.world.drop:
        rig.now += 40
        rig.run(1)
    assert rig.do(m.READ_STATE).number("bin_count") == 1
