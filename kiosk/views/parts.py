"""The parts that views are made of. All frozen; every text is a key of the catalogues with its arguments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Union

Argument = Union[str, int, "Say", "Local"]

CANCEL = "cancel"
"""The value of a button that ends the errand: `ask` turns it into the one exception, `ErrandCancelledError`."""


class PersonName(str):
    """A person's name, or what stands for it: said aloud to headphones alone."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Local:
    """A text that is data of a region and stands in no catalogue: once for each language."""

    texts: tuple[tuple[str, str], ...]

    def said_in(self, language: str) -> str:
        """In that language, or in the first that there is."""
        return dict(self.texts).get(language, self.texts[0][1])


@dataclass(frozen=True, slots=True)
class Say:
    """A sentence: its key in `kiosk/texts/*.po`, and what goes into its braces. `**so**` in a text is strong."""

    key: str
    args: tuple[tuple[str, Argument], ...] = ()


def say(key: str, **args: Argument) -> Say:
    """Make a sentence: `say("insert.number", tail="4471 3058")`."""
    return Say(key, tuple(args.items()))


def local(texts: Mapping[str, str]) -> Say:
    """A sentence that is a region's data, by language."""
    return say("local", text=Local(tuple(texts.items())))


@dataclass(frozen=True, slots=True)
class Step:
    """Place of the person in the errand: shown as pips and 'Steg 3 av 4'."""

    at: int
    of: int


@dataclass(frozen=True, slots=True)
class Button:
    """A way on. `value` is the answer that `ask` returns."""

    value: str
    text: Say
    icon: str = ""
    """A glyph name of the icon font, e.g. `arrow-right`."""


@dataclass(frozen=True, slots=True)
class Option:
    """One tile of a choice. `reason` says why it is not available now; it can still be focused. `filled`: the one answer that
    helps, looking like a primary."""

    value: str
    title: Say
    detail: Say | None = None
    icon: str = ""
    reason: Say | None = None
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """A panel of information (`info`), consequence (`warning`) or deadline (`clock`) under the lead."""

    text: Say
    title: Say | None = None
    kind: Literal["info", "warning", "clock"] = "info"


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled value, e.g. HSA-id. `value` is a sentence where it must be translated."""

    label: Say
    value: str | Say
    icon: str = ""
    tone: Literal["plain", "good", "bad"] = "plain"


@dataclass(frozen=True, slots=True)
class Point:
    """One thing to know or do. `bullet` is its icon, or `number` for a numbered step."""

    text: Say
    detail: Say | None = None
    bullet: Literal["number", "good", "bad", "icon"] = "icon"
    icon: str = ""


@dataclass(frozen=True, slots=True)
class WhoHelps:
    """Panel of who helps where the station cannot: `meanwhile` is the nearest place where somebody is now; `rows` say
    when, where and by which telephone; the block line comes last."""

    title: Say
    rows: tuple[Point, ...]
    meanwhile: Point | None = None
    block_line: Point | None = None

    @property
    def points(self) -> tuple[Point, ...]:
        """All that is said, in order."""
        meanwhile, block_line = ((point,) if point is not None else () for point in (self.meanwhile, self.block_line))
        return (*meanwhile, *self.rows, *block_line)


@dataclass(frozen=True, slots=True)
class Task:
    """One line of the busy list."""

    text: Say
    state: Literal["done", "failed", "now", "later"]


@dataclass(frozen=True, slots=True)
class Tries:
    """Tries left of a code: dots beside a sentence that says where we stop."""

    left: int
    used: int
    text: Say

    @property
    def left_text(self) -> Say:
        """Number of tries left, in words."""
        return say("frame.tries.last") if self.left == 1 else say("frame.tries", left=self.left)
