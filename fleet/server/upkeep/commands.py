"""Commands of `kortkiosk-fleet` that keep an installation in order: `units`.

$ kortkiosk-fleet units --output /etc/systemd/system
/etc/systemd/system/kortkiosk-fleet.service
"""

import argparse
import json
from typing import Any

from fleet.server.running import DONE
from fleet.server.store_commands import complain
from provisioning import units

BAD_INPUT = 2


def add_parsers(commands: Any, make: Any) -> None:
    """The commands."""
    units.add_options(make(commands, "units", run_units, "write the systemd units of server, verifier and worker"))


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
