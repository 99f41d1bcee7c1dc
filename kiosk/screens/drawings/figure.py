"""Figures: a drawing as a flow that keeps its proportions, still or in poses; also the code letter and the face of a card."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kivy.graphics import InstructionGroup
from kivy.lang import Builder

from kiosk.screens.background import Flat, Framed
from kiosk.screens.drawings import abouts, closeups, machine, pointers
from kiosk.screens.drawings.pen import Pen
from kiosk.screens.framed import DrawingStage, FramedBox, SheetPanel, ShownIfRoom
from kiosk.screens.layout import Flow, FlowBox, FlowColumn, FlowRow, Spacer
from kiosk.screens.mirroring import Upright
from kiosk.screens.text import Icon, Small, Strong, Text
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import (
    AboutDrawing,
    CabinetDrawing,
    CardDrawing,
    ChallengeDrawing,
    CodeKeysDrawing,
    Drawing,
    DropDrawing,
    LetterDrawing,
    LetterPageDrawing,
    MachineDrawing,
    NumberDrawing,
    ProductCodeDrawing,
    ReaderDrawing,
    RestingDrawing,
)

Draw = Callable[[Pen], None]
Badged = Literal["success", "warning", "failure"]
CLOSE_UP = (closeups.WIDTH, closeups.HEIGHT)
STEP_S, PAUSE_S = 0.6, 0.9
"""A card's step, and what its last one lasts longer."""
LESSON_S = 6.0
"""A pose of the home screen stands still for so long."""
LAMP_ON_S, LAMP_OFF_S = 2.4, 0.6
"""The lamp of the cabinet in its drawing: a third of a Hz. It goes dark seldom, and never flashes."""
STAGE_MM = {
    ReaderDrawing: 88.0,
    RestingDrawing: 66.0,
    CabinetDrawing: 84.0,
    DropDrawing: 88.0,
    MachineDrawing: 72.0,
    ProductCodeDrawing: 88.0,
    LetterPageDrawing: 70.0,
    NumberDrawing: 84.0,
    CodeKeysDrawing: 70.0,
    AboutDrawing: 66.0,
}


class Figure(Upright):
    """Draws with a pen, as large as fits, in the middle of its place."""

    def __init__(
        self,
        draw: Draw,
        size: tuple[float, float],
        *,
        theme: Theme,
        width_mm: float = 0,
        grow: bool = True,
        whole: bool = False,
    ) -> None:
        """`whole` makes each unit a whole number of pixels, so that a code's modules are all alike."""
        super().__init__(theme=theme, grow=grow)
        self._draw, self._units, self._width_mm, self._whole = draw, size, width_mm, whole

    def wanted_width(self) -> float:
        wide = self.mm(self._width_mm)
        return whole_scale(wide / self._units[0]) * self._units[0] if self._whole else wide

    def height_for(self, width: float) -> float:
        return self.wanted_width() * self._units[1] / self._units[0]

    def arrange(self) -> None:
        self.canvas.clear()
        self._trace(self.canvas, self._draw)

    def _trace(self, canvas: Any, draw: Draw) -> None:
        scale = min(self.width / self._units[0], self.height / self._units[1])
        if self._whole:
            scale = whole_scale(scale)
        left = self.center_x - self._units[0] * scale / 2
        top = self.center_y + self._units[1] * scale / 2
        if scale > 0:
            draw(Pen(canvas, left, top, scale))


@dataclass(frozen=True)
class Pose:
    """One picture of a drawing that moves, and how long it stays."""

    draw: Draw
    seconds: float


class MovingFigure(Figure):
    """A figure in poses. `Motion` sets the pose; each is drawn once, when it is first shown."""

    def __init__(self, poses: Sequence[Pose], size: tuple[float, float], *, theme: Theme) -> None:
        super().__init__(poses[0].draw, size, theme=theme)
        self.poses = poses
        self.pose = 0
        self._groups: dict[int, InstructionGroup] = {}

    def arrange(self) -> None:
        self._groups = {}
        self.show_pose(self.pose)

    def step(self) -> None:
        """Go to the next pose, and from the last to the first."""
        self.pose = (self.pose + 1) % len(self.poses)
        self.show_pose(self.pose)

    def show_pose(self, pose: int) -> None:
        if pose not in self._groups:
            self._groups[pose] = group = InstructionGroup()
            self._trace(group, self.poses[pose].draw)
        self.canvas.clear()
        self.canvas.add(self._groups[pose])


def whole_scale(scale: float) -> float:
    """The nearest whole number of pixels that is at most 8 % more or 25 % less, or `scale` as it is."""
    for whole in (round(scale), int(scale)):
        if 0.75 * scale <= whole <= 1.08 * scale:
            return float(whole)
    return scale


class Caption(Strong):
    """The line under a drawing."""


