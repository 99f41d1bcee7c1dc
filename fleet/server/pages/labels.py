"""Labels of pages: a state as level, icon and word, and the lines of the list of what needs somebody.

A *level* is `ok`, `wa` (somebody should look), `ba` (it does not work) or `of` (out of reach, waiting); it picks colour, and
never stands without an icon and a word. Each subject has its own labels in its `labels.py`; templates find them as
`labels.SUBJECT`.

>>> StatusLabel("ok", ICON["ok"], "station", "works").icon
'check-circle'
"""

from dataclasses import dataclass
from typing import Literal

from fleet.server.pages.i18n import Localization

Level = Literal["ba", "wa", "of", "ok"]
RANK: dict[Level, int] = {"ba": 0, "wa": 1, "of": 2, "ok": 3}
"""Worst first."""
ICON: dict[Level, str] = {"ba": "close-circle", "wa": "alert", "of": "cloud-off-outline", "ok": "check-circle"}


@dataclass(frozen=True, slots=True)
class StatusLabel:
    """A state as it is drawn: level, icon, and the word beside it as family and code of the texts."""

    level: Level
    icon: str
    family: str
    code: str

    def text(self, texts: Localization) -> str:
        return texts.code(self.family, self.code)


@dataclass(frozen=True, slots=True)
class TodoItem:
    """One line of the list of what needs somebody."""

    level: Level
    icon: str
    title: str
    detail: str
    href: str
    action: str
    since: str = ""
    """For how long, where that is known."""
