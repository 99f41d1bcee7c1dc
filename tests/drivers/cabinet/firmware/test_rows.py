"""Rows of sensors are read as each pin by itself would be."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from drivers.cabinet.firmware.rows import Row

PINS = st.one_of(st.none(), st.integers(0, 59).map("in:{}".format), st.integers(0, 28).map("gpio:{}".format))


@given(st.lists(st.tuples(PINS, st.booleans()), max_size=64), st.integers(0, 2**60 - 1), st.integers(0, 2**29 - 1))
def test_a_row_is_its_pins_one_by_one(row: list[tuple[str | None, bool]], chain: int, gpio: int) -> None:
    def level_of(pin: str) -> Callable[[], int]:
        return lambda: gpio >> int(pin.removeprefix("gpio:")) & 1

    def one(pin: str | None, inverted: bool) -> int:
        if pin is None:
            return 0
        where, number = pin.split(":")
        return ((chain if where == "in" else gpio) >> int(number) & 1) ^ inverted

    pins, inverted = tuple(pin for pin, _ in row), tuple(flipped for _, flipped in row)
    assert Row(pins, inverted, level_of).read(chain) == sum(one(*both) << at for at, both in enumerate(row))


class OpenRow(Row):
    """A row that tells what it reads in one go."""

    @property
    def runs(self) -> list[tuple[int, int, int]]:
        return self._runs


def test_slots_that_follow_each_other_are_read_in_one_go() -> None:
    row = OpenRow(tuple(f"in:{number}" for number in range(24)), (False,) * 24, lambda pin: int)
    assert row.runs == [(0, 2**24 - 1, 0)]
