"""Command line of provisioning, `kortkiosk-provision`: the authority, claim codes, enrolment, who is enrolled, and the
cabinet's board.

A claim code comes from a file or a prompt, never from an argument. Exit codes: 0 done, 1 our own error, 2 bad input or
usage, 3 refused, 4 fault of a device (the disk, the network), 5 nobody approved in time, 130 interrupted.
"""

import argparse
import asyncio
import getpass
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from drivers.cabinet.firmware_image import PREBUILT
from drivers.cabinet.port_discovery import configured_port, only_port
from drivers.cabinet.serial_link import boards
from fleet.agent.identity import Identity, IdentityError
from provisioning import authority_cli
from provisioning.appliance import cli as appliance_cli
from provisioning.appliance.layout import LayoutError
from provisioning.appliance.setup_file import write_setup_file
from provisioning.authority import CRL_FILE, PUBLIC_FILE, Authority, AuthorityError
from provisioning.claim import ClaimRefused
from provisioning.enrol import enrol, parse_broker
from provisioning.est.claim_codes import Claim as EstClaim
from provisioning.est.claim_codes import ClaimCode
from provisioning.est.client import EstError, FileKey, KeyShown, claim_under_way
from provisioning.est.client import enrol as enrol_by_est
from provisioning.flash import (
    BoardAccess,
    FlashedBoard,
    flash,
    read_checked_image,
    reboot_to_bootloader,
    retry_until_loadable,
)
from provisioning.keys.secrets import KeyFileError, SecretFileError
from provisioning.keys.station_keys import best_kind
from provisioning.pico import FlashError, choose
from provisioning.renewal import TooEarlyError
from provisioning.units import STATION, UnitsError, add_options, write_units
from provisioning.updates.bundle import SIGNER, BundleError, Images, make_bundle
from provisioning.wiring import RewiringError, rewire

Clock = Callable[[], datetime]

DONE, BAD_INPUT, REFUSED, FAULT, TIMED_OUT, INTERRUPTED = 0, 2, 3, 4, 5, 130
EST_CODES = {"bad_address": BAD_INPUT, "unreachable": FAULT, "bad_answer": FAULT, "timed_out": TIMED_OUT}
"""Exit codes by why enrolment over the network went no further; REFUSED where none is named."""
FLASH_CODES = {"bad_image": BAD_INPUT, "pairing_refused": REFUSED, "not_paired": REFUSED}
"""Exit codes by what was wrong with a board; FAULT where none is named."""

MOST_WAIT_HOURS = 7 * 24


