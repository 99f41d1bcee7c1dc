"""The views of emptying the bin: take the cards out, count them, explain, seal, sign."""

from collections.abc import Sequence

from kiosk.issuer.ports import LoggedIn
from kiosk.steps.card import Strangeness
from kiosk.steps.card_views import strange_note
from kiosk.steps.context import ViewContext
from kiosk.steps.view_helpers import cancel_button, last_digits, primary_button
from kiosk.stock.bin_count import BinCountStatement, CountedCards, Reason
from kiosk.views import (
    AboutDrawing,
    Await,
    Button,
    Choose,
    Confirm,
    EnterDigits,
    Fact,
    MachineDrawing,
    Note,
    NumberDrawing,
    Option,
    PersonName,
    Point,
    ReaderDrawing,
    Say,
    Tell,
    say,
)

Two = tuple[LoggedIn, LoggedIn]
SEAL_DIGITS = (4, 10)
"""Digits of a bag's seal, at least and at most."""
REFERENCE_DIGITS = 8
COUNT_DIGITS = 3
AT_THE_BIN_S = 300.0
"""Hands in the bin are no touch on the screen."""
ICONS = {
    "unlisted": "plus",
    "missing": "magnify",
    "never_put_in": "smart-card-off-outline",
    "sensor": "eye-off-outline",
    "other": "dots-horizontal",
}
SHOWN = 3
"""Numbers that are named on one screen."""


def open_bin(context: ViewContext) -> Confirm:
    """With the key; nobody says how many there should be."""
    return Confirm(
        **context.head("open_bin", say("bin.open.title")),
        points=tuple(Point(say(f"bin.open.{at}"), bullet="number") for at in (1, 2, 3)),
        way_out=cancel_button(),
        primary=primary_button("opened", "bin.open.go"),
        idle_s=AT_THE_BIN_S,
    )


def how(context: ViewContext, *, must_scan: bool) -> Choose:
    """One by one with their numbers, or only counted. `must_scan`: among them are cards that nobody has seen."""
    why_not = say("bin.how.by_number") if must_scan else None
    return Choose(
        **context.head("how", say("bin.how.title")),
        options=(
            Option("scan", say("bin.how.scan"), say("bin.how.scan.detail"), "card-search-outline"),
            Option("count", say("bin.how.count"), say("bin.how.count.detail"), "form-textbox-password", why_not),
        ),
        way_out=cancel_button(),
        idle_s=AT_THE_BIN_S,
    )


def _digits(context: ViewContext, name: str, title: Say, lead: Say, at_least: int, length: int) -> EnterDigits:
    return EnterDigits(
        **context.head(name, title, lead),
        at_least=at_least,
        length=length,
        submit=say("button.next"),
        way_out=cancel_button(),
        idle_s=AT_THE_BIN_S,
    )


def count(context: ViewContext) -> EnterDigits:
    return _digits(context, "count", say("bin.count.title"), say("bin.count.lead"), 1, COUNT_DIGITS)


def scan(context: ViewContext, digits: int, so_far: int, *, again: bool) -> EnterDigits:
    """The next card. `again`: the last scan was no new card."""
    return EnterDigits(
        **context.head(
            "scan", say("bin.scan.title"), say("bin.scan.again" if again else "bin.scan.lead", count=so_far)
        ),
        drawing=NumberDrawing("card", digits),
        hint=say("stock.scan.hint"),
        length=digits,
        codes=True,
        submit=say("button.next"),
        way_out=Button("done", say("bin.scan.done"), "check"),
        side=Button("unreadable", say("bin.scan.unreadable")),
        idle_s=AT_THE_BIN_S,
    )


def difference(
    context: ViewContext,
    counted: CountedCards,
    listed: Sequence[str],
    sensor: int | None,
    reasons: Sequence[Reason],
) -> Choose:
    """Return the view that asks why the count differs: an explanation that fits, or count again."""
    figures = say("bin.differs.two", counted=counted.cards, expected=len(listed))
    if sensor is not None:
        figures = say("bin.differs.lead", counted=counted.cards, expected=len(listed), sensor=sensor)
    options = [Option(reason, say(f"bin.reason.{reason}"), icon=ICONS[reason]) for reason in reasons]
    return Choose(
        **context.head(
            "difference", say("bin.differs.title"), figures, *_named(counted.missing(listed), counted.unlisted(listed))
        ),
        options=tuple(options),
        way_out=cancel_button(),
        side=Button("again", say("bin.differs.again"), "restart"),
        idle_s=AT_THE_BIN_S,
    )


