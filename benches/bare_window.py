"""The least that a window of this toolkit can be: one colour, another after each touch. The floor of the window bench.

$ python -m benches.bare_window
"""

import os

os.environ |= {"KIVY_NO_ARGS": "1", "KIVY_NO_CONFIG": "1", "KIVY_NO_CONSOLELOG": "1", "KIVY_NO_FILELOG": "1"}

from kivy.config import Config  # Kivy reads its environment when it is imported

from benches.screen import HEIGHT, WIDTH

Config.set("graphics", "width", WIDTH)
Config.set("graphics", "height", HEIGHT)
Config.set("graphics", "multisamples", 0)
Config.set("graphics", "borderless", 1)

from kivy.base import runTouchApp  # noqa: E402
from kivy.core.window import Window  # noqa: E402
from kivy.uix.widget import Widget  # noqa: E402

COLOURS = ((0.1, 0.4, 0.7, 1), (0.7, 0.4, 0.1, 1))


def other_colour(*_: object) -> None:
    Window.clearcolor = COLOURS[Window.clearcolor == list(COLOURS[0])]
    Window.canvas.ask_update()


if __name__ == "__main__":
    Window.clearcolor = COLOURS[0]
    Window.bind(on_touch_up=other_colour)
    runTouchApp(Widget())
