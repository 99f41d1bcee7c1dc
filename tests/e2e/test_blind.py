"""An errand through the real window by keypad and speech alone: who answers hears sentences, and sees nothing."""

import pytest

from tests.fakes.screens.blind import play_blind

pytestmark = [pytest.mark.screen, pytest.mark.timeout(600)]

SLICE = ["change_pin: by who knows it"]


def test_an_errand_by_keypad_and_speech_alone() -> None:
    told = list(play_blind(SLICE))
    assert [(one["title"], one["wrong"]) for one in told] == [(title, "") for title in SLICE]
    assert told[0]["touches"] >= 20
