"""Theme and accessibility: colours and sizes of one station as one frozen value. Sizes are millimetres of the panel;
`mm` makes pixels.

A change of theme, text size or language makes a new value, and the screen on show is built anew from it; what was typed
and the question itself live elsewhere and stay.

>>> theme = Theme(PANELS["10"], COLOURS["light"])
>>> theme.mm(16)
94.08
>>> theme.large_text().sizes.lead
8.4
"""

from dataclasses import dataclass, replace
from typing import Literal

Colour = tuple[float, float, float, float]
ThemeName = Literal["light", "dark", "hc"]


def rgb(text: str) -> Colour:
    """A colour of `#RRGGBB` as Kivy takes it."""
    red, green, blue = (int(text[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue, 1.0


@dataclass(frozen=True)
class Colours:
    """The tokens of one theme. `lamp` is where the hand goes now, and nothing else."""

    name: ThemeName
    paper: Colour
    surface: Colour
    ink: Colour
    muted: Colour
    line: Colour
    edge: Colour
    primary: Colour
    on_primary: Colour
    soft: Colour
    rail: Colour
    on_rail: Colour
    rail_edge: Colour
    rail_part: Colour
    lamp: Colour
    on_lamp: Colour
    success: Colour
    success_soft: Colour
    warning: Colour
    warning_soft: Colour
    failure: Colour
    failure_soft: Colour
    off: Colour
    off_soft: Colour

    @property
    def rail_quiet(self) -> Colour:
        """Colour of what is disabled on the rail: less than `on_rail`, readable on `rail` (at least 4.5, 7 in high contrast)."""
        return rgb("#A6A6A6") if self.name == "hc" else self.rail_edge


_LIGHT = (
    "#F5F3EE #FFFFFF #12232B #46575F #D9D5CB #73828A #0A4D68 #FFFFFF #DDEAF0 #0C2A36 #F1F6F7 #7C98A4 #1B4252 #FFC72C #12232B"
    " #12633C #DFF1E6 #8A3F00 #FDEBD5 #A31919 #FBE5E2 #3D484D #E7E8E6"
)
_DARK = (
    "#0D1A20 #14252D #EDF3F5 #A8BAC2 #263B45 #708A95 #7FC8E6 #06212C #173747 #081318 #EDF3F5 #708A95 #1B333E #FFC72C #12232B"
    " #74D6A0 #12352A #FFB566 #3D2A14 #FF9A90 #431F1F #B9C4C9 #222F35"
)
_CONTRAST = (
    "#000000 #000000 #FFFFFF #FFFFFF #FFFFFF #FFFFFF #FFDD33 #000000 #1A1A1A #000000 #FFFFFF #FFFFFF #1A1A1A #FFDD33 #000000"
    " #8BF5B0 #000000 #FFC680 #000000 #FFB3AB #000000 #FFFFFF #1A1A1A"
)


def _colours(name: ThemeName, tokens: str) -> Colours:
    return Colours(name, *(rgb(token) for token in tokens.split()))


COLOURS: dict[ThemeName, Colours] = {
    "light": _colours("light", _LIGHT),
    "dark": _colours("dark", _DARK),
    "hc": _colours("hc", _CONTRAST),
}


@dataclass(frozen=True)
class Sizes:
    """Millimetres on the panel: type by role, then spaces and targets."""

    display: float
    title: float
    lead: float
    body: float
    label: float
    small: float
    pad: float
    gap: float
    button: float
    key: float
    rail: float
    strip: float
    rail_button: float
    rail_icon: float
    badge: float
    cell_width: float
    cell_height: float
    cell_gap: float
    group_gap: float
    digit: float
    step: float
    button_pad: float = 6.0
    primary_width: float = 56.0
    key_gap: float = 3.0
    bar_below: float = 0.75
    """Below the action bar, in parts of `pad`."""
    head: float = 5.0
    """Between the strip and the body with large text."""
    radius: float = 3.0


@dataclass(frozen=True)
class PanelSize:
    """A panel: its pixels, how many of them make a millimetre, and its sizes."""

    name: Literal["10", "7", "p"]
    width: int
    height: int
    px_per_mm: float
    sizes: Sizes


_TEN = Sizes(
    display=11, title=8.4, lead=5.4, body=4.6, label=4, small=3.4, pad=8, gap=4, button=16, key=20, rail=21, strip=11,
    rail_button=16.5, rail_icon=7, badge=20, cell_width=8.6, cell_height=12, cell_gap=1.8, group_gap=6, digit=9.5, step=8,
)  # fmt: skip
_SEVEN = Sizes(
    display=8.4, title=6.6, lead=4.6, body=4.1, label=3.6, small=3.1, pad=5, gap=3, button=15, key=15, rail=17, strip=8.5,
    rail_button=15, rail_icon=6, badge=13, cell_width=6.4, cell_height=9.4, cell_gap=1.1, group_gap=3.2, digit=7.4, step=6.4,
    button_pad=4, primary_width=44,
)  # fmt: skip
_PORTRAIT = Sizes(
    display=13, title=11, lead=7.2, body=6.4, label=5.2, small=4.1, pad=10, gap=5, button=20, key=24, rail=24, strip=14,
    rail_button=20, rail_icon=7, badge=20, cell_width=12, cell_height=16, cell_gap=1.8, group_gap=6, digit=11, step=10,
)  # fmt: skip

PANELS = {
    "10": PanelSize("10", 1280, 800, 5.88, _TEN),
    "7": PanelSize("7", 800, 480, 5.25, _SEVEN),
    "p": PanelSize("p", 1080, 1920, 5.56, _PORTRAIT),
}


REACH_MM = 115.0
"""On request nothing that is pressed has its middle higher above the upright panel's lower edge: a third of it."""
LOW_PANEL = PanelSize("10", 1080, 760, 5.56, replace(_TEN, rail=17, pad=5, gap=3.5, bar_below=1.2))
"""The lower part of the upright panel, laid out like a panel that lies."""


@dataclass(frozen=True)
class Theme:
    """One panel in one theme. `large` and `low` are the person's choices: larger text, and everything in the panel's lower
    part."""

    panel: PanelSize
    colours: Colours
    large: bool = False
    low: bool = False
    rtl: bool = False
    """The language of the moment is written from right to left."""

    @property
    def sizes(self) -> Sizes:
        return self.panel.sizes

    @property
    def portrait(self) -> bool:
        return self.panel.name == "p"

    @property
    def small_panel(self) -> bool:
        return self.panel.name == "7"

    @property
    def contrast(self) -> bool:
        return self.colours.name == "hc"

    def mm(self, millimetres: float) -> float:
        """Pixels for so many millimetres."""
        return millimetres * self.panel.px_per_mm

    def px(self, millimetres: float) -> int:
        """Whole pixels of a font size; what lies about half way is rather a little small, so that lines break as drawn."""
        return int(self.mm(millimetres) + 0.45)

    def border(self, millimetres: float = 0.4) -> float:
        """Pixels of a control's border: 0.6 mm in the high-contrast theme, whole pixels so that it stays crisp."""
        return float(max(1, round(self.mm(max(millimetres, 0.6) if self.contrast else millimetres))))

    def large_text(self, large: bool = True) -> "Theme":
        """The same theme with larger or the panel's own text. No text that must be read is under 8.4 mm when large."""
        own = LOW_PANEL.sizes if self.low else PANELS[self.panel.name].sizes
        wide = self.panel.name != "7"
        sizes = replace(
            own,
            display=12 if wide else 8.4,
            title=10 if wide else 8.4,
            lead=8.4,
            body=8.4,
            label=8.4,
            strip=15 if wide else 10.5,
            gap=own.gap if wide else 2.5,
            bar_below=own.bar_below if wide else 0.5,
            head=5 if wide else 2.5,
            rail_button=20 if wide else 15,
            rail_icon=11 if wide else 9,
            step=12,
            button_pad=4,
        )
        return replace(self, panel=replace(self.panel, sizes=sizes if large else own), large=large)