def main(argv: Sequence[str] | None = None, clock: Clock | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    now = (clock or _wall_clock)()
    try:
        result, text = arguments.run(arguments, now)
    except ClaimRefused as error:
        return _say_error(arguments, REFUSED, "claim_refused", str(error))
    except EstError as error:
        return _say_error(arguments, EST_CODES.get(error.code, REFUSED), error.code, str(error))
    except TooEarlyError as error:
        return _say_error(arguments, REFUSED, "too_early", str(error))
    except FlashError as error:
        return _say_error(arguments, FLASH_CODES.get(error.code, FAULT), error.code, str(error))
    except RewiringError as error:
        return _say_error(arguments, BAD_INPUT if error.ours else FAULT, "wiring", str(error))
    except BundleError as error:
        return _say_error(arguments, FAULT if error.fault == "no_rauc" else BAD_INPUT, error.fault, str(error))
    except (AuthorityError, KeyFileError, SecretFileError, IdentityError, UnitsError, LayoutError, ValueError) as error:
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
    if arguments.authority is None:
        return _enrol_over_network(arguments)
    if arguments.broker is None:
        raise ValueError("--broker HOST:PORT is missing: who enrols at the authority's folder says where the broker is")
    broker = parse_broker(arguments.broker)
    authority = authority_cli.open_authority(arguments, arguments.authority)
    identity = enrol(authority, arguments.into, broker, _read_code(arguments.code_file), now)
    result = {**_stated(identity), "identity": str(arguments.into)}
    return result, f"{identity.station} is enrolled (epoch {identity.epoch}); its identity is in {arguments.into}"


def _enrol_over_network(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """The claim is typed, or scanned as a whole; where a power cut stopped one, it goes on without."""
    broker = parse_broker(arguments.broker) if arguments.broker else None
    claim = None if arguments.code_file else claim_under_way(arguments.into)
    if claim is None:
        claim = _claim_of(_read_code(arguments.code_file).strip(), arguments)
    wait = timedelta(hours=arguments.wait_hours)
    keys = partial(FileKey.load_or_make, kind=arguments.key or best_kind())
    enrolled = enrol_by_est(claim, arguments.into, keys=keys, tell=_show_key, broker=broker, wait=wait)
    off_s = round(enrolled.clock_off.total_seconds())
    result = {**_stated(enrolled.identity), "identity": str(arguments.into), "clock_off_s": off_s}
    late = f"; this machine's clock is {abs(off_s)} s {'ahead' if off_s > 0 else 'behind'}" if abs(off_s) > 60 else ""
    sentence = f"{enrolled.identity.station} is enrolled (epoch {enrolled.identity.epoch}); its identity is in"
    return result, f"{sentence} {arguments.into}{late}"


def _claim_of(text: str, arguments: argparse.Namespace) -> EstClaim:
    """Of the QR code, or of the options and the typed code. Raises ClaimRefused, ValueError."""
    if ":" in text:
        return EstClaim.parse(text)
    if not (arguments.server and arguments.station):
        raise ValueError("name --server https://HOST:PORT and --station NAME, or give the whole text of the QR code")
    return EstClaim(arguments.server, arguments.station, ClaimCode.parse(text))


def _show_key(shown: KeyShown) -> None:
    print(f"{shown.station} waits for approval; its key is {shown.fingerprint}", file=sys.stderr, flush=True)


def _status(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    if (arguments.directory / PUBLIC_FILE).is_file():
        return _authority_status(Authority(arguments.directory), now)
    identity = Identity.load(arguments.directory)
    until = f"certificate until {identity.not_after:%Y-%m-%d}, key: {identity.key_kept}"
    return _stated(identity), f"{identity.station}, epoch {identity.epoch}, {until}"


def _revoke(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    count = authority_cli.open_authority(arguments).revoke(arguments.station, now)
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


def _stick(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    code = _read_code(arguments.code_file)
    written = write_setup_file(arguments.folder, arguments.base, arguments.server, arguments.station, code)
    result = {"written": str(written), "station": arguments.station}
    return result, f"{written}: {arguments.station or 'a station whose name is typed at its screen'}"


def _wiring(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    find = configured_port(arguments.port) if arguments.port else only_port()
    rewired = asyncio.run(rewire(arguments.file, arguments.key, find))
    text = f"Board {rewired.board} runs with {arguments.file}: {rewired.slots} slots"
    return {"board": rewired.board, "slots": rewired.slots, "wiring": str(arguments.file)}, text


def _authority_status(authority: Authority, now: datetime) -> tuple[dict[str, Any], str]:
    stations = [
        {
            "station": record.station,
            "epoch": record.epoch,
            "serial": f"{record.serial:x}",
            "not_after": record.not_after.isoformat(),
            "state": "revoked" if record.revoked is not None else "expired" if now > record.not_after else "valid",
        }
        for record in authority.registry.issued()
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
        "key": identity.key_kept,
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
    where = enrolment.add_mutually_exclusive_group()
    where.add_argument("--authority", type=Path, help="the authority's folder, where it is at hand")
    where.add_argument("--server", metavar="https://HOST:PORT", help="enrol over the network (EST)")
    enrolment.add_argument("--station", metavar="NAME", help="over the network: the name of the claim")
    authority_cli.add_unlocking(enrolment)
    enrolment.add_argument(
        "--key", choices=("file", "sealed", "tpm"),
        help="over the network: where the key is made; without, the safest that this machine has",
    )  # fmt: skip
    enrolment.add_argument("--into", type=Path, required=True, help="the directory to make")
    enrolment.add_argument("--broker", metavar="HOST:PORT", help="over the network the server says it")
    enrolment.add_argument(
        "--code-file", type=Path, help="read the code, or the text of its QR code, from this file instead of asking"
    )
    enrolment.add_argument(
        "--wait-hours", type=_wait_hours, default=24.0, help="over the network: wait so long for approval (%(default)g)"
    )
    status = _command(commands, "status", "who is enrolled, or who this is", _status)
    status.add_argument("directory", type=Path, help="an authority or an identity")
    revoke = _command(commands, "revoke", "revoke every certificate of a station", _revoke)
    revoke.add_argument("directory", type=Path, help="the authority")
    revoke.add_argument("station")
    authority_cli.add_unlocking(revoke)
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
    stick = _command(commands, "stick", "write the setup file of a new station beside its image", _stick)
    stick.add_argument("folder", type=Path, help="where the card's first partition is mounted")
    stick.add_argument("--server", required=True, metavar="https://HOST:PORT", help="where stations enrol")
    stick.add_argument("--station", default="", metavar="NAME", help="without, it is typed at the station's screen")
    stick.add_argument(
        "--code-file", type=Path, help="read the join key's or claim's code from this file instead of asking"
    )
    stick.add_argument(
        "--base", type=Path, metavar="FILE", help="a setup file with what all have in common: [settings], [network]"
    )
    wiring = _command(commands, "wiring", "tell a paired board which pin does what; it starts anew", _wiring)
    wiring.add_argument("file", type=Path, help="wiring.json, see docs/cabinet-protocol.md")
    wiring.add_argument("--key", type=Path, required=True, help="the pairing file, as station.toml names it")
    wiring.add_argument("--port", help="the board's serial port, where there are several")
    return parser


def _wait_hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = -1.0
    if not 0 <= hours <= MOST_WAIT_HOURS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of hours from 0 to {MOST_WAIT_HOURS}")
    return hours


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