def _named(missing: Sequence[str], unlisted: Sequence[str]) -> tuple[Say, ...]:
    """Name the missing and the unlisted cards, as many as there is room for."""
    if missing and unlisted:
        return (say("bin.differs.both", missing=_tails(missing, 1), unlisted=_tails(unlisted, 1)),)
    if missing:
        return (say("bin.differs.missing", numbers=_tails(missing, SHOWN)),)
    return (say("bin.differs.unlisted", numbers=_tails(unlisted, SHOWN)),) if unlisted else ()


def _tails(numbers: Sequence[str], most: int) -> str:
    """`…2026 0001, …2026 0003 (+4)`."""
    shown = ", ".join(f"…{last_digits(number)}" for number in numbers[:most])
    return f"{shown} (+{len(numbers) - most})" if len(numbers) > most else shown


def reference(context: ViewContext) -> EnterDigits:
    """The number under which the difference is looked into."""
    return _digits(context, "reference", say("bin.reference.title"), say("bin.reference.lead"), 1, REFERENCE_DIGITS)


def set_aside(context: ViewContext, numbers: Sequence[str]) -> Tell:
    """Cards that were found do not go into the bag: their holders want them back."""
    return Tell(
        **context.head(
            "set_aside", say("bin.set_aside.title"), say("bin.set_aside.lead", cards=_tails(numbers, SHOWN))
        ),
        badge="warning",
        badge_icon="card-search-outline",
        primary=primary_button("next", "button.next"),
        idle_s=AT_THE_BIN_S,
    )


def seal(context: ViewContext) -> EnterDigits:
    """The number on the seal of the bag."""
    return _digits(context, "seal", say("bin.seal.title"), say("bin.seal.lead"), *SEAL_DIGITS)


def confirm(context: ViewContext, statement: BinCountStatement) -> Confirm:
    return Confirm(
        **context.head("confirm", say("bin.confirm.title")),
        points=(
            Point(say("bin.confirm.both"), say("bin.confirm.both.detail"), icon="account-check-outline"),
            Point(say("bin.confirm.then"), say("bin.confirm.then.detail"), icon="archive-outline"),
        ),
        facts=(
            Fact(say("receipt.detail.counted"), str(statement.counted)),
            Fact(say("receipt.detail.expected"), str(statement.expected)),
            Fact(say("receipt.detail.seal"), statement.seal),
        ),
        warning=say(f"bin.reason.{statement.reason}") if statement.reason else None,
        way_out=cancel_button(),
        primary=primary_button("sign", "bin.confirm.go"),
        idle_s=AT_THE_BIN_S,
    )


def insert_signer(context: ViewContext, signer: LoggedIn, strange: Strangeness | None, which: str) -> Await:
    """The card of one of the two, to sign."""
    return Await(
        **context.head("insert_signer", say("bin.signer.title"), say("bin.signer.lead", who=PersonName(signer.name))),
        note=strange_note(strange, Note(say("insert.wipe"), say("insert.unread"))),
        drawing=ReaderDrawing(which="administrator" if which == "administrator" else "holder"),
        way_out=cancel_button(),
        waits_for=say("wait.card"),
        idle_s=AT_THE_BIN_S,
    )


def other_signer(context: ViewContext, signer: LoggedIn) -> Tell:
    """A card, but not the one that has to sign now."""
    return Tell(
        **context.head(
            "other_signer", say("bin.other_signer.title"), say("bin.other_signer.lead", who=PersonName(signer.name))
        ),
        badge="warning",
        badge_icon="alert",
        points=(Point(say("bin.other_signer.do", who=PersonName(signer.name)), bullet="number"),),
        way_out=cancel_button(),
        primary=primary_button("again", "button.again"),
    )


def done(context: ViewContext, *, cleared: bool, paper: bool = True) -> Tell:
    """Both have signed; the bag is theirs. `paper`: the receipt lies in the printer."""
    failed = () if cleared else (say("bin.done.not_cleared"),)
    return Tell(
        **context.ending().head(
            "done", say("bin.done.title"), *failed, say("bin.done.lead" if paper else "bin.done.bag")
        ),
        badge="success",
        badge_icon="check-bold",
        drawing=MachineDrawing(("printer",)) if paper else AboutDrawing("archive-arrow-down-outline"),
        primary=primary_button("end", "button.end", "check"),
    )
