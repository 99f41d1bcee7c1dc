"""The views of the new code: PUK, code, code again, written, tested, and what is said when the card was pulled."""

from kiosk.journeys.desk import StopError
from kiosk.journeys.identify_views import ERRAND, WrongCodeView, last_try, stop
from kiosk.journeys.steps.card import CodeWords
from kiosk.journeys.words import back, cancel, go, person, tail
from kiosk.policy import PinPolicy
from kiosk.ports import Order
from kiosk.views import (
    Busy,
    Button,
    Confirm,
    EnterCode,
    Fact,
    LetterDrawing,
    Point,
    Step,
    Task,
    Tell,
    Tries,
    say,
)

STEP = Step(4, 5)
PUK_LENGTH = 8


def puk(order: Order) -> EnterCode:
    """The PUK from the envelope."""
    return EnterCode(
        name="pickup.puk",
        errand=ERRAND,
        step=STEP,
        title=say("puk.title"),
        lead=(say("puk.lead", tail=tail(order.card_number)),),
        drawing=LetterDrawing(order.card_number),
        hint=say("code.hidden"),
        min_length=PUK_LENGTH,
        max_length=PUK_LENGTH,
        submit=say("button.next"),
        way_out=cancel(),
        side=Button("no_envelope", say("puk.none"), "help-circle-outline"),
        needs_card=True,
    )


def checking() -> Busy:
    """The verifier is asked."""
    return Busy(
        name="pickup.checking",
        errand=ERRAND,
        step=STEP,
        title=say("busy.title"),
        lead=(say("busy.checking"),),
        tasks=(
            Task(say("task.puk"), "now"),
            Task(say("task.write"), "later"),
            Task(say("task.test"), "later"),
        ),
        under=say("busy.card_in"),
    )


def wrong_puk(order: Order, left: int | None) -> Tell:
    """The PUK was wrong; the card is as it was. `left` counts down to where the station stops, not to the card's end."""
    return Tell(
        name="pickup.puk_wrong",
        errand=ERRAND,
        step=STEP,
        badge="warning",
        badge_icon="alert",
        title=say("wrong_puk.title"),
        lead=(say("wrong_puk.lead"),),
        points=(
            Point(say("wrong_puk.envelope", tail=tail(order.card_number)), mark="number"),
            Point(say("wrong_puk.line"), mark="number"),
        ),
        tries=None if left is None else Tries(left, 1, say("wrong_puk.stop")),
        way_out=cancel(),
        primary=go("again", "button.again"),
        needs_card=True,
    )


def verifier_silent() -> Tell:
    """The server did not answer; nothing was tried."""
    return Tell(
        name="pickup.verifier_silent",
        errand=ERRAND,
        step=STEP,
        badge="warning",
        badge_icon="cloud-off-outline",
        title=say("silent.title"),
        lead=(say("silent.lead"),),
        points=(Point(say("silent.do"), mark="number"),),
        way_out=cancel(),
        primary=go("again", "button.again"),
        needs_card=True,
    )


def new_code(policy: PinPolicy, *, differed: bool) -> EnterCode:
    """The code of one's own choice; its rules are judged while typing."""
    return EnterCode(
        name="pickup.new_pin",
        errand=ERRAND,
        step=STEP,
        title=say("new_pin.differed" if differed else "new_pin.title"),
        lead=(say("new_pin.lead"),),
        min_length=policy.min_length,
        max_length=policy.max_length,
        policy=policy,
        submit=say("button.next"),
        way_out=back(),
        needs_card=True,
    )


def repeat_code(policy: PinPolicy) -> EnterCode:
    """The same code again."""
    return EnterCode(
        name="pickup.repeat_pin",
        errand=ERRAND,
        step=STEP,
        title=say("repeat_pin.title"),
        lead=(say("repeat_pin.lead"),),
        hint=say("code.hidden"),
        min_length=policy.min_length,
        max_length=policy.max_length,
        submit=say("button.next"),
        way_out=back(),
        needs_card=True,
    )


def write(order: Order) -> Confirm:
    """What writing the code will do."""
    return Confirm(
        name="pickup.write",
        errand=ERRAND,
        step=STEP,
        title=say("write.title"),
        points=(
            Point(say("write.code"), say("write.code.detail"), icon="form-textbox-password"),
            Point(say("write.test"), say("write.test.detail"), icon="stethoscope"),
            Point(say("write.puk"), say("write.puk.detail"), icon="email-outline"),
        ),
        facts=(
            Fact(say("fact.card"), f"…{tail(order.card_number)}"),
            Fact(say("fact.holder"), person(order)),
        ),
        warning=say("write.warning"),
        way_out=Button("back", say("button.change"), "arrow-left"),
        primary=go("write", "write.go"),
        needs_card=True,
    )


def _busy(name: str, lead: str, now: int) -> Busy:
    tasks = (say("task.puk"), say("task.write"), say("task.test"))
    return Busy(
        name=name,
        errand=ERRAND,
        step=STEP,
        title=say("busy.title"),
        lead=(say(lead),),
        tasks=tuple(Task(t, "done" if i < now else "now" if i == now else "later") for i, t in enumerate(tasks)),
        under=say("busy.card_in"),
    )


def writing() -> Busy:
    """The one command that sets the code."""
    return _busy("pickup.writing", "busy.writing", 1)


def testing() -> Busy:
    """A real signature."""
    return _busy("pickup.testing", "busy.testing", 2)


def sign_code(policy: PinPolicy) -> CodeWords:
    """The new code, to sign the receipt with."""
    return CodeWords(
        entry=EnterCode(
            name="pickup.sign_pin",
            errand=ERRAND,
            step=Step(5, 5),
            title=say("sign_pin.title"),
            lead=(say("sign_pin.lead"),),
            hint=say("code.hidden"),
            min_length=policy.min_length,
            max_length=policy.max_length,
            submit=say("sign_pin.go"),
            way_out=cancel(),
            needs_card=True,
        ),
        wrong=WrongCodeView("pickup.sign_pin_wrong", Step(5, 5)),
        last=last_try("pickup.sign_pin_last", Step(5, 5)),
        locked=stop("refused", "new_card_locked", icon="lock-alert-outline"),
        declined=stop("refused", "last_try_kept"),
    )


def puk_floor() -> StopError:
    """So few tries of the PUK remain that we stop (reliability I1)."""
    return stop("refused", "puk_floor", icon="lock-alert-outline")


def puk_locked() -> StopError:
    """The PUK's tries are used up: the card is dead for good."""
    return stop("refused", "puk_locked", badge="failure", icon="lock-alert-outline")


def too_many_guesses() -> StopError:
    """The verifier takes no more guesses for this envelope."""
    return stop("refused", "too_many_guesses", icon="lock-alert-outline")


def card_refused() -> StopError:
    """The card does not do it."""
    return stop("refused", "card_refused")


def torn_in_test() -> StopError:
    """The card went while it was tested. The new code is on it."""
    return stop("unknown", "torn_in_test", badge="failure", icon="smart-card-off-outline")


def test_failed() -> StopError:
    """The card does not sign as its certificate says, or its chain does not end with an issuer whom we trust."""
    return stop("fault", "test_failed", badge="failure")
