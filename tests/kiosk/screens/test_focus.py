"""The order of the focus is that of the view, and everything that can be touched is called something."""

from dataclasses import replace

import pytest

from kiosk.screens.focus import focus_order, focus_text, next_focus
from kiosk.screens.speech import phrase_of, view_phrases
from kiosk.screens.words import ScreenTexts
from kiosk.texts import LANGUAGES, Texts
from kiosk.views import Board, Button, Choose, EnterCode, EnterDigits, Option, say
from sim.gallery.samples import samples

RAIL = {f"rail:{name}": (10, 300 + at) for at, name in enumerate(("language", "larger", "contrast", "listen", "help"))}
WAYS = {"on": (900, 700), "side": (500, 700), "cancel": (200, 700)}


def button(value: str) -> Button:
    return Button(value, say("frame.help"))


def test_choices_come_before_ways_on_and_the_rail_is_last() -> None:
    view = Choose(
        name="x", title=say("frame.help"), options=tuple(Option(one, say("frame.help")) for one in "cab"),
        primary=button("on"), side=button("side"), way_out=button("cancel"),
    )  # fmt: skip
    places = {**RAIL, **WAYS, "a": (1, 1), "b": (1, 2), "c": (1, 3), "page:on": (5, 650)}
    assert focus_order(view, places) == ["c", "a", "b", "page:on", "on", "side", "cancel", *RAIL]


def test_keys_of_the_pad_have_no_focus_and_more_time_comes_before_the_end() -> None:
    view = EnterCode(name="x", title=say("frame.help"), min_length=6, max_length=6, submit=say("frame.help"))
    assert focus_order(view, {"key:1": (1, 1), "submit": (2, 9)}) == ["submit"]
    assert focus_order(view, {"timeout:end": (1, 1), "timeout:more": (9, 1)}) == ["timeout:more", "timeout:end"]


def test_letters_that_are_digits_have_a_focus_since_a_keypad_has_none() -> None:
    view = EnterDigits(name="x", title=say("frame.help"), length=32, submit=say("frame.help"), hexadecimal=True)
    places = {"key:B": (9, 1), "key:A": (5, 1), "key:1": (1, 1), "key:erase": (7, 4), "submit": (2, 9)}
    assert focus_order(view, places) == ["key:A", "key:B", "submit"]
    assert focus_order(replace(view, hexadecimal=False), {"key:1": (1, 1), "submit": (2, 9)}) == ["submit"]


@pytest.mark.parametrize(
    ("at", "by", "then"), [(None, 1, "a"), (None, -1, "c"), ("c", 1, "a"), ("a", -1, "c"), ("gone", 1, "a")]
)
def test_it_goes_round(at: str | None, by: int, then: str) -> None:
    assert next_focus(["a", "b", "c"], at, by) == then
    assert next_focus([], at, by) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_choice_and_way_on_is_called_as_the_view_says_it(language: str) -> None:
    words = ScreenTexts(Texts.load(), language)
    for name, view in samples():
        said = view_phrases(view, words, private=True)
        buttons = [one for one in (view.primary, view.side, view.way_out) if one]
        buttons += view.actions if isinstance(view, Board) else ()
        targets = [one.value for one in (*buttons, *(view.options if isinstance(view, Choose) else ()))]
        for target in targets:
            assert phrase_of(focus_text(view, target, words), words, private=True)[0] in said, (name, target)


def test_what_the_screen_adds_is_called_something() -> None:
    words, view = ScreenTexts(Texts.load(), "sv"), dict(samples())["checking"]
    panel = [f"listen:{turn}" for turn in ("quieter", "louder", "slower", "faster")]
    own = [
        "page:on",
        "page:back",
        "timeout:more",
        "timeout:end",
        "help:close",
        "reach:low",
        "reach:whole",
        *panel,
        *RAIL,
    ]
    called = [phrase_of(focus_text(view, target, words), words, private=False)[0] for target in own]
    assert len(set(called)) == len(own)
    assert "English." in called
