"""How `make campaign` finds its parts, keeps verdicts and goes on."""

from pathlib import Path

import pytest

from campaigns.faults.__main__ import main
from campaigns.faults.parts import Options, Progress, Verdict, find_part, part_names


def test_every_part_that_is_named_is_found() -> None:
    assert all(callable(find_part(name)) for name in part_names())


@pytest.mark.parametrize("what", ["nothing-of-the-kind", "kill-campaign", "no-part:some.case"])
def test_what_is_no_part_is_said(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([what]) == 2
    assert "there are" in capsys.readouterr().err


def test_a_part_that_was_cut_off_goes_on_after_its_last_whole_line(tmp_path: Path) -> None:
    progress = Progress.open("some", Options(state=tmp_path))
    progress.add(Verdict("some:1", "kill", "pickup"))
    progress.add(Verdict("some:2", "kill", "pickup", broken=("no way on",)))
    with progress.file.open("a") as out:
        out.write('{"id": "some:3", "inj')
    again = Progress.open("some", Options(state=tmp_path))
    assert list(again.missing(["some:1", "some:2", "some:3"])) == ["some:3"]
    again.add(Verdict("some:3", "error", "pickup"))
    assert list(Progress.open("some", Options(state=tmp_path)).verdicts) == ["some:1", "some:2", "some:3"]
    assert "| kill | pickup | 2 | 1 |" in again.table()
    assert list(Progress.open("some", Options(seed=2, state=tmp_path)).verdicts) == []
