"""The station's wheel alone runs a station; the second wheel, kortkiosk-sim, adds virtual devices, demo, gallery and simulators;
kortkiosk-reader is the card reader alone.

Both are built and installed into fresh environments, which find the locked packages by links.
"""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers.reader import CardReader, PcscBackend
from kiosk.cli import Exit
from sim.reader.cards import VirtualCard
from sim.reader.personas import PIN, person
from sim.reader.pki import TestAuthority
from sim.stories.patience import LIMIT_S
from tests.fakes.cards.pcsc import inserted
from tests.fakes.machine.display import virtual_display
from tests.fakes.machine.notify_socket import notify_socket

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("drivers", "fleet", "kiosk", "provisioning", "sim")
FILES = ("setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE")
NEEDED = "install kortkiosk-sim"

Run = Callable[..., subprocess.CompletedProcess[str]]


def pip(*arguments: str | Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True, timeout=LIMIT_S
    )


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The wheels of station, simulators and card reader, built from a copy: builds leave files behind."""
    tree = tmp_path_factory.mktemp("tree")
    for name in SOURCES:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    for name in FILES:
        shutil.copy(ROOT / name, tree / name)
    out = tree / "wheels"
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", out, tree, tree / "sim", tree / "drivers/reader")
    (station,), (simulators,), (reader,) = (out.glob(f"kortkiosk{name}-*.whl") for name in ("", "_sim", "_reader"))
    return station, simulators, reader


def environment(folder: Path, *wheels: Path) -> Path:
    """An environment with these wheels and the locked packages, and nothing else of ours. Gives its folder of programs."""
    venv.create(folder / "env", symlinks=True)
    locked, ours = folder / "locked", ("kortkiosk", "__editable__")
    locked.mkdir()
    for place in {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}:
        for entry in place.iterdir():
            if not entry.name.startswith(ours) and entry.suffix != ".pth":
                (locked / entry.name).symlink_to(entry)
    (packages,) = (folder / "env/lib").glob("python3*/site-packages")
    (packages / "locked.pth").write_text(f"{locked}\n")
    pip("--python", folder / "env/bin/python", "install", "--no-deps", "--no-index", *wheels)
    return folder / "env/bin"


def runner(programs: Path, folder: Path) -> Run:
    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [programs / program, *arguments], cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )

    return run


@pytest.fixture(scope="module")
def bare(wheels: tuple[Path, Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("bare"), wheels[0])


@pytest.fixture
def station(bare: Path, tmp_path: Path) -> Run:
    """Programs of an environment that has the station's wheel alone."""
    return runner(bare, tmp_path)


