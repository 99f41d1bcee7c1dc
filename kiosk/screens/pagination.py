"""Pagination: what does not fit comes on a page of its own, above all with large text. Nothing is left out or made smaller.

The parts of a body stand below each other in the order in which they are read, so many on a page as there is room for. The
answers are on the last page, so that nobody answers what was not to be seen.

    pages = Pages(body.parts(width), theme=theme)
    pages.fit(width, room, last_room)
    pages.turn(1)
"""

from collections.abc import Iterator
from typing import Any

from kiosk.screens.layout import Flow, FlowColumn, Spacer


class PagedBody(Flow):
    """One page at a time. `last_page` is a last page that is laid out by itself: cells and pad of a code."""

    def __init__(self, parts: list[Flow], *, ending: Flow | None = None, gap: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.said, self.last_page, self.gap = parts, ending, gap
        self.at = 0
        self.pages: list[Flow] = []

    @property
    def last(self) -> bool:
        """True where the page on show is the last."""
        return self.at >= len(self.pages) - 1

    def turn(self, by: int) -> None:
        """So many pages on, or back."""
        self.at = max(0, min(len(self.pages) - 1, self.at + by))

    def fit(self, width: float, room: float, last_room: float) -> None:
        """Cut into pages of `room` pixels, the last of `last_room`: there the answers may need more."""
        self.pages = [self._page(parts) for parts in self._cut(width, room, last_room)]
        if self.last_page:
            self.pages.append(self.last_page)
        self.at = min(self.at, len(self.pages) - 1)

    def arrange(self) -> None:
        self.clear_widgets()
        page = self.pages[self.at]
        self.add_widget(page)
        page.place(self.x, self.top, self.width, self.height)

    def _page(self, parts: list[Flow]) -> Flow:
        below = [] if any(part.grow for part in parts) else [Spacer(theme=self.theme)]
        return FlowColumn([*parts, *below], theme=self.theme, gap=self.gap)

    def _cut(self, width: float, room: float, last_room: float) -> list[list[Flow]]:
        pages: list[list[Flow]] = [[]]
        for part in self._small_enough(width, min(room, last_room)):
            if part.parent is not None:
                part.parent.remove_widget(part)
            if pages[-1] and self._high([*pages[-1], part], width) > room + 1:
                pages.append(self._heading(pages[-1]))
            pages[-1].append(part)
        if not self.last_page:
            self._make_room(pages, width, last_room)
        return pages

    @staticmethod
    def _heading(page: list[Flow]) -> list[Flow]:
        """Take the heading of the next part from the page before it, with what stands between them."""
        at = next((at for at, part in enumerate(page) if part.heads), 0)
        taken = page[at:] if at else []
        del page[len(page) - len(taken) :]
        return taken

    def _make_room(self, pages: list[list[Flow]], width: float, last_room: float) -> None:
        """Move to one more page what the answers leave no room for on the last page."""
        moved: list[Flow] = []
        while len(pages[-1]) > 1 and self._high(pages[-1], width) > last_room + 1:
            moved.insert(0, pages[-1].pop())
        if moved:
            pages.append(moved)

    def _small_enough(self, width: float, room: float) -> Iterator[Flow]:
        for part in self.said:
            yield from part.pieces(width, room) if part.height_for(width) > room + 1 else [part]

    def _high(self, parts: list[Flow], width: float) -> float:
        return sum(part.height_for(width) for part in parts) + self.mm(self.gap) / 2 * (len(parts) - 1)
