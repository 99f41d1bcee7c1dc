"""What holds for every errand's journey: it reads as the holder's story. And a region's own words stand where it gave some."""

import ast
from pathlib import Path

import pytest

import kiosk
from kiosk.errands.registry import ERRANDS, Errand
from kiosk.texts import Texts
from sim.stories.errand_stories import errand_stories, play
from sim.stories.room import quick_folder
from sim.stories.switched_off import MY_BATCH, WORDS

ERRAND_FOLDERS = Path(kiosk.__file__).parent / "errands"
MOST_LINES = 100


@pytest.mark.parametrize("errand", ERRANDS, ids=[errand.id for errand in ERRANDS])
def test_a_journey_reads_as_a_story(errand: Errand) -> None:
    """`journey.py` in the errand's folder, under 100 lines, a coroutine named after it, and nothing of screens or buses."""
    path = ERRAND_FOLDERS / errand.id / "journey.py"
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) < MOST_LINES
    tree = ast.parse(source)
    assert ast.get_docstring(tree)
    told = {node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef)}
    assert errand.id in told
    assert errand.journey.__module__ == f"kiosk.errands.{errand.id}.journey"
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [one for one in modules if one.startswith(("kiosk.screens", "kiosk.station.journal", "fleet.agent"))]


async def test_the_regions_own_words_say_why_a_batch_is_switched_off(tmp_path: Path) -> None:
    tale = next(one for one in errand_stories() if one.title == "change_pin: a batch is switched off")
    with quick_folder(tmp_path) as folder:
        room, someone, _ = await play(folder, tale)
        await room.close()
    stop = next(view for view in someone.shown if view.name == "change_pin.stop.switched_off")
    for language, words in WORDS.items():
        assert [Texts.load().plain(line, language) for line in stop.lead] == [words]
    assert not [view for view, _ in someone.typed], "no code before"
    assert MY_BATCH.text == WORDS
