"""Walks in this process: the errand's own answers for a card of any kind, or answers of a test's own.

Cards are made with keys on a curve before the walk, which then finds them by their files.
"""

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kiosk.cli import main
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority, default_directory

ERRAND_FOLDERS = Path(__file__).parents[3] / "kiosk" / "errands"
PIN, PUK, NEW_PIN = person(1).new.pin, person(1).new.puk, "314159"
"""Codes of the examples' cards."""


@dataclass(frozen=True)
class Walked:
    """Exit code, lines of JSON, and standard error."""

    code: int
    lines: list[dict[str, Any]]
    said: str

    @property
    def last(self) -> dict[str, Any]:
        """The last line."""
        return self.lines[-1]

    @property
    def views(self) -> list[str]:
        """What was asked, in order."""
        return [line["view"] for line in self.lines if "view" in line]


def example(
    errand: str, folder: Path, kind: str = "B", number: int = 1, file: str = "walk.toml", *, which: str = "old"
) -> Path:
    """The documented file with cards of that kind, for that made-up person; cards and file lie in `folder`. `which`: of that
    person's cards, where the file takes the old one."""
    text = (ERRAND_FOLDERS / errand / file).read_text(encoding="utf-8")
    new = person(number).new
    for old, now in (
        ('"B:', f'"{kind}:'), ('kind = "B"', f'kind = "{kind}"'), ("order = 1,", f"order = {number},"),
        ("20260001", new.card_number[-8:]), ("2026-0001", f"2026-{number:04d}"), (PUK, new.puk),
        ('.json"', f'-{number}-{kind}.json"'), ('which = "old"', f'which = "{which}"'),
    ):  # fmt: skip
        text = text.replace(old, now)
    text = re.sub(r"99990000102\d{5}", person(number).old.card_number, text)
    path = folder / f"{errand}-{number}-{kind}.toml"
    path.write_text(text, encoding="utf-8")
    make_cards(path)
    return path


def answers(path: Path, cards: str, *entries: tuple[str, str]) -> Path:
    """A file of a test's own: (view, value), where `insert` as a value puts `card` in. Its cards are made."""
    lines = [f"[cards]\n{cards}\n"] if cards else []
    for view, value in entries:
        action = 'do = "insert"\ncard = "card"' if value == "insert" else f'value = "{value}"'
        lines.append(f'[[answer]]\nview = "{view}"\n{action}\n')
    path.write_text("\n".join(lines), encoding="utf-8")
    make_cards(path)
    return path


def make_cards(path: Path) -> None:
    """Make the cards that the file names and that are not there yet, as the walk would."""
    now = datetime.now(UTC)
    authority = TestAuthority.load_or_create(default_directory(), now)
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("cards", {}).values():
        kind, _, state = (
            entry.partition(":") if isinstance(entry, str) else (entry.get("kind", "B"), "", entry["state"])
        )
        facts = {} if isinstance(entry, str) else entry
        someone = person(facts.get("order", 1))
        persona = replace(someone.old if facts.get("which") == "old" else someone.new, key_algorithm="EC-P256")
        if (path.parent / state).exists():
            continue
        card = VirtualCard.create(persona, authority, now, kind=kind, path=path.parent / state)
        if facts.get("locked"):
            card.lock()


def walk(capsys: pytest.CaptureFixture[str], errand: str, file: Path, *more: str, reader: str = "virtual") -> Walked:
    """`kortkiosk walk`, in this process."""
    code = main(["walk", errand, "--reader", reader, "--answers", str(file), "--json", *more])
    said = capsys.readouterr()
    return Walked(code, [json.loads(line) for line in said.out.splitlines()], said.err)


def codes_in(walked: Walked, codes: Iterable[str]) -> list[str]:
    """Which of the codes were printed anywhere."""
    return [code for code in codes if code in json.dumps(walked.lines) + walked.said]
