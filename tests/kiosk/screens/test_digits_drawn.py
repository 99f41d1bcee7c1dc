"""Where digits stand that are to be typed: drawn on the card or the document, just those lit that the pad asks for."""

import pytest

from kiosk.views import EnterDigits, NumberDrawing
from sim.gallery.samples import samples

PRINTED = {"printed", "number", "scan", "read_card", "document_digits"}
PADS = {
    name: view
    for name, view in samples()
    if isinstance(view, EnterDigits) and view.name.rpartition(".")[2] in PRINTED
}  # fmt: skip


@pytest.mark.parametrize("name", PADS)
def test_the_wanted_digits_are_lit(name: str) -> None:
    view = PADS[name]
    what = "document" if view.name.endswith("document_digits") else "card"
    assert view.drawing == NumberDrawing(what, view.length)


def test_each_of_them_is_in_the_gallery() -> None:
    assert {view.name.rpartition(".")[2] for view in PADS.values()} == PRINTED
