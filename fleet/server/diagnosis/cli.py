"""Command line of the diagnosis and the systemd units: `kortkiosk-fleet doctor` and `units`.

$ kortkiosk-fleet units --output /etc/systemd/system
/etc/systemd/system/kortkiosk-fleet.service
"""

import argparse
import json
import sqlite3
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fleet.server.database.database import FILE_NAME
from fleet.server.database.options import complain
from fleet.server.diagnosis.doctor import Examined, diagnose, worst
from fleet.server.diagnosis.expiry_sources import sources_of
from fleet.server.keys.expiry import End, station_end
from fleet.server.process.config import ServerConfig
from fleet.server.process.default_settings import SettingsError
from fleet.server.process.run import DONE
from provisioning import units

BAD_INPUT, NOT_IN_ORDER = 2, 3


def add_parsers(commands: Any, make: Any) -> None:
    units.add_options(make(commands, "units", run_units))

    doctor = make(commands, "doctor", run_doctor)
    doctor.add_argument("--authority", type=Path, required=True, metavar="DIR", help="as `serve` is told")
    doctor.add_argument("--data", type=Path, metavar="DIR", help="as `serve` is told; also what stations say of theirs")
    doctor.add_argument("--verifier", type=Path, metavar="SOCKET", help="as `serve` is told")
    doctor.add_argument("--web", type=Path, metavar="FILE.toml", help="as `serve` is told")
    doctor.add_argument("--alerts", type=Path, metavar="FILE.toml", help="as `serve` is told")
    doctor.add_argument("--order-hook", type=Path, metavar="FILE", help="as `serve` is told")


def run_doctor(arguments: argparse.Namespace) -> int:
    """Say what was found. 0 where nothing is a fault, 3 otherwise."""
    config = ServerConfig(
        arguments.data or Path(), arguments.authority, alerts=arguments.alerts, web=arguments.web,
        order_hook=arguments.order_hook,
    )  # fmt: skip
    try:
        stations = _stations(arguments.data)
        sources = sources_of(config)
    except SettingsError as error:
        return complain(arguments, str(error), BAD_INPUT)
    except sqlite3.Error as error:
        return complain(arguments, f"{arguments.data / FILE_NAME}: {error}", BAD_INPUT)
    except OSError as error:
        return complain(arguments, f"{error.filename}: {error.strerror}", BAD_INPUT)
    diagnoses = diagnose(
        Examined(arguments.authority, sources, datetime.now(UTC), arguments.data, arguments.verifier, stations)
    )
    level = worst(diagnoses)
    if arguments.json:
        print(json.dumps({"level": level, "found": [asdict(diagnosis) for diagnosis in diagnoses]}, ensure_ascii=False))
    else:
        print("\n".join(f"{diagnosis.level:<8} {diagnosis.what}: {diagnosis.text}" for diagnosis in diagnoses))
    return NOT_IN_ORDER if level == "fault" else DONE


def _stations(data: Path | None) -> tuple[End, ...]:
    """Read what stations say of their certificates; nothing where the store is elsewhere. Raises sqlite3.Error.

    Read as it is: opening it as the server does would bring its tables up to date.
    """
    if data is None or not (data / FILE_NAME).exists():
        return ()
    with closing(sqlite3.connect(f"file:{quote(str((data / FILE_NAME).absolute()))}?mode=ro", uri=True)) as store:
        store.row_factory = sqlite3.Row
        query = "SELECT *, json_extract(state, '$.certificate_until') AS until FROM stations WHERE state NOT NULL"
        rows = [dict(row) for row in store.execute(query)]
    # A store of an earlier version has no column of retired stations.
    ends = [station_end(row["name"], row["until"]) for row in rows if row.get("retired") is None]
    return tuple(end for end in ends if end is not None)


def run_units(arguments: argparse.Namespace) -> int:
    """Write them; those that are there are replaced."""
    try:
        written = units.write_units(units.FLEET, arguments.output, arguments.programs)
    except units.UnitsError as error:
        return complain(arguments, str(error), BAD_INPUT)
    except OSError as error:
        return complain(arguments, f"{error.filename}: {error.strerror}", BAD_INPUT)
    print(json.dumps({"ok": True, "written": written}) if arguments.json else "\n".join(written), flush=True)
    return DONE
