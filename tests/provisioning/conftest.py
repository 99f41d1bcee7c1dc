"""What several tests of provisioning share."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from provisioning import files
from provisioning.cli import main


def stopped_at(number: int, monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> bool:
    """Do the work, but stop before the `number`th write or rename. Whether there was one."""
    counted = 0
    write, replace = files.write_file, Path.replace

    def count() -> None:
        nonlocal counted
        counted += 1
        if counted == number:
            raise KeyboardInterrupt

    def counting_write(path: Path, content: bytes, mode: int = files.PRIVATE) -> None:
        count()
        write(path, content, mode)

    def counting_replace(self: Path, target: Path) -> Path:
        if not self.name.startswith("."):
            count()
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(files, "write_file", counting_write)
        patched.setattr(Path, "replace", counting_replace)
        try:
            work()
        except KeyboardInterrupt:
            return True
    return False


NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class Program:
    """Runs one command after the other and keeps what was said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.now = NOW
        self.said = ""

    def __call__(self, *arguments: object) -> int:
        code = main([str(one) for one in arguments], clock=lambda: self.now)
        out, err = self._capsys.readouterr()
        self.said = out + err
        return code

    def object(self, *arguments: object) -> dict[str, Any]:
        self(*arguments, "--json")
        answer: dict[str, Any] = json.loads(self.said)
        return answer
