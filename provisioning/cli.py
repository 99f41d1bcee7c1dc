"""Command line of provisioning, `kortkiosk-provision`: the authority, claim codes, enrolment, who is enrolled, and the
cabinet's board.

A claim code comes from a file or a prompt, never from an argument. Exit codes: 0 done, 1 our own error, 2 bad input or
usage, 3 refused, 4 fault of a device (the disk), 130 interrupted.
"""

import argparse
import asyncio
import getpass
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drivers.cabinet.firmware_image import PREBUILT
from drivers.cabinet.port_discovery import configured_port, only_port
from drivers.cabinet.serial_link import boards
from fleet.agent.identity import Identity, IdentityError
from provisioning import authority_cli
from provisioning.appliance import cli as appliance_cli
from provisioning.appliance.layout import LayoutError
from provisioning.authority import CRL_FILE, PUBLIC_FILE, Authority, AuthorityError
from provisioning.claim import ClaimRefused
from provisioning.enrol import enrol, parse_broker
from provisioning.flash import (
    BoardAccess,
    FlashedBoard,
    flash,
    read_checked_image,
    reboot_to_bootloader,
    retry_until_loadable,
)
from provisioning.pico import FlashError, choose
from provisioning.renewal import TooEarlyError
from provisioning.units import STATION, UnitsError, add_options, write_units
from provisioning.updates.bundle import SIGNER, BundleError, Images, make_bundle
from provisioning.wiring import RewiringError, rewire

Clock = Callable[[], datetime]

DONE, BAD_INPUT, REFUSED, FAULT, INTERRUPTED = 0, 2, 3, 4, 130
FLASH_CODES = {"bad_image": BAD_INPUT, "pairing_refused": REFUSED, "not_paired": REFUSED}
"""Exit codes by what was wrong with a board; FAULT where none is named."""


def main(argv: Sequence[str] | None = None, clock: Clock | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    now = (clock or _wall_clock)()
    try:
        result, text = arguments.run(arguments, now)
    except ClaimRefused as error:
        return _say_error(arguments, REFUSED, "claim_refused", str(error))
    except TooEarlyError as error:
        return _say_error(arguments, REFUSED, "too_early", str(error))
    except FlashError as error:
        return _say_error(arguments, FLASH_CODES.get(error.code, FAULT), error.code, str(error))
    except RewiringError as error:
        return _say_error(arguments, BAD_INPUT if error.ours else FAULT, "wiring", str(error))
    except BundleError as error:
        return _say_error(arguments, FAULT if error.fault == "no_rauc" else BAD_INPUT, error.fault, str(error))
    except (AuthorityError, IdentityError, UnitsError, LayoutError, ValueError) as error:
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


def _units(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    written = write_units(STATION, arguments.output, arguments.programs)
    return {"written": written}, "\n".join(written)


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
    return result, (
        f"{arguments.station}: {count} certificates revoked now. A server that runs on this authority puts the station out within"
        " some seconds and no other; hand a server elsewhere its part again (authority export-server), and a RabbitMQ its files"
    )


def _flash(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    flashed = asyncio.run(_flash_all(arguments))
    result = {"board": flashed.board, "firmware": flashed.firmware, "port": flashed.port, "new_key": flashed.new_key}
    kept = "its key is now in" if flashed.new_key else "it has the key of"
    text = f"Board {flashed.board} on {flashed.port} runs firmware {flashed.firmware}; {kept} {arguments.key}"
    return {**result, "key": str(arguments.key)}, text


async def _flash_all(arguments: argparse.Namespace) -> FlashedBoard:
    way = BoardAccess(load=None, list_ports=boards, port=arguments.port)
    read_checked_image(arguments.image)
    if arguments.pair_only:
        return await flash(arguments.image, arguments.key, way)
    if not arguments.restart:
        return await flash(arguments.image, arguments.key, replace(way, load=choose(arguments.drive)))
    await reboot_to_bootloader(arguments.key, way)
    load = retry_until_loadable(lambda: choose(arguments.drive))
    return await flash(arguments.image, arguments.key, replace(way, load=load))


def _bundle(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    images = Images(arguments.root, arguments.verity, arguments.boot_a, arguments.boot_b)
    signer = arguments.authority / SIGNER
    made = make_bundle(arguments.output, images, arguments.compatible, arguments.version, signer)
    result = {"bundle": str(arguments.output), **asdict(made)}
    return result, "\n".join(f"{name}: {value}" for name, value in result.items())


def _wiring(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    find = configured_port(arguments.port) if arguments.port else only_port()
    rewired = asyncio.run(rewire(arguments.file, arguments.key, find))
    text = f"Board {rewired.board} runs with {arguments.file}: {rewired.slots} slots"
    return {"board": rewired.board, "slots": rewired.slots, "wiring": str(arguments.file)}, text


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
        {"station": claim.station, "id": claim.id, "expires": claim.expires.isoformat(), "state": claim.state(now)}
        for claim in authority.registry.claims().values()
    ]
    lines = [
        f"{station['station']}  epoch {station['epoch']}  {station['state']}  until {station['not_after']}"
        for station in stations
    ]
    lines += [
        f"claim {claim['id']}-...  {claim['station']}  {claim['state']}  until {claim['expires']}" for claim in claims
    ]
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
    authority_cli.add_parsers(commands, _command)
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
    add_options(_command(commands, "units", "write the systemd unit of the station", _units))
    appliance_cli.add_parsers(commands, _command)
    _flash_parser(commands)
    bundle = _command(commands, "bundle", "make a signed bundle of an image, which stations update from", _bundle)
    bundle.add_argument("output", type=Path, metavar="FILE.raucb")
    bundle.add_argument("--root", type=Path, required=True, help="the root file system (squashfs)")
    bundle.add_argument("--verity", type=Path, required=True, help="its hash tree (dm-verity)")
    bundle.add_argument("--boot-a", type=Path, required=True, help="slot A's kernel image, or a Pi's boot partition")
    bundle.add_argument("--boot-b", type=Path, required=True, help="the same of slot B")
    bundle.add_argument("--compatible", required=True, help="the machines that it is for, such as kortkiosk-amd64")
    bundle.add_argument("--version", required=True, help="numbers with dots between them, such as 2026.48.1")
    bundle.add_argument("--authority", type=Path, required=True, help="where authority issue-signer was done")
    wiring = _command(commands, "wiring", "tell a paired board which pin does what; it starts anew", _wiring)
    wiring.add_argument("file", type=Path, help="wiring.json, see docs/cabinet-protocol.md")
    wiring.add_argument("--key", type=Path, required=True, help="the pairing file, as station.toml names it")
    wiring.add_argument("--port", help="the board's serial port, where there are several")
    return parser


def _flash_parser(commands: Any) -> None:
    board = _command(commands, "flash", "put the cabinet's firmware on a Pico in BOOTSEL, and pair it", _flash)
    board.add_argument(
        "image", type=Path, nargs="?", default=PREBUILT, help="a UF2; without, the one that comes with this"
    )
    board.add_argument(
        "--key", type=Path, required=True, help="the pairing file, as station.toml names it; made if missing"
    )
    board.add_argument("--port", help="the board's serial port, where there are several")
    board.add_argument("--drive", type=Path, help="where the drive RPI-RP2 is mounted, to copy the image there")
    board.add_argument("--pair-only", action="store_true", help="the board has its firmware: only pair it")
    board.add_argument(
        "--restart", action="store_true", help="first send a paired board to BOOTSEL, without its button"
    )


def _command(commands: Any, name: str, summary: str, run: Callable[..., Any]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)
    return parser
