"""The table of planted removals: each defence stands where the table says, and the attack that is to notice exists."""

from importlib import import_module

import pytest

from campaigns.removals import ROOT, Removal, removals


@pytest.mark.parametrize("removal", removals(), ids=lambda removal: removal.name)
def test_a_removal_can_be_planted_and_its_attack_exists(removal: Removal) -> None:
    text = (ROOT / removal.file).read_text("utf-8")
    assert removal.planted(text) != text
    file, _, name = removal.attack.partition("::")
    if file.endswith(".py"):
        assert name in (ROOT / "tests/attacks" / file).read_text("utf-8")
    else:
        module, _, name = removal.attack.rpartition(".")
        assert callable(getattr(import_module(f"tests.attacks.{module}"), name))
