"""The views of the new code: PUK, code, code again, written, tested, and what is said when the card was pulled."""

from kiosk.policy import PinPolicy
from kiosk.steps.capabilities import StopError
from kiosk.steps.card import CodeWords
from kiosk.steps.card_views import WrongCodeView, last_try, stop
from kiosk.steps.context import Scene, Whose
from kiosk.steps.view_helpers import back, cancel, go, person, tail
from kiosk.views import (
    Busy,
    Button,
    Confirm,
    EnterCode,
    Fact,
    LetterDrawing,
    Point,
    Task,
    Tell,
    Tries,
    say,
)

PUK_LENGTH = 8
_TASKS = {
    "pickup": ("task.puk", "task.write", "task.test"),
    "unblock": ("task.puk", "task.write", "task.test"),
    "change_pin": ("task.code", "task.write", "task.test"),
}
"""What is on the list while the card works, by errand; where nothing is written, the code and the test."""
_TASKS_BY_MANDATE = ("task.mandate", "task.write", "task.test")
"""Where an ID administrator attends to an unlocking: nobody has typed a PUK."""


def puk(scene: Scene, whose: Whose) -> EnterCode:
    """The PUK from the envelope."""
    return EnterCode(
        name=scene.name("puk"),
        errand=scene.title,
        step=scene.step,
        title=say("puk.title"),
        lead=(say("puk.lead", tail=tail(whose.card_number)),),
        drawing=LetterDrawing(whose.card_number),
        hint=say("code.hidden"),
        min_length=PUK_LENGTH,
        max_length=PUK_LENGTH,
        submit=say("button.next"),
        way_out=cancel(),
        side=Button("no_envelope", say("puk.none"), "help-circle-outline"),
        needs_card=True,
    )


def checking(scene: Scene) -> Busy:
    """The verifier is asked."""
    return Busy(
        name=scene.name("checking"),
        errand=scene.title,
        step=scene.step,
        title=say("busy.title"),
        lead=(say("busy.checking"),),
        tasks=(
            Task(say("task.puk"), "now"),
            Task(say("task.write"), "later"),
            Task(say("task.test"), "later"),
        ),
        under=say("busy.card_in"),
    )


def wrong_puk(scene: Scene, whose: Whose, left: int | None) -> Tell:
    """The PUK was wrong; the card is as it was. `left` counts down to where the station stops, not to the card's end."""
    return Tell(
        name=scene.name("puk_wrong"),
        errand=scene.title,
        step=scene.step,
        badge="warning",
        badge_icon="alert",
        title=say("wrong_puk.title"),
        lead=(say("wrong_puk.lead"),),
        points=(
            Point(say("wrong_puk.envelope", tail=tail(whose.card_number)), mark="number"),
            Point(say("wrong_puk.line"), mark="number"),
        ),
        tries=None if left is None else Tries(left, 1, say("wrong_puk.stop")),
        way_out=cancel(),
        primary=go("again", "button.again"),
        needs_card=True,
    )


def verifier_silent(scene: Scene) -> Tell:
    """The server did not answer; nothing was tried."""
    return Tell(
        name=scene.name("verifier_silent"),
        errand=scene.title,
        step=scene.step,
        badge="warning",
        badge_icon="cloud-off-outline",
        title=say("silent.title"),
        lead=(say("silent.lead"),),
        points=(Point(say("silent.do"), mark="number"),),
        way_out=cancel(),
        primary=go("again", "button.again"),
        needs_card=True,
    )


def new_code(scene: Scene, policy: PinPolicy, *, differed: bool, use: str = "both") -> EnterCode:
    """The code of one's own choice; its rules are judged while typing."""
    return EnterCode(
        name=scene.name("new_pin"),
        errand=scene.title,
        step=scene.step,
        title=say("new_pin.differed" if differed else "new_pin.title"),
        lead=(say(f"new_pin.{use}"),),
        min_length=policy.min_length,
        max_length=policy.max_length,
        policy=policy,
        submit=say("button.next"),
        way_out=back(),
        needs_card=True,
    )


def repeat_code(scene: Scene, policy: PinPolicy) -> EnterCode:
    """The same code again."""
    return EnterCode(
        name=scene.name("repeat_pin"),
        errand=scene.title,
        step=scene.step,
        title=say("repeat_pin.title"),
        lead=(say("repeat_pin.lead"),),
        hint=say("code.hidden"),
        min_length=policy.min_length,
        max_length=policy.max_length,
        submit=say("button.next"),
        way_out=back(),
        needs_card=True,
    )


