"""The administrative key of a kind B card by raw commands."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sim.reader.administrative_key import answer_to, key_of
from sim.reader.cards import VirtualCard
from sim.reader.personas import PIN
from tests.sim.reader.speak import Talk

NEW = b"975318\xff\xff"


@pytest.fixture
def talk(card: VirtualCard) -> Talk:
    return Talk(card)


def proved(talk: Talk, *, wrong: bool = False) -> str:
    challenge = talk.ask("00840000", le="10")[1]
    key = key_of("00" if wrong else talk.card.persona.serial)
    return talk.send("00820000", answer_to(challenge, key))


def test_a_proof_is_good_for_one_new_pin(talk: Talk) -> None:
    assert talk.send("002C0201", NEW) == "6982"
    assert proved(talk) == "9000"
    assert talk.send("002C0201", NEW) == "9000"
    assert talk.send("002C0201", NEW) == "6982"
    assert talk.verify("975318") == "9000"


def test_a_proof_is_good_for_nothing_else(talk: Talk) -> None:
    assert proved(talk) == "9000"
    assert talk.send("002C0301") == "6982", "the old PIN with new tries"
    assert talk.send("00D60000", b"a") != "9000"


@pytest.mark.parametrize("ends", ["reset", "another application"])
def test_a_proof_is_lost_with_the_power_and_the_application(talk: Talk, ends: str) -> None:
    assert proved(talk) == "9000"
    if ends == "reset":
        talk.card.power_on()
    else:
        assert talk.send("00A4040C", bytes.fromhex("A000000063504B43532D3135")) == "9000"
    assert talk.send("002C0201", NEW) == "6982"


def test_a_challenge_is_for_the_very_next_command(talk: Talk) -> None:
    challenge = talk.ask("00840000", le="10")[1]
    answer = answer_to(challenge, key_of(talk.card.persona.serial))
    assert talk.empty() == "63C3"
    assert talk.send("00820000", answer) == "6985"
    assert talk.ask("00840000", le="08")[0] == "9000"
    assert talk.send("00820000", answer) == "6985", "eight bytes are no challenge"
    assert talk.ask("00840000", le="10")[0] == "9000"
    assert talk.send("00820000", answer[:8]) == "6700"
    assert talk.ask("00840000", le="10")[0] == "9000"
    assert talk.send("00820001", answer) == "6A86"
    assert talk.send("00840100", le="10") == "6A86"
    assert talk.card.memory.administrator.tries_left == 5  # type: ignore[union-attr]


def test_five_wrong_answers_end_the_key_for_good(make_card: Callable[..., VirtualCard], tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    talk = Talk(make_card(path=path))
    assert [proved(talk, wrong=True) for _ in range(5)] == ["63C4", "63C3", "63C2", "63C1", "6983"]
    assert proved(talk) == "6983"
    again = VirtualCard.load(path)
    again.power_on()
    talk = Talk(again)
    assert proved(talk) == "6983"
    assert talk.verify(PIN) == "9000", "the PIN is as it was"


def test_a_card_file_from_before_has_no_such_key(make_card: Callable[..., VirtualCard], tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    make_card(path=path)
    text = path.read_text()
    start = text.index(' "administrator"')
    path.write_text(text[:start] + text[text.index("}", start) + 2 :] if text[text.index("}", start) + 1] == "," else
                    text[:start].rstrip().rstrip(",") + text[text.index("}", start) + 1 :])  # fmt: skip
    old = VirtualCard.load(path)
    old.power_on()
    assert Talk(old).send("00820000", bytes(16)) == "6D00"
