"""Imports on demand: which packages a program loads before it does anything. All of them would take a Pi seconds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim.stories.patience import LIMIT_S

OUR_PACKAGES = {"drivers", "fleet", "kiosk"}
START_UP = {"__main__", "_distutils_hack", "a1_coverage", "coverage", "sitecustomize"}
"""What the interpreter of a test loads by itself."""
PROGRAM = """
import contextlib, sys
with contextlib.suppress(SystemExit):
    from {module} import main
    main({arguments!r})
print(*sorted(sys.modules), file=sys.stderr)
"""

PCSC = {"smartcard", "swig_runtime_data4"}
STARTS = [
    ("kiosk.cli", ["--help"], set()),
    ("kiosk.cli", ["card", "--help"], PCSC),
    ("kiosk.cli", ["card", "list"], PCSC),
    ("fleet.server.cli", ["--help"], set()),
]

STATION = """
import asyncio, os, sys
from pathlib import Path
from types import SimpleNamespace

opened = []
sys.addaudithook(lambda event, about: opened.append(str(about[0])) if event == "open" else None)
folder = Path(sys.argv[1])
from kiosk.cli import main
main(["run", "--check", "--config", str(folder / "station.toml")])
from kiosk.config import Config
from kiosk.station.build import open_station

class Screen(SimpleNamespace):
    patience = 1.0
    set_activity = lambda self, notice: None
    async def show(self, view):
        looked_for_plugins = [path for path in opened if path.endswith("entry_points.txt")]
        print(view.name, len(looked_for_plugins), *sorted(sys.modules), flush=True)
        os._exit(0)

async def start():
    async with open_station(Config(), folder, Screen()) as station:
        await station.serve()

asyncio.run(start())
"""
AFTER_THE_FIRST_VIEW = {"escpos", "paho", "http.client", "kiosk.first_boot.assistant", "kiosk.cli.devices"}
"""A station without printer asks its first question without them; the link loads its own when it first connects. Nor has it
looked through the packages that are installed."""


@pytest.mark.parametrize(
    ("module", "arguments", "packages"), STARTS, ids=[" ".join([row[0], *row[1]]) for row in STARTS]
)
def test_a_program_loads_no_package_before_it_needs_it(module: str, arguments: list[str], packages: set[str]) -> None:
    loaded = loaded_modules(module, arguments)
    top = {name.partition(".")[0] for name in loaded if not name.startswith("__editable__")}
    assert top - sys.stdlib_module_names - OUR_PACKAGES - START_UP <= packages
    assert loaded.isdisjoint({"asyncio", "sim", "kiosk.cli.card", "drivers.reader.card_reader"})


def test_a_station_shows_its_first_view_before_it_loads_what_that_does_not_need(tmp_path: Path) -> None:
    program = [sys.executable, "-c", STATION, str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != "PYDANTIC_DISABLE_PLUGINS"}
    ended = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    view, looked_for_plugins, *loaded = ended.stdout.split()
    assert (view, looked_for_plugins) == ("home", "0")
    assert AFTER_THE_FIRST_VIEW.isdisjoint(loaded)


def loaded_modules(module: str, arguments: list[str]) -> set[str]:
    """`sys.modules` at the end of a program."""
    program = [sys.executable, "-c", PROGRAM.format(module=module, arguments=arguments)]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    return set(ended.stderr.splitlines()[-1].split())
