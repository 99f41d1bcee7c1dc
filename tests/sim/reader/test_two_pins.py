"""A card of kind B with two codes, as older cards have them: one to log in, one to sign."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from sim.reader import card_memory as state
from sim.reader.cards import VirtualCard
from sim.reader.personas import PIN, SIGNATURE_PIN, person, with_two_pins
from sim.reader.pki import TestAuthority
from tests.sim.reader.speak import NEW, PUK, WRONG, Talk

TWO_PINS = replace(with_two_pins(person(6).new), puk=PUK)
SIGNATURE = "03"


@pytest.fixture
def talk(authority: TestAuthority, now: datetime, tmp_path: Path) -> Talk:
    card = VirtualCard.create(TWO_PINS, authority, now, path=tmp_path / "card.json")
    card.power_on()
    return Talk(card)


def sign(talk: Talk, key: str) -> str:
    assert talk.send("002241B6", bytes.fromhex(f"8401{key}")) == "9000"
    return talk.send("002A9E9A", bytes(32), "00")


def test_each_key_wants_its_own_code(talk: Talk) -> None:
    assert talk.verify(PIN) == "9000"
    assert (sign(talk, "01"), sign(talk, "02")) == ("9000", "6982")
    assert talk.send(f"002000{SIGNATURE}", talk.language.code(SIGNATURE_PIN)) == "9000"
    assert sign(talk, "02") == "9000"


def test_each_code_has_its_own_tries_and_the_letter_unlocks_both(talk: Talk) -> None:
    for _ in range(3):
        talk.send(f"002000{SIGNATURE}", talk.language.code(WRONG))
    assert (talk.send(f"002000{SIGNATURE}"), talk.empty()) == ("6983", "63C3")
    assert talk.send(f"002C00{SIGNATURE}", talk.language.code(PUK, NEW)) == "9000"
    assert talk.send(f"002000{SIGNATURE}", talk.language.code(NEW)) == "9000"
    assert talk.send(f"002400{SIGNATURE}", talk.language.code(NEW, SIGNATURE_PIN)) == "9000"
    assert talk.verify(PIN) == "9000", "the other code is as it was"


def test_the_file_keeps_both(talk: Talk) -> None:
    talk.send(f"002000{SIGNATURE}", talk.language.code(WRONG))
    assert talk.card.path is not None
    again = VirtualCard.load(talk.card.path)
    again.power_on()
    assert Talk(again).send(f"002000{SIGNATURE}") == "63C2"


def test_a_card_with_one_code_has_the_file_it_always_had(make_card: Callable[..., VirtualCard], tmp_path: Path) -> None:
    card = make_card(path=tmp_path / "card.json")
    assert card.path is not None
    assert "signature_pin" not in card.path.read_text()
    assert state.read(card.path).signature_pin is None


@pytest.mark.parametrize("kind", ["A", "C", "D"])
def test_the_other_kinds_have_one_code(authority: TestAuthority, now: datetime, kind: str) -> None:
    with pytest.raises(ValueError, match="one PIN"):
        VirtualCard.create(TWO_PINS, authority, now, kind=kind)
