"""Imports on demand: which packages a program loads before it does anything. All of them would take a Pi seconds."""

import subprocess
import sys

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


@pytest.mark.parametrize(
    ("module", "arguments", "packages"), STARTS, ids=[" ".join([row[0], *row[1]]) for row in STARTS]
)
def test_a_program_loads_no_package_before_it_needs_it(module: str, arguments: list[str], packages: set[str]) -> None:
    loaded = loaded_modules(module, arguments)
    top = {name.partition(".")[0] for name in loaded if not name.startswith("__editable__")}
    assert top - sys.stdlib_module_names - OUR_PACKAGES - START_UP <= packages
    assert loaded.isdisjoint({"asyncio", "sim", "kiosk.cli.card", "drivers.reader.card_reader"})


def loaded_modules(module: str, arguments: list[str]) -> set[str]:
    """`sys.modules` at the end of a program."""
    program = [sys.executable, "-c", PROGRAM.format(module=module, arguments=arguments)]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    return set(ended.stderr.splitlines()[-1].split())
