"""Systemd units, hardened, written with the path of the program that is installed here.

Rules: they ship as they run, but for that path; what a site changes stands in its `.env` file or a drop-in. A program below a
home directory is refused, since the units see none.
"""

import argparse
import sys
from pathlib import Path

from provisioning import files

FLEET = ("kortkiosk-fleet.service", "kortkiosk-verifier.service", "kortkiosk-worker@.service", "kortkiosk-users.conf")
STATION = ("kortkiosk-station.service", "kortkiosk-users.conf")
PROGRAM = "@PROGRAM@"
SHIPPED = Path(__file__).with_name("units")
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108  # where the units see nothing


class UnitsError(Exception):
    """The units cannot be written. The text says why and what to do."""


def write_units(names: tuple[str, ...], output: Path, programs: Path, root: Path = Path("/")) -> list[str]:
    """Write them, each in one step. `programs`: the folder of `kortkiosk-fleet` and `kortkiosk`, as the units will see it;
    `root`: of the system that they are for. Raises UnitsError, OSError."""
    output.mkdir(parents=True, exist_ok=True)
    made = [(output / name, _filled(name, programs, root)) for name in names]
    for path, text in made:
        files.write_file(path, text.encode(), files.PUBLIC)
    return [str(path) for path, _ in made]


def own_programs() -> Path:
    """Return the folder with the programs of this installation."""
    return Path(sys.executable).parent


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--output", type=Path, required=True, metavar="DIR", help="such as /etc/systemd/system")
    command.add_argument(
        "--programs", type=Path, default=own_programs(), metavar="DIR", help="where the programs are (%(default)s)"
    )


def _filled(name: str, programs: Path, root: Path) -> str:
    text = (SHIPPED / name).read_text("utf-8")
    if PROGRAM not in text:
        return text
    program = programs.absolute() / ("kortkiosk" if name == "kortkiosk-station.service" else "kortkiosk-fleet")
    if not (root / program.relative_to("/")).is_file():
        raise UnitsError(f"{program}: there is no such program; name its folder with --programs DIR")
    if any(program.is_relative_to(place) for place in HIDDEN):
        raise UnitsError(f"{program}: units do not see this folder; install it elsewhere, such as below /opt")
    if any(sign in str(program) for sign in " %$\"'\\"):
        raise UnitsError(f"{program}: a path in a unit has no blanks, quotes, % or $")
    return text.replace(PROGRAM, str(program))
