"""Window layers: the question, what may lie over it, and which of them gets a touch.

Only the uppermost layer is touched. Right after a change touches are ignored, so that a second tap of the same finger does not
answer a question that nobody has read.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kivy.animation import Animation
from kivy.clock import Clock
from kivy.uix.widget import Widget

from kiosk.screens import fonts
from kiosk.screens.drawings.pen import Pen
from kiosk.screens.framed import Touchable
from kiosk.screens.layout import Flow
from kiosk.screens.mirroring import Mirror
from kiosk.screens.theme import Theme
from kiosk.screens.touch_input import CAME

GUARD_S = 0.3
FADE_S = 0.15
RING_MM, RING_CONTRAST_MM, RING_GAP_MM = 1.2, 1.4, 0.8
"""How thick the focus ring is, also in high contrast, and how far outside of what has the focus."""


class Layers(Widget):
    """Layer stack of the whole window."""

    def __init__(self, size: tuple[float, float], fade: bool, notice: Callable[[], None]) -> None:
        super().__init__(size_hint=(None, None), size=size)
        self.fade = fade
        self._notice = notice
        self._changed = float(Clock.time())
        self.base: Flow | None = None
        self.over: Flow | None = None
        self.closed: Flow | None = None
        self.mirrored = False

    def set_mirrored(self, mirrored: bool) -> None:
        """Draw all of it in a mirror, for languages from right to left, and take touches in it."""
        self.mirrored = mirrored
        self.canvas.before.clear()
        self.canvas.after.clear()
        if mirrored:
            Mirror(self.canvas).stand_at(self.width / 2)

    def to_local(self, x: float, y: float, relative: bool = False) -> tuple[float, float]:
        """Kivy: where something of the window is in the layout."""
        return (self.width - x if self.mirrored else x), y

    to_parent = to_local

    @property
    def quiet_s(self) -> float:
        """Seconds until touches count again after the last change."""
        return max(0.0, self._changed + GUARD_S - float(Clock.time()))

    def _counts(self, touch: Any) -> bool:
        """True where the touch came after the guard; one waits in its provider's queue while something else is drawn."""
        return float(getattr(touch, CAME, Clock.time())) >= self._changed + GUARD_S

    @property
    def uppermost(self) -> Flow | None:
        return self.closed or self.over or self.base

    def set_base(self, flow: Flow | None, guard: bool = True) -> None:
        """Show a question. `guard` is off where the same question is built anew."""
        old, self.base = self.base, flow
        self._swap(old, flow, below=True)
        self._guard(guard)

    def set_overlay(self, flow: Flow | None, guard: bool = True) -> None:
        """Lay something over the question, or take it away."""
        old, self.over = self.over, flow
        self._swap(old, flow)
        self._guard(guard)

    def set_closed(self, flow: Flow | None) -> None:
        """Close the station, or open it again."""
        old, self.closed = self.closed, flow
        self._swap(old, flow)
        self._guard(True)

    def seen(self) -> None:
        """Start the guard anew: what was set is on the screen now."""
        self._guard(True)

    def _guard(self, guard: bool) -> None:
        if guard:
            self._changed = float(Clock.time())

    def _swap(self, old: Flow | None, new: Flow | None, below: bool = False) -> None:
        if new is None:
            if old:
                self.remove_widget(old)
            return
        index = len(self.children) if below and not old else self.children.index(old) if old else 0
        self.add_widget(new, index=index)
        height = new.theme.panel.height if new.theme.low else self.height
        new.place(0, height, self.width, height)
        if not old:
            return
        if self.fade:
            new.opacity = 0
            fade = Animation(opacity=1, duration=FADE_S)
            fade.bind(on_complete=lambda *_: self.remove_widget(old))
            fade.start(new)
        else:
            self.remove_widget(old)

    def on_touch_down(self, touch: Any) -> bool:
        self._notice()
        top = self.uppermost
        if top is not None and self._counts(touch):
            touch.push()
            touch.apply_transform_2d(self.to_local)
            top.dispatch("on_touch_down", touch)
            touch.pop()
        return True

    def activate(self, target: str) -> bool:
        """As a touch on it: whether it is there, and touches count."""
        widget = None if self.quiet_s else self._find(target)
        if widget is not None:
            widget.dispatch("on_release")
        return widget is not None

    def mark(self, focus: str | None, digits: Mapping[str, str], theme: Theme) -> None:
        """Draw the ring round what has the focus, and on the corner of choices the digit that picks them: no word is under it. On
        the rail the ring lies inside: there is no room around."""
        self.set_mirrored(theme.rtl)
        unit, colours = theme.mm(1), theme.colours
        for each in touchables(self.uppermost) if self.uppermost and (focus or digits) else ():
            left = self.width - each.right if theme.rtl else each.x
            pen, wide, high = Pen(self.canvas.after, left, each.top, unit), each.width / unit, each.height / unit
            if each.target == focus:
                thick = RING_CONTRAST_MM if theme.contrast else RING_MM
                on_rail = each.target.startswith("rail:")
                out = -thick / 2 if on_rail else RING_GAP_MM + thick / 2
                radius = float(getattr(each, "radius", 0)) / unit + out
                colour = colours.on_rail if on_rail else colours.primary
                pen.rect(-out, -out, wide + 2 * out, high + 2 * out, radius, stroke=colour, thick=thick)
            if each.target in digits:
                radius, in_from = (2.4, 0.6) if theme.small_panel else (3.6, 1.0)
                ground = colours.primary if each.target == focus else colours.ink
                across = in_from if theme.rtl else wide - in_from
                pen.disc(across, in_from, radius, ground)
                digit, baseline = digits[each.target], in_from + 0.42 * radius
                pen.text(digit, across, baseline, 1.2 * radius, fonts.STRONG, colours.surface)

    def _find(self, target: str) -> Touchable | None:
        top = self.uppermost
        return next((each for each in touchables(top) if each.target == target), None) if top else None

    def targets(self) -> dict[str, tuple[int, int]]:
        """Name and centre (x from the left, y from the top) of all that can be touched now."""
        top = self.uppermost
        if top is None:
            return {}
        return {
            each.target: (round(self.to_local(each.center_x, 0)[0]), round(self.height - each.center_y))
            for each in touchables(top)
        }


def touchables(widget: Widget) -> Iterator[Touchable]:
    """All that can be touched in a tree of widgets."""
    if isinstance(widget, Touchable) and not widget.disabled:
        yield widget
    for child in widget.children:
        yield from touchables(child)
