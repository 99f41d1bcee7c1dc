"""Focus of a keypad: what can be chosen on a screen, in the order of its view, and how it is called.

Choices come first, then what the screen itself adds (pages, the way on from a code), the view's ways on, and the rail. The keys
of the pad have no focus: they are typed. Letters come first, and all of a keyboard: a keypad has none.
"""

from collections.abc import Mapping
from typing import Any

from kiosk.screens.speech import Sentence, numbered_choices
from kiosk.screens.words import ScreenTexts
from kiosk.views import DIGITS, Board, Choose, EnterCode, EnterDigits, EnterText, View, say
from kiosk.views.help_topics import topic_of

_OWN = {
    "page:on": say("frame.read_on"),
    "page:back": say("listen.page_back"),
    "timeout:more": say("timeout.more"),
    "timeout:end": say("timeout.end"),
    "key:erase": say("keyboard.erase"),
    "key:clear": say("keypad.clear"),
    "key:page": say("keyboard.page"),
    "key:.": say("keyboard.dot"),
    "key::": say("keyboard.colon"),
    "key:/": say("keyboard.slash"),
    "key:-": say("keyboard.hyphen"),
    "reach:low": say("help.low"),
    "reach:whole": say("help.whole"),
    "listen:quieter": say("listen.quieter"),
    "listen:louder": say("listen.louder"),
    "listen:slower": say("listen.slower"),
    "listen:faster": say("listen.faster"),
}
PAD, RAIL = "key:", "rail:"
Places = Mapping[str, tuple[int, int]]
"""Targets by name: from the left, from the top."""


def focus_order(view: View[Any], places: Places) -> list[str]:
    """The targets that can have the focus, in order."""
    ways = [button.value for button in (view.primary, view.side, view.way_out) if button]
    rail = [name for name in places if name.startswith(RAIL)]
    own = [name for name in places if name not in (*ways, *rail) and not name.startswith(PAD)]
    names = dict.fromkeys((*_body(view), *_keys(view, places), *_seen(own, places), *ways, *_seen(rail, places)))
    return [name for name in names if name in places]


def next_focus(order: list[str], at: str | None, by: int) -> str | None:
    """The next target, or the one before; round at the ends, and from the beginning or the end where none has it."""
    if not order:
        return None
    if at not in order:
        return order[0 if by > 0 else -1]
    return order[(order.index(at) + by) % len(order)]


def focus_text(view: View[Any], target: str, words: ScreenTexts, other: ScreenTexts | None = None) -> Sentence:
    """Return the name of a target that has the focus. `other` is the language that the language button leads to."""
    if isinstance(view, Choose) and target in (choices := dict(numbered_choices(view))):
        return choices[target]
    actions = view.actions if isinstance(view, Board) else ()
    for button in (*actions, view.primary, view.side, view.way_out):
        if button and button.value == target:
            return button.text
    if target == "submit" and isinstance(view, EnterCode | EnterDigits | EnterText):
        return view.submit
    if target.startswith(PAD) and target not in _OWN:
        return target.removeprefix(PAD)
    if target == "rail:language":
        return (other or words.other).frame("frame.language")
    if target.startswith(RAIL):
        return say(f"frame.{target.removeprefix(RAIL)}")
    if target == "page:on" and isinstance(view, Choose):
        return say("frame.more_choices")
    return topic_of(view).close if target == "help:close" else _OWN[target]


def _body(view: View[Any]) -> list[str]:
    if isinstance(view, Choose):
        return [option.value for option in view.options]
    return [button.value for button in view.actions] if isinstance(view, Board) else []


def _keys(view: View[Any], places: Places) -> list[str]:
    """The keys of a keyboard: signs, then those beside the field. Of a pad the letters."""
    if isinstance(view, EnterDigits):
        return [PAD + letter for letter in view.alphabet[len(DIGITS) :]]
    if not isinstance(view, EnterText):
        return []
    signs = [name for name in places if name.startswith(PAD) and len(name) == len(PAD) + 1]
    return [*_seen(signs, places), *(name for name in places if name.startswith(PAD) and name not in signs)]


def _seen(names: list[str], places: Places) -> list[str]:
    """From the top, and from the left; more time before the end."""
    return sorted(names, key=lambda name: (name != "timeout:more", places[name][1], places[name][0]))
