"""Slots: one door at a time, jams told, doors that open by themselves told as forced, cards seen."""

from drivers.cabinet import messages as m
from drivers.cabinet.protocol import slots_of
from tests.drivers.cabinet.firmware.rig import Rig


def test_a_slot_opens_and_its_coil_is_let_go_as_soon_as_the_door_moves() -> None:
    rig = Rig().begin()
    assert rig.code(m.OPEN_SLOT, slot=3) == m.OK
    assert rig.world.coil == 3
    rig.run(100)

    assert rig.events == [(m.DOOR, 3, m.DOOR_OPENED)]
    assert rig.world.coil == 0
    assert rig.world.longest_us < 80_000
    assert slots_of(rig.do(m.READ_STATE).octets("doors_open")) == [3]


def test_a_card_is_taken_and_the_door_closed() -> None:
    rig = Rig().begin()
    rig.hand("card 2 present")
    rig.do(m.OPEN_SLOT, slot=2)
    rig.run(100)
    rig.hand("card 2 absent", "door 2 closed")

    assert rig.events == [(m.CARD, 2, 1), (m.DOOR, 2, m.DOOR_OPENED), (m.CARD, 2, 0), (m.DOOR, 2, m.DOOR_CLOSED)]
    assert rig.do(m.READ_STATE).octets("cards") == bytes(8)


def test_a_door_that_does_not_move_is_a_jam_until_it_does() -> None:
    rig = Rig().begin()
    rig.hand("jam 4 on")
    assert rig.code(m.OPEN_SLOT, slot=4) == m.OK
    rig.run(450)

    assert rig.events == [(m.COIL_LIMIT, 4, 360), (m.JAM, 4, 0)]
    assert slots_of(rig.do(m.READ_STATE).octets("jammed")) == [4]
    rig.hand("door 4 open")
    assert rig.do(m.READ_STATE).octets("jammed") == bytes(8)


def test_while_one_door_stands_open_no_other_opens() -> None:
    rig = Rig().begin()
    rig.do(m.OPEN_SLOT, slot=2)
    rig.run(400)
    rig.driven()

    answer = rig.do(m.OPEN_SLOT, slot=1)
    assert (answer.number("code"), answer.number("detail")) == (m.OTHER_OPEN, 2)
    assert rig.code(m.OPEN_SLOT, slot=2) == m.ALREADY_OPEN
    assert rig.driven() == []


def test_while_a_coil_is_on_another_command_is_refused() -> None:
    rig = Rig().begin()
    rig.hand("jam 1 on")
    rig.do(m.OPEN_SLOT, slot=1)

    assert rig.code(m.OPEN_SLOT, slot=2) == m.BUSY
    assert rig.code(m.OPEN_SLOT, slot=1) == m.BUSY
    assert rig.world.coil == 1


def test_slots_that_are_not_there() -> None:
    rig = Rig().begin()
    for slot in (0, 5, 64, 65, 255):
        assert rig.code(m.OPEN_SLOT, slot=slot) == m.NO_SUCH_SLOT
    assert rig.driven() == []


def test_the_last_of_64_slots_opens() -> None:
    rig = Rig(64).begin()
    assert rig.code(m.OPEN_SLOT, slot=64) == m.OK
    rig.run(100)

    assert rig.events == [(m.DOOR, 64, m.DOOR_OPENED)]
    assert slots_of(rig.do(m.READ_STATE).octets("doors_open")) == [64]


def test_a_door_opened_by_key_or_force_is_told_as_such() -> None:
    rig = Rig().begin()
    rig.hand("door 1 open")
    assert rig.events == [(m.DOOR, 1, m.DOOR_FORCED)]
    rig.hand("door 1 closed")
    rig.do(m.OPEN_SLOT, slot=1)
    rig.run(100)
    rig.hand("door 1 closed")
    rig.run(1000)
    rig.hand("door 1 open")

    assert rig.events[-1] == (m.DOOR, 1, m.DOOR_FORCED)


def test_another_door_that_opens_meanwhile_ends_the_coil_and_the_command_is_answered() -> None:
    rig = Rig().begin()
    rig.hand("jam 1 on")
    rig.do(m.OPEN_SLOT, slot=1)
    rig.hand("door 2 open")

    assert rig.world.coil == 0
    assert rig.events == [(m.DOOR, 2, m.DOOR_FORCED), (m.JAM, 1, 0)]


def test_a_bouncing_contact_is_one_change() -> None:
    rig = Rig().begin()
    for _ in range(8):
        rig.world.doors ^= 1
        rig.run(3)
    assert rig.events == []
    rig.world.doors = 1
    rig.run(20)
    assert rig.events == [(m.DOOR, 1, m.DOOR_FORCED)]


def test_with_the_housing_open_nothing_opens_and_what_was_open_locks() -> None:
    rig = Rig().begin()
    rig.hand("jam 1 on")
    rig.do(m.OPEN_FLAP, limit_s=10)
    rig.do(m.OPEN_SLOT, slot=1)
    assert rig.world.coil == 1
    rig.hand("tamper on")

    assert rig.world.coil == 0
    assert "flap locked" in rig.world.said
    assert (m.TAMPER, 0, 1) in rig.events
    rig.run(2000)
    assert rig.code(m.OPEN_SLOT, slot=2) == m.TAMPERED
    assert rig.code(m.OPEN_FLAP, limit_s=10) == m.TAMPERED
    rig.hand("tamper off")
    assert rig.code(m.OPEN_SLOT, slot=2) == m.OK


def test_lock_lets_go_of_the_coil_at_once() -> None:
    rig = Rig().begin()
    rig.hand("jam 1 on")
    rig.do(m.OPEN_SLOT, slot=1)
    assert rig.code(m.LOCK) == m.OK
    assert rig.world.coil == 0


def test_a_door_that_gives_way_long_after_its_jam_was_forced() -> None:
    for waited, value in ((100, m.DOOR_OPENED), (1000, m.DOOR_FORCED)):
        rig = Rig().begin()
        rig.hand("jam 1 on")
        rig.do(m.OPEN_SLOT, slot=1)
        rig.run(400 + waited)
        rig.hand("door 1 open")
        assert rig.events[-1] == (m.DOOR, 1, value)
