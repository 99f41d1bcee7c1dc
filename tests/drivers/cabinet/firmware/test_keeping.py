"""What the board keeps over restarts, shows by lamps and sounds, and finds by its self test."""

import hashlib
import hmac

from drivers.cabinet import messages as m
from drivers.cabinet.firmware.clock import Clock
from drivers.cabinet.firmware.counters import EVERY_MS, Counters
from drivers.cabinet.firmware.events import KEPT, Events
from drivers.cabinet.firmware.inputs import Inputs
from drivers.cabinet.firmware.panel import MemoryFlash
from tests.drivers.cabinet.firmware.rig import Rig


def test_openings_and_cards_outlive_a_restart() -> None:
    rig = Rig().begin()
    rig.do(m.OPEN_SLOT, slot=2)
    rig.run(100)
    rig.hand("door 2 closed")
    rig.run(300)
    rig.do(m.OPEN_FLAP, limit_s=10)
    rig.hand("drop")
    rig.power()
    rig.begin()

    counters = rig.do(m.READ_COUNTERS, first_slot=1)
    assert (counters.number("bin_count"), counters.number("boots")) == (1, 2)
    assert counters.octets("openings") == bytes(7) + b"\1" + bytes(8)


def test_all_of_64_slots_counters_can_be_read_in_parts() -> None:
    rig = Rig(64).begin()
    assert [len(rig.do(m.READ_COUNTERS, first_slot=first).octets("openings")) for first in (1, 33, 64)] == [128, 128, 4]
    assert rig.code(m.READ_COUNTERS, first_slot=0) == m.NO_SUCH_SLOT
    assert rig.code(m.READ_COUNTERS, first_slot=65) == m.NO_SUCH_SLOT


def test_openings_are_written_at_most_once_a_minute() -> None:
    flash = MemoryFlash()
    counters = Counters(flash, 4, 0)
    before = flash.writes
    for now in range(0, 10 * EVERY_MS, 100):
        counters.opened(1)
        counters.tick(now)
    assert flash.writes - before == 9
    assert counters.openings[0] == 6000


def test_a_record_torn_in_the_middle_costs_the_newest_and_no_more() -> None:
    flash = MemoryFlash()
    counters = Counters(flash, 4, 0)
    counters.binned(0)
    counters.binned(0)
    older, newest = sorted(flash.files, key=lambda name: flash.files[name][3:7])
    kept = dict(flash.files)
    for end in range(len(kept[newest])):
        flash.files = {older: kept[older], newest: kept[newest][:end]}
        again = Counters(flash, 4, 0)
        assert (again.bin_count, again.lost) == (1, False)


def test_what_cannot_be_read_is_not_guessed_but_told_until_it_is_cleared() -> None:
    rig = Rig()
    for name in ("counters-a", "counters-b"):
        if name in rig.flash.files:
            rig.flash.files[name] = b"\xff" * 20
    rig.power()
    rig.begin()
    assert rig.do(m.READ_STATE).number("flags") == m.FLAG_COUNTERS_LOST
    assert rig.do(m.SELF_TEST).number("findings") == m.FOUND_COUNTERS_LOST
    assert rig.code(m.CLEAR_COUNTERS, which=m.CLEAR_BIN) == m.OK
    assert rig.do(m.READ_STATE).number("flags") == 0


def test_counters_that_cannot_be_written_are_told() -> None:
    rig = Rig().begin()
    rig.flash.broken = True
    assert rig.code(m.CLEAR_COUNTERS, which=m.CLEAR_OPENINGS) == m.FLASH_FAILED
    assert rig.do(m.SELF_TEST).number("findings") == m.FOUND_FLASH_FAILED
    assert rig.code(m.CLEAR_COUNTERS, which=7) == m.BAD_PAYLOAD


