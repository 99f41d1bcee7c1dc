"""Command line of the authority, `kortkiosk-provision authority`: make it, renew and rotate what it made, hand its parts out.

$ kortkiosk-provision authority renew /media/authority
broker: good until 2030-11-01
"""

import argparse
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from provisioning import files
from provisioning.appliance.recovery import open_sealed
from provisioning.authority import CRL_FILE, PUBLIC_FILE, Authority, AuthorityError
from provisioning.claim import GROUP
from provisioning.exporting import export_server, export_verifier
from provisioning.issuing import issue_issuing
from provisioning.keys import sealing
from provisioning.keys.secrets import ask, unlocking
from provisioning.processes import issue_process
from provisioning.renewal import LEAVES, renew
from provisioning.rotation import ALL_PARTS, OVERLAP_DAYS, PARTS, finish_rotation, forget_ca, rotate
from provisioning.updates.bundle import SIGNER, issue_signer

HAND_OUT = "Hand the parts out now: export-verifier first, then export-server; and restart verifier and server."


def add_parsers(commands: Any, make: Callable[..., argparse.ArgumentParser]) -> None:
    """All of them. `make`: gives a command its summary, `--json` and its function."""
    authority = commands.add_parser("authority", help="make the fleet's authority, renew it, and hand its parts out")
    parts = authority.add_subparsers(required=True, metavar="COMMAND")
    init = make(parts, "init", "make all keys, once", _init)
    init.add_argument("directory", type=Path)
    init.add_argument("--issuing", action="store_true", help="with an issuing key for the server")
    kept = init.add_mutually_exclusive_group()
    kept.add_argument("--unsealed", action="store_true", help="keep the CA's key without a passphrase: for tests")
    kept.add_argument("--pkcs11", metavar="URI", help="make the CA's key on a token (RFC 7512), and keep it there")
    init.add_argument("--server-name", action="append", default=[], help="a name or address of the broker")
    crl = make(parts, "crl", "write the list of revocations anew", _crl)
    crl.add_argument("directory", type=Path, help="the authority")
    renewal = make(parts, "renew", "new certificates for broker and server, before theirs end", _renew)
    renewal.add_argument("directory", type=Path)
    renewal.add_argument("--only", choices=LEAVES, action="append", help="one of them")
    renewal.add_argument("--early", action="store_true", help="also where there are more than 180 days left")
    issued = make(parts, "issue", "a certificate for one more process of the server at an MQTT broker", _issue)
    issued.add_argument("directory", type=Path)
    issued.add_argument("name", metavar="fleet-server-NAME")
    issuing = make(
        parts, "issue-issuing", "an issuing key for the server, which renews stations' certificates", _issue_issuing
    )
    issuing.add_argument("directory", type=Path)
    issuing.add_argument("--early", action="store_true", help="also where there is more than a year left")
    signer = make(parts, "issue-signer", "a key and certificate that sign update bundles", _issue_signer)
    signer.add_argument("directory", type=Path)
    signer.add_argument(
        "--revoke", action="store_true", help="the key before has leaked: put it on the list of revocations"
    )
    rotation = make(parts, "rotate", "new keys for signing and verifier, which stations follow", _rotate)
    rotation.add_argument("directory", type=Path)
    rotation.add_argument("--only", choices=ALL_PARTS, action="append", help="one of them")
    rotation.add_argument("--overlap-days", type=float, default=OVERLAP_DAYS, help="both are trusted (%(default)g)")
    rotation.add_argument(
        "--forget-ca", action="store_true", help="trust the newest CA alone, once nothing rests on others"
    )
    rotation.add_argument("--finish", action="store_true", help="forget the old keys, once the overlap is over")
    recovery = make(
        parts, "recovery-key", "open the recovery key of a station's /data, which two persons released", _recovery_key
    )
    recovery.add_argument("directory", type=Path)
    recovery.add_argument("station")
    recovery.add_argument("sealed", type=Path, metavar="FILE", help="the sealed key, as the server released it")
    for signing in (init, crl, renewal, issued, issuing, signer, rotation, recovery):
        add_unlocking(signing)
    for name, summary, export in (
        ("export-server", "copy what the server needs, which is not the CA's key", export_server),
        ("export-verifier", "copy the keys of the code letters for the verifier's user", export_verifier),
    ):
        exported = make(parts, name, summary, partial(_export, export))
        exported.add_argument("directory", type=Path, help="the authority")
        exported.add_argument("into", type=Path, help="the folder to make, or to bring up to date")
        exported.add_argument("--owner", metavar="USER", help="whose files they are to be (as root)")


