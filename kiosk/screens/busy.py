"""Screen of `Busy`: progress of a step that cannot be undone, as a ring that counts down, or a dot for unknown time."""

from pathlib import Path
from typing import Any

from kivy.clock import Clock
from kivy.lang import Builder
from kivy.properties import BooleanProperty, StringProperty

from kiosk.screens.drawings.pen import Pen
from kiosk.screens.framed import DrawingStage
from kiosk.screens.layout import Flow, FlowBox, FlowColumn, Spacer
from kiosk.screens.panels import task_row
from kiosk.screens.shape import Actions, Shape
from kiosk.screens.text import Text
from kiosk.views import Busy

STAGE_MM, RING_MM = 80.0, 44.0
WALK_S = 2.0


class RingNumber(Text):
    """The seconds in the ring."""


class RingText(Text):
    small = BooleanProperty(True)


class Ring(Flow):
    """A ring `across` millimetres wide. `share` of it is full; without a share a dot stands at `walked` of the way."""

    sink = 0.26
    """How far below the middle the number stands, in parts of its size."""
    ink = StringProperty("on_rail")
    ground = StringProperty("rail_part")

    def __init__(self, across: float, thick: float, number_mm: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.across, self.thick = across, thick
        self.share: float | None = None
        self.walked = 0.0
        self.number = RingNumber(
            theme=self.theme, tone="on_rail" if self.ink == "on_rail" else "ink", halign="center", line=1.1
        )
        self.number.font_size = self.theme.px(number_mm)
        small = self.ink == "on_rail"
        self.word = RingText(theme=self.theme, small=small, tone=self.ink if small else "muted", halign="center")
        self.add_widget(self.number)
        self.add_widget(self.word)

    def wanted_width(self) -> float:
        return self.mm(self.across)

    def height_for(self, width: float) -> float:
        return self.mm(self.across)

    def say(self, number: str, word: str) -> None:
        self.number.text, self.word.text = number, word
        self.arrange()

    def arrange(self) -> None:
        self._draw()
        if not self.number.text:
            return
        high, low = self.number.height_for(self.width), self.word.height_for(self.width)
        base = self.center_y - self.number.font_size * self.sink
        self.number.place(self.x, base + self.number.font_size * 0.36 + high / 2, self.width, high)
        self.word.place(self.x, base - self.number.font_size * 0.14, self.width, low)

    def _draw(self) -> None:
        self.canvas.before.clear()
        colours = self.theme.colours
        pen = Pen(self.canvas.before, self.x, self.top, self.mm(1))
        middle, radius = self.across / 2, self.across / 2 - self.thick * 0.75
        ink = getattr(colours, self.ink)
        pen.arc(middle, middle, radius, getattr(colours, self.ground), self.thick)
        if self.share is not None:
            pen.arc(middle, middle, radius, ink, self.thick, 0, 360 * min(1.0, self.share))
        else:
            pen.arc(middle, middle, radius, ink, self.thick, 360 * self.walked, 360 * self.walked + 4)


class BusyShape(Shape):
    """Work in progress, with the notice that the card stays in."""

    view: Busy
    turns = False

    def build(self) -> Flow:
        theme, view = self.theme, self.view
        tasks: list[Flow] = [task_row(task, self.words, theme) for task in view.tasks]
        for row, task in zip(tasks, view.tasks, strict=True):
            row.drop = {"done": 4, "failed": 3, "later": 2, "now": 1}[task.state] if theme.large else 0
        small = theme.small_panel
        self.ring = Ring(28 if small else RING_MM, 3 if small else 4, 7 if small else 11, theme=theme)
        self.seconds = view.seconds or 0
        self.left = float(self.seconds)
        inside: list[Flow] = [self.ring]
        if view.under:
            under = f"[b]{self.words(view.under)}[/b]"
            inside.append(Text(theme=theme, text=under, tone="on_rail", halign="center", drop=int(theme.large)))
        middle = FlowColumn(inside, theme=theme, gap=4 if small else 7, centred=True)
        stage = DrawingStage(
            middle, theme=theme, width_mm=46 if small else STAGE_MM, tall=True, centre=True, padding=(3, 3)
        )
        self._show()
        column = FlowBox(FlowColumn(tasks, theme=theme, gap=3 if not small else 1.5), theme=theme, grow=theme.large)
        below: list[Flow] = [] if theme.large else [Spacer(theme=theme)]
        return self.split([self.title(), *self.leads(), Spacer(1, theme=theme), column, *below, *self.note()], stage)

    def actions(self) -> Actions:
        """No way out: a grey plate says so."""
        return Actions([self.wait(self.words.frame("frame.no_cancel"), "lock-outline")])

    def start(self, left: float | None = None) -> None:
        """Let time be seen, from `left` seconds on. One small ring is redrawn, ten times a second at most."""
        if left is not None:
            self.left = left
            self._show()
        self._tick = Clock.schedule_interval(self._pass, 1.0 if self.seconds else 0.1)

    def wipe(self) -> None:
        if hasattr(self, "_tick"):
            self._tick.cancel()

    def _pass(self, passed: float) -> None:
        if self.left > 1:
            self.left -= passed
        else:
            if self.seconds:
                self.seconds = 0
                self._tick.cancel()
                self._tick = Clock.schedule_interval(self._pass, 0.1)
            self.ring.walked = (self.ring.walked + passed / WALK_S) % 1.0
        self._show()
        self.ring.arrange()

    def _show(self) -> None:
        whole = round(self.left)
        if self.seconds and whole >= 1:
            self.ring.share = self.left / self.seconds
            self.ring.say(str(whole), self.words.frame("frame.seconds"))
        else:
            self.ring.share = None
            self.ring.say("", "")


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
