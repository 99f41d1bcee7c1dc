"""When does my card expire?"""

from collections.abc import Callable
from typing import Any

from sim.stories.errand_stories import ErrandStory
from sim.stories.own_card import MINE
from sim.stories.person import Story, pulls, puts


def asked(**changed: Any) -> Callable[[], Story]:
    """Puts the card in, says what it is for, and reads the answer."""
    story = {"insert": puts(MINE), "use": "identification", "done": "end", **changed}
    return lambda: {f"expires.{name}": action for name, action in story.items()} | {"closing.take_card": pulls()}


STORIES = [
    ErrandStory(
        "expires: logging in",
        "expires",
        asked(),
        events=(),
        views=("expires.use", "expires.done"),
        troubled=True,
        touched=True,
    ),
    ErrandStory("expires: signing", "expires", asked(use="signature"), events=()),
]
