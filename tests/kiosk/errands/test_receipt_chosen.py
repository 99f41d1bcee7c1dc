"""Where the receipt is, the last screen says and shows: its words, its drawing and the printer's lamp follow what was chosen."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drivers.printer.port import NotPrinted, OutOfPaper
from kiosk.texts import Texts
from kiosk.views import MachineDrawing, Tell
from sim.stories.errand_stories import ErrandStory, errand_stories, play
from sim.stories.register import both, mailed
from sim.stories.room import quick_folder
from sim.stories.setting import Setting, own_card

EMPTY = (NotPrinted(OutOfPaper()),)
TALES = {story.title: story for story in errand_stories()}
RETURN, EMPTIED = (
    TALES["return_card: with its code, blocked at once"],
    TALES["empty_bin: counted, sealed, signed by both"],
)
PICKUP = ErrandStory("pickup", "pickup", own_card, Setting())


async def last_view(
    tmp_path: Path, tale: ErrandStory, printer: tuple[Any, ...] | None, way: str = ""
) -> tuple[Tell, str]:
    """What the errand ends with, and its words, where the first prints end so, or no printer is fitted. `way`: what its holder
    chooses where it can be mailed."""
    answers = {"no_paper": "next", "on_phone": "next", "receipt_mailed": "next", "receipt_way": way}
    story = {**tale.story(), **{f"{tale.errand}.{name}": answer for name, answer in answers.items()}}
    prepare = both(tale.prepare, mailed) if way else tale.prepare
    setting = replace(tale.setting, printer=printer)
    with quick_folder(tmp_path) as folder:
        changed = replace(tale, story=lambda: story, prepare=prepare, setting=setting)
        room, someone, ended = await play(folder, changed)
        await room.close()
    assert (someone.failure, ended.outcome) == (None, "done")
    view = next(view for view in reversed(someone.shown) if view.name == f"{tale.errand}.done")
    assert isinstance(view, Tell)
    said = (*view.lead, *([view.drawing_text] if view.drawing_text else []))
    return view, " ".join(Texts.load().plain(text, "sv") for text in said)


@pytest.mark.parametrize(
    ("way", "printer", "lit", "told"),
    [
        ("", (), True, "Det är spärrat. Spara kvittensen."),
        ("", EMPTY, False, "Det är spärrat. Spara kvittensen i mobilen."),
        ("", None, False, "Det är spärrat. Spara kvittensen i mobilen."),
        ("paper", (), True, "Det är spärrat. Spara kvittensen."),
        ("paper", EMPTY, False, "Det är spärrat. Spara kvittensen i mobilen."),
        ("mail", (), False, "Det är spärrat. Kvittensen skickas med e-post."),
        ("phone", (), False, "Det är spärrat. Spara kvittensen i mobilen."),
        ("nothing", (), False, "Det är spärrat."),
    ],
)
async def test_a_return_ends_with_the_receipt_where_it_is(
    tmp_path: Path, way: str, printer: tuple[Any, ...] | None, lit: bool, told: str
) -> None:
    view, said = await last_view(tmp_path, RETURN, printer, way)
    assert said == told
    assert (view.drawing == MachineDrawing(("printer",))) == lit
    assert lit or not isinstance(view.drawing, MachineDrawing), "nothing else waits for a hand"


@pytest.mark.parametrize(("printer", "lit"), [((), True), (EMPTY, False), (None, False)])
async def test_so_do_a_pick_up_and_an_emptied_bin(tmp_path: Path, printer: tuple[Any, ...] | None, lit: bool) -> None:
    for tale, take in ((PICKUP, "kvittens"), (EMPTIED, "Ta kvittensen")):
        view, said = await last_view(tmp_path / tale.errand, tale, printer)
        assert isinstance(view.drawing, MachineDrawing) == (lit or tale is PICKUP)
        assert ("printer" in getattr(view.drawing, "lit", ())) == lit, tale.errand
        assert (take in said) == lit, (tale.errand, said)
