"""What the demo tells people to try is what this station has, with the cards that lie on the bench."""

import re

import pytest

from kiosk.cli import main
from kiosk.errands.registry import ERRANDS
from kiosk.texts import Texts
from kiosk.views import say
from sim.demo import suggestions as trying
from sim.demo.seed import SPECIAL, scenario
from sim.reader.personas import PIN


def test_every_errand_of_the_home_screen_can_be_tried() -> None:
    assert list(trying.TRY) == [one for one in trying.TRY if one in {errand.id for errand in ERRANDS}]
    assert {errand.id for errand in ERRANDS if errand.place == "front"} <= set(trying.TRY)


def test_the_help_names_errands_and_pin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--help"]) == 0
    said = capsys.readouterr().out
    assert PIN in said
    for errand in trying.TRY:
        assert Texts.load().plain(say(f"home.{errand}"), "sv") in said


def test_the_cards_that_are_named_lie_in_the_hand() -> None:
    hand = set(scenario().hand)
    assert set(SPECIAL) <= hand
    for what in trying.TRY.values():
        for number in re.findall(r"\b\d+\b", what):
            assert {f"{number}:old", f"{number}:new"} & hand, what
    assert {one.kind for one in SPECIAL.values()} == {"A", "B", "C", "D"}
