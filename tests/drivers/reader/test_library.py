"""The reader as a library for others: its public names, its README, and that it stands without the rest of the project."""

import ast
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import drivers.reader
from drivers.reader import synchronous
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import PIN, person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot

FOLDER = Path(drivers.reader.__file__).parent
README = (FOLDER / "README.md").read_text("utf-8")
ROOT = FOLDER.parent.parent
DISTRIBUTIONS = {"smartcard": "pyscard", "pyhanko_certvalidator": "pyhanko-certvalidator"}
"""Distributions whose import package has another name."""


def imported(file: Path) -> set[str]:
    """The full names of what a file imports, within functions too."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def example() -> str:
    (code,) = re.findall(r"```python\n(.+?)```", README, re.DOTALL)
    return code


def test_the_example_of_the_readme_runs_on_a_virtual_card(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    slot = VirtualSlot("Virtual reader 0")
    slot.insert(VirtualCard.create(person(6).new, TestAuthority.create(now), now))
    monkeypatch.setattr(synchronous, "PcscBackend", lambda: InProcessBackend([slot]))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    read = ["Virtual reader 0 has a card", "pkcs15 Folke Kurvholm", "identification 2028-11-30", "signature 2028-11-30"]
    for pin, told in ((PIN, "signed with ES256"), ("994167", "wrong, 2 left")):
        monkeypatch.setattr("getpass.getpass", lambda _prompt, pin=pin: pin)
        ended: object = ""
        try:
            exec(compile(example(), "README.md", "exec"), {"__name__": "example"})  # noqa: S102  # our own page
        except SystemExit as ending:
            ended = ending.code
        lines = capsys.readouterr().out.splitlines()
        assert [line.split(" 20")[0] for line in lines[:4]] == [line.split(" 20")[0] for line in read]
        assert [*lines[4:], *([ended] if ended else [])] == [told]


def test_a_card_that_is_opened_takes_new_codes_and_is_let_go_once(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    slot = VirtualSlot("Virtual reader 0")
    card = VirtualCard.create(person(6).new, TestAuthority.create(now), now)
    slot.insert(card)
    backend = InProcessBackend([slot])
    settings = drivers.reader.ReaderSettings(ledger=drivers.reader.FileLedger(tmp_path / "tries.json"))
    with drivers.reader.open_card(settings=settings, backend=backend) as opened:
        assert opened.change_pin(PIN, "739184") == drivers.reader.Accepted()
        assert opened.unblock(card.persona.puk, drivers.reader.Secret("739185")) == drivers.reader.Accepted()
        with pytest.raises(drivers.reader.CardBusyError):
            drivers.reader.open_card(settings=settings, backend=backend)
    opened.close()
    with pytest.raises(drivers.reader.NoReaderError, match="no such reader"):
        drivers.reader.open_card("Another", settings=settings, backend=backend)
    with pytest.raises(drivers.reader.NoReaderError, match="there are no readers"):
        drivers.reader.open_card(settings=settings, backend=InProcessBackend([]))


async def test_within_an_event_loop_the_synchronous_interface_says_so() -> None:
    slot = VirtualSlot("Virtual reader 0")
    with pytest.raises(RuntimeError, match="running event loop"):
        drivers.reader.open_card(slot.name, backend=InProcessBackend([slot]))


@pytest.mark.parametrize("name", drivers.reader.__all__)
def test_a_public_name_is_there_and_told(name: str) -> None:
    assert getattr(drivers.reader, name) is not None
    assert re.search(rf"`{name}`", (ROOT / "docs" / "reader.md").read_text("utf-8")), f"docs/reader.md names no {name}"


def test_no_other_name_is_public() -> None:
    with pytest.raises(AttributeError, match="no attribute 'NoSuchName'"):
        _ = drivers.reader.NoSuchName  # type: ignore[attr-defined]


def test_an_outcome_loads_neither_pyscard_nor_cryptography() -> None:
    program = "import sys, drivers.reader as r; r.Accepted, r.ReaderError; print({'smartcard', 'cryptography'} & {*sys.modules})"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_the_readme_names_every_distribution_that_is_imported() -> None:
    names = {name.split(".")[0] for file in FOLDER.rglob("*.py") for name in imported(file)}
    others = names - set(sys.stdlib_module_names) - {"drivers", ""}
    for package in others:
        assert f"`{DISTRIBUTIONS.get(package, package)}`" in README


def test_the_folder_alone_is_enough(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "drivers" / "reader", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "drivers" / "__init__.py").touch()  # before the drivers of this project on the path
    program = "import drivers.reader as r; print(r.__file__, len([getattr(r, name) for name in r.__all__]))"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    assert run.stdout.split() == [str(tmp_path / "drivers/reader/__init__.py"), str(len(drivers.reader.__all__))]
