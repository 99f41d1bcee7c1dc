"""Who asks at the same time shares one reading; who asks later reads anew."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from fleet.server.readings.queries import SharedStationList
from fleet.server.stations.model import Contact, StationRow
from tests.fleet.server.conftest import NOW


def row(name: str) -> StationRow:
    return StationRow(name, "", Contact.ONLINE, None, None, 0, 0, 0, None, 0)


class Readings:
    """Numbers them; `moments` are when a question came and when its turn came, question by question."""

    def __init__(self, *moments: float) -> None:
        self.count = 0
        left = list(moments)
        self.shared = SharedStationList(self.read, lambda: left.pop(0))

    def read(self, _now: datetime) -> Sequence[StationRow]:
        self.count += 1
        return [row(f"reading {self.count}")]

    def ask(self, now: datetime = NOW) -> str:
        return self.shared.rows(now)[0].name


def test_who_asked_before_a_reading_began_shares_it() -> None:
    readings = Readings(1.0, 2.0, 1.5, 3.0)
    assert (readings.ask(), readings.ask()) == ("reading 1", "reading 1")


def test_who_asked_after_it_began_reads_anew_since_it_may_miss_a_change() -> None:
    readings = Readings(1.0, 2.0, 2.5, 3.0)
    assert (readings.ask(), readings.ask()) == ("reading 1", "reading 2")


def test_another_day_is_another_reading() -> None:
    readings = Readings(1.0, 2.0, 1.5, 3.0)
    assert (readings.ask(), readings.ask(NOW + timedelta(days=1))) == ("reading 1", "reading 2")


def test_a_reading_that_failed_is_nobodys() -> None:
    answers: list[Sequence[StationRow] | OSError] = [OSError("away"), []]

    def read(_now: datetime) -> Sequence[StationRow]:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    shared = SharedStationList(read)
    with pytest.raises(OSError, match="away"):
        shared.rows(NOW)
    assert shared.rows(NOW) == []
