"""The shapes that the server draws."""

from fleet.messages.link import SlotState
from fleet.server.stations.charts import CHART_HEIGHT, CHART_WIDTH, chart, front


def test_bars_stand_on_the_line_and_stay_inside() -> None:
    drawn = chart(((6, 5, 0, 0), (9, 37, 4, 1), (22, 1, 0, 3)))
    assert drawn.totals == (43, 4, 4)
    assert [bar.hour for bar in drawn.bars] == list(range(6, 23))
    for bar in drawn.bars:
        assert 0 <= bar.x <= CHART_WIDTH - bar.width
        assert all(0 <= part.y < CHART_HEIGHT for part in bar.parts)
    assert drawn.busiest is not None
    assert drawn.busiest.hour == 9


def test_a_day_without_errands_has_no_busiest_hour() -> None:
    assert chart(()).busiest is None


def test_a_very_busy_hour_still_fits() -> None:
    assert all(part.y >= 0 for part in chart(((10, 3_000, 400, 2),)).bars[3].parts)


def test_slots_stand_in_rows_of_six_by_number() -> None:
    slots = [SlotState(number, "present", "open" if number == 7 else "closed") for number in (8, 7, 1, 2, 3, 4, 5, 6)]
    shapes = front(slots).slots
    assert [shape.number for shape in shapes] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert shapes[6].x == shapes[0].x
    assert shapes[6].y > shapes[0].y
    assert shapes[6].look == "open"


def test_a_station_without_a_cabinet_has_no_slots() -> None:
    assert front(()).slots == ()