def write(scene: Scene, whose: Whose) -> Confirm:
    """What writing the code will do."""
    return Confirm(
        name=scene.name("write"),
        errand=scene.title,
        step=scene.step,
        title=say("write.title"),
        points=(
            Point(say("write.code"), say("write.code.detail"), icon="form-textbox-password"),
            Point(say("write.test"), say("write.test.detail"), icon="stethoscope"),
            Point(say("write.puk"), say("write.puk.detail"), icon="email-outline"),
        ),
        facts=(
            Fact(say("fact.card"), f"…{tail(whose.card_number)}"),
            Fact(say("fact.holder"), person(whose)),
        ),
        warning=say("write.warning"),
        way_out=Button("back", say("button.change"), "arrow-left"),
        primary=go("write", "write.go"),
        needs_card=True,
    )


def _busy(scene: Scene, name: str, lead: str, now: str) -> Busy:
    keys = _TASKS.get(scene.errand, ("task.code", "task.test"))
    if scene.errand == "unblock" and scene.attended_by:
        keys = _TASKS_BY_MANDATE
    at = keys.index(now)
    return Busy(
        name=scene.name(name),
        errand=scene.title,
        step=scene.step,
        title=say("busy.title"),
        lead=(say(lead),),
        tasks=tuple(Task(say(t), "done" if i < at else "now" if i == at else "later") for i, t in enumerate(keys)),
        under=say("busy.card_in"),
        attended_by=scene.attended_by,
    )


def writing(scene: Scene) -> Busy:
    """The one command that sets the code."""
    return _busy(scene, "writing", "busy.writing", "task.write")


def testing(scene: Scene) -> Busy:
    """A real signature."""
    return _busy(scene, "testing", "busy.testing", "task.test")


def sign_code(scene: Scene, policy: PinPolicy) -> CodeWords:
    """The new code, to sign the receipt with."""
    return CodeWords(
        entry=EnterCode(
            name=scene.name("sign_pin"),
            errand=scene.title,
            step=scene.step,
            title=say("sign_pin.title"),
            lead=(say("sign_pin.lead"),),
            hint=say("code.hidden"),
            min_length=policy.min_length,
            max_length=policy.max_length,
            submit=say("sign_pin.go"),
            way_out=cancel(),
            needs_card=True,
        ),
        wrong=WrongCodeView(scene, "sign_pin_wrong"),
        last=last_try(scene, "sign_pin_last"),
        locked=stop(scene, "refused", "new_card_locked", icon="lock-alert-outline"),
        declined=stop(scene, "refused", "last_try_kept"),
    )


def puk_floor(scene: Scene) -> StopError:
    """So few tries of the PUK remain that we stop (reliability I1)."""
    return stop(scene, "refused", "puk_floor", icon="lock-alert-outline")


def puk_locked(scene: Scene) -> StopError:
    """The PUK's tries are used up: the card is dead for good."""
    return stop(scene, "refused", "puk_locked", badge="failure", icon="lock-alert-outline")


def too_many_guesses(scene: Scene) -> StopError:
    """The verifier takes no more guesses for this envelope."""
    return stop(scene, "refused", "too_many_guesses", icon="lock-alert-outline")


def card_refused(scene: Scene) -> StopError:
    """The card does not do it."""
    return stop(scene, "refused", "card_refused")


def torn_in_test(scene: Scene) -> StopError:
    """The card went while it was tested. The new code is on it."""
    return stop(scene, "unknown", "torn_in_test", badge="failure", icon="smart-card-off-outline")


def test_failed(scene: Scene) -> StopError:
    """The card does not sign as its certificate says, or its chain does not end with an issuer whom we trust."""
    return stop(scene, "fault", "test_failed", badge="failure")


def old_code_applies(scene: Scene) -> Tell:
    """The card is unlocked, and has the code that it had before: not the one that was chosen."""
    return Tell(
        name=scene.name("old_code_applies"),
        errand=scene.title,
        step=scene.step,
        badge="warning",
        badge_icon="lock-open-variant-outline",
        title=say("old_code.title"),
        lead=(say("old_code.lead"),),
        points=(Point(say("old_code.known"), mark="number"), Point(say("old_code.forgotten"), mark="number")),
        side=Button("forgotten", say("old_code.no"), "help-circle-outline"),
        primary=go("known", "old_code.yes"),
        needs_card=True,
    )


def forgotten(scene: Scene) -> StopError:
    """Nobody knows the code that the card has."""
    return stop(scene, "refused", "old_code_forgotten", icon="lock-alert-outline")
