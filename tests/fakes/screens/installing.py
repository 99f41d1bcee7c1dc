"""An installer at a new station's own screen: the program `kortkiosk run` on the real window, answered by real touches.

    python -m tests.fakes.screens.installing station/station.toml '{"setup.language": "en", "setup.code": "0123..."}'

Answers are by view: what is typed, or what is touched. Prints a line of JSON for each view, with what it shows. Once the station
is set up the program starts anew as itself, and no more is touched.
"""

import asyncio
import json
import sys
from typing import Any

from kiosk.cli import main, setup_screen
from kiosk.screens import layers
from kiosk.views import Await, Busy, EnterText, View
from tests.fakes.screens.finger import GUARD_S, Finger, xdotool

LOOK_S = 0.02


async def install(screen: Any, answers: dict[str, str]) -> None:
    """Answer each view as it comes."""
    hand = await xdotool()
    finger, seen = Finger(screen, hand), None
    while True:
        view: View[Any] | None = screen.staging.view
        if view is None or view is seen:
            await asyncio.sleep(LOOK_S)
            continue
        seen = view
        facts = [str(fact.value) for fact in view.facts] if isinstance(view, Await) else []
        print(json.dumps({"view": view.name, "title": view.title.key, "facts": facts}), flush=True)
        if isinstance(view, Busy | Await):
            continue
        answer = answers[view.name]
        if isinstance(view, EnterText):
            await finger.type(answer)
            answer = "submit"
        await finger.tap(answer)


class Touched(setup_screen.SetupScreen):
    """The assistant's window, with somebody before it."""

    answers: dict[str, str]

    async def run(self) -> bool:
        installing = asyncio.create_task(install(self.screen, self.answers))
        running = asyncio.create_task(super().run())
        await asyncio.wait({installing, running}, return_when=asyncio.FIRST_COMPLETED)
        if installing.done():
            running.cancel()
            installing.result()
        installing.cancel()
        return await running


if __name__ == "__main__":
    layers.GUARD_S = GUARD_S
    Touched.answers = json.loads(sys.argv[2])
    setup_screen.SetupScreen = Touched  # type: ignore[misc]  # the program takes it from there
    sys.argv = ["kortkiosk", "run", "--config", sys.argv[1]]
    sys.exit(main(sys.argv[1:]))
