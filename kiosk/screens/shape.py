"""Base of the screen bodies: what is between the strip and the bottom edge. One module for each kind of view draws it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from drivers.keypad.grabbed_keypad import Key
from kiosk.screens.clipping import is_unclipped
from kiosk.screens.drawings.figure import about_stage, stage
from kiosk.screens.framed import Plate, action_button
from kiosk.screens.layout import Flow, FlowBox, FlowColumn, FlowRow, Spacer, Split, WhereRoom
from kiosk.screens.pagination import PagedBody
from kiosk.screens.panels import Badge, note_panel
from kiosk.screens.text import Lead, Title
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import AboutDrawing, Button, Drawing, View
from kiosk.views.families import family_drawing

REST_MM = 45.0
"""Less than that is left empty."""
Answer = Callable[[Any], None]


@dataclass(frozen=True)
class Actions:
    """Contents of the action bar."""

    left: Sequence[Flow] = ()
    right: Flow | None = None


class Shape(Flow):
    """The body of a view. `inside` is laid out over the whole of it; `pad` is a code pad that may get a column of its own."""

    head_mm: float = 0.0
    pad: Flow | None = None
    pages: PagedBody | None = None
    """Where it says more than fits."""
    dark = False
    """Whether it lies on the rail's colour, without the strip."""
    turns = True
    """Whether there is somebody who could turn pages, and time for it."""

    tells_all = False
    """Whether every word must be seen. What only takes an answer leaves hints out where text of the usual size has no room."""

    def __init__(self, view: View[Any], words: ScreenTexts, theme: Theme, answer: Answer) -> None:
        super().__init__(theme=theme)
        self.view, self.words, self.answer = view, words, answer
        self.changed: Callable[[], None] = lambda: None
        self.inside = self.build()
        self.add_widget(self.inside)

    def build(self) -> Flow:
        """The widgets of the body."""
        raise NotImplementedError

    def actions(self) -> Actions:
        """The way out and the side way, and the primary.

        On the smallest panel, and with large text, a third action is under Help."""
        view = self.view
        left = [view.way_out, view.side]
        if self.side_is_under_help:
            left = [view.way_out]
        return Actions([self.button(each) for each in left if each], self.primary())

    @property
    def side_is_under_help(self) -> bool:
        view = self.view
        narrow = self.theme.small_panel or self.theme.large
        return narrow and view.way_out is not None and view.side is not None

    def bar_holds(self, *buttons: Button) -> bool:
        """Return whether these stand beside each other below the view."""
        theme, plates = self.theme, [self.button(each) for each in buttons]
        for plate in plates:
            plate.squeeze()
        gaps = theme.mm(theme.sizes.gap) * (len(plates) - 1)
        room = theme.panel.width - theme.mm(theme.sizes.rail + 2 * theme.sizes.pad)
        return bool(sum(plate.wanted_width() for plate in plates) + gaps <= room)

    def primary(self) -> Flow | None:
        """Return the primary button, which stands to the right."""
        return self.button(self.view.primary, "primary") if self.view.primary else None

    def button(self, button: Button, kind: str = "plain") -> Flow:
        return action_button(button, self.theme, self.words, self.answer, kind)

    def wait(self, text: str, icon: str = "") -> Plate:
        """The grey, named wait in the primary's place."""
        return Plate(theme=self.theme, kind="wait", text=text, icon=icon)

    def press(self, key: Key) -> None:
        """A key of a keyboard or a scanner. Most shapes have no use for it."""

    def wipe(self) -> None:
        """Forget what was typed: the question was answered or withdrawn."""

    @property
    def has_input(self) -> bool:
        """True where something is typed: its page is shown first."""
        return False

    def opening_page(self) -> int:
        """The page that is shown first, once they are cut."""
        return len(self.pages.pages) - 1 if self.pages and self.has_input else 0

    def arrange(self) -> None:
        (self.pages or self.inside).place(self.x, self.top, self.width, self.height)

    def needs_pages(self) -> bool:
        """Return whether what is said has to go over pages, and does not yet."""
        if self.pages is not None or not self.turns:
            return False
        return not is_unclipped(self, may_leave_out=not (self.tells_all or self.theme.large))

    def paginate(self, width: float) -> PagedBody:
        """Go over pages of so many pixels across, which are still to be fitted."""
        self.remove_widget(self.inside)
        ending, gap = self.last_page(), self.theme.sizes.gap
        self.pages = PagedBody(self.inside.parts(width), ending=ending, gap=gap, theme=self.theme)
        self.add_widget(self.pages)
        return self.pages

    def last_page(self) -> Flow | None:
        """The last page, where it is laid out by itself."""
        return None

    # what most bodies are made of

    def title(self) -> Title:
        return Title(theme=self.theme, text=self.words(self.view.title))

    def leads(self) -> list[Flow]:
        """The lead sentences. Where there is no room the plain ones go before those with something strong in them."""
        tight = self.theme.large or self.theme.small_panel
        leads = [self.words(line) for line in self.view.lead]
        drops = [0 if not (at or tight) else 1 if "[b]" in text else 3 for at, text in enumerate(leads)]
        return [Lead(theme=self.theme, text=text, drop=drop) for text, drop in zip(leads, drops, strict=True)]

    def note(self) -> list[Flow]:
        note = self.view.note
        drop = {"warning": 0, "clock": 2, "info": 5}[note.kind] if note else 0
        return [note_panel(note, self.words, self.theme, drop=drop)] if note else []

    def head(self, kind: str, icon: str, gap: float = 6) -> FlowRow:
        """A badge with the title beside it."""
        badge = Badge(icon, self.theme.sizes.badge, theme=self.theme, kind=kind)
        return FlowRow(
            [badge, FlowBox(self.title(), theme=self.theme, grow=True, centre=True)], theme=self.theme, gap=gap
        )

    def split(
        self, left: Sequence[Flow], right: Flow | None, *, gap: float | None = None, stretch: bool = True
    ) -> Flow:
        """Left says, right shows; above each other in portrait, where `stretch` gives the right part what is left."""
        theme = self.theme
        gap = theme.sizes.gap if gap is None else gap
        if right is None or (theme.large and right.drop):
            return FlowColumn([*left], theme=theme, gap=gap)
        if theme.portrait:
            right.grow = stretch
            above = [item for item in left if not isinstance(item, Spacer)]
            return FlowColumn([*above, right, *([] if stretch else [self.rest()])], theme=theme, gap=8)
        column = FlowColumn(left, theme=theme, gap=gap, grow=True)
        return Split(column, right, theme=theme, gap=theme.sizes.gap * 2.2)

    def rest(self) -> Flow:
        """Fill the rest of an upright panel: it shows what the view is about, where there is room and no other drawing."""
        theme = self.theme
        if not theme.portrait or theme.large or self.view.drawing is not None:
            return Spacer(theme=theme)
        return WhereRoom(about_stage(family_drawing(self.view), theme), REST_MM, theme=theme)

    def drawing(self, caption: str = "", width_mm: float = 0, family: Drawing | None = None) -> Flow | None:
        """The view's drawing on its stage, else its family's; at most two fifths of the width. Large text leaves no room for what
        only shows the family."""
        drawing = self.view.drawing or (None if self.theme.large else family)
        if drawing is None:
            return None
        shown = stage(drawing, self.words, self.theme, caption, width_mm)
        shown.gives_way = self.view.drawing is None or isinstance(drawing, AboutDrawing)
        if self.theme.small_panel and isinstance(shown, FlowBox):
            shown.width_mm = min(shown.width_mm, 46.0)
        return shown
