"""Screen settings apart from the question: language, theme, text size, reach. One value, owned by `KivyScreen`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kiosk import barcodes as scanned
from kiosk.ports import Clock
from kiosk.screens.theme import COLOURS, LOW_PANEL, PanelSize, Theme, ThemeName
from kiosk.screens.words import ScreenTexts
from kiosk.texts import Texts
from kiosk.views import EnterCode, Fact, Say, View


@dataclass
class ScreenState:
    """Language, theme and text size of the moment, and what the frame says."""

    clock: Clock
    texts: Texts
    panel: PanelSize
    place: Say | str
    contacts: Callable[[], tuple[Fact, ...]]
    """Who answers, first whoever does so now."""
    language: str
    colours: ThemeName
    large: bool
    own_language: str = "sv"
    """The station's own language, whose texts are reviewed."""
    low: bool = False
    """On an upright panel: everything in its lower part, where one who sits reaches it."""
    own: ThemeName = "light"
    """The station's own theme: what the contrast button goes back to."""
    help_link: str = ""
    """An address with more help, for a phone."""
    card_in: bool = False
    still: bool = False
    """Nothing moves or fades."""
    read_scan: Callable[[str], scanned.ScannedCode] = scanned.parse_scan
    """What a scan means here."""

    @property
    def theme(self) -> Theme:
        low = self.low and self.can_be_low
        return Theme(LOW_PANEL if low else self.panel, COLOURS[self.colours], low=low).large_text(self.large)

    @property
    def whole_theme(self) -> Theme:
        """Theme of the whole panel."""
        return Theme(self.panel, COLOURS[self.colours]).large_text(self.large)

    @property
    def can_be_low(self) -> bool:
        """True where the panel reaches higher than its lower part."""
        return self.panel.name == "p"

    @property
    def words(self) -> ScreenTexts:
        return ScreenTexts(self.texts, self.language)

    def words_for(self, view: View[Any] | None) -> ScreenTexts:
        """The texts of a view: where a code is written, in the station's own language if some of them are not reviewed."""
        words = self.words
        if isinstance(view, EnterCode) and words.has_unreviewed(view):
            return ScreenTexts(self.texts, self.own_language)
        return words

    @property
    def paper_language(self) -> str:
        """The person's language, if all of it is reviewed: nothing on paper says that it is not."""
        return self.own_language if self.texts.pack(self.language).unreviewed else self.language

    @property
    def time(self) -> str:
        """Hours and minutes where the station stands."""
        return self.clock.now().astimezone().strftime("%H.%M")

    def toggle_contrast(self) -> None:
        """High contrast, or back to the station's own theme."""
        back: ThemeName = self.own if self.own != "hc" else "light"
        self.colours = back if self.colours == "hc" else "hc"