def stage(drawing: Drawing, words: ScreenTexts, theme: Theme, caption: str = "", width_mm: float = 0) -> Flow:
    """The drawing on its stage. A letter or a card's face stands on the page itself."""
    if isinstance(drawing, LetterDrawing):
        return letter(drawing, words, theme)
    if isinstance(drawing, CardDrawing):
        return CardFace(drawing, words, theme=theme)
    if isinstance(drawing, ChallengeDrawing):
        return _digits_to_copy(drawing.digits, theme, caption)
    if isinstance(drawing, RestingDrawing):
        caption = words(drawing.caption)
    inside: Flow = FlowBox(
        _figure(drawing, words, theme), theme=theme, padding=(1, 0) if caption else (0, 0), grow=True
    )
    if caption:
        line = Caption(theme=theme, text=caption, halign="center")
        inside = FlowColumn([inside, Spacer(3, theme=theme), line], theme=theme, grow=True)
    wide = width_mm or STAGE_MM[type(drawing)]
    return DrawingStage(inside, theme=theme, padding=(4, 6 if caption else 4), width_mm=wide, tall=True)


class DigitsToCopy(Text):
    """A row of digits that somebody copies, each of the same width."""


def _digits_to_copy(digits: str, theme: Theme, caption: str) -> Flow:
    """Two groups of four in a row. They are text, so that large text never leaves them out."""
    groups = [digits[at : at + 4] for at in range(0, len(digits), 4)]
    rows = ["\u2002".join(groups[at : at + 2]) for at in range(0, len(groups), 2)]
    lines: list[Flow] = [DigitsToCopy(theme=theme, text=row) for row in rows]
    above: list[Flow] = [Small(theme=theme, text=caption)] if caption else []
    return SheetPanel(FlowColumn([*above, *lines], theme=theme, gap=1.5), theme=theme, padding=(6, 4))


_PART_ICONS = {
    "reader": "smart-card-reader-outline",
    "administrator": "smart-card-reader-outline",
    "printer": "printer-outline",
    "slots": "door-open",
    "drop": "archive-arrow-down-outline",
    "screen": "wrench-outline",
}
"""Of parts of the machine, where there is no room to draw it."""


def about_stage(
    drawing: AboutDrawing | MachineDrawing, theme: Theme, width_mm: float = 0.0, badge: Badged | None = None
) -> Flow:
    """Return the drawing's subject on a low stage. With a badge, a square in its corner says how it is, and the stage is as high
    as it is wide for; without, it takes the height that is left."""
    about = drawing if isinstance(drawing, AboutDrawing) else AboutDrawing(_PART_ICONS[drawing.lit[0]])
    colours = theme.colours
    colour = getattr(colours, badge) if badge else None
    inside = width_mm * 0.92 if badge else 0.0
    figure = Figure(
        lambda pen: abouts.wide(pen, colours, about, colour), abouts.WIDE, theme=theme, width_mm=inside, grow=not badge
    )
    padding = (width_mm * 0.04, width_mm * 0.05) if badge else (4, 4)
    return DrawingStage(figure, theme=theme, padding=padding, width_mm=width_mm, grow=not badge)


def _figure(drawing: Drawing, words: ScreenTexts, theme: Theme) -> Figure:
    colours = theme.colours
    returns = words.frame("frame.drop")
    match drawing:
        case ReaderDrawing():
            return _reader(drawing, words, theme)
        case RestingDrawing(readers=("holder",)):
            return Figure(lambda pen: closeups.at_rest(pen, colours), CLOSE_UP, theme=theme)
        case RestingDrawing(readers=readers):
            labels = [words.frame(f"frame.reader.{reader}") for reader in readers]
            wide, high = closeups.RESTING
            return Figure(lambda pen: closeups.resting(pen, colours, labels), (wide * len(labels), high), theme=theme)
        case DropDrawing():
            return _stepping(lambda pen, pose: closeups.drop(pen, colours, returns, pose), theme)
        case CabinetDrawing(slots=slots, lit=slot):
            on = Pose(lambda pen: closeups.cabinet(pen, colours, slots, slot), LAMP_ON_S)
            off = Pose(lambda pen: closeups.cabinet(pen, colours, slots, slot, lamp=False), LAMP_OFF_S)
            return MovingFigure((on, off), CLOSE_UP, theme=theme)
        case ProductCodeDrawing():
            sides = words.frame("frame.card_back"), words.frame("frame.card_front")
            return Figure(lambda pen: closeups.product_code(pen, colours, *sides), CLOSE_UP, theme=theme)
        case LetterPageDrawing() | NumberDrawing() | CodeKeysDrawing() | AboutDrawing():
            return _still(drawing, words, theme)
        case MachineDrawing(lit=parts):
            size = machine.WIDTH, machine.HEIGHT
            return Figure(lambda pen: machine.front(pen, colours, parts, returns), size, theme=theme)
        case _:
            raise TypeError(f"no figure for {type(drawing).__name__}")