def test_the_self_test_tells_what_it_finds_and_opens_nothing() -> None:
    rig = Rig().begin()
    assert rig.do(m.SELF_TEST).number("findings") == 0
    rig.hand("tamper on", "bin_door on", "door 3 open", "second on")
    tested = rig.do(m.SELF_TEST)
    assert tested.number("findings") == m.FOUND_DOOR_OPEN | m.FOUND_TAMPER | m.FOUND_BIN_OPEN | m.FOUND_DROP_SENSOR_ON
    assert tested.octets("doors_open") == b"\4" + bytes(7)
    assert rig.driven() == []


def test_lamps_blink_no_faster_than_three_times_a_second() -> None:
    rig = Rig().begin()
    for lamp, pattern in ((1, m.LAMP_ON), (2, m.LAMP_SLOW), (3, m.LAMP_FAST)):
        assert rig.code(m.LAMP, lamp=lamp, pattern=pattern) == m.OK
    rig.world.said = []
    rig.run(10_000)
    assert [said for said in rig.world.said if said.startswith("lamp 1")] == []
    assert len([said for said in rig.world.said if said == "lamp 2 on"]) == 10
    assert 20 <= len([said for said in rig.world.said if said == "lamp 3 on"]) <= 30


def test_lamps_and_sounds_that_are_not_there() -> None:
    rig = Rig().begin()
    assert rig.code(m.LAMP, lamp=5, pattern=1) == m.NOT_FITTED
    assert rig.code(m.LAMP, lamp=0, pattern=1) == m.NOT_FITTED
    assert rig.code(m.LAMP, lamp=1, pattern=4) == m.BAD_PAYLOAD
    assert rig.code(m.BUZZER, pattern=4) == m.BAD_PAYLOAD


def test_the_buzzer_ends_by_itself() -> None:
    rig = Rig().begin()
    rig.world.said = []
    rig.do(m.BUZZER, pattern=m.BUZZER_TWICE)
    rig.run(1000)
    assert rig.world.said == ["buzzer on", "buzzer off", "buzzer on", "buzzer off"]


def test_events_beyond_what_is_kept_are_told_as_lost() -> None:
    events = Events()
    for number in range(1, KEPT + 11):
        events.add(m.CARD, number % 64, 1, number)
    assert len(events.waiting) == KEPT
    assert events.waiting[0][:4] == (11, m.EVENTS_LOST, 0, 11)
    assert [one[0] for one in events.waiting] == list(range(11, KEPT + 11))
    events.taken(events.newest + 1)
    assert len(events.waiting) == KEPT
    events.taken(11)
    assert events.waiting[0][:3] == (12, m.CARD, 12)
    events.taken(events.newest)
    assert events.waiting == []


def test_a_sensor_counts_when_it_has_stayed() -> None:
    inputs = Inputs(10, 0b01)
    assert inputs.scan(0b10, 0) == []
    assert inputs.scan(0b11, 5) == []
    assert inputs.scan(0b11, 9) == []
    assert inputs.scan(0b11, 10) == [1]
    assert inputs.bits == 0b11
    assert inputs.scan(0b11, 100) == []


def test_the_clock_goes_on_where_the_counter_wraps() -> None:
    ticks = [1000]
    clock = Clock(lambda: ticks[0], lambda new, old: (new - old + 512) % 1024 - 512)
    seen = []
    for _ in range(30):
        ticks[0] = (ticks[0] + 100) % 1024
        seen.append(clock())
    assert seen == [100 * (one + 1) for one in range(30)]


def test_the_watchdog_is_fed_at_every_turn() -> None:
    rig = Rig()
    rig.run(10)
    assert rig.chip.fed == 10


def test_the_mac_of_rfc_4231_by_whichever_hmac_there_is() -> None:
    """Cases 1 and 6 of its section 4: a short key, and one longer than a block."""
    short = hmac.new(b"\x0b" * 20, b"Hi There", hashlib.sha256).digest()
    assert short[:8] == b"\xb0\x34\x4c\x61\xd8\xdb\x38\x53"
    long = hmac.new(b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First", hashlib.sha256).digest()
    assert long[:8] == b"\x60\xe4\x31\x59\x1e\xe0\xb6\x7f"