@pytest.fixture(scope="module")
def both(wheels: tuple[Path, Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Programs of an environment that has both wheels."""
    folder = tmp_path_factory.mktemp("both")
    return runner(environment(folder, *wheels[:2]), folder)


MICROPYTHON, ALEMBIC = "drivers.cabinet.firmware", "fleet.server.database.migrations.env"
IMPORTS = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def test_every_module_of_the_stations_wheel_is_imported_without_the_others(
    wheels: tuple[Path, Path, Path], station: Run
) -> None:
    files = [Path(name) for name in zipfile.ZipFile(wheels[0]).namelist() if name.endswith(".py")]
    names = [".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files]
    theirs = [name for name in names if not name.startswith(MICROPYTHON) and name != ALEMBIC and "__main__" not in name]
    assert len(theirs) > 1000
    ended = station("python", "-c", IMPORTS, *theirs)
    assert ended.returncode == 0, ended.stderr[-2000:]


def test_what_errands_show_in_tests_is_in_the_second_wheel_alone(wheels: tuple[Path, Path, Path]) -> None:
    ours, simulators = (
        {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("kiosk/errands/")}
        for wheel in wheels[:2]
    )
    assert "kiosk/errands/unblock/stories.py" in simulators
    assert {Path(name).name for name in simulators} == {"samples.py", "stories.py"}
    assert not ours & simulators
    assert "kiosk/errands/unblock/errand.toml" in ours


def test_the_stations_wheel_holds_no_simulator(station: Run) -> None:
    assert station("python", "-c", "import kiosk, fleet; import sim").stderr.endswith("No module named 'sim'\n")


COMMANDS = [("kortkiosk", "demo"), ("kortkiosk", "gallery"), ("kortkiosk", "virtual-card"),
            ("kortkiosk-fleet", "simulate"), ("kortkiosk-fleet", "issuer-simulator")]  # fmt: skip


@pytest.mark.parametrize(("program", "command"), COMMANDS)
def test_a_command_of_the_simulators_names_its_wheel(station: Run, program: str, command: str) -> None:
    ended = station(program, command, "--help")
    assert (ended.returncode, NEEDED in ended.stderr) == (Exit.BAD_INPUT, True)


@pytest.mark.parametrize("command", [("run", "--check"), ("run",), ("devices", "list")])
def test_a_virtual_device_that_is_configured_names_the_wheel(station: Run, tmp_path: Path, command: tuple[str]) -> None:
    (tmp_path / "station.toml").write_text('[printer]\nkind = "virtual"\n')
    ended = station("kortkiosk", *command)
    assert ended.returncode == Exit.BAD_INPUT
    assert "printer.kind: " in ended.stderr
    assert NEEDED in ended.stderr


def test_devices_that_are_real_are_looked_at(station: Run, tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text(
        '[readers]\nholder = "No such reader"\n[printer]\nkind = "network"\nhost = "127.0.0.1"\nport = 9\n'
    )
    ended = station("kortkiosk", "devices", "list", "--json")
    assert ended.returncode == Exit.FAULT, ended.stderr
    states = {one["kind"]: one["state"] for one in json.loads(ended.stdout)["devices"]}
    assert states == {"reader": "no_reader", "printer": "mute"}


def test_an_errand_without_a_screen_gets_as_far_as_its_reader(station: Run, tmp_path: Path) -> None:
    (tmp_path / "answers.toml").write_text('[[answer]]\nview = "check.insert"\nvalue = "cancel"\n')
    ended = station(
        "kortkiosk", "walk", "check_card", "--reader", "No such reader", "--answers", "answers.toml", "--json"
    )
    assert json.loads(ended.stdout.splitlines()[-1])["errand"] == "check_card", ended.stderr
    assert ended.returncode != Exit.OUR_ERROR


def test_a_walk_with_virtual_cards_names_the_wheel(station: Run, tmp_path: Path) -> None:
    (tmp_path / "answers.toml").write_text(
        '[cards]\ncard = "B:card.json"\n[[answer]]\nview = "check.insert"\nvalue = "cancel"\n'
    )
    ended = station("kortkiosk", "walk", "check_card", "--reader", "Real", "--answers", "answers.toml")
    assert (ended.returncode, NEEDED in ended.stderr) == (Exit.BAD_INPUT, True)


@pytest.mark.screen
async def test_a_station_runs(bare: Path, tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text('[readers]\nholder = "No such reader"\n')
    with virtual_display() as display, notify_socket(str(tmp_path / "notify")) as manager:
        program = await asyncio.create_subprocess_exec(
            bare / "kortkiosk", "run", "--json", cwd=tmp_path, stdout=asyncio.subprocess.PIPE,
            env={"DISPLAY": display, "NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "3000"},
        )  # fmt: skip
        assert program.stdout is not None
        told = json.loads(await asyncio.wait_for(program.stdout.readline(), LIMIT_S))
        began = await asyncio.to_thread(manager.read_until, "WATCHDOG=1")
        program.send_signal(signal.SIGTERM)
        await asyncio.wait_for(program.communicate(), LIMIT_S)
        assert began[0] == ["READY=1", "STATUS=Closed to visitors: unready"]
        assert "STOPPING=1" in manager.drain()[-1]
    assert told["missing"] in ("anchors", "identity")
    assert program.returncode == Exit.DONE


@pytest.mark.parametrize(("program", "command"), COMMANDS)
def test_the_second_wheel_brings_the_commands(both: Run, program: str, command: str) -> None:
    ended = both(program, command, "--help")
    assert (ended.returncode, ended.stderr) == (Exit.DONE, "")


@pytest.mark.parametrize("program", ["kortkiosk", "kortkiosk-fleet"])
def test_the_help_lists_the_commands_of_the_wheels_that_are_installed(station: Run, both: Run, program: str) -> None:
    alone, all_of_them = (run(program, "--help").stdout for run in (station, both))
    for name, command in COMMANDS:
        assert command not in alone
        assert (command in all_of_them) == (name == program)


def test_the_second_wheel_brings_virtual_devices(both: Run) -> None:
    ended = both("kortkiosk", "devices", "list", "--json")
    assert ended.returncode == Exit.DONE, ended.stderr
    found = json.loads(ended.stdout)["devices"]
    assert {one["kind"] for one in found if one["virtual"]} == {"reader", "printer", "cabinet", "gpio", "scanner"}


@pytest.fixture(scope="module")
def reader_alone(wheels: tuple[Path, Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("reader"), wheels[2])


def test_the_readers_wheel_holds_the_reader_alone_and_its_types(wheels: tuple[Path, Path, Path]) -> None:
    names = zipfile.ZipFile(wheels[2]).namelist()
    assert {"drivers/py.typed", "drivers/reader/profiles/pkcs15.toml"} <= set(names)
    own = ("drivers/reader/", "drivers/__init__.py", "drivers/py.typed", "kortkiosk_reader-")
    assert [name for name in names if not name.startswith(own) or name.endswith("pyproject.toml")] == []


def test_the_readers_wheel_adopts_products(reader_alone: Path, tmp_path: Path) -> None:
    ended = runner(reader_alone, tmp_path)("kortkiosk-card", "adopt", "--key", "none.pem")
    assert (ended.returncode, "openssl genpkey" in ended.stderr) == (Exit.BAD_INPUT, True), ended.stderr


@pytest.mark.pcsc
async def test_a_strangers_example_runs_from_the_readers_wheel(
    reader_alone: Path, pcscd: dict[int, str], tmp_path: Path
) -> None:
    (example,) = re.findall(r"```python\n(.+?)```", (ROOT / "drivers/reader/README.md").read_text("utf-8"), re.DOTALL)
    now = datetime.now(UTC)
    port, name = next(iter(pcscd.items()))
    backend = CardReader(PcscBackend(), name)
    async with inserted(VirtualCard.create(person(6).new, TestAuthority.create(now), now), backend, port):
        program = await asyncio.create_subprocess_exec(
            reader_alone / "python", "-W", "ignore", "-c", example, cwd=tmp_path, start_new_session=True,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
        )  # fmt: skip
        out, error = await asyncio.wait_for(program.communicate(f"{PIN}\n".encode()), LIMIT_S)
    await backend.close()
    assert (program.returncode, out.decode().splitlines()[-1:]) == (0, ["signed with ES256"]), error
    assert "pkcs15 Folke Kurvholm" in out.decode()
