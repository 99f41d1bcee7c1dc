"""The list of what is done while the card works says what is done in that errand, and nothing else."""

import pytest

from kiosk.errands.change_pin import journey as change_pin
from kiosk.errands.check_card import journey as check_card
from kiosk.errands.unblock import journey as unblock
from kiosk.issuer.ports import LoggedIn
from kiosk.steps import hand_over
from kiosk.steps.context import ViewContext
from kiosk.steps.identity.identification import Identification
from kiosk.steps.pin.by_administrator import Mandate
from kiosk.steps.pin.views import testing as trying
from kiosk.steps.pin.views import writing


@pytest.mark.parametrize(
    ("context", "tasks"),
    [
        (hand_over.CONTEXT, ["task.puk", "task.write", "task.test"]),
        (unblock.CONTEXT, ["task.puk", "task.write", "task.test"]),
        (change_pin.CONTEXT, ["task.code", "task.write", "task.test"]),
        (check_card.CONTEXT, ["task.code", "task.test"]),
    ],
)
def test_nobody_who_typed_no_puk_is_told_of_one(context: ViewContext, tasks: list[str]) -> None:
    listed = trying(context).tasks
    assert [task.text.key for task in listed] == tasks
    assert [task.state for task in listed] == ["done"] * (len(tasks) - 1) + ["now"]
    if "task.write" in tasks:
        assert [task.state for task in writing(context).tasks] == ["done", "now", "later"]


def test_a_card_that_is_unlocked_before_an_administrator_needs_no_puk_and_says_so() -> None:
    administrator = LoggedIn("TEST000000-A001", "Test Testsson", "server")
    mandate = Mandate(Identification("administrator", administrator=administrator), administrator)
    listed = writing(mandate.context(unblock.CONTEXT))
    assert [task.text.key for task in listed.tasks] == ["task.mandate", "task.write", "task.test"]
    assert listed.attended_by == "Test Testsson"
