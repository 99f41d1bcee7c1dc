"""The home screen: what can be done here now, and why not what cannot."""

import math
from collections.abc import Sequence

from kiosk.config import Config
from kiosk.journal import Interrupted
from kiosk.journeys.registry import Errand
from kiosk.views import Choose, Note, Option, ReaderDrawing, say


def view(
    config: Config, offers: Sequence[tuple[Errand, str | None]], found: Sequence[Interrupted], *, forgotten: bool
) -> Choose:
    """`offers` are errands with what is missing for them; `found` is what a stop cut off; a card may be left in."""
    return Choose(
        name="home",
        title=say("home.title"),
        layout="tiles",
        options=tuple(_tile(errand, missing) for errand, missing in offers),
        drawing=ReaderDrawing(),
        aside=(say("home.aside.title"), say("home.aside.lead")),
        footer=(say("home.block_line"), config.contact.block_line) if config.contact.block_line else None,
        banner=_banner(found, forgotten),
        idle_s=math.inf,
    )


def _tile(errand: Errand, missing: str | None) -> Option:
    return Option(
        errand.id,
        say(f"home.{errand.id}"),
        say(f"home.{errand.id}.detail"),
        errand.icon,
        reason=say(f"home.no.{missing}") if missing else None,
    )


def _banner(found: Sequence[Interrupted], forgotten: bool) -> Note | None:
    if forgotten:
        return Note(say("home.forgotten"), say("home.forgotten.title"), "warning")
    if not found:
        return None
    writing = any(one.effect == "card.unblock" for one in found)
    key = "home.interrupted.writing" if writing else "home.interrupted"
    return Note(say(key), say("home.interrupted.title"), "warning")
