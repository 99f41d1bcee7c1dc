"""A release is a commit of main's history: its wheels are built from it again, and benches run beside it."""

import hashlib
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from benches import against
from scripts import releases
from scripts.releases import ReleaseError

SETUP = """[metadata]
name = {name}
version = {version}
license = Apache-2.0
[options]
py_modules = {module}
"""
PACKAGES = {".": "kortkiosk", "sim": "kortkiosk-sim", "drivers/reader": "kortkiosk-reader"}
BENCHES = """import json, sys, pathlib
import measured_here
values = {"a start": measured_here.VALUE, measured_here.ALONE: 1.0}
figures = [{"what": what, "value": value, "unit": "ms"} for what, value in values.items()]
pathlib.Path(sys.argv[-1]).write_text(json.dumps({"benches": {name: {"figures": figures} for name in sys.argv[1:-2]}}))
"""


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@x.test", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the three projects, release 0.1.0 in its history, and another state since."""
    for place, name in PACKAGES.items():
        folder = tmp_path / place
        folder.mkdir(parents=True, exist_ok=True)
        module = name.replace("-", "_") + "_module"
        (folder / f"{module}.py").write_text("")
        (folder / "pyproject.toml").write_text(
            '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        )
        (folder / "setup.cfg").write_text(SETUP.format(name=name, version="0.1.0", module=module))
    (tmp_path / "LICENSE").write_text("the licence\n")
    (tmp_path / "benches").mkdir()
    (tmp_path / "benches/__init__.py").write_text("")
    (tmp_path / "benches/__main__.py").write_text(BENCHES)
    (tmp_path / "measured_here.py").write_text("VALUE, ALONE = 10.0, 'gone'\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "The release")
    commit = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "measured_here.py").write_text("VALUE, ALONE = 15.0, 'new'\n")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/releases.toml").write_text(f'[[release]]\nversion = "0.1.0"\ncommit = "{commit}"\n')
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "Name the release")
    for module, name, value in (
        (releases, "ROOT", tmp_path),
        (releases, "LIST", tmp_path / "docs/releases.toml"),
        (releases, "BUILD", tmp_path / "build/releases"),
        (against, "ROOT", tmp_path),
    ):
        monkeypatch.setattr(module, name, value)
    return tmp_path


def test_every_release_is_in_the_history_with_its_version() -> None:
    for one in releases.releases():
        git(releases.ROOT, "merge-base", "--is-ancestor", one.commit, "HEAD")
        for place in releases.WHEELS:
            settings = git(releases.ROOT, "show", f"{one.commit}:{os.path.normpath(f'{place}/setup.cfg')}")
            assert f"version = {one.version}\n" in settings


def test_the_wheels_of_a_release_are_built_twice_the_same_with_their_licence(history: Path) -> None:
    of = releases.release("0.1.0")
    first, second = (releases.build_wheels(of, history / name) for name in ("one", "two"))
    names = [path.name for path in first]
    assert names == [f"kortkiosk{part}-0.1.0-py3-none-any.whl" for part in ("", "_reader", "_sim")]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert (history / "one/SHA256SUMS").read_text() == "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in first
    )
    for path in first:
        assert any(name.endswith("licenses/LICENSE") for name in zipfile.ZipFile(path).namelist()), path.name
    assert git(history, "status", "--porcelain", "--untracked-files=no") == ""


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ('version = "0.1.0"\ncommit = "abc"', "40 hexadecimal digits"),
        (f'version = "0.1.0"\ncommit = "{"0" * 40}"', "fetch the history of main"),
        ('version = "0.2.0"\ncommit = "HEAD"', "has version 0.1.0"),
        ('version = "0.3.0"\ncommit = "HEAD"', "no release 0.2.0"),
    ],
)
def test_a_release_that_is_not_what_its_row_says_is_refused(history: Path, listed: str, said: str) -> None:
    row = listed.replace("HEAD", git(history, "rev-parse", "HEAD"))
    releases.LIST.write_text(f"[[release]]\n{row}\n")
    asked = "0.2.0" if "0.1.0" not in listed else "0.1.0"
    with pytest.raises(ReleaseError, match=said):
        releases.tree(releases.release(asked))


def test_the_command_says_what_is_wrong(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert releases.main([]) == 2
    assert releases.main(["9.9.9"]) == 1
    assert "no release 9.9.9 in docs/releases.toml; there are: 0.1.0" in capsys.readouterr().err


def test_a_release_and_the_present_code_are_measured_in_turn(history: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = against.compare("0.1.0", ["start", "card"], 2)
    assert [(one.bench, one.what, one.median) for one in found] == [("start", "a start", 1.5), ("card", "a start", 1.5)]
    assert "1.50  (1.50 to 1.50)" in against.against_table("0.1.0", found)


def test_the_quotients_are_of_each_round() -> None:
    key = ("card", "identify", "ms")
    pairs = [({key: 10.0}, {key: 10.0}), ({key: 20.0}, {key: 30.0}), ({key: 10.0}, {key: 40.0})]
    (one,) = against.quotients(pairs)
    assert (one.median, one.least, one.most) == (1.5, 1.0, 4.0)
    assert against.quotients([({key: 0.0}, {key: 1.0})]) == []


def test_without_a_release_there_is_nothing_to_compare_with(history: Path) -> None:
    releases.LIST.unlink()
    assert releases.releases() == []
    with pytest.raises(against.CannotMeasureError, match=r"no release 0\.1\.0 .* none"):
        against.compare("0.1.0", ["start"], 1)