def _reader(drawing: ReaderDrawing, words: ScreenTexts, theme: Theme) -> Figure:
    """One reader, or both where the administrator's is meant or they are told apart: the words say left or right."""
    lit = ("holder", "administrator").index(drawing.which)
    where = ("reader", "administrator")[lit]

    def close_up(pen: Pen, pose: int) -> None:
        closeups.reader(pen, theme.colours, drawing.motion, pose, where)

    if not (lit or drawing.pair):
        return _stepping(close_up, theme)
    names = words.frame("frame.reader.holder"), words.frame("frame.reader.administrator")

    def both(pen: Pen, pose: int) -> None:
        closeups.pair(pen, theme.colours, names, lit, lambda part: close_up(part, pose), card_in=drawing.beside)

    return _stepping(both, theme, closeups.PAIR)


Still = LetterPageDrawing | NumberDrawing | CodeKeysDrawing | AboutDrawing


def _still(drawing: Still, words: ScreenTexts, theme: Theme) -> Figure:
    """Return the figure of where something stands, or of what something is about."""
    colours = theme.colours
    match drawing:
        case AboutDrawing() as about:
            return Figure(lambda pen: abouts.high(pen, colours, about), abouts.HIGH, theme=theme)
        case LetterPageDrawing():
            return _letter_page(drawing, words, theme)
        case NumberDrawing():
            return number_figure(drawing, theme)
    return Figure(lambda pen: pointers.code_keys(pen, colours), pointers.KEYS, theme=theme)


def number_figure(drawing: NumberDrawing, theme: Theme, *, width_mm: float = 0) -> Figure:
    """The card or document, on its stage or, with a width, by itself."""
    face = pointers.number_on_card if drawing.on == "card" else pointers.number_on_document
    colours, lit = theme.colours, drawing.lit
    return Figure(lambda pen: face(pen, colours, lit), pointers.FACE, theme=theme, width_mm=width_mm, grow=not width_mm)


def _letter_page(drawing: LetterPageDrawing, words: ScreenTexts, theme: Theme) -> Figure:
    """The letter that came with the card has number, PIN and PUK in its box; one with a release code has that alone."""
    number, here = words.frame("frame.letter_number"), words.frame("frame.letter_here")
    with_card = ("number", "pin", "puk")
    values = {
        "number": f"…{drawing.tail[:4]} {drawing.tail[4:]}" if drawing.tail else "•••• ••••",
        "pin": "••••••",
        "puk": "••••••••",
    }
    rows = [(words.frame(f"frame.letter_{row}"), here if row == drawing.lit else values[row]) for row in with_card]
    above, lit = "", with_card.index(drawing.lit) if drawing.lit in with_card else 0
    if drawing.lit in ("number", "code"):
        above, rows = number, [(words.frame("frame.letter_code"), here if drawing.lit == "code" else "••••••••")]
        lit = -1 if drawing.lit == "number" else 0

    def page(pen: Pen) -> None:
        pointers.letter_page(pen, theme.colours, above, rows, lit)

    return Figure(page, pointers.LETTER, theme=theme)


def _stepping(draw: Callable[[Pen, int], None], theme: Theme, size: tuple[float, float] = CLOSE_UP) -> MovingFigure:
    """A card that goes its way in steps, and starts again after a pause."""

    def pose(at: int) -> Pose:
        last = at == closeups.POSES - 1
        return Pose(lambda pen: draw(pen, at), STEP_S + (PAUSE_S if last else 0.0))

    return MovingFigure([pose(at) for at in range(closeups.POSES)], size, theme=theme)


def invitation(theme: Theme) -> Figure:
    """The drawing of the home screen, which teaches in silence: where the card goes, what one leaves with, what to bring."""
    poses = (
        Pose(lambda pen: closeups.reader_small(pen, theme.colours), 2 * LESSON_S),
        Pose(closeups.card_that_works, LESSON_S),
        Pose(closeups.letter_and_card, LESSON_S),
    )
    return MovingFigure(poses, (60, 98), theme=theme)


class Sheet(ShownIfRoom):
    """The code letter: paper in every theme, at least `width_mm` wide."""

    def wanted_width(self) -> float:
        return max(self.mm(self.width_mm), self.inside.wanted_width() + 2 * self.mm(self.padding[0]))


class SheetLabel(Small):
    """Label before a line of the letter."""


class SheetText(Small):
    """A line of the letter."""


class Lit(FramedBox):
    """The lit line of the letter."""


