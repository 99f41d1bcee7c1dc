"""An errand through the real window by keypad and speech alone: who answers hears sentences, and sees nothing."""

import pytest

from tests.fakes.screens.blind import play_blind

pytestmark = [pytest.mark.screen, pytest.mark.timeout(600)]

SLICE = [
    "change_pin: by who knows it",
    "administrate: after a quarter of an hour the code is asked for again, and the card stays in",
]


def test_an_errand_by_keypad_and_speech_alone() -> None:
    told = list(play_blind(SLICE))
    assert [(one["title"], one["wrong"]) for one in told] == [(title, "") for title in SLICE]
    assert min(one["touches"] for one in told) >= 20
