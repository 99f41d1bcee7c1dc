"""The list of what is done while the card works says what is done in that errand, and nothing else."""

import pytest

from kiosk.steps.context import ViewContext
from kiosk.steps.pin.views import testing as trying
from kiosk.steps.pin.views import writing


@pytest.mark.parametrize(
    ("errand", "tasks"),
    [
        ("pickup", ["task.puk", "task.write", "task.test"]),
        ("unblock", ["task.puk", "task.write", "task.test"]),
        ("change_pin", ["task.code", "task.write", "task.test"]),
        ("check_card", ["task.code", "task.test"]),
    ],
)
def test_nobody_who_typed_no_puk_is_told_of_one(errand: str, tasks: list[str]) -> None:
    listed = trying(ViewContext(errand)).tasks
    assert [task.text.key for task in listed] == tasks
    assert [task.state for task in listed] == ["done"] * (len(tasks) - 1) + ["now"]
    if "task.write" in tasks:
        assert [task.state for task in writing(ViewContext(errand)).tasks] == ["done", "now", "later"]


def test_a_card_that_is_unlocked_before_an_administrator_needs_no_puk_and_says_so() -> None:
    listed = writing(ViewContext("unblock", attended_by="Test Testsson"))
    assert [task.text.key for task in listed.tasks] == ["task.mandate", "task.write", "task.test"]
    assert listed.attended_by == "Test Testsson"
