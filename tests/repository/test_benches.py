"""The benches compare, never judge: a figure stands beside another of the same run, and what cannot be measured is said."""

import json
from pathlib import Path

import pytest

from benches import __main__ as program
from benches import figures, ingest, journal, visits
from benches.disk import left
from benches.events import errands
from benches.figures import CannotMeasureError, Figure, Report, compared_with, table
from fleet.messages.events import parse
from fleet.server.database.database import open_database
from fleet.server.ingest.parse import arrived_event
from fleet.server.ingest.write import Writer
from kiosk.errands.unblock.stories import STORIES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """As little work as shows that it is done."""
    monkeypatch.setattr(journal, "COMMITS", 2)
    monkeypatch.setattr(journal, "ROUNDS", 1)


def test_a_figure_is_read_beside_its_floor() -> None:
    floor = Figure("the least", 2.0, "ms")
    text = table([Report("some", "a title", (floor, compared_with(floor, "ours", 5.0, "a note")))])

    assert "the least" in text
    assert text.splitlines()[-1].split() == ["ours", "5", "ms", "2.50", "x", "the", "least", "a", "note"]


def test_what_is_missing_is_said_and_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def without(folder: Path) -> list[Figure]:
        raise CannotMeasureError("the reader is not here")

    monkeypatch.setitem(program.BENCHES, "card", ("one card", without))

    assert program.main(["card"]) == 0
    assert "not measured: the reader is not here" in capsys.readouterr().out


def test_the_figures_are_kept_as_json(few: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "figures.json"

    assert program.main(["journal", "--json", str(path)]) == 0

    kept = json.loads(path.read_text())
    assert kept["machine"]["reader"] == "virtual"
    names = [figure["what"] for figure in kept["benches"]["journal"]["figures"]]
    assert all(name in capsys.readouterr().out for name in names[:1])
    assert [figure["beside"] for figure in kept["benches"]["journal"]["figures"][1:]] == [names[0]] * 3


@pytest.mark.parametrize("visit", visits.VISITS)
async def test_a_visit_with_a_card_of_the_swedish_kind_takes_no_longer_than_wanted(visit: str) -> None:
    title, most = visits.VISITS[visit]
    story = next(story for story in STORIES if story.title == title)
    counted = await visits.count(story, visits.SWEDISH)
    assert 0 < counted.exchanges * visits.EXCHANGE_S < counted.seconds <= most


def test_a_bench_that_is_not_there_is_bad_usage() -> None:
    with pytest.raises(SystemExit) as ended:
        program.main(["no-such-bench"])
    assert ended.value.code == 2


def test_the_time_of_a_piece_of_work_is_its_median() -> None:
    calls = []
    assert figures.median_ms(lambda: calls.append(1), times=3) >= 0
    assert len(calls) == 4, "one that does not count, and three"


def test_the_made_up_errands_are_taken_by_the_server_without_an_alarm(tmp_path: Path) -> None:
    told = errands("bench-a", epoch=2, count=7)
    arrivals = [arrived_event(one.station, parse(one.wire), one.wire) for one in told]

    with open_database(tmp_path / "fleet.sqlite") as database:
        committed = Writer(database).commit(arrivals, program.datetime.now(program.UTC))

    assert [(station, acked.through) for station, acked in committed.acked] == [("bench-a", 7)]
    assert (committed.quarantined, committed.conflicts) == (0, 0)


def test_every_bench_has_a_row_of_the_page() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert [name for name in program.BENCHES if f"| `{name}` |" not in page] == []
    assert f"{ingest.EVENTS:,} events" in page


def test_who_comes_while_the_disk_stands_still_waits_for_the_rest_of_it() -> None:
    assert left([(0.0, 1.0), (3.0, 4.0)], 0.5) == [1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 1.0, 0.5]


def test_what_is_wanted_says_what_was_held_against_it() -> None:
    floor = Figure("the disk", 20.0, "ms")
    slow = figures.with_limit(compared_with(floor, "an answer", 60.0), 50.0)
    fast = figures.ratio_of(compared_with(floor, "a commit", 15.0), 0.5)
    rows = figures.targets_table([Report("a", "a bench", (floor, slow, fast))]).splitlines()
    assert [row.split()[0] for row in rows] == ["MISSED", "reached"]
    assert rows[0].endswith("60 ms")
    assert rows[1].endswith("0.75 of the disk")
