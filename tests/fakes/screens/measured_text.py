"""Texts that are measured and not drawn: laying out hundreds of screens takes a third of the time.

with measured():
    staging.ask(view, answer)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch


@contextmanager
def measured() -> Iterator[None]:
    """No text makes its texture; each knows how large that would be."""
    from kiosk.screens import text

    # Kivy finds it again by this name
    def texture_update(label: Any, *_: object) -> None:
        across, lines = label.extent_at(label.text_size[0])
        natural = text.natural_height(*label.font_key[:2])
        label.texture_size = across, natural + (lines - 1) * label.pitch

    with patch.object(text.Text, "texture_update", texture_update):
        yield
