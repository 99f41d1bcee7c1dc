"""No coil is on beyond its limit, whatever happens (I7); one at a time; a rest after each."""

from drivers.cabinet import messages as m
from drivers.cabinet.firmware.coil import COOL_MS, REST_MS, Coil
from drivers.cabinet.firmware.panel import World
from tests.drivers.cabinet.firmware.rig import Rig, raised


def coil_and_world(limit_ms: int = 400) -> tuple[Coil, World, list[int]]:
    clock = [0]
    world = World(4, lambda: 1000 * clock[0])
    return Coil(world, limit_ms), world, clock


def test_a_coil_ends_before_its_limit_by_itself() -> None:
    coil, world, clock = coil_and_world()
    coil.on(2, 0)
    ended = []
    for now in range(1, 500):
        clock[0] = now
        ended.append(coil.tick(now))

    assert [one for one in ended if one] == [(2, 360)]
    assert world.longest_us == 360_000
    assert world.coil == 0


def test_wiring_data_cannot_raise_the_limit() -> None:
    assert coil_and_world(60_000)[0].limit_ms == m.COIL_LIMIT_MS
    assert coil_and_world(0)[0].limit_ms == 1


def test_a_clock_that_goes_back_ends_the_coil() -> None:
    coil, world, clock = coil_and_world()
    clock[0] = 1000
    coil.on(1, 1000)

    assert coil.tick(999) == (1, 0)
    assert world.coil == 0


def test_two_coils_are_never_on() -> None:
    coil, world, _clock = coil_and_world()
    coil.on(1, 0)

    assert raised(lambda: coil.on(2, 1), ValueError)
    assert (coil.output, world.coil) == (1, 1)


def test_a_coil_rests_and_rests_longer_after_its_limit() -> None:
    coil, _world, _clock = coil_and_world()
    coil.on(1, 0)
    coil.off(50)
    assert not coil.free(50 + REST_MS - 1)
    assert coil.free(50 + REST_MS)
    coil.on(1, 1000)
    coil.tick(1360)
    assert not coil.free(1360 + COOL_MS - 1)
    assert coil.free(1360 + COOL_MS)


def test_a_host_that_asks_all_the_time_keeps_no_coil_on_longer() -> None:
    rig = Rig().begin()
    rig.hand("jam 1 on", "jam 2 on")
    on_ms = 0
    for turn in range(3000):
        rig.do(m.OPEN_SLOT, slot=1 + turn % 2)
        on_ms += rig.world.coil != 0
        assert rig.world.coil == rig.firmware.parts.coil.output

    assert rig.world.longest_us <= 400_000
    assert on_ms <= 3000 * 0.4


def test_a_program_that_hangs_lets_the_board_s_own_timer_end_the_coil() -> None:
    rig = Rig().begin()
    rig.hand("jam 1 on")
    assert rig.code(m.OPEN_SLOT, slot=1) == m.OK
    for _ in range(1000):
        rig.now += 1
        rig.world.move()

    assert rig.world.coil == 0
    assert rig.world.longest_us == 400_000


def test_a_fault_in_the_program_ends_it_with_all_coils_off() -> None:
    rig = Rig().begin()
    rig.hand("jam 1 on")
    assert rig.code(m.OPEN_SLOT, slot=1) == m.OK
    assert rig.world.coil == 1

    def broken() -> "tuple[int, int, int, int]":
        raise OSError("the sensors do not answer")

    rig.world.scan = broken  # type: ignore[method-assign]
    assert raised(lambda: rig.run(1), OSError)
    assert rig.world.coil == 0


def test_every_start_begins_with_all_coils_off() -> None:
    rig = Rig().begin()
    rig.hand("jam 1 on")
    rig.do(m.OPEN_SLOT, slot=1)
    assert rig.world.coil == 1
    rig.power(2)

    assert rig.world.coil == 0
    rig.run(2000)
    assert rig.world.coil == 0
