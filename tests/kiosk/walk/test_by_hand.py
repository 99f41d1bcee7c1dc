"""Walks on a real reader: a person moves the card, no card is named, and no made-up issuer is trusted."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.cli import Exit
from kiosk.cli import walk as command
from kiosk.clock import SystemClock
from kiosk.config import CabinetSection, Config, ReadersSection
from kiosk.station import build_devices
from kiosk.station.reader_settings import NoAnchorsError, reader_settings
from kiosk.walk.hands import PersonHands
from sim.bench.virtual_bench import Scenario, VirtualBench
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.pki import default_directory
from sim.reader.slot import VirtualSlot
from sim.stories.patience import LIMIT_S
from sim.walk import hands
from tests.fakes.station.walking import NEW_PIN, PIN, codes_in, example, walk

Capsys = pytest.CaptureFixture[str]
READERS = ("OMNIKEY AG CardMan 3121 00 00", "Virtual PCD 00 00", "Virtual Smart Card Reader 00 00")
"""Of these only a test's own driver is virtual, and a walk cannot tell by the name."""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No station.toml, nobody to wait for."""
    monkeypatch.setattr(command, "ONLINE_S", 0.0)
    monkeypatch.setattr(command, "DRAIN_S", 0.0)
    monkeypatch.setenv("KORTKIOSK_TEST_AUTHORITY", str(tmp_path / "authority"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The documented file of a change, as it is used on a real reader: without the cards that it made."""
    with_cards = example("change_pin", tmp_path)
    text = with_cards.read_text(encoding="utf-8")
    without = text.replace('[cards]\ncard = "B:card-1-B.json"\n', "").replace(
        'do = "insert"\ncard = "card"', 'do = "insert"'
    )
    assert "card =" not in without
    path = tmp_path / "by-hand.toml"
    path.write_text(without, encoding="utf-8")
    (tmp_path / "station.toml").write_text(
        f'[trust]\nanchors = "{default_directory()}"\nrequire_revocation = false\n', encoding="utf-8"
    )
    return path


@pytest.mark.parametrize("reader", READERS)
def test_a_person_puts_the_card_in_and_takes_it_out(
    reader: str, file: Path, tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot, card = VirtualSlot(reader), VirtualCard.load(tmp_path / "card-1-B.json")
    monkeypatch.setattr(build_devices, "PcscBackend", lambda: InProcessBackend([slot]))
    monkeypatch.setattr(PersonHands, "insert", lambda self, reader, card_name: slot.insert(card))
    monkeypatch.setattr(PersonHands, "remove", lambda self, reader: slot.remove())
    walked = walk(capsys, "change_pin", file, reader=reader)
    assert (walked.code, walked.last["outcome"]) == (Exit.DONE, "done"), walked.said
    assert codes_in(walked, (PIN, NEW_PIN)) == []


def test_a_name_tells_a_person_which_card_is_meant(
    file: Path, tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(file.read_text().replace('do = "insert"', 'do = "insert"\ncard = "the old card"'))
    slot, card = VirtualSlot(READERS[0]), VirtualCard.load(tmp_path / "card-1-B.json")
    asked: list[str | None] = []
    monkeypatch.setattr(build_devices, "PcscBackend", lambda: InProcessBackend([slot]))
    monkeypatch.setattr(
        PersonHands, "insert", lambda self, reader, card_name: (asked.append(card_name), slot.insert(card))
    )
    monkeypatch.setattr(PersonHands, "remove", lambda self, reader: slot.remove())
    assert walk(capsys, "change_pin", file, reader=READERS[0]).code == Exit.DONE
    assert asked == ["the old card"]


@pytest.mark.parametrize("reader", READERS)
def test_no_made_up_issuer_is_trusted_on_a_reader_of_any_name(reader: str, tmp_path: Path) -> None:
    config = Config(readers=ReadersSection(holder=reader), cabinet=CabinetSection(kind="virtual"))
    world = VirtualBench.open(tmp_path / "world", Scenario({}, (), (), 1), datetime.now(UTC))
    with pytest.raises(NoAnchorsError):
        reader_settings(config, tmp_path, SystemClock(), world)


def test_a_reader_that_takes_no_virtual_card_is_named(
    tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with [cards] on a reader that is called as the virtual one, and nothing listens for cards."""
    monkeypatch.setattr(build_devices, "PcscBackend", lambda: InProcessBackend([VirtualSlot(READERS[1])]))
    monkeypatch.setattr(hands, "answers", lambda: True)
    monkeypatch.setattr(hands.vpcd, "FIRST_PORT", 1)
    walked = walk(capsys, "change_pin", example("change_pin", tmp_path), reader=READERS[1])
    assert walked.code == Exit.BAD_INPUT
    assert "closing.crash" not in walked.views
    assert "no virtual reader listens at 127.0.0.1:1" in walked.said


def test_a_reader_in_the_process_takes_no_card_without_a_name(file: Path, capsys: Capsys) -> None:
    walked = command_fails(capsys, "--answers", str(file), reader="virtual")
    assert "answer.0: do = 'insert' needs card" in walked


def command_fails(capsys: Capsys, *words: str, reader: str) -> str:
    from kiosk.cli import main

    assert main(["walk", "change_pin", "--reader", reader, *words]) == Exit.BAD_INPUT
    return capsys.readouterr().err


@contextmanager
def plugged(card: Path, authority: Path) -> Iterator[None]:
    """The card in the virtual reader, by another process."""
    words = [sys.executable, "-m", "kiosk.cli", "virtual-card", "--state", str(card), "--authority", str(authority)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "is in the reader" in process.stdout.readline()
        yield
    finally:
        process.terminate()
        process.wait(LIMIT_S)


@pytest.mark.pcsc
def test_a_card_that_another_process_plugs_is_mended(pcscd: dict[int, str], file: Path, tmp_path: Path) -> None:
    """Through pcscd: whoever reads the lines puts the card in at `insert`, and out at `take_card`."""
    words = [sys.executable, "-m", "kiosk.cli", "walk", "change_pin", "--reader", next(iter(pcscd.values()))]
    process = subprocess.Popen([*words, "--answers", str(file), "--json"], stdout=subprocess.PIPE, text=True)
    held = plugged(tmp_path / "card-1-B.json", default_directory())
    hands_do = {"change_pin.insert": held.__enter__, "closing.take_card": lambda: held.__exit__(None, None, None)}
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        do: Callable[[], object] | None = hands_do.get(lines[-1].get("view", ""))
        if do is not None:
            do()
    assert (process.wait(LIMIT_S), lines[-1]["outcome"]) == (Exit.DONE, "done"), lines
    assert VirtualCard.load(tmp_path / "card-1-B.json").codes.pin.value.rstrip(b"\xff") == NEW_PIN.encode()
