"""The receipt of an activation before it is signed: which cards stay, what is promised, and that paper has the promise too."""

from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.errands.activate import stories
from kiosk.receipts.paper import receipt_document
from kiosk.texts import Texts
from kiosk.views import Confirm, RestingDrawing
from sim.gallery.made_up import FACTS
from sim.stories.errand_stories import ErrandStory, play
from sim.stories.room import quick_folder

TWO, ONE = stories.STORIES[:2]
PROMISE = "Jag har fått kortet, valt koden själv och läst reglerna för kortet. Koden visar jag inte för någon."


@pytest.mark.parametrize(("tale", "readers"), [(TWO, ("holder", "administrator")), (ONE, ("holder",))])
async def test_the_cards_that_are_in_rest_and_the_promise_is_read_in_full(
    tale: ErrandStory, readers: tuple[str, ...], tmp_path: Path
) -> None:
    with quick_folder(tmp_path) as folder:
        room, someone, _ = await play(folder, tale)
        await room.close()
    view = someone.shown[someone.names.index("activate.receipt")]
    assert isinstance(view, Confirm)
    assert isinstance(view.drawing, RestingDrawing)
    assert view.drawing.readers == readers
    assert view.receipt is not None
    assert view.receipt.promise is not None
    assert Texts.load().plain(view.receipt.promise, "sv") == PROMISE
    labels = [Texts.load().plain(fact.label, "sv") for fact in view.receipt.facts]
    assert labels[-2:] == ["ID-handling", "Kontrollerad av"]


@pytest.mark.parametrize(("kind", "promised"), [("activate", True), ("pickup", False)])
def test_paper_has_what_was_promised_at_an_activation(kind: str, promised: bool) -> None:
    texts = Texts.load()
    document = receipt_document(replace(FACTS, kind=kind), lambda text: texts.plain(text, "sv"), None, "7F3A-91C2")
    assert (PROMISE in repr(document)) is promised
