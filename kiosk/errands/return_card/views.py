"""The views of returning a card."""

from dataclasses import replace
from typing import Literal

from drivers.reader.model import CardFacts
from kiosk.steps.card import Strangeness
from kiosk.steps.card_views import reader_for, strange_note
from kiosk.steps.context import CardHolder, ViewContext
from kiosk.steps.receipt_views import ReceiptWay
from kiosk.steps.slot_views import drop_old
from kiosk.steps.view_helpers import cancel_button, common_name, last_digits, primary_button
from kiosk.views import (
    AboutDrawing,
    Await,
    Button,
    Choose,
    Confirm,
    Fact,
    MachineDrawing,
    Note,
    Option,
    Point,
    ReaderDrawing,
    Tell,
    say,
)

REASONS = {
    "left": "door-open",
    "replaced": "card-account-details-outline",
    "damaged": "alert-outline",
    "own_wish": "inbox-arrow-down-outline",
    "found": "card-search-outline",
}


NOT_SEEN = Point(say("return.not_seen"), say("return.not_seen.detail"), icon="eye-off-outline")


def insert(context: ViewContext, strange: Strangeness | None, *, is_found: bool = False) -> Await:
    """The card, or its number where the chip is cut or dead. `is_found`: it is somebody else's, and no code is asked for."""
    return Await(
        **context.head("insert", say("return_insert.found" if is_found else "return_insert.title"), say("insert.lead")),
        note=strange_note(strange, Note(say("return_insert.cut"), say("insert.unread"))),
        drawing=reader_for(strange),
        way_out=cancel_button(),
        side=Button("number", say("return_insert.number")),
        waits_for=say("wait.card"),
    )


def know_code(context: ViewContext, *, holds: bool = True, blocks: bool = True) -> Confirm:
    """With the code the card is blocked at once; without it, it is on hold until somebody confirms. `holds`: the issuer has a
    hold; without, the card is only marked. `blocks`: the issuer takes blocks by an interface; without, people make them."""
    at_once = "yes" if blocks else "asked"
    return Confirm(
        **context.head("know_code", say("know_code.title")),
        points=(
            Point(say(f"know_code.{at_once}"), say(f"know_code.{at_once}.detail"), icon="check"),
            Point(say("know_code.no" if holds else "know_code.marked"), say("know_code.no.detail"), icon="timer-sand"),
        ),
        way_out=cancel_button(),
        side=Button("no", say("know_code.go_no")),
        primary=primary_button("yes", "know_code.go"),
        needs_card=True,
    )


def take(context: ViewContext) -> Await:
    """Out of the reader: it goes into the drop slot soon."""
    return Await(
        **context.head("take", say("return_take.title"), say("return_take.lead")),
        drawing=ReaderDrawing("out"),
        waits_for=say("wait.taken"),
    )


def why(context: ViewContext) -> Choose:
    """Why it comes back. The answer is a reason of `kiosk.issuer.ports.BlockReason`, or `found`: it is not this person's."""
    return Choose(
        **context.head("why", say("return_why.title")),
        options=tuple(Option(code, say(f"return_why.{code}"), icon=icon) for code, icon in REASONS.items()),
        way_out=cancel_button(),
    )


def keep(context: ViewContext, employers: tuple[str, ...] = ()) -> Confirm:
    """Another assignment in the region follows, or the card is another employer's too: it may be kept."""
    if employers:
        return Confirm(
            **context.head("keep", say("keep.employers.title")),
            points=(
                Point(say("keep.employers.works"), say("employer.one", name=", ".join(employers)), "good"),
                Point(say("keep.employers.ends"), say("keep.employers.ends.detail"), "icon", "information-outline"),
            ),
            way_out=cancel_button(),
            side=Button("return", say("keep.employers.no")),
            primary=primary_button("keep", "keep.go", "check"),
        )
    return Confirm(
        **context.head("keep", say("keep.title")),
        points=(
            Point(say("keep.works"), say("keep.works.detail"), "good"),
            Point(say("keep.nothing"), say("keep.nothing.detail"), "good"),
        ),
        way_out=cancel_button(),
        side=Button("return", say("keep.no")),
        primary=primary_button("keep", "keep.go", "check"),
    )


