"""Views of a card that cannot be tested here: before its code is touched, and in the end."""

from typing import Literal

from kiosk.steps.context import ViewContext
from kiosk.steps.view_helpers import cancel_button, primary_button
from kiosk.views import Point, Say, Tell, say

CannotTest = Literal["untrusted", "unchecked", "expired", "revoked", "no_certificate", "key_kind", "not_signable"]
"""Why a card cannot be tested here, or its test counts for nothing: its certificate's chain, that it has none for that code, that
its key is of a kind that is not known here, or that nobody knows how its product signs."""
Untested = CannotTest | Literal["other_code"]
"""The same after the test. `other_code`: the key is not used with that code, or not before it was changed."""


def cannot_test(context: ViewContext, reason: CannotTest) -> Tell:
    """Before a code is touched: it can be set, and what nobody will know afterwards."""
    return Tell(
        **context.head("cannot_test", say(f"cannot_test.{reason}.title"), say(f"cannot_test.{reason}.lead")),
        badge="warning",
        badge_icon="alert",
        points=(Point(say("cannot_test.go_on"), bullet="number"), Point(say("cannot_test.ask"), bullet="number")),
        sends_on=True,
        way_out=cancel_button(),
        primary=primary_button("next", "button.next"),
        needs_card=True,
    )


def untested_lead(reason: Untested) -> tuple[Say, ...]:
    """Return what the end says of a card that was not tested, after what was done."""
    return say(f"untested.{reason}"), say("untested.do")
