"""The views of the new code: PUK, code, code again, written, tested, and what is said when the card was pulled."""

from dataclasses import replace
from typing import Literal

from drivers.reader.model import CardFacts, Pin
from fleet.messages.vocabulary import ErrandOutcome
from kiosk.policy import PinPolicy
from kiosk.steps.capabilities import StopError
from kiosk.steps.card import CodePrompts
from kiosk.steps.card_views import LastTryView, WrongCodeView, code_entry, lengths
from kiosk.steps.context import CardHolder, ViewContext
from kiosk.steps.view_helpers import (
    back_button,
    cancel_button,
    display_name,
    last_digits,
    primary_button,
    puk_floor_cause,
)
from kiosk.views import (
    Busy,
    Button,
    Confirm,
    EnterCode,
    Fact,
    LetterDrawing,
    PersonName,
    Point,
    Say,
    Task,
    Tell,
    Tries,
    say,
)

USUAL_PUK = (8, 8)
TASKS_WITH_PUK = ("task.puk", "task.write", "task.test")
"""What is listed while a code is set with the PUK (`ViewContext.tasks`)."""
TASKS_WITH_CODE = ("task.code", "task.write", "task.test")
TASKS_BY_MANDATE = ("task.mandate", "task.write", "task.test")
"""Where an ID administrator attends to an unlocking: nobody has typed a PUK."""


def puk(context: ViewContext, whose: CardHolder, code: Pin | None) -> EnterCode:
    """The PUK from the envelope, of the length that this card's has."""
    shortest, longest = lengths(code, USUAL_PUK)
    return EnterCode(
        **context.head("puk", say("puk.title"), _digits_of_puk(shortest, longest, last_digits(whose.card_number))),
        drawing=LetterDrawing(whose.card_number),
        hint=say("code.hidden"),
        min_length=shortest,
        max_length=longest,
        submit=say("button.next"),
        way_out=cancel_button(),
        side=Button("no_envelope", say("puk.none"), "help-circle-outline"),
        needs_card=True,
    )


def _digits_of_puk(shortest: int, longest: int, tail: str) -> Say:
    if (shortest, longest) == USUAL_PUK:
        return say("puk.lead", tail=tail)
    if shortest == longest:
        return say("puk.lead.long", tail=tail, count=longest)
    return say("puk.lead.range", tail=tail, least=shortest, most=longest)


def checking(context: ViewContext) -> Busy:
    return _busy(context, "checking", "busy.checking", "task.puk")


def wrong_puk(
    context: ViewContext,
    whose: CardHolder,
    code: Pin | None,
    left: int | None = None,
    *,
    kept: bool = False,
    same: bool = False,
) -> EnterCode:
    """The PUK was wrong, and is typed again; the card is as it was. `left` counts down to where the station stops, not to the
    card's end; `kept`: the new code has been chosen, and is written next; `same`: it was typed again, and not sent."""
    line = say("wrong_puk.line", tail=last_digits(whose.card_number))
    view = replace(
        puk(context, whose, code),
        name=context.name("puk_wrong"),
        title=say("same_pin.title" if same else "wrong_puk.title"),
        lead=(say("same_pin.lead" if same else "wrong_puk.kept" if kept else "wrong_puk.lead"), line),
        tries=None if left is None else Tries(left, 1, say("wrong_puk.stop")),
    )
    return replace(view, hint=say("wrong_puk.forgets"), submit=say("write.go")) if kept else view


def verifier_silent(context: ViewContext) -> Tell:
    """The server did not answer; nothing was tried."""
    return Tell(
        **context.head("verifier_silent", say("silent.title"), say("silent.lead")),
        badge="warning",
        badge_icon="cloud-off-outline",
        points=(Point(say("silent.do"), bullet="number"),),
        way_out=cancel_button(),
        primary=primary_button("again", "button.again"),
        needs_card=True,
    )


def new_code(context: ViewContext, policy: PinPolicy, *, differed: bool, use: str = "both") -> EnterCode:
    """The code of one's own choice; its rules are judged while typing."""
    return EnterCode(
        **context.head(
            "new_pin",
            say("new_pin.differed" if differed else "new_pin.title"),
            say(f"new_pin.{use}"),
            *_looks_away(context),
        ),
        attended_by=context.attended_by,
        min_length=policy.min_length,
        max_length=policy.max_length,
        policy=policy,
        submit=say("button.next"),
        way_out=back_button(),
        needs_card=True,
    )


def repeat_code(context: ViewContext, policy: PinPolicy) -> EnterCode:
    return EnterCode(
        **context.head("repeat_pin", say("repeat_pin.title"), say("repeat_pin.lead"), *_looks_away(context)),
        attended_by=context.attended_by,
        hint=say("code.hidden"),
        min_length=policy.min_length,
        max_length=policy.max_length,
        submit=say("button.next"),
        way_out=back_button(),
        needs_card=True,
    )


def _looks_away(context: ViewContext) -> tuple[Say, ...]:
    """Say that who attends looks away: they see no code."""
    return (say("new_pin.looks_away", name=PersonName(context.attended_by)),) if context.attended_by else ()


