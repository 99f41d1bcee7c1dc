"""`kortkiosk-provision`: the authority, claim codes, enrolment, and who is enrolled.

A claim code comes from a file or a prompt, never from an argument. Exit codes: 0 done, 1 our own error, 2 bad input or
usage, 3 refused, 4 fault of a device (the disk), 130 interrupted.
"""

import argparse
import getpass
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet.agent.identity import Identity, IdentityError
from provisioning import files
from provisioning.authority import CRL_FILE, PUBLIC_FILE, Authority, AuthorityError
from provisioning.claim import ClaimRefused
from provisioning.enrol import enrol, parse_broker

Clock = Callable[[], datetime]

DONE, BAD_INPUT, REFUSED, FAULT, INTERRUPTED = 0, 2, 3, 4, 130


def main(argv: Sequence[str] | None = None, clock: Clock | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    now = (clock or _wall_clock)()
    try:
        result, text = arguments.run(arguments, now)
    except ClaimRefused as error:
        return _say_error(arguments, REFUSED, "claim_refused", str(error))
    except (AuthorityError, IdentityError, ValueError) as error:
        return _say_error(arguments, BAD_INPUT, "bad_input", str(error))
    except OSError as error:
        return _say_error(arguments, FAULT, "disk", f"{error.filename or 'disk'}: {error.strerror or error}")
    except KeyboardInterrupt:
        return INTERRUPTED
    print(json.dumps(result, ensure_ascii=False) if arguments.json else text)
    return DONE


def _wall_clock() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _say_error(arguments: argparse.Namespace, exit_code: int, code: str, text: str) -> int:
    if arguments.json:
        print(json.dumps({"error": code, "text": text}, ensure_ascii=False))
    else:
        print(f"kortkiosk-provision: {text}", file=sys.stderr)
    return exit_code


def _init(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    authority = Authority.init(arguments.directory, arguments.server_name, now)
    public = files.read_json(authority.directory / PUBLIC_FILE)
    result = {"authority": str(authority.directory), "signing_key_id": public["signing_key"]["kid"]}
    return result, f"The authority is in {authority.directory}. Keep a copy of it where nobody else can read it."


def _claim(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    code = Authority(arguments.directory).claim(arguments.station, now, arguments.valid_hours)
    result = {"station": arguments.station, "code": code, "valid_hours": arguments.valid_hours}
    return result, f"{code}\nfor {arguments.station}, once, within {arguments.valid_hours:g} hours"


def _enrol(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    broker = parse_broker(arguments.broker)
    authority = Authority(arguments.authority)
    identity = enrol(authority, arguments.into, broker, _read_code(arguments.code_file), now)
    result = {**_stated(identity), "identity": str(arguments.into)}
    return result, f"{identity.station} is enrolled (epoch {identity.epoch}); its identity is in {arguments.into}"


def _status(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    if (arguments.directory / PUBLIC_FILE).is_file():
        return _authority_status(Authority(arguments.directory), now)
    identity = Identity.load(arguments.directory)
    text = f"{identity.station}, epoch {identity.epoch}, certificate until {identity.not_after:%Y-%m-%d}"
    return _stated(identity), text


def _revoke(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    count = Authority(arguments.directory).revoke(arguments.station, now)
    result = {"station": arguments.station, "revoked": count, "crl": str(arguments.directory / CRL_FILE)}
    return result, f"{arguments.station}: {count} certificates revoked now; restart or reload the broker to enforce it"


def _authority_status(authority: Authority, now: datetime) -> tuple[dict[str, Any], str]:
    stations = [
        {
            "station": one.station,
            "epoch": one.epoch,
            "serial": f"{one.serial:x}",
            "not_after": one.not_after.isoformat(),
            "state": "revoked" if one.revoked is not None else "expired" if now > one.not_after else "valid",
        }
        for one in authority.registry.issued()
    ]
    claims = [
        {"station": one.station, "id": one.id, "expires": one.expires.isoformat(), "state": one.state(now)}
        for one in authority.registry.claims().values()
    ]
    lines = [f"{one['station']}  epoch {one['epoch']}  {one['state']}  until {one['not_after']}" for one in stations]
    lines += [f"claim {one['id']}-...  {one['station']}  {one['state']}  until {one['expires']}" for one in claims]
    return {"stations": stations, "claims": claims}, "\n".join(lines) or "no station has been enrolled yet"


def _stated(identity: Identity) -> dict[str, Any]:
    return {
        "station": identity.station,
        "epoch": identity.epoch,
        "broker": f"{identity.broker.host}:{identity.broker.port}",
        "not_after": identity.not_after.isoformat(),
    }


def _read_code(path: Path | None) -> str:
    if path is None:
        return getpass.getpass("Claim code: ")
    try:
        return path.read_text()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kortkiosk-provision", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    authority = commands.add_parser("authority", help="make the fleet's authority")
    init = _command(authority.add_subparsers(required=True, metavar="COMMAND"), "init", "make all keys, once", _init)
    init.add_argument("directory", type=Path)
    init.add_argument("--server-name", action="append", default=[], help="a name or address of the broker")
    claim = _command(commands, "claim", "make a one-time code for a station", _claim)
    claim.add_argument("directory", type=Path, help="the authority")
    claim.add_argument("station")
    claim.add_argument("--valid-hours", type=float, default=24.0)
    enrolment = _command(commands, "enrol", "trade a code for this station's identity", _enrol)
    enrolment.add_argument("--authority", type=Path, required=True)
    enrolment.add_argument("--into", type=Path, required=True, help="the directory to make")
    enrolment.add_argument("--broker", required=True, metavar="HOST:PORT")
    enrolment.add_argument("--code-file", type=Path, help="read the code from this file instead of asking")
    status = _command(commands, "status", "who is enrolled, or who this is", _status)
    status.add_argument("directory", type=Path, help="an authority or an identity")
    revoke = _command(commands, "revoke", "revoke every certificate of a station", _revoke)
    revoke.add_argument("directory", type=Path, help="the authority")
    revoke.add_argument("station")
    return parser


def _command(commands: Any, name: str, summary: str, run: Callable[..., Any]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)
    return parser
