"""What the host of a Kivy window can tell of its looks: places, sizes, texts, pictures."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any


@cache
def gallery() -> dict[str, Any]:
    """The views of the gallery by name, which are values: made once, not for each that is shown."""
    from sim.gallery.samples import samples

    return dict(samples())


class Looks:
    """Commands that answer with looks. `screen` is a `KivyScreen`."""

    screen: Any

    async def do_places(self, kind: str, text: str | None = None) -> list[list[float]]:
        """Left, top, width, height of widgets of a class (and text), in pixels from the upper left."""
        height = self.screen.window.height
        shown = [
            each
            for each in self.screen.widgets().walk()
            if type(each).__name__ == kind and text in (None, getattr(each, "text", None))
        ]
        return [[each.x, height - each.top, each.width, each.height] for each in shown]

    async def do_turning(self) -> bool:
        """Whether the drawing shows a card that is turned."""
        return bool(getattr(self.screen.staging.view.drawing, "motion", "") == "turn")

    async def do_readers(self) -> dict[str, dict[str, list[str]]]:
        """Of each view of the gallery with a reader in its drawing: its texts, and which reader the drawing lights, close up and
        in the thumbnail, in any of its poses."""
        from kiosk.screens.drawings.figure import MovingFigure
        from kiosk.views import ReaderDrawing
        from tests.fakes.screens.lit_parts import NotingPen
        from tests.fakes.screens.measured_text import measured

        shown: dict[str, dict[str, list[str]]] = {}
        with measured():
            for name, view in gallery().items():
                if not isinstance(view.drawing, ReaderDrawing) or getattr(view, "aside", None):
                    continue  # the home screen's invitation shows more than its reader
                self.screen.staging.ask(view, lambda value: None)
                figures = [each for each in self.screen.widgets().walk() if isinstance(each, MovingFigure)]
                if not figures:
                    continue
                (figure,) = figures
                close_up, thumbnail = set[str](), set[str]()
                for pose in figure.poses:
                    pen = NotingPen(figure.theme.colours.lamp)
                    pose.draw(pen)
                    close_up.update(pen.lit_close_up())
                    thumbnail.update(pen.lit_in_thumbnail())
                shown[name] = {
                    "texts": await self.do_texts(), "close_up": sorted(close_up), "thumbnail": sorted(thumbnail),
                    "which": [view.drawing.which],
                }  # fmt: skip
        return shown

    async def do_small_targets(self, least_mm: float) -> list[str]:
        """Targets that are too small for a finger."""
        from kiosk.screens.layers import touchables

        small = []
        for each in touchables(self.screen.widgets()):
            least = least_mm * each.theme.panel.px_per_mm - 1
            if each.width < least or each.height < least:
                small.append(f"{each.target}: {each.width} x {each.height}")
        return small

    async def do_state_signs(self) -> dict[str, list[str]]:
        """The glyphs of states that are told apart, by where they stand."""
        from kiosk.screens.panels import BADGE_ICONS, JUDGED, NOTE_ICONS, TASKS

        return {
            "tasks": [glyph for glyph, _ in TASKS.values()], "points": [glyph for glyph, _ in JUDGED.values()],
            "notes": list(NOTE_ICONS.values()), "badges": [BADGE_ICONS["success"], BADGE_ICONS["failure"]],
        }  # fmt: skip

    async def do_rests(self) -> list[float]:
        """Seconds that each pose of the drawings on show stands still."""
        from kiosk.screens.drawings.figure import MovingFigure

        moving = [each for each in self.screen.widgets().walk() if isinstance(each, MovingFigure)]
        return [pose.seconds for figure in moving for pose in figure.poses]

    async def do_above(self, most_mm: float) -> list[str]:
        """Targets whose middle lies higher above the panel's lower edge."""
        from kiosk.screens.layers import touchables

        found = [(each.target, each.center_y / each.theme.mm(1)) for each in touchables(self.screen.widgets())]
        return [f"{target}: {top:.0f} mm" for target, top in found if top > most_mm]

    async def do_left_out(self) -> list[str]:
        """Text that columns left out for want of room."""
        from kiosk.screens.layout import Group
        from kiosk.screens.text import Text

        groups = [widget for widget in self.screen.widgets().walk() if isinstance(widget, Group)]
        gone = [item for group in groups for item in group.items if item.parent is None]
        return [str(text.text) for item in gone for text in item.walk() if isinstance(text, Text)]

    async def do_texts(self, kind: str | None = None) -> list[str]:
        """All text of all widgets of the window, or of a class of them, and what can be read of the typed digits in them."""
        return sorted({str(label.text) for label in self._labels() if kind in (None, type(label).__name__)})

    async def do_broken(self, text: str, spare: int) -> str:
        """The text with its breaks, in a place `spare` pixels wider than its longest word."""
        from kiosk.screens.fonts import MEDIUM
        from kiosk.screens.text import broken, longest_word

        return broken(text, MEDIUM, 24, longest_word(text, MEDIUM, 24) + spare)

    async def do_lines(self, text: str, spare: int) -> int:
        """How many lines the text is drawn in, in a place for three that is `spare` pixels wider than its longest word."""
        from kiosk.screens.text import Text, longest_word

        label = Text(text=text, theme=self.screen.widgets().theme)
        width = longest_word(text, *label.font_key[:2]) + spare
        label.place(0, 0, width, 3 * label.pitch)
        return round(label.texture_size[1] / label.pitch)

    async def do_breaks_again(self, texts: list[str], sizes: list[int]) -> list[str]:
        """Texts that break when they are drawn in the place that was measured for them before more sizes of text were used than
        Kivy keeps open. A drawing has them first, as it may on a station."""
        from kivy.core.text import Label as CoreLabel

        from kiosk.screens.drawings.pen import Pen
        from kiosk.screens.text import Text

        def use_other_sizes() -> None:
            for size in range(100, 170):
                CoreLabel(font_name="Inter", font_size=size).get_extents("-")

        theme, broken = self.screen.widgets().theme, []
        for size in sizes:
            use_other_sizes()
            labels = [Text(text=text, theme=theme, font_size=size) for text in texts]
            for label in labels:
                Pen(label.canvas, 0, 0, 1).text(label.text, 0, 0, size, label.font_name, theme.colours.ink)
            widths = [label.wanted_width() for label in labels]
            use_other_sizes()
            for label, width in zip(labels, widths, strict=True):
                label.place(0, 0, width, 3 * label.pitch)
                if label.texture_size[1] > 1.5 * label.pitch:
                    broken.append(f"{label.text} {size}")
        return broken

    async def do_clipped(self) -> list[str]:
        """Every text that does not fit into its place, or lies outside the window or over another."""
        from tests.fakes.screens.clipping import clipped

        return clipped(self.screen.widgets())

    async def do_whole(self, samples: list[str], least_mm: float, least_share: float) -> dict[str, list[str]]:
        """What is cut, too small for a finger, or ends above that share of the body in views of the gallery, by name. They are
        laid out, and nothing is drawn."""
        from tests.fakes.screens.measured_text import measured

        found, views = {}, gallery()
        with measured():
            for name in samples:
                self.screen.state.card_in = views[name].needs_card
                self.screen.staging.ask(views[name], lambda value: None)
                if wrong := [*self._ends_early(least_share), *await self._wrong_on_each_page(least_mm)]:
                    found[name] = wrong
        return found

    def _ends_early(self, least_share: float) -> Iterator[str]:
        from tests.fakes.screens.clipping import lowest

        body = self.screen.widgets().shape
        share = (body.top - lowest(body)) / body.height
        if share < least_share:
            yield f"ends at {share:.0%} of the body"

    async def do_whole_help(self, least_mm: float) -> dict[str, list[str]]:
        """The same of the help, once for each of its topics."""
        from kiosk.views.help_topics import topic_of
        from tests.fakes.screens.measured_text import measured

        found, seen = {}, set[str]()
        with measured():
            for name, view in gallery().items():
                topic = topic_of(view).name
                if topic in seen:
                    continue
                seen.add(topic)
                self.screen.staging.ask(view, lambda value: None)
                self.screen.press("help")
                if wrong := await self.do_clipped() + await self.do_small_targets(least_mm):
                    found[name] = wrong
                self.screen.press("help")
        return found

    async def _wrong_on_each_page(self, least_mm: float) -> list[str]:
        frame, wrong = self.screen.widgets(), []
        pages = frame.shape.pages
        for at in range(len(pages.pages) if pages else 1):
            if at:
                frame.turn(1)
            wrong += await self.do_clipped() + await self.do_small_targets(least_mm)
        return wrong

    async def do_snapshot(self, path: str) -> None:
        self.screen.snapshot(Path(path))

    async def do_live(self, path: str) -> None:
        """A picture of the drawings as they stand now, not in their first pose."""
        from kiosk.screens.motion import Motion

        staging = self.screen.staging
        motion, staging.motion = staging.motion, Motion(on=False)
        self.screen.snapshot(Path(path))
        staging.motion = motion

    def _labels(self) -> list[Any]:
        from kivy.core.window import Window
        from kivy.uix.label import Label

        return [widget for widget in Window.children[0].walk() if isinstance(widget, Label)]