def write(context: ViewContext, whose: CardHolder) -> Confirm:
    """Return the view that says what writing the code will do."""
    return Confirm(
        **context.head("write", say("write.title")),
        points=(
            Point(say("write.code"), say("write.code.detail"), icon="form-textbox-password"),
            Point(say("write.test"), say("write.test.detail"), icon="stethoscope"),
            Point(say("write.puk"), say("write.puk.detail"), icon="email-outline"),
        ),
        facts=(
            Fact(say("fact.card"), f"…{last_digits(whose.card_number)}"),
            Fact(say("fact.holder"), display_name(whose)),
        ),
        warning=say("write.warning"),
        way_out=Button("back", say("button.change"), "arrow-left"),
        primary=primary_button("write", "write.go"),
        needs_card=True,
    )


def _busy(context: ViewContext, name: str, lead: str, now: str) -> Busy:
    """Return the busy view with `now` at work; the tasks before it are ticked: they have been answered."""
    at = context.tasks.index(now)
    return Busy(
        **context.head(name, say("busy.title"), say(lead)),
        tasks=tuple(_task(t, "done" if i < at else "now" if i == at else "later") for i, t in enumerate(context.tasks)),
        under=say("busy.card_in"),
        attended_by=context.attended_by,
    )


def _task(key: str, state: Literal["done", "now", "later"]) -> Task:
    """Only once the PUK was judged is it called right."""
    return Task(say("task.puk.check" if key == "task.puk" and state != "done" else key), state)


def writing(context: ViewContext, *, puk_judged: bool = True) -> Busy:
    """The one command that sets the code. `puk_judged`: somebody has said that the PUK is right; else the card says it now."""
    return _busy(context, "writing", "busy.writing", "task.write" if puk_judged else "task.puk")


def testing(context: ViewContext) -> Busy:
    return _busy(context, "testing", "busy.testing", "task.test")


def sign_code(context: ViewContext, policy: PinPolicy) -> CodePrompts:
    """The new code, to sign the receipt with."""
    return CodePrompts(
        entry=EnterCode(
            **context.head("sign_pin", say("sign_pin.title"), say("sign_pin.lead")),
            hint=say("code.hidden"),
            min_length=policy.min_length,
            max_length=policy.max_length,
            submit=say("sign_pin.go"),
            way_out=cancel_button(),
            needs_card=True,
        ),
        wrong=WrongCodeView(context, "sign_pin_wrong"),
        last=LastTryView(context, "sign_pin_last"),
        locked=context.stop("new_card_locked", icon="lock-alert-outline"),
        declined=context.stop("last_try_kept"),
        refused=context.stop("card_refused"),
    )


def start_code(context: ViewContext, facts: CardFacts) -> CodePrompts:
    """The PIN that the card came with: its holder alone has it, from the letter."""
    return CodePrompts(
        entry=code_entry(context, "start_pin", say("start_pin.title"), say("start_pin.lead"), facts),
        wrong=WrongCodeView(context, "start_pin_wrong"),
        last=LastTryView(context, "start_pin_last"),
        locked=context.stop("new_card_locked", icon="lock-alert-outline"),
        declined=context.stop("last_try_kept"),
        refused=context.stop("card_refused"),
    )


def puk_floor(context: ViewContext) -> StopError:
    """So few tries of the PUK remain that we stop (reliability I1)."""
    return context.stop("puk_floor", icon="lock-alert-outline")


def puk_not_sent(context: ViewContext, puk: Pin) -> StopError:
    """No PUK is sent to the card: too few tries are left, or may be. Nobody has typed one, or none was sent."""
    return context.stop("puk_not_sent", icon="lock-alert-outline", why=puk_floor_cause(puk))


def puk_locked(context: ViewContext) -> StopError:
    """The PUK's tries are used up: the card is dead for good."""
    return context.stop("puk_locked", badge="failure", icon="lock-alert-outline")


def torn_in_test(context: ViewContext) -> StopError:
    """The card went while it was tested. The new code is on it."""
    return context.stop("torn_in_test", ErrandOutcome.UNKNOWN, badge="failure", icon="smart-card-off-outline")


def old_code_applies(context: ViewContext) -> Tell:
    """The card is unlocked, and has the code that it had before: not the one that was chosen."""
    return Tell(
        **context.head("old_code_applies", say("old_code.title"), say("old_code.lead")),
        badge="warning",
        sends_on=True,
        badge_icon="lock-open-variant-outline",
        points=(Point(say("old_code.known"), bullet="number"), Point(say("old_code.forgotten"), bullet="number")),
        side=Button("forgotten", say("old_code.no"), "help-circle-outline"),
        primary=primary_button("known", "old_code.yes"),
        needs_card=True,
    )


def same_as_old(context: ViewContext) -> Tell:
    """The new code is the old one."""
    return _again(context, "same_as_old")


def too_easy(context: ViewContext) -> Tell:
    """The station knows something of the holder that makes the code easy to guess: a birth date."""
    return _again(context, "too_easy")


def new_refused(context: ViewContext) -> Tell:
    """The card has had that code before, or calls it too easy; the old one applies."""
    return _again(context, "new_refused")


def _again(context: ViewContext, name: str) -> Tell:
    return Tell(
        **context.head(name, say(f"new_code.{name}.title"), say(f"new_code.{name}.lead")),
        badge="warning",
        badge_icon="alert",
        points=(Point(say(f"new_code.{name}.do"), bullet="number"),),
        way_out=cancel_button(),
        primary=primary_button("again", "button.again"),
        needs_card=True,
    )
