"""Speech output of a view as sentences, for those who listen. What is typed is never spoken."""

from collections.abc import Iterator
from typing import Any

from kiosk.screens.words import ScreenTexts
from kiosk.views import Await, Board, Checklist, Choose, Confirm, EnterCode, EnterDigits, Fact, Point, Say, Tell, View


def spoken_sentences(view: View[Any], words: ScreenTexts) -> str:
    """Title, text and ways on, in the order in which they are seen."""
    lines = (words.plain(line).rstrip(".") for line in _lines(view))
    return ". ".join(line for line in lines if line) + "."


def _lines(view: View[Any]) -> Iterator[Say | str]:
    yield view.title
    yield from view.lead
    yield from _middle(view)
    if view.note:
        yield from (line for line in (view.note.title, view.note.text) if line)
    for button in (view.primary, view.side, view.way_out):
        if button:
            yield button.text


def _middle(view: View[Any]) -> Iterator[Say | str]:
    if isinstance(view, Checklist):
        yield from (view.heading, view.progress)
    match view:
        case Choose():
            for option in view.options:
                yield option.title
                yield from (line for line in (option.reason or option.detail,) if line)
        case Board():
            yield view.parts_title
            for part in view.parts:
                yield from (part.title, part.state)
            yield from (button.text for button in view.actions)
        case Await() | EnterCode():
            yield from _facts(view.facts)
        case EnterDigits():
            yield from (line for line in (view.hint,) if line)
        case Confirm():
            yield from _points(view.points)
            yield from _facts(view.facts)
            yield from (line for line in (view.warning,) if line)
        case Tell():
            yield from _points(view.points)
            yield from (line for line in (view.drawing_text,) if line)


def _facts(facts: tuple[Fact, ...]) -> Iterator[Say | str]:
    for fact in facts:
        yield fact.label
        yield fact.value


def _points(points: tuple[Point, ...]) -> Iterator[Say | str]:
    for point in points:
        yield point.text
        yield from (line for line in (point.detail,) if line)
