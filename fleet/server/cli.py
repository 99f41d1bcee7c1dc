"""The program `kortkiosk-fleet`: its commands stand in `COMMANDS`, and are loaded on demand (`fleet.subcommands`).

Exit codes: 0 done, 1 our own error, 2 bad input or usage, 3 refused or not genuine, 4 the issuer does not answer, 130
interrupted. With `--json` the result is one object on standard output.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from fleet.subcommands import Subcommand, add_subcommands

BAD_INPUT, INTERRUPTED = 2, 130

_STORE, _EVIDENCE, _RETENTION = "fleet.server.store_cli", "fleet.server.evidence.cli", "fleet.server.retention.cli"
_INTEGRITY = "fleet.server.integrity.cli"
_ACCOUNTS, _CLUSTER, _DIAGNOSIS = "fleet.server.accounts.cli", "fleet.server.worker_cli", "fleet.server.diagnosis.cli"
COMMANDS = (
    Subcommand("serve", "run broker, ingest, answers and dashboard", "fleet.server.serve_cli"),
    Subcommand("import-orders", "take orders from a CSV file, all or none", _STORE),
    Subcommand("import-administrators", "replace the list of ID administrators by a CSV file's", _STORE),
    Subcommand("import-directory", "take leavers and name changes from a CSV file, all or none", _STORE),
    Subcommand(
        "directory-check", "what the settings of the region's directory find, in figures", "fleet.server.people.cli"
    ),
    Subcommand("init", "make the data directory and an empty store, or bring the tables up to date", _STORE),
    Subcommand("migrate", "bring the database up to date", _STORE),
    Subcommand("backup", "copy the store while the server runs", _STORE),
    Subcommand("rebuild", "make all that follows from events anew", _STORE),
    Subcommand("quarantine", "what was set aside: list it, take it back", "fleet.server.ingest.cli"),
    Subcommand("verify-store", "check that the store holds what its chains say; 3 where it does not", _INTEGRITY),
    Subcommand("bundle", "bundles that stations are updated from: take, list, remove", "fleet.server.updates.cli"),
    Subcommand("update", "order a bundle for several stations, and see how far each is", "fleet.server.update_cli"),
    Subcommand("station", "add a station by name, retire it, take it back", "fleet.server.station_cli"),
    Subcommand("user", "people who sign in", _ACCOUNTS),
    Subcommand("token", "programs that use the API", _ACCOUNTS),
    Subcommand("secrets", "the key that secrets of accounts are sealed with", _ACCOUNTS),
    Subcommand("verify-audit", "compute the audit's chain again; 3 where it is broken", _ACCOUNTS),
    Subcommand("export-evidence", "write a file that proves what stations have told", _EVIDENCE),
    Subcommand("verify-evidence", "check such a file; needs nothing else", _EVIDENCE),
    Subcommand("guard", "what cannot be undone and waits for a person", "fleet.server.guards.cli"),
    Subcommand("retain", "erase what is kept no longer", _RETENTION),
    Subcommand("erase", "erase what is known of one person, or say why not", _RETENTION),
    Subcommand("worker", "one more ingest worker of a cluster", _CLUSTER),
    Subcommand("broker-files", "write the configuration of a broker of one's own", _CLUSTER),
    Subcommand("verifier", "judge code letters, as a user of its own behind a socket", "fleet.server.verifier.cli"),
    Subcommand("begin-tries", "count tries anew where the verifier's file is damaged", "fleet.server.verifier.cli"),
    Subcommand("units", "write the systemd units of server, verifier and worker", _DIAGNOSIS),
    Subcommand("doctor", "look whether all is in order: folders, keys, what ends, the verifier", _DIAGNOSIS),
    Subcommand(
        "issuer-check", "hold an issuer's adapter against the interface", "fleet.server.issuer_adapters.conformance.cli"
    ),
    Subcommand("issuer-simulator", "a simulated issuer, which says so"),
    Subcommand("simulate", "many stations against a running server"),
)
_HELP = {command.name: command.help for command in COMMANDS}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program. Gives its exit code; argparse itself ends with 2 where the usage is wrong."""
    arguments = _parser(sys.argv[1:] if argv is None else argv).parse_args(argv)
    from fleet.server.database.options import complain, missing_data
    from fleet.server.process.logs import configure

    configure(arguments.log_format, arguments.log)
    missing = missing_data(arguments)
    if missing is not None:
        return complain(arguments, missing, BAD_INPUT)
    try:
        code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("kortkiosk-fleet", description="The fleet server and its administration.")
    add_subcommands(
        parser, arguments, COMMANDS, "kortkiosk_fleet.commands",
        lambda commands, module: module.add_parsers(commands, _command),
    )  # fmt: skip
    return parser


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], text: str = ""
) -> argparse.ArgumentParser:
    """A parser with the options that all commands have. `text`: what it does, of a command below another one."""
    from fleet.server.process.logs import FORMATS

    text = text or _HELP[name]
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.add_argument("--json", action="store_true", help="one object on standard output")
    command.add_argument(
        "--log", choices=("debug", "info", "warning", "error"), default="warning", help=argparse.SUPPRESS
    )
    command.add_argument("--log-format", choices=FORMATS, default="text", help="the log's lines (%(default)s)")
    command.set_defaults(run=run)
    return command


if __name__ == "__main__":
    sys.exit(main())
