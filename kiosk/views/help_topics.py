"""Help topics: what helps with the very question on show. Each view has its own or that of its family.

Texts: `help.TOPIC.title` and `.text`. A topic's drawing is its own, with the place lit; where what is waited for is drawn
already, it is the view's.

>>> from kiosk.views import EnterDigits, say
>>> topic_of(EnterDigits(name="report_lost.number", title=say("number.title"), length=8, submit=say("button.next"))).name
'card_number'
"""

from dataclasses import dataclass
from typing import Any

from kiosk.views.board import Board
from kiosk.views.drawings import (
    AboutDrawing,
    CabinetDrawing,
    ChallengeDrawing,
    CodeKeysDrawing,
    Drawing,
    DropDrawing,
    LetterDrawing,
    LetterPageDrawing,
    MachineDrawing,
    NumberDrawing,
    ProductCodeDrawing,
    ReaderDrawing,
    RestingDrawing,
)
from kiosk.views.families import Family, family_drawing
from kiosk.views.parts import Say, say
from kiosk.views.shapes import Await, Busy, Checklist, Choose, Confirm, EnterCode, EnterDigits, EnterText, Tell, View

TAIL = 8
"""So many digits tell one card from another."""
_BY_NAME = {
    "puk": "puk",
    "puk_wrong": "puk",
    "release_number": "letter_number",
    "release_code": "letter_code",
    "start_pin": "first_code",
    "new_pin": "new_code",
    "repeat_pin": "repeat_code",
    "check_code": "which_code",
    "code_from_before": "which_code",
    "number": "card_number",
    "printed": "card_number",
    "read_card": "card_number",
    "scan": "card_number",
    "document_digits": "document",
    "printing": "printing",
    "portal_challenge": "portal",
    "portal_response": "portal",
    "portal_puk": "portal",
}
"""By the last part of a view's name, where the same shape asks for different things."""
_BY_SHAPE: tuple[tuple[type[View[Any]], str], ...] = (
    (EnterCode, "own_code"),
    (EnterDigits, "digits"),
    (EnterText, "text"),
    (Board, "board"),
    (Checklist, "checks"),
    (Choose, "choice"),
    (Confirm, "confirm"),
    (Busy, "busy"),
    (Await, "wait"),
)
_BY_ICON = {
    "lock-alert-outline": "lock",
    "smart-card-off-outline": "card",
    "calendar-clock": "date",
    "shield-alert-outline": "trust",
    "cloud-off-outline": "network",
    "printer-alert": "printer",
    "door-closed-lock": "cabinet",
    "archive-arrow-down-outline": "cabinet",
    "wrench-outline": "station",
}
"""What is told, by the kind that its badge shows."""
_BY_FAMILY = {
    "slots": "cabinet",
    "drop": "cabinet",
    "reader": "readers",
    "administrator": "readers",
    "form-textbox-password": "code",
}
"""What is told by no such kind, by what is lit or drawn beside it."""
_AT_THE_READER = MachineDrawing(("reader",))
_ON_THE_SCREEN = MachineDrawing(("screen",))
_STAYS = RestingDrawing(("holder",), say("home.card.stay"))
_DRAWINGS: dict[str, Drawing] = {
    "puk": LetterPageDrawing("puk"),
    "letter_number": LetterPageDrawing("number"),
    "letter_code": LetterPageDrawing("code"),
    "first_code": LetterPageDrawing("pin"),
    "new_code": CodeKeysDrawing(),
    "repeat_code": CodeKeysDrawing(),
    "which_code": CodeKeysDrawing(),
    "own_code": CodeKeysDrawing(),
    "digits": CodeKeysDrawing(),
    "card_number": NumberDrawing("card"),
    "document": NumberDrawing("document"),
    "home": ReaderDrawing(),
    "card_menu": _STAYS,
    "busy": _STAYS,
    "printing": MachineDrawing(("printer",)),
    "printer": MachineDrawing(("printer",)),
    "readers": MachineDrawing(("reader", "administrator")),
    "done": _AT_THE_READER,
    "tries": CodeKeysDrawing(),
    "lock": LetterPageDrawing("puk"),
}
"""Where none is: the machine with its screen lit."""


@dataclass(frozen=True, slots=True)
class HelpTopic:
    """A sentence, two more, and a drawing. `stays`: what is under it and not lost. `close`: the way back."""

    name: str
    title: Say
    text: Say
    drawing: Drawing
    stays: Say | None
    close: Say


def topic_of(view: View[Any]) -> HelpTopic:
    """Return the help for that view."""
    name = _name_of(view)
    title, text, drawing = say(f"help.{name}.title"), say(f"help.{name}.text"), _drawing_of(name, view)
    if isinstance(drawing, LetterPageDrawing) and drawing.tail:
        text = say("help.puk.number", tail=f"{drawing.tail[:4]} {drawing.tail[4:]}")
    return HelpTopic(name, title, text, drawing, _stays(name, view), _way_back(name, view))


def _stays(name: str, view: View[Any]) -> Say | None:
    if isinstance(view, EnterCode | EnterDigits | EnterText):
        return say("help.kept")
    return None if name == "home" else say("help.stays")


def _way_back(name: str, view: View[Any]) -> Say:
    return say(f"help.close.{'code' if isinstance(view, EnterCode) else 'home' if name == 'home' else 'errand'}")


def _drawing_of(name: str, view: View[Any]) -> Drawing:
    match view.drawing:
        case LetterDrawing(card_number=number):
            return LetterPageDrawing("puk", number[-TAIL:])
        case ReaderDrawing() | CabinetDrawing() | DropDrawing() | ProductCodeDrawing() | RestingDrawing() as drawing:
            return drawing
        case ChallengeDrawing() as digits:
            return digits
        case AboutDrawing() as about if isinstance(view, Await):
            return about
    if name not in _DRAWINGS and isinstance(view, Tell | Confirm):
        return family_drawing(view)
    return _DRAWINGS.get(name, _ON_THE_SCREEN)


def _name_of(view: View[Any]) -> str:
    errand, _, last = view.name.rpartition(".")
    if errand == "setup" and not isinstance(view, EnterText):
        return "setup"
    topic = _BY_NAME.get(last)
    if topic is not None and isinstance(view, EnterCode | EnterDigits | Busy | Await):
        return topic
    match view:
        case Tell():
            return _topic_of_tell(view)
        case Choose(layout="tiles"):
            return "home"
        case Choose(drawing=RestingDrawing()) if not isinstance(view, Checklist):
            return "card_menu"
        case View(drawing=ProductCodeDrawing()):
            return "product_code"
        case Await(drawing=ReaderDrawing(motion=motion)):
            return {"in": "insert", "out": "take", "turn": "turn"}[motion]
        case Await(drawing=CabinetDrawing()):
            return "slot"
        case Await(drawing=DropDrawing()):
            return "drop"
    return next(name for shape, name in _BY_SHAPE if isinstance(view, shape))


def _topic_of_tell(view: Tell) -> str:
    if view.badge == "success":
        return "done"
    if view.sends_on:
        return "sent_on"
    if view.tries:
        return "tries"
    return _BY_ICON.get(view.badge_icon) or _by_family(family_drawing(view))


def _by_family(drawing: Family) -> str:
    lit = drawing.lit[0] if isinstance(drawing, MachineDrawing) else drawing.icon
    return _BY_FAMILY.get(lit, "told")
