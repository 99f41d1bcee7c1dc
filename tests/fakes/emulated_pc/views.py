"""What somebody does at an emulated station's screens, view by view, in whichever order they come.

Each view is known by the beginning of its title, without dots, and answered once each time that it comes up.
"""

import time
from collections.abc import Callable, Mapping

from tests.fakes.emulated_pc.machine import EmulatedPc
from tests.fakes.emulated_pc.screen import NotShownError, find_phrase, read_words


def answer_views(
    machine: EmulatedPc, actions: Mapping[str, Callable[[], None]], until: tuple[str, ...], limit_s: float
) -> list[str]:
    """Until one of these phrases stands on the screen: the views that were answered, in order, and that phrase. `actions`: what
    is done at a view; the first title that stands there counts. Raises NotShownError."""
    end, before, done = time.monotonic() + limit_s, "", list[str]()
    while True:
        picture = machine.shoot("screen")
        words = read_words(picture)
        if reached := next((phrase for phrase in until if find_phrase(words, phrase) is not None), ""):
            return [*done, reached]
        view = next((title for title in actions if find_phrase(words, title) is not None), "")
        if view and view != before:
            print(f"view: {view}", flush=True)
            actions[view]()
            done.append(view)
        before = view
        if time.monotonic() > end:
            raise NotShownError(
                f"none of {until} is on the screen: {' '.join(word.text for word in words)} ({picture})"
            )
