"""Errands of the holder that need a reader alone, walked in this process by the file in their folder, on cards of every kind."""

import tomllib
from pathlib import Path

import pytest

from kiosk.cli import Exit
from kiosk.errands.registry import ERRANDS
from scripts.write_errands import ends, walk_files
from tests.fakes.station.walking import example, make_cards, walk

KINDS = "ABCD"
ALONE = [
    errand.id
    for errand in ERRANDS
    if errand.needs == {"reader"}
    and errand.entry.who == "holder"
    and all(ends(errand.id)[kind] == "done" for kind in KINDS)
]


def test_every_card_of_a_documented_file_is_of_the_kind_that_is_walked(tmp_path: Path) -> None:
    """Else a table says of four kinds what was walked on one."""
    for errand in (errand.id for errand in ERRANDS):
        for name in walk_files(errand):
            file = tomllib.loads(example(errand, tmp_path, "D", file=name).read_text(encoding="utf-8"))
            kinds = {
                card: entry[0] if isinstance(entry, str) else entry.get("kind")
                for card, entry in file.get("cards", {}).items()
            }
            assert set(kinds.values()) <= {"D"}, (errand, name, kinds)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("errand", ALONE)
def test_an_errand_is_walked_by_its_file(
    errand: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KORTKIOSK_TEST_AUTHORITY", str(tmp_path / "authority"))
    monkeypatch.chdir(tmp_path)
    file = example(errand, tmp_path, kind)
    make_cards(file)
    walked = walk(capsys, errand, file)
    assert (walked.code, walked.last["errand"], walked.last["outcome"]) == (Exit.DONE, errand, "done"), walked.said
    assert walked.views[0] == f"{errand}.insert"
    assert walked.views[-1] == "closing.take_card"
