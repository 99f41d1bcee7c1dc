"""Samples of changing the code, and of a card that proves its holder."""

from collections.abc import Iterator
from typing import Any, get_args

from drivers.reader.outcomes import Role
from kiosk.errands.change_pin import views
from kiosk.errands.change_pin.journey import CARD, CONTEXT, NEW, OLD
from kiosk.steps import own_card_views
from kiosk.steps.card import Caution
from kiosk.steps.identity import proof_views
from kiosk.steps.pin import views as pin_views
from kiosk.steps.pin.card_test_views import CannotTest, cannot_test
from kiosk.views import View
from sim.gallery.made_up import CARD_FACTS, RECEIPT

BOTH = (Role.IDENTIFICATION, Role.SIGNATURE)
CAUTIONS = get_args(Caution)
FAMILIES = {
    f"try_{{}}.{part}": CAUTIONS for part in ("title", "lead", "wrong", "wrong.detail", "right", "right.detail", "no")
}
"""Keys of texts that are put together, and what may stand in their braces."""


def samples() -> Iterator[tuple[str, View[Any]]]:
    code = own_card_views.code(OLD, CARD_FACTS)
    yield "change-insert", own_card_views.insert(CARD, None)
    yield "change-which", views.which(CARD, one_code=True)
    yield "change-pin", code.entry
    yield "change-pin-wrong", code.wrong(2)
    yield "change-pin-unsure", code.wrong(2, unsure=True)
    yield "change-pin-same", code.wrong.same(2)
    yield "change-pin-other-form", code.wrong.same(2, other_form=True)
    yield "change-pin-refused", code.wrong.same(3, other_form=True, refused=True)
    for why in CAUTIONS:
        yield f"change-pin-{why.replace('_', '-')}", code.last(why)
    yield "change-locked", code.locked.view
    yield "change-resembles-untried", views.resembles_untried(CARD)
    yield "change-read-only", CARD.stop("read_only").view
    yield "change-same", pin_views.same_as_old(NEW)
    yield "change-too-easy", pin_views.too_easy(NEW)
    yield "change-new-refused", pin_views.new_refused(NEW)
    yield "change-locked-late", NEW.stop("card_locked", icon="lock-alert-outline").view
    yield "change-done", own_card_views.done(CONTEXT, *views.done(BOTH), RECEIPT)
    for reason in get_args(CannotTest):
        yield f"cannot-test-{reason.replace('_', '-')}", cannot_test(CARD, reason)
        end = own_card_views.done(CONTEXT, *views.done(BOTH[:1], reason), None, tested=False)
        yield f"change-untested-{reason.replace('_', '-')}", end
    yield "proving", proof_views.proving(OLD)
    for stopped in (
        proof_views.not_genuine(OLD),
        OLD.stop("card_did_not_sign", icon="smart-card-off-outline"),
        OLD.stop("change_first", icon="form-textbox-password"),
        proof_views.proves_nobody(OLD),
        proof_views.proves_nobody(OLD, "unchecked"),
    ):
        yield f"proving-{stopped.reason.replace('_', '-')}", stopped.view
