"""Speech output of a view as sentences, for those who listen. What is typed is never spoken.

A view is the only source. Without headphones a person's name is not said, nor what stands on a receipt: who stands near hears
it too.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from kiosk.policy import PinPolicy
from kiosk.screens.words import ScreenTexts
from kiosk.views import (
    Await,
    Board,
    Busy,
    Checklist,
    Choose,
    ClosedHome,
    Confirm,
    EnterCode,
    EnterDigits,
    EnterText,
    Fact,
    Note,
    PersonName,
    Point,
    Say,
    Tell,
    Tries,
    View,
    say,
)
from kiosk.views.help_topics import topic_of

Sentence = Say | str
MOST_DIGIT = 9
"""The last choice that a digit picks."""
_GROUPS = re.compile(r"(?<=…)\d[\d \u00a0]*\d|\d{4}(?:[ \u00a0]\d{4})+|\d{6,}")
"""Card numbers, their last digits, and codes: read digit by digit."""
_ENDS = (".", "!", "?", ":")


def spoken_sentences(view: View[Any], words: ScreenTexts) -> str:
    """All that headphones say of a view, as one text."""
    return " ".join(view_phrases(view, words, private=True))


def view_phrases(view: View[Any], words: ScreenTexts, *, private: bool) -> tuple[str, ...]:
    """Title, text, state, choices with their digits and ways on, in the order in which they are seen. `private`: to
    headphones."""
    return _phrases(_lines(view, private), words, private)


def numbered_choices(view: Choose) -> list[tuple[str, Say]]:
    """Value and title of each choice, with the digit that picks it."""
    return [
        (option.value, say("listen.choice", digit=digit, choice=option.title) if digit <= MOST_DIGIT else option.title)
        for digit, option in enumerate(view.options, 1)
    ]


def choice_digits(view: Choose) -> dict[str, str]:
    """The digit that picks each choice that can be had, by the choice's value."""
    digits = zip("123456789", view.options, strict=False)
    return {option.value: digit for digit, option in digits if not option.reason}


def choice_of(view: Choose, digit: str) -> str | None:
    """The value of the choice that a digit picks."""
    return next((value for value, own in choice_digits(view).items() if own == digit), None)


def phrase_of(text: Sentence, words: ScreenTexts, *, private: bool) -> tuple[str, ...]:
    """One text of the screen."""
    return _phrases((text,), words, private)


def timeout_phrases(seconds: int, card_in: bool, words: ScreenTexts) -> tuple[str, ...]:
    """The time-out, and how long it still waits."""
    card = (say("timeout.card"),) if card_in else ()
    left = say("listen.seconds", seconds=seconds)
    lines = (say("timeout.title"), left, say("timeout.text"), *card, say("timeout.more"), say("timeout.end"))
    return _phrases(lines, words, private=True)


def help_phrases(view: View[Any], contacts: tuple[Fact, ...], words: ScreenTexts) -> tuple[str, ...]:
    """Return the help with the view, and the contacts."""
    topic = topic_of(view)
    return _phrases(
        (topic.title, topic.text, *_given(topic.stays), *_facts(contacts), topic.close), words, private=True
    )


def closed_phrases(lines: Iterable[Sentence], contacts: tuple[Fact, ...], words: ScreenTexts) -> tuple[str, ...]:
    """A station that is closed: why, and whom to ask."""
    return _phrases((*lines, *_facts(contacts)), words, private=True)


def _phrases(lines: Iterable[Sentence], words: ScreenTexts, private: bool) -> tuple[str, ...]:
    texts = (words.plain(line if private else _discreet(line)).strip() for line in lines)
    spelled = (_GROUPS.sub(lambda match: " ".join(re.sub(r"\D", "", match[0])), text) for text in texts if text)
    return tuple(text if text.endswith(_ENDS) else f"{text}." for text in spelled)


def _discreet(text: Any) -> Any:
    """A text, or an argument of one, without names."""
    if isinstance(text, PersonName):
        return say("listen.name")
    if isinstance(text, Say):
        return Say(text.key, tuple((name, _discreet(value)) for name, value in text.args))
    return text


def _lines(view: View[Any], private: bool) -> Iterator[Sentence]:
    yield view.title
    yield from view.lead
    if view.step:
        yield say("frame.step", at=view.step.at, of=view.step.of)
    if isinstance(view, ClosedHome):
        yield from _facts(view.contacts)
    yield from _middle(view, private)
    yield from _note(view.note)
    for button in (view.primary, view.side, view.way_out):
        if button:
            yield button.text


def _middle(view: View[Any], private: bool) -> Iterator[Sentence]:
    match view:
        case Choose():
            yield from _choices(view)
        case Board():
            yield view.parts_title
            for part in view.parts:
                yield from (part.title, part.state)
            yield from (button.text for button in view.actions)
        case Await():
            yield from _facts(view.facts)
            yield from _given(view.drawing_text)
            yield from _given(view.waits_for)
        case EnterCode():
            yield from _tries(view.tries)
            yield from _given(view.hint)
            yield from _facts(view.facts)
            yield from _rules(view.policy)
        case EnterDigits() | EnterText():
            yield from _given(view.hint)
        case Confirm():
            yield from _points(view.points)
            yield from _facts(view.facts)
            yield from _receipt(view, private)
            yield from _given(view.warning)
        case Tell():
            yield from _tell_sentences(view, private)
        case Busy():
            yield from (task.text for task in view.tasks if task.state == "now")
            yield from _given(say("listen.seconds", seconds=view.seconds) if view.seconds else None, view.under)


def _tell_sentences(view: Tell, private: bool) -> Iterator[Sentence]:
    yield from _points(view.points)
    yield from _tries(view.tries)
    yield from _given(view.drawing_text)
    yield from _receipt(view, private)
    if view.who_helps:
        yield view.who_helps.title
        yield from _points(view.who_helps.points)


def _tries(tries: Tries | None) -> Iterator[Sentence]:
    if tries:
        yield tries.left_text
        yield tries.text


def _rules(policy: PinPolicy | None) -> Iterator[Sentence]:
    if policy:
        key = "listen.length_fixed" if policy.min_length == policy.max_length else "listen.length"
        yield say(key, least=policy.min_length, most=policy.max_length)
        yield from (say("policy.same"), say("policy.sequence"))


def _choices(view: Choose) -> Iterator[Sentence]:
    if isinstance(view, Checklist):
        yield from (view.heading, view.progress)
    yield from _note(view.banner)
    yield from view.aside or ()
    for option, (_, title) in zip(view.options, numbered_choices(view), strict=True):
        yield title
        yield from _given(option.reason or option.detail)
    yield from view.footer or ()
    if not isinstance(view, Checklist):
        yield from _given(view.waits_for)


def _given(*texts: Sentence | None) -> Iterator[Sentence]:
    return (text for text in texts if text)


def _note(note: Note | None) -> Iterator[Sentence]:
    return _given(note.title, note.text) if note else iter(())


def _receipt(view: Confirm | Tell, private: bool) -> Iterator[Sentence]:
    if private and view.receipt:
        yield view.receipt.title
        yield from _facts(view.receipt.facts)
        if view.receipt.promise is not None:
            yield view.receipt.promise


def _facts(facts: tuple[Fact, ...]) -> Iterator[Sentence]:
    for fact in facts:
        yield fact.label
        yield fact.value


def _points(points: tuple[Point, ...]) -> Iterator[Sentence]:
    for point in points:
        yield point.text
        yield from _given(point.detail)
