"""What `kortkiosk card` says of cards that no profile names: only what the card told, and whose caution it is."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers.reader.model import CardFacts
from drivers.reader.outcomes import RefusalReason, Refused
from drivers.reader.program.codes import CodeSource
from kiosk.cli import Exit, card, main
from kiosk.cli.card_output import outcome_text
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from sim.stories.foreign import estrange

PERSON = person(6).new
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def slot() -> VirtualSlot:
    return VirtualSlot("Desk 0")


@pytest.fixture
def foreign(slot: VirtualSlot) -> VirtualCard:
    """A card of kind B in the reader, of no product that is known."""
    now = datetime.now(UTC)
    card = estrange(VirtualCard.create(PERSON, TestAuthority.create(now), now))
    slot.insert(card)
    return card


@pytest.fixture
def run(slot: VirtualSlot, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.setattr(card, "PcscBackend", lambda: InProcessBackend([slot]))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = tmp_path / "codes.toml"

    def run(action: str, *more: str, **codes: str) -> tuple[int, str]:
        path.write_text("".join(f'{name} = "{code}"\n' for name, code in codes.items()))
        path.chmod(0o600)
        words = ["--codes-file", str(path)] if codes else []
        return main(["card", action, *more, *words]), capsys.readouterr().out

    return run


@pytest.mark.usefixtures("foreign")
def test_after_one_wrong_code_the_caution_is_told_as_this_program_s_own(run: Run) -> None:
    assert run("test", pin="111999") == (Exit.REFUSED, "Wrong code. Tries left: 2.\n")
    code, said = run("test", pin=PERSON.pin)
    assert code == Exit.REFUSED
    assert "by this program's own count" in said
    assert "does not tell" in said
    assert "--use-last-try" in said


def test_one_try_left_is_said_where_the_card_said_it() -> None:
    said = outcome_text(Refused(RefusalReason.LAST_TRY, tries_left=1), "")
    assert said.startswith("Not done: one try is left, and a wrong code locks it; say --use-last-try to use it.")


def test_a_puk_that_is_not_sent_was_not_wrong() -> None:
    own = outcome_text(Refused(RefusalReason.BELOW_FLOOR), "")
    assert "by this program's own count" in own
    assert "was not sent" in own
    told = outcome_text(Refused(RefusalReason.BELOW_FLOOR, tries_left=2), "")
    assert "own count" not in told
    assert "was not sent" in told
    assert "2" in told


def test_a_puk_that_will_not_be_sent_is_not_asked_for(
    slot: VirtualSlot, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind A tells no tries of its PUK: after wrong ones the program's own count stands, and nobody types it in vain."""
    now = datetime.now(UTC)
    slot.insert(VirtualCard.create(PERSON, TestAuthority.create(now), now, kind="A"))
    while "own count" not in (refused := run("unblock", puk="99988877", new_pin="314159")[1]):
        assert refused.startswith("Wrong code.")
    monkeypatch.setattr(CodeSource, "get", lambda codes, name, label: pytest.fail(f"{label} was asked for"))
    code, said = run("unblock", puk=PERSON.puk, new_pin="314159")
    assert code == Exit.REFUSED
    assert "by this program's own count" in said


@pytest.mark.usefixtures("foreign")
def test_what_is_remembered_of_an_earlier_visit_is_told_as_that(run: Run) -> None:
    words = ["--use-last-try"]
    for _ in range(3):
        run("test", *words, pin="111999")
    _, said = run("show")
    assert "PIN          locked, as the card said before" in said


def test_a_card_that_was_unlocked_elsewhere_is_not_barred(foreign: VirtualCard, run: Run) -> None:
    words = ["--use-last-try"]
    for _ in range(3):
        locked = run("test", *words, pin="111999")
    assert locked == (Exit.REFUSED, "Locked: no tries are left.\n")
    foreign.codes.pin.tries_left = 3
    code, said = run("test", pin=PERSON.pin)
    assert code == Exit.REFUSED
    assert "If it was unlocked elsewhere" in said
    assert "--use-last-try" in said
    assert run("test", *words, pin=PERSON.pin)[0] == Exit.DONE


@pytest.mark.usefixtures("foreign")
def test_what_the_profile_does_not_give_is_not_the_card_s_word(run: Run) -> None:
    code, said = run("unblock", puk=PERSON.puk, new_pin="314159")
    assert code == Exit.REFUSED
    assert "profile pkcs15" in said
    assert "this card" not in said


@pytest.mark.usefixtures("foreign")
def test_a_code_of_a_wrong_length_is_told_what_length_is_right(run: Run) -> None:
    code, said = run("change-pin", pin=PERSON.pin, new_pin="7319")
    assert code == Exit.REFUSED
    assert "PIN 6 to 8 characters" in said


@pytest.mark.usefixtures("foreign")
def test_a_card_without_certificates_has_nothing_to_test(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CardFacts, "certificate", lambda facts, purpose: None)
    code, said = run("test", pin=PERSON.pin)
    assert code == Exit.REFUSED
    assert "no certificate" in said


def test_a_count_is_begun_anew_with_a_reason_that_is_put_down(run: Run, foreign: VirtualCard, tmp_path: Path) -> None:
    run("test", pin="111999")
    assert "--use-last-try" in run("test", pin=PERSON.pin)[1]
    assert run("clear-tries")[0] == Exit.BAD_INPUT
    assert run("clear-tries", "--reason", "tries_known") == (Exit.DONE, "Counted from the beginning.\n")
    assert "--use-last-try" not in run("test", pin=PERSON.pin)[1]
    assert run("clear-tries", "--reason", "other") == (Exit.DONE, "Nothing was counted for this card.\n")
    lines = (tmp_path / "state" / "kortkiosk" / "cleared-tries.jsonl").read_text().splitlines()
    assert [json.loads(line)["reason"] for line in lines] == ["tries_known", "other"]
