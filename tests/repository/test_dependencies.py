"""What the project brings in is locked, hashed and accounted for.

A station must get the very files that were tested, from whichever index its own pip is configured with, and whoever
keeps the project going must find out why a library is there.
"""

import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ["py311", "py312", "py313"]
RECORDS = sorted((ROOT / "docs/decisions").glob("0*.md"))
HEADINGS = ["Context", "Decision", "Alternatives", "Licence and release", "Consequences"]


def direct_dependencies(*extras: str) -> set[str]:
    """Names in setup.cfg, of the project itself and of the extras."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = config["options"]["install_requires"]
    lines += "".join(config["options.extras_require"][extra] for extra in extras)
    return {re.split(r"[ <>=~!;\[]", line)[0].lower() for line in lines.splitlines() if line.strip()}


def locked(name: str) -> dict[str, int]:
    """Each locked package and how many hashes it has."""
    text = (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8")
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)
    pins = ((re.match(r"([a-z0-9-]+)==\S+", entry), entry) for entry in entries)
    return {match[1]: entry.count("--hash=sha256:") for match, entry in pins if match}


@pytest.mark.parametrize("name", LOCKS)
def test_every_dependency_is_locked_for_each_python(name: str) -> None:
    assert direct_dependencies("server", "ldap", "dev") <= locked(name).keys()


@pytest.mark.parametrize("name", ["build", *LOCKS])
def test_every_locked_package_has_the_hashes_of_its_files(name: str) -> None:
    packages = locked(name)
    assert packages
    assert [package for package, hashes in packages.items() if not hashes] == []


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").iterdir()), ids=lambda path: path.name)
def test_no_index_is_named_so_each_machine_uses_its_own(path: Path) -> None:
    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links|^-[if]\b", path.read_text(), re.MULTILINE) == []


def test_every_direct_dependency_has_a_decision_record() -> None:
    records = "".join(path.read_text(encoding="utf-8") for path in RECORDS)
    assert {name for name in direct_dependencies("pi", "server", "ldap", "dev") if f"`{name}`" not in records} == set()


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_decision_record_has_the_one_form_and_is_listed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    title = re.match(r"# (\d{4}) (.+)\n", text)
    assert title
    assert path.name.startswith(title[1])
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert re.search(r"^Status: (accepted|superseded by \d{4}), \d{4}-\d\d-\d\d$", text, re.MULTILINE)
    assert f"| [{title[1]}]({path.name}) | {title[2]} |" in (ROOT / "docs/decisions/README.md").read_text(
        encoding="utf-8"
    )


def test_every_debian_package_says_why_it_is_there() -> None:
    lines = (ROOT / "scripts/debian-packages.txt").read_text(encoding="utf-8").splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    assert packages
    assert [line for line in packages if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]+ +# \S.*", line)] == []