def letter(drawing: LetterDrawing, words: ScreenTexts, theme: Theme) -> Sheet:
    """The letter with its number, and the PUK line lit. Small panels show that line alone."""
    lit = Lit(SheetText(theme=theme, text=f"[b]{words.frame('frame.letter_here')}[/b]"), theme=theme, padding=(2, 0.1))
    rows = [(words.frame("frame.letter_puk"), lit)]
    if not theme.small_panel:
        dashes = SheetText(theme=theme, text="––––––", grow=True)
        number = SheetText(theme=theme, text=_number(drawing.card_number, words))
        rows = [(words.frame("frame.letter_number"), number), (words.frame("frame.letter_pin"), dashes), *rows]
    names = [SheetLabel(theme=theme, text=name) for name, _ in rows]
    first = max(name.wanted_width() for name in names) / theme.mm(1)
    gap = 9 if theme.portrait else 4
    lines = [
        FlowRow(
            [FixedWidth(name, first, theme=theme), value, *([] if value.grow else [Spacer(theme=theme)])],
            theme=theme,
            gap=gap,
        )
        for name, (_, value) in zip(names, rows, strict=True)
    ]
    padding = {"10": (5.4, 3.0), "7": (3.4, 2.4), "p": (9, 5)}[theme.panel.name]
    return Sheet(
        FlowColumn(lines, theme=theme, gap=0.8 if not theme.portrait else 2.6),
        theme=theme,
        padding=padding,
        width_mm=80,
    )


class FixedWidth(FlowBox):
    """A flow of a given width in millimetres."""

    def __init__(self, inside: Flow, width_mm: float, **kwargs: Any) -> None:
        super().__init__(inside, width_mm=width_mm, **kwargs)


def _number(number: str, words: ScreenTexts) -> str:
    digits = number.replace(" ", "")
    fours = [digits[at : at + 4] for at in range(0, len(digits), 4)]
    space = "\u00a0"  # one line, whatever the digits
    return words(f"{space.join(fours[:-2])}{space}**{space.join(fours[-2:])}**") if len(fours) > 2 else words(number)


class CardFace(Framed):
    """The face of a card as it is printed, true to size on the large panel: 85.6 by 54 mm. A protected identity has no name."""

    def __init__(self, drawing: CardDrawing, words: ScreenTexts, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        theme = self.theme
        self.unit = 0.62 if theme.small_panel else 1.0
        self.band = Framed(theme=theme, fill=theme.colours.primary, radius=theme.mm(3))
        self.square = Flat(theme=theme, fill=theme.colours.primary)
        self.issuer = FaceIssuer(theme=theme, text=words(drawing.issuer))
        self.kind = FaceKind(theme=theme, text=words.frame("frame.card_kind"))
        self.photo = Framed(theme=theme, fill=theme.colours.soft, radius=theme.mm(1.6))
        self.person = Icon(theme=theme, name="account-outline", size_mm=19 * self.unit, tone="primary")
        self.holder = FaceName(theme=theme, text=words(drawing.name))
        self.number = FaceNumber(theme=theme, text=words(f"•••• {drawing.number_tail}"))
        for part in (self.band, self.square, self.issuer, self.kind, self.photo, self.person, self.holder, self.number):
            self.add_widget(part)

    def wanted_width(self) -> float:
        return self.mm(85.6 * self.unit)

    def height_for(self, width: float) -> float:
        return self.mm(54 * self.unit)

    def arrange(self) -> None:
        mm, edge = self.mm(self.unit), self.border
        band = 12 * mm
        inner = self.width - 2 * edge
        self.band.place(self.x + edge, self.top - edge, inner, band)
        half = round(band / 2)
        self.square.place(self.x + edge, self.band.y + half, inner, half)
        pad, middle = 5 * mm, self.top - edge - band / 2
        if self.issuer.wanted_width() + self.kind.wanted_width() + 3 * pad > self.width:
            self.issuer.text = ""  # the kind alone: no card has an authority's long name on its face
        for text, right in ((self.issuer, False), (self.kind, True)):
            wide = text.wanted_width()
            high = text.height_for(wide)
            text.place(self.right - pad - wide if right else self.x + pad, middle + high / 2, wide, high)
        top = self.top - band - pad
        self.photo.place(self.x + pad, top, 20 * mm, 26 * mm)
        side = 19 * mm
        self.person.place(self.x + pad + 0.5 * mm, top - 26 * mm + side, side, side)
        room = self.width - 34 * mm
        self.holder.place(self.x + 29 * mm, top, room, self.holder.height_for(room))
        wide = self.number.wanted_width()
        high = self.number.height_for(wide)
        self.number.place(self.right - pad - wide, self.y + 4 * mm + high, wide, high)


class FaceIssuer(Text):
    """The issuer on the card's band."""


class FaceKind(Text):
    """The kind of card on its band."""


class FaceName(Text):
    pass


class FaceNumber(Text):
    pass


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
