"""The pairing file: taken whole, refused where others may read it, and never quoted."""

from pathlib import Path

import pytest

from drivers.cabinet.pairing import Pairing, PairingError, pairing_of
from drivers.reader.secret import Secret

KEY = "5a" * 32


def test_what_is_saved_is_read_again_and_is_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "cabinet.json"
    Pairing("e6614c311b7f4e21", Secret(KEY)).save(path)

    assert Pairing.load(path) == Pairing("e6614c311b7f4e21", Secret(KEY))
    assert Pairing.load(path).key_bytes() == bytes.fromhex(KEY)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["cabinet.json"]


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cabinet.json"
    Pairing("e6614c311b7f4e21", Secret(KEY)).save(path)
    path.chmod(0o640)

    with pytest.raises(PairingError, match="can be read by others"):
        Pairing.load(path)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "3", f'{{"board": "x!", "key": "{KEY}"}}', '{"board": "e661", "key": "5a5a"}', "[" * 4000, "\xff"],
)
def test_another_file_is_named_and_not_quoted(text: str, tmp_path: Path) -> None:
    path = tmp_path / "cabinet.json"
    path.touch(mode=0o600)
    path.write_text(text, encoding="latin-1")

    with pytest.raises(PairingError) as refused:
        Pairing.load(path)
    assert str(refused.value) == f"{path} is no pairing file"


def test_nothing_paired_yet_is_told_apart_from_a_folder(tmp_path: Path) -> None:
    assert pairing_of(tmp_path / "missing.json") is None
    with pytest.raises(PairingError, match="cannot be read"):
        Pairing.load(tmp_path)
