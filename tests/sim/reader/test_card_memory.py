"""The card file: what it says of itself, and what becomes of a damaged one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.reader.card_memory import CardFileError
from sim.reader.cards import VirtualCard


def test_the_file_is_private_and_says_that_it_is_made_up(make_card: Callable[..., VirtualCard], tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    make_card(path=path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert "made-up" in json.loads(path.read_text())["what"]
    assert list(tmp_path.iterdir()) == [path], "no draft is left behind"


@pytest.mark.parametrize(
    ("story", "damage"),
    [
        ("cut off", lambda text: text[: len(text) // 2]),
        ("empty", lambda text: ""),
        ("another file", lambda text: '{"hello": 1}'),
        ("a list", lambda text: "[]"),
        ("a key is missing", lambda text: text.replace('"puk": {', '"pug": {')),
        ("more tries than there can be", lambda text: text.replace('"tries_left": 3', '"tries_left": 99')),
        ("a damaged key", lambda text: text.replace("BEGIN PRIVATE", "BEGIN PIRATE")),
        ("a kind of the future", lambda text: text.replace('"kind": "B"', '"kind": "Q"')),
        ("a strange field", lambda text: text.replace('"loa": 3', '"loa": 3, "colour": 1')),
        ("not text", lambda text: b"\xff\xfe\x00"),
    ],
)
def test_a_damaged_file_is_named_and_left_alone(
    make_card: Callable[..., VirtualCard], tmp_path: Path, story: str, damage: Callable[[str], str | bytes]
) -> None:
    path = tmp_path / "card.json"
    make_card(path=path)
    damaged = damage(path.read_text())
    content = damaged.encode() if isinstance(damaged, str) else damaged
    path.write_bytes(content)
    with pytest.raises(CardFileError, match=r"card\.json"):
        VirtualCard.load(path)
    assert path.read_bytes() == content, story


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CardFileError, match=r"none\.json: No such file"):
        VirtualCard.load(tmp_path / "none.json")
