"""The weight of the house is counted as a stranger would count it."""

import subprocess
from pathlib import Path

import pytest

from scripts import weight


def test_lines_and_words_are_those_of_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "README.md": "four words are here\n",
        "kiosk/errands/a.py": "1\n2\n",
        "fleet/server/orders/b.py": "1\n",
        "fleet/server/orders/texts/en.po": "no code\n",
        "tests/test_a.py": "1\n2\n3\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for command in ("init -q", "add .", "-c user.name=x -c user.email=x@x.test commit -qm x"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    (tmp_path / "kiosk/errands/a.py").write_text("changed\n" * 9)
    monkeypatch.setattr(weight, "ROOT", tmp_path)
    assert weight.weigh("HEAD") == {
        "fleet/server": 1, "kiosk/errands": 2, "tests": 3,
        "product and sim": 3, "tests and campaigns": 3, "words": 4, "files of the largest room": 1,
    }  # fmt: skip
