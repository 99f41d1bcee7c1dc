"""The views that every errand with a card and its code needs: what is strange about a card, a code, its last try, a stop."""

from dataclasses import replace
from typing import Any, Literal, TypeVar

from drivers.reader.model import CardFacts, Pin
from drivers.reader.outcomes import Role
from kiosk.issuer.ports import SwitchOff
from kiosk.region import RegionSettings
from kiosk.steps.capabilities import StopError
from kiosk.steps.card import Caution, Strangeness
from kiosk.steps.context import ViewContext
from kiosk.steps.view_helpers import cancel_button, primary_button
from kiosk.views import Button, Confirm, EnterCode, Note, Point, ReaderDrawing, Say, Tell, Tries, View, local, say

AnyView = TypeVar("AnyView", bound=View[Any])


def strange_note(strange: Strangeness | None, otherwise: Note) -> Note:
    """Return the note that says what to do about a card that could not be met; else the usual note."""
    if strange is None:
        return otherwise
    return Note(say(f"strange.{strange}"), say(f"strange.{strange}.title"), "warning")


def reader_for(strange: Strangeness | None, which: Literal["holder", "administrator"] = "holder") -> ReaderDrawing:
    """The card goes in; one that does not answer is turned first."""
    return ReaderDrawing("turn" if strange == "mute" else "in", which)


def lengths(code: Pin | None, usual: tuple[int, int] = (6, 8)) -> tuple[int, int]:
    """Return how few and how many digits a code may have that the card has already; `usual` where nothing is known of
    it."""
    return usual if code is None else (code.entry_min_length, code.max_length)


def code_entry(
    context: ViewContext,
    name: str,
    title: Say,
    lead: Say,
    facts: CardFacts,
    *,
    role: Role = Role.IDENTIFICATION,
    watched: bool = True,
) -> EnterCode:
    """A code that the card has already. `watched`: it is in the holder's reader, and pulling it ends the question."""
    shortest, longest = lengths(facts.pin(role))
    return EnterCode(
        **context.head(name, title, lead),
        attended_by=context.attended_by,
        hint=say("code.hidden"),
        min_length=shortest,
        max_length=longest,
        submit=say("button.next"),
        way_out=cancel_button(),
        needs_card=watched,
    )


class WrongCodeView:
    """Says that a code was wrong and how many tries are left: `WrongCodePrompts`."""

    def __init__(self, context: ViewContext, name: str, *, watched: bool = True) -> None:
        self.context, self.name, self.watched = context, name, watched

    def __call__(self, left: int | None, *, unsure: bool = False) -> Tell:
        words = ("unsure_pin.title", "unsure_pin.lead") if unsure else ("wrong_pin.title", "wrong_pin.lead")
        return self._tell(self.name, *words, left)

    def same(self, left: int | None, *, other_form: bool = False, refused: bool = False) -> Tell:
        words = ("refused_pin.title", "refused_pin.lead") if refused else ("same_pin.title", "same_pin.lead")
        name = self.name.removesuffix("_wrong") + ("_refused" if refused else "_same")
        view = self._tell(name, *words, left)
        if not other_form:
            return view
        points = (Point(say("same_pin.sure"), bullet="number"), Point(say("same_pin.cost"), bullet="number"))
        return replace(view, points=points, side=Button("other_form", say("same_pin.other"), "help-circle-outline"))

    def _tell(self, name: str, title: str, lead: str, left: int | None) -> Tell:
        is_known = left is not None
        return Tell(
            **self.context.head(name, say(title), say(lead)),
            badge="warning",
            badge_icon="alert",
            tries=Tries(left or 0, max(0, 3 - (left or 0)), say("wrong_pin.tries")) if is_known else None,
            way_out=cancel_button(),
            primary=primary_button("again", "button.again"),
            needs_card=self.watched,
        )


class LastTryView:
    """Consent to a try that may be the last (reliability I1): called with why it may be."""

    def __init__(self, context: ViewContext, name: str, *, watched: bool = True) -> None:
        self.context, self.name, self.watched = context, name, watched

    def __call__(self, why: Caution) -> Confirm:
        return Confirm(
            **self.context.head(self.name, say(f"try_{why}.title"), say(f"try_{why}.lead")),
            points=(
                Point(say(f"try_{why}.wrong"), say(f"try_{why}.wrong.detail"), "bad"),
                Point(say(f"try_{why}.right"), say(f"try_{why}.right.detail"), "good"),
            ),
            warning=say("last_try.warning") if why == "last" else None,
            way_out=primary_button("no", f"try_{why}.no", "close"),
            primary=primary_button("yes", "last_try.yes"),
            needs_card=self.watched,
        )


def with_office(view: AnyView, region: RegionSettings, *, also: bool = False) -> AnyView:
    """Add to a view that waits for an administrator a note of who that is, where and when. The view stays as it is
    where the region names no office, or it has a note of its own; `also`: in place of that."""
    if not region.office or (view.note is not None and not also):
        return view
    when = local(region.office_hours.model_dump()) if region.office_hours else say("stop.office.ask")
    return replace(view, note=Note(when, title=say("stop.office", office=region.office), kind="clock"))


def not_handed_over(context: ViewContext, errand: str | None, *, offered: bool) -> Tell:
    """No code is set on a card that nobody has handed over. `errand`: what does it; None where a person does. `offered`: it can
    begin here and now."""
    view = context.stop("not_handed_over", icon="smart-card-off-outline").view
    view = replace(view, points=(Point(say(f"not_handed_over.{errand or 'administrator'}"), bullet="number"),))
    if errand is None or not offered:
        return view
    begin = primary_button("hand_over", f"home.{errand}")
    return replace(view, way_out=Button("end", say("button.end"), "close"), primary=begin)


def switched_off(context: ViewContext, off: SwitchOff) -> StopError:
    """The region has switched this kind or batch of cards off: in the region's own words, where it gave some."""
    plain = context.stop("switched_off")
    if not off.text:
        return plain
    return StopError(plain.outcome, plain.reason, replace(plain.view, lead=(local(off.text),)))
