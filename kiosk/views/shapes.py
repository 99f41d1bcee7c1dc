"""Types of views, by the shape of the question. Each names the type of its answer: `await ask(view)` returns that type.

A button's `value` is a valid answer of every shape; a button whose value is CANCEL raises `ErrandCancelledError` instead.
"""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from drivers.reader.secret import Secret
from kiosk.policy import PinPolicy
from kiosk.views.drawings import Drawing
from kiosk.views.parts import Button, Fact, Note, Option, Point, Say, Step, Task, Tries, WhoHelps

DIGITS = "0123456789"
A_co = TypeVar("A_co", covariant=True)


@dataclass(frozen=True, kw_only=True)
class View(Generic[A_co]):
    """The fields that every view has. `name` is stable: answers files and tests use it.

    needs_card: the holder's card must stay in; pulling it ends the question with `CardPulledError`.
    asks_back: a card that is pulled is asked for before that; not where whoever pulls it has answered.
    sends_on: it names somebody else, an ID administrator. The station adds who that is, where and when: to a `Tell` the panel
    (`who_helps`), to others a note.
    idle_s: seconds without a touch until the warning; None takes the station's own.
    """

    name: str
    title: Say
    errand: Say | None = None
    step: Step | None = None
    lead: tuple[Say, ...] = ()
    note: Note | None = None
    drawing: Drawing | None = None
    attended_by: str | None = None
    """The administrator's name for the strip."""
    way_out: Button | None = None
    side: Button | None = None
    primary: Button | None = None
    needs_card: bool = False
    asks_back: bool = True
    sends_on: bool = False
    idle_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Choose(View[str]):
    """Pick one: tiles (the home screen) or a list. The answer is the option's value.

    `aside`: beside the tiles, the invitation to put the card in (home). `footer`: a line of help with its number. `waits_for`
    stands grey in the primary's place, and the note, which says what the choice means, under the options."""

    options: tuple[Option, ...]
    layout: Literal["tiles", "list"] = "list"
    aside: tuple[Say, Say] | None = None
    footer: tuple[Say, str] | None = None
    banner: Note | None = None
    waits_for: Say | None = None


@dataclass(frozen=True, kw_only=True)
class ClosedHome(Choose):
    """The home screen of a closed station, dark: `lead` says why, since when, and whether a card is inside, each line with its
    icon; `contacts` who helps instead. The options are what can still be had."""

    icons: tuple[str, ...]
    contacts: tuple[Fact, ...]


@dataclass(frozen=True, kw_only=True)
class Checklist(Choose):
    """Rows that somebody ticks, in a panel of its own under `heading`. The answer is the row that was touched: it is ticked, or
    open again. `progress` says how many are ticked; `waits_for` stands grey in the primary's place until none is open."""

    heading: Say
    progress: Say
    ticked: frozenset[str]
    waits_for: Say


@dataclass(frozen=True, kw_only=True)
class Await(View[str]):
    """Something is to be done by hand: `waits_for` stands grey in the primary's place until a device has seen it, or the
    primary is a button where the person says so. `facts` are at most three."""

    waits_for: Say | None = None
    facts: tuple[Fact, ...] = ()
    drawing_text: Say | None = None
    """What the drawing asks for, under it."""
    badge: Literal["", "success", "warning", "failure"] = ""
    badge_icon: str = ""


@dataclass(frozen=True, kw_only=True)
class EnterCode(View[Secret | str]):
    """A code on the large pad, shown as dots. The answer is a Secret, or a button's value.

    `min_length` to `max_length` digits; optional ones are dashed cells. With a `policy` its rules are listed and judged
    while typing, and an answer that breaks one cannot be given. `submit` is the text of the primary when complete."""

    min_length: int
    max_length: int
    submit: Say
    policy: PinPolicy | None = None
    hint: Say | None = None
    facts: tuple[Fact, ...] = ()
    tries: Tries | None = None
    """Tries that are left after a wrong one."""


@dataclass(frozen=True, kw_only=True)
class EnterDigits(View[str]):
    """Digits that are no secret, shown as typed; a scan gives them at once.

    `at_least`: fewer digits than `length` will do. `codes`: the code of an order or of an envelope is an answer too, as it
    was scanned (`kiosk.barcodes`). `hexadecimal`: A to F are digits too, as capital letters.
    `private`: like a code they are in nothing that is printed of the errand."""

    length: int
    submit: Say
    hint: Say | None = None
    at_least: int | None = None
    codes: bool = False
    hexadecimal: bool = False
    private: bool = False

    @property
    def alphabet(self) -> str:
        """Characters that count as digits here."""
        return DIGITS + "ABCDEF" if self.hexadecimal else DIGITS

    def takes(self, digits: str) -> bool:
        """Return whether all of them are digits here."""
        return bool(digits) and set(digits) <= set(self.alphabet)


KeyboardName = Literal["code", "host", "address"]


@dataclass(frozen=True, kw_only=True)
class EnterText(View[str]):
    """Text on a keyboard of the signs that can be in it, shown as typed and never spoken.

    `keyboard`: `code` has Crockford's 32 signs, shown in fours; `host` those of names and addresses; `address` is the same,
    digits first. `text` stands there to
    begin with. `scans`: what a scanner reads is the answer, as it was read."""

    keyboard: KeyboardName
    at_least: int = 1
    at_most: int
    submit: Say
    text: str = ""
    scans: bool = False
    hint: Say | None = None


@dataclass(frozen=True, slots=True)
class ReceiptPanel:
    """A receipt as it will stand on paper. `qr` is empty before it is signed; `promise` is what is then signed."""

    title: Say
    facts: tuple[Fact, ...]
    qr: str = ""
    number: str = ""
    promise: Say | None = None


@dataclass(frozen=True, kw_only=True)
class Confirm(View[str]):
    """View that says what will happen, in points, with one action. `warning` is a band above the buttons."""

    points: tuple[Point, ...] = ()
    facts: tuple[Fact, ...] = ()
    warning: Say | None = None
    receipt: ReceiptPanel | None = None


@dataclass(frozen=True, kw_only=True)
class Tell(View[str]):
    """View that says what happened, what it means, what to do now. The badge is round when done, square when not."""

    badge: Literal["success", "warning", "failure"]
    badge_icon: str = ""
    points: tuple[Point, ...] = ()
    tries: Tries | None = None
    drawing_text: Say | None = None
    receipt: ReceiptPanel | None = None
    who_helps: WhoHelps | None = None


@dataclass(frozen=True, kw_only=True)
class Busy(View[str]):
    """Shown while a step runs that cannot be undone: no way out, no time-out. `seconds` is an estimate, or None."""

    tasks: tuple[Task, ...] = ()
    seconds: int | None = None
    under: Say | None = None
