"""What the project brings in is locked, hashed and accounted for.

A station must get the very files that were tested, from whichever index its own pip is configured with, and whoever
keeps the project going must find out why a library is there.
"""

import configparser
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import grimp
import pytest
from packaging.utils import canonicalize_name

from scripts.audit import closure

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ["py311", "py312", "py313"]
STATION = "station-py313"
ON_STATION = re.compile(r"(kiosk|fleet(?!\.server)|drivers(?!\.cabinet\.firmware))(\.|$)")
"""Our modules that run at a station."""
RECORDS = re.findall(
    r"^## (\d{4}) .+\n\n(.+(?:\n(?!## ).*)*)", (ROOT / "docs/decisions/README.md").read_text("utf-8"), re.MULTILINE
)
"""Number and text of each decision record."""
LIBRARIES = ROOT / "docs/decisions/libraries.md"


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


@pytest.mark.parametrize("name", ["build", STATION, *LOCKS])
def test_every_locked_package_has_the_hashes_of_its_files(name: str) -> None:
    packages = locked(name)
    assert packages
    assert [package for package, hashes in packages.items() if not hashes] == []


def pins(name: str) -> set[str]:
    """Packages with their versions."""
    text = (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8")
    return set(re.findall(r"^[a-z0-9-]+==\S+", text, re.MULTILINE))


def station_imports() -> set[str]:
    """Packages of others that our modules at a station import, by the names of their distributions."""
    graph = grimp.build_graph("kiosk", "drivers", "fleet", include_external_packages=True)
    imported = {
        name.partition(".")[0]
        for module in graph.modules
        if ON_STATION.match(module)
        for name in graph.find_modules_directly_imported_by(module)
    }
    distributions = importlib.metadata.packages_distributions()
    theirs = imported - sys.stdlib_module_names - {"kiosk", "drivers", "fleet", "sim", "provisioning"}
    return {canonicalize_name(name) for package in theirs for name in distributions.get(package, [package])}


def test_a_station_gets_the_versions_that_were_tested() -> None:
    assert pins(STATION) <= pins("py313")


@pytest.mark.skipif(sys.version_info[:2] != (3, 13), reason="the image's Python is 3.13")
def test_a_station_gets_what_its_packages_need_and_no_more() -> None:
    assert locked(STATION).keys() == closure("kortkiosk", ()).keys() - {"kortkiosk"}


def test_a_station_gets_what_its_modules_import() -> None:
    imported = station_imports()
    assert {"kivy", "pyscard", "msgspec", "gpiozero"} <= imported
    assert imported - locked(STATION).keys() - {"rpi-lgpio"} == set()
    assert direct_dependencies() - imported == set()


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").iterdir()), ids=lambda path: path.name)
def test_no_index_is_named_so_each_machine_uses_its_own(path: Path) -> None:
    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links|^-[if]\b", path.read_text(), re.MULTILINE) == []


def test_every_direct_dependency_has_a_decision_record() -> None:
    records = LIBRARIES.read_text(encoding="utf-8") + "".join(text for _, text in RECORDS)
    assert {name for name in direct_dependencies("pi", "server", "ldap", "dev") if f"`{name}`" not in records} == set()


def test_a_decision_record_says_since_when_it_holds_and_they_are_in_order() -> None:
    numbers = [number for number, _ in RECORDS]
    assert len(numbers) > 20
    assert numbers == sorted(set(numbers))
    for number, text in RECORDS:
        assert re.match(r"(Accepted|Superseded by \d{4},) \d{4}-\d\d-\d\d\.", text), number


def library_rows() -> list[list[str]]:
    """The cells of each row of the table of libraries."""
    lines = LIBRARIES.read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if re.match(r"\| \d{4} \|", line)]


@pytest.mark.parametrize("row", library_rows(), ids=lambda row: row[1])
def test_a_library_says_what_it_does_under_which_licence(row: list[str]) -> None:
    """And of one that is delivered, why."""
    assert len(row) in (4, 5)
    assert all(row)


def test_every_choice_of_a_library_is_listed() -> None:
    assert len({row[0] for row in library_rows()}) > 40


def test_every_debian_package_says_why_it_is_there() -> None:
    lines = (ROOT / "scripts/debian-packages.txt").read_text(encoding="utf-8").splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    assert packages
    assert [line for line in packages if not re.fullmatch(r"(demo: )?[a-z0-9][a-z0-9.+-]+ +# \S.*", line)] == []
    demo = [line for line in packages if line.startswith("demo:")]
    assert 0 < len(demo) < 15, "with the interpreter's own at most 15: who tries the demo waits for each"


@pytest.mark.parametrize("version", ["py311", "py312", "py313"])
def test_a_demo_has_the_versions_of_the_tests_and_nothing_that_is_compiled(version: str) -> None:
    demo, whole = ({line for line in text if "==" in line} for text in map(_lock, (f"demo-{version}", version)))
    assert demo
    assert demo - whole == set()
    assert {name.partition("==")[0] for name in whole - demo} >= {"pyscard", "evdev", "bonsai", "pytest"}


def _lock(name: str) -> list[str]:
    return (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8").splitlines()


def test_a_demos_station_starts_without_what_is_compiled() -> None:
    program = (
        "import sys; sys.modules.update(dict.fromkeys(('smartcard', 'evdev', 'bonsai')));"
        "import kiosk.station.build, fleet.server.serve_cli;"
        "from drivers.reader.transport.pcsc import PcscBackend;"
        "print(PcscBackend().readers())"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert "no PC/SC service: pyscard is not installed (make setup)" in done.stdout + done.stderr
