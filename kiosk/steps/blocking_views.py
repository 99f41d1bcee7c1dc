"""The views of a block or a hold: it is being told, it was declined, what it means."""

from kiosk.region import ByPeople
from kiosk.steps.capabilities import StopError
from kiosk.steps.context import CardHolder, ViewContext
from kiosk.steps.view_helpers import cancel_button, last_digits, primary_button
from kiosk.views import Busy, Confirm, Fact, Point, Say, Tell, local, say

DEAD = ("card_blocked", "card_returned", "card_voided")
"""Reasons of the issuer (docs/messages.md) why there is nothing left to block: nobody can use the card."""


def telling(context: ViewContext) -> Busy:
    """The issuer is told, or the wish is kept."""
    return Busy(**context.head("telling", say("telling.title"), say("telling.lead")))


def declined(context: ViewContext, reason: str) -> StopError:
    """The issuer will not: the card is blocked already, is not known, or something else."""
    if reason in DEAD:
        return context.stop("already_blocked")
    if reason == "unknown_card":
        return context.stop("card_not_known")
    return context.stop("block_declined")


def sure(
    context: ViewContext,
    whose: CardHolder,
    happened: str,
    *,
    blocks: bool,
    instead: ByPeople | None = None,
    several: bool = False,
) -> Confirm:
    """Return the view that says what will happen to the card. `instead`: the issuer has no hold, and who blocks it
    within how many hours; `several`: it is the card of several employers, whoever asks."""
    action = "block" if blocks else "hold" if happened == "forgotten" else "hold_first"
    if instead is not None and not blocks:
        action = action.replace("hold", "mark")
    return Confirm(
        **context.head("sure", say(f"sure.{action}.title")),
        points=(
            Point(
                say(f"sure.{action}.now"),
                say("sure.every_employer" if several else f"sure.{action}.now.detail"),
                icon="smart-card-off-outline",
            ),
            _then(action, instead),
        ),
        facts=(Fact(say("fact.card"), f"…{last_digits(whose.card_number)}"),),
        warning=say("sure.block.warning") if blocks else None,
        way_out=cancel_button(),
        primary=primary_button("yes", f"sure.{action}.go"),
    )


def _then(action: str, instead: ByPeople | None) -> Point:
    if action == "mark_first" and instead is not None:
        doer = local(instead.by.model_dump())
        return Point(say("sure.mark_first.then", hours=instead.hours), doer, icon="timer-sand")
    return Point(say(f"sure.{action}.then"), say(f"sure.{action}.then.detail"), icon="timer-sand")


def really(context: ViewContext, whose: CardHolder) -> Confirm:
    """A block cannot be undone: once more."""
    return Confirm(
        **context.head("really", say("really.title"), say("really.lead")),
        facts=(Fact(say("fact.card"), f"…{last_digits(whose.card_number)}"),),
        warning=say("sure.block.warning"),
        way_out=cancel_button(),
        primary=primary_button("yes", "really.go"),
    )


def done(context: ViewContext, came: str, *, police: bool, block_line: str = "", blocked_by: Say | None = None) -> Tell:
    """Return the view that says what holds now, and what is left to do: the police, the block line, a new card.
    `blocked_by`: who blocks a card that is only marked, and until when, as a sentence; None: nobody does, or nobody
    knows."""
    is_awaited = blocked_by is not None and came == "marked"
    points = [Point(blocked_by, bullet="number")] if blocked_by and is_awaited else []
    points += [Point(say("lost_done.police"), bullet="number")] if police else []
    if came in ("held", "marked", "hold_queued", "mark_queued", "block_queued") and police:
        line = say("lost_done.line.number", number=block_line) if block_line else say("lost_done.line")
        points.append(Point(line, bullet="number"))
    key = "lost_done.found_marked" if came in ("marked", "mark_queued") else "lost_done.found"
    if not is_awaited:  # there is no room for it on a small panel
        points.append(Point(say("lost_done.new" if came in ("blocked", "block_queued") else key), bullet="number"))
    return Tell(
        **context.ending().head("done", say(f"lost_done.{came}.title"), say(f"lost_done.{came}.lead")),
        badge="success",
        badge_icon="check-bold",
        points=tuple(points),
        primary=primary_button("end", "button.next"),
    )
