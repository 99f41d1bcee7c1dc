"""Traits of virtual cards: docs/virtual-devices.md names the command that lists them, and the command lists each one."""

import json
import re
from pathlib import Path

import pytest

from kiosk.cli import main
from sim.reader.traits import FAMILIES, TRAITS
from tests.docs.pages import page

LIST = ["virtual-card", "--list"]


def test_the_command_of_the_page_lists_every_trait_and_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"kortkiosk {' '.join(LIST)}" in page("virtual-devices.md")
    assert main([*LIST, "--authority", str(tmp_path), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["traits"]
    assert listed == {
        name: {"title": trait.title, "seen_on": trait.seen_on, "kinds": list(trait.kinds)}
        for name, trait in TRAITS.items()
    }
    assert main([*LIST, "--authority", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    for trait in TRAITS.values():
        assert f"{trait.title} ({', '.join(trait.kinds)})" in text
        assert f"as {trait.seen_on}" in text


def test_the_traits_of_the_page_exist() -> None:
    named = set(re.findall(r"--trait ([\w-]+)", page("virtual-devices.md")))
    assert len(named) > 1
    assert named <= TRAITS.keys()


def test_no_two_families_share_a_name() -> None:
    assert sum(map(len, FAMILIES.values())) == len(TRAITS)