def kept(context: ViewContext) -> Tell:
    """The card stays with its holder."""
    return Tell(
        **context.ending().head("kept", say("kept.title"), say("kept.lead")),
        badge="success",
        badge_icon="check-bold",
        primary=primary_button("end", "button.end", "check"),
    )


AfterReturn = Literal["blocks", "holds", "marks", "not_ours", "found_held", "found_marked", "found_noted"]
"""What follows once the card is in the bin: it is blocked, is on hold, is marked (where the issuer has no hold), or is no card
that can be blocked from here; and for one that a colleague found, which is only noted beyond the limit."""


def not_ours(context: ViewContext, facts: CardFacts) -> Confirm:
    """The card is another issuer's, or one that our register does not know: nobody here can block it."""
    certificate = facts.certificate("identification")
    issuer = common_name(certificate.issuer) if certificate else ""
    return Confirm(
        **context.head("not_ours", say("return_not_ours.title")),
        points=(
            Point(say("return_not_ours.block"), say("return_not_ours.block.detail"), icon="smart-card-off-outline"),
            Point(say("return_not_ours.bin"), say("return_not_ours.bin.detail"), icon="archive-arrow-down-outline"),
        ),
        facts=(Fact(say("return_not_ours.issuer"), issuer or "–"),),
        way_out=cancel_button(),
        primary=primary_button("return", "return_not_ours.go"),
        needs_card=True,
        sends_on=True,
    )


def confirm(
    context: ViewContext, whose: CardHolder, after: AfterReturn, *, is_seen: bool = True, several: bool = False
) -> Confirm:
    """Return the view that says what will happen, before the flap opens. `several`: to the card of several employers."""
    detail = "sure.every_employer" if several else f"return_confirm.{after}.detail"
    return Confirm(
        **context.head("confirm", say("return_confirm.title")),
        points=(
            Point(say("return_confirm.drop"), say("return_confirm.drop.detail"), icon="archive-arrow-down-outline"),
            Point(say(f"return_confirm.{after}"), say(detail), icon="smart-card-off-outline"),
            *(() if is_seen else (NOT_SEEN,)),
        ),
        facts=(Fact(say("fact.card"), f"…{last_digits(whose.card_number)}"),),
        warning=say("return_confirm.warning"),
        way_out=cancel_button(),
        primary=primary_button("return", "return_confirm.go"),
    )


def drop(context: ViewContext, number: str, *, blocks: bool) -> Await:
    """Into the lit drop slot. `blocks`: as `AfterReturn` says."""
    return replace(
        drop_old(context, number, blocks=blocks),
        title=say("return_drop.title"),
        lead=(say("return_drop.lead", tail=last_digits(number)),),
        side=Button("keep", say("return_drop.keep"), "close"),
    )


def done(context: ViewContext, outcome: str, way: ReceiptWay = "paper", *, is_seen: bool = True) -> Tell:
    """It is in the bin, as far as anybody has seen; what holds for its certificates now; and where the receipt is (`way`)."""
    kept = () if way == "nothing" else (say(f"return_done.receipt.{way}"),)
    instead = AboutDrawing("email-outline" if way == "mail" else "archive-arrow-down-outline")
    return Tell(
        **context.ending().head("done", say("return_done.title"), say(f"return_done.{outcome}"), *kept),
        badge="success",
        badge_icon="check-bold",
        points=() if is_seen else (NOT_SEEN,),
        drawing=MachineDrawing(("printer",)) if way == "paper" else instead,
        primary=primary_button("end", "button.end", "check"),
        sends_on=outcome == "not_told",
    )


def done_found(context: ViewContext, outcome: str, *, is_seen: bool) -> Tell:
    """Somebody else's card is in the bin. `outcome`: whether it is on hold now; where it is not, whom to call."""
    stopped = outcome in ("found_held", "found_hold_queued", "found_was_blocked")
    return Tell(
        **context.ending().head("done", say("return_done.found"), say(f"return_done.{outcome}")),
        badge="success" if stopped else "warning",
        badge_icon="check-bold" if stopped else "alert-outline",
        points=() if is_seen else (NOT_SEEN,),
        drawing=AboutDrawing("archive-arrow-down-outline"),
        primary=primary_button("end", "button.end", "check"),
        sends_on=not stopped,
    )
