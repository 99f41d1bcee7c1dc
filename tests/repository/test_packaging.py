"""A station that installs the built package gets every file that the program loads, not the Python files alone."""

import subprocess
from pathlib import Path, PurePosixPath

import pytest
from setuptools import Distribution

ROOT = Path(__file__).resolve().parents[2]
WHEELS = {".": ("drivers", "fleet", "kiosk", "provisioning"), "sim": ("sim",), "drivers/reader": ("drivers/reader",)}
"""The folder that each wheel is built in, and the packages in it."""
FOR_READERS_OF_THE_SOURCE = {".md"}
FOR_THE_BUILD = {
    f"{folder}/{name}" for folder in ("sim", "drivers/reader") for name in ("pyproject.toml", "setup.cfg", "setup.py")
}


@pytest.fixture(params=list(WHEELS))
def wheel(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def packed(wheel: str, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What setuptools would put into a wheel, without building one."""
    monkeypatch.chdir(ROOT / wheel)
    distribution = Distribution({"script_name": "setup.py"})
    distribution.parse_config_files(["setup.cfg"])
    build = distribution.get_command_obj("build_py")
    build.ensure_finalized()
    data = {Path(folder) / name for _, folder, _, names in build.data_files for name in names}
    files = data | {Path(name) for name in build.get_source_files()}
    return {file.resolve().relative_to(ROOT).as_posix() for file in files}


def in_the_repository(wheel: str) -> set[str]:
    listing = subprocess.run(["git", "ls-files", "-z", "--", *WHEELS[wheel]], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode != 0:
        pytest.skip("not a git work tree")
    return {name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()}


def test_every_file_of_the_packages_is_packed(wheel: str, packed: set[str]) -> None:
    files = in_the_repository(wheel) - FOR_THE_BUILD
    wanted = {name for name in files if PurePosixPath(name).suffix not in FOR_READERS_OF_THE_SOURCE}
    assert wanted
    assert sorted(wanted - packed) == []


@pytest.mark.parametrize("wheel", ["."], indirect=True)
@pytest.mark.parametrize(
    "name",
    [
        "fleet/server/pages/static/vendor/icons.woff2",
        "fleet/server/pages/templates/base.html",
        "fleet/server/stations/texts/sv.po",
        "fleet/server/database/migrations/script.py.mako",
        "drivers/reader/profiles/pkcs15.toml",
        "kiosk/texts/sv/pickup.po",
        "kiosk/screens/assets/Inter-Regular.otf",
        "kiosk/screens/keypad.kv",
    ],
)
def test_a_file_in_a_folder_that_is_no_package_is_packed(packed: set[str], name: str) -> None:
    assert name in packed