def add_unlocking(parser: argparse.ArgumentParser) -> None:
    """For a command that signs with the CA's key."""
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="FILE",
        help="of mode 0600: the passphrase (or PIN) of the CA's key; asked for without one",
    )  # fmt: skip


def open_authority(arguments: argparse.Namespace, directory: Path | None = None) -> Authority:
    """The authority that a command is about. Raises AuthorityError."""
    return Authority(directory or arguments.directory, unlocking(getattr(arguments, "passphrase_file", None)))


def _init(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    like = arguments.pkcs11.encode() if arguments.pkcs11 else b"" if arguments.unsealed else sealing.MARKER
    # Without a file a new passphrase is asked for twice: to seal the key, and to open it again.
    unlock = unlocking(arguments.passphrase_file) if arguments.passphrase_file else ask
    authority = Authority.init(arguments.directory, arguments.server_name, now, like=like, unlock=unlock)
    if arguments.issuing:
        issue_issuing(authority, now)
    public = files.read_json(authority.directory / PUBLIC_FILE)
    result = {"authority": str(authority.directory), "signing_key_id": public["signing_key"]["kid"]}
    return result, f"The authority is in {authority.directory}. Keep a copy of it where nobody else can read it."


def _renew(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    authority = open_authority(arguments)
    renewed = renew(authority, tuple(arguments.only or LEAVES), now, early=arguments.early)
    rows = [{"name": leaf.name, "not_after": leaf.not_after.isoformat()} for leaf in renewed]
    lines = [f"{leaf.name}: good until {leaf.not_after:%Y-%m-%d}" for leaf in renewed]
    return {"renewed": rows}, "\n".join([*lines, HAND_OUT])


def _rotate(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    authority = open_authority(arguments)
    if arguments.finish:
        done = finish_rotation(authority, now)
        return {"finished": done.sequence}, f"Rotation {done.sequence} is finished. {HAND_OUT}"
    if arguments.forget_ca:
        done = forget_ca(authority, now)
        return {"forgotten": done.sequence}, f"The newest CA alone is trusted (statement {done.sequence}). {HAND_OUT}"
    begun = rotate(authority, tuple(arguments.only or PARTS), now, arguments.overlap_days)
    summary = {"sequence": begun.sequence, "starts": begun.starts.isoformat(), "old_until": begun.old_until.isoformat()}
    text = (
        f"Rotation {begun.sequence}: stations learn the new keys from now on, the server signs with the new one from"
        f" {begun.starts:%Y-%m-%d}, the old one is trusted until {begun.old_until:%Y-%m-%d}; then `rotate --finish`. {HAND_OUT}"
    )
    return summary, text


def _issue(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    until = issue_process(open_authority(arguments), arguments.name, now)
    summary = {"name": arguments.name, "not_after": until.isoformat()}
    return (
        summary,
        f"server/{arguments.name}.pem and .key: good until {until:%Y-%m-%d}. Export, and write the broker's files anew.",
    )


def _issue_signer(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    until = issue_signer(open_authority(arguments), now, revoke=arguments.revoke)
    summary = {"signer": str(arguments.directory / SIGNER), "not_after": until.isoformat()}
    return summary, f"{arguments.directory / SIGNER} and .key sign bundles until {until:%Y-%m-%d}."


def _issue_issuing(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    until = issue_issuing(open_authority(arguments), now, early=arguments.early)
    return {"not_after": until.isoformat()}, f"The issuing key is good until {until:%Y-%m-%d}. {HAND_OUT}"


def _recovery_key(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    sealed, code, fault = arguments.sealed.read_text("ascii").strip(), "", None
    for authority in open_authority(arguments).key_files().values():
        try:
            code = open_sealed(authority.key, arguments.station, sealed)
        except ValueError as error:
            fault = error
    if not code:
        raise AuthorityError(str(fault))
    code = "-".join(code[at : at + GROUP] for at in range(0, len(code), GROUP))
    return {"station": arguments.station, "recovery_key": code}, code


def _export(
    export: Callable[[Authority, Path, str | None], tuple[str, ...]], arguments: argparse.Namespace, now: datetime
) -> tuple[dict[str, Any], str]:
    written = export(open_authority(arguments), arguments.into, arguments.owner)
    return {"into": str(arguments.into), "written": list(written)}, f"{arguments.into}: {', '.join(written)}"


def _crl(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    count = open_authority(arguments).write_crl(now)
    path = arguments.directory / CRL_FILE
    return {
        "crl": str(path),
        "revoked": count,
    }, f"{path} names {count} revoked certificates, as of {now:%Y-%m-%d %H:%M}"
