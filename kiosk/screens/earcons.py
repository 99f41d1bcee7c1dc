"""Which tone goes with a view: what the eye sees of an opened slot, of an end and of a fault, the ear hears."""

from typing import Any

from drivers.speech.tones import Tone
from kiosk.views import Await, CabinetDrawing, DropDrawing, Tell, View

_BADGES: dict[str, Tone] = {"success": "done", "warning": "fault", "failure": "fault"}


def tone_of(view: View[Any]) -> Tone | None:
    """The tone, where the view has one."""
    match view:
        case Await(drawing=CabinetDrawing() | DropDrawing()):
            return "slot"
        case Tell():
            return _BADGES.get(view.badge)
        case _:
            return None
