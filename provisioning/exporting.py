"""Export of an authority's parts, for the machines and users that need them: the CA's key stays where it was made.

Rules: the server's part has no key of the CA (an issuing key under it is another) and none of the verifier's; the verifier's part
has its own keys and nothing else. A copy is made file by file, each in one step, so that a second export renews a copy in use;
what the server made there itself stays.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from fleet.server.verifier.judge import Keys, KeysError
from provisioning import files
from provisioning.authority import CRL_FILE, ISSUING_FILE, KEYS_FILE, PUBLIC_FILE, Authority, AuthorityError
from provisioning.issuing import issuing_keys
from provisioning.processes import process_names
from provisioning.registry import ISSUED_FILE

SERVER_FILES = (
    "server/broker.key",
    "server/broker.pem",
    "server/fleet-server.key",
    "server/fleet-server.pem",
    "server/signing.key",
    "server/signing-next.key",
    KEYS_FILE,
    PUBLIC_FILE,
    "ca/ca.pem",
    ISSUING_FILE,
    ISSUED_FILE,
    CRL_FILE,
    "updates/signer.pem",
)
VERIFIER_FILES = ("hpke.key", "hpke-next.key", "envelope-keys.json", "key-sums.json")
_READABLE = (".pem", ".json")


def export_server(authority: Authority, into: Path, owner: str | None = None) -> tuple[str, ...]:
    """Copy what `kortkiosk-fleet serve --authority` needs. Return what was written. Raises AuthorityError, OSError."""
    _check_place(authority, into)
    processes = [f"server/{name}{end}" for name in process_names(authority) for end in (".key", ".pem")]
    issuing = [f"server/{path.name}" for path in issuing_keys(authority.directory)]
    return _copy(authority.directory, into, (*SERVER_FILES, *issuing, *processes), owner)


def export_verifier(authority: Authority, into: Path, owner: str | None = None) -> tuple[str, ...]:
    """Copy what `kortkiosk-fleet verifier --keys` needs, with the checksums that its user may not write.

    Return what was written. Raises AuthorityError, OSError."""
    _check_place(authority, into)
    try:
        Keys.load(authority.directory / "verifier")
    except KeysError as error:
        raise AuthorityError(str(error)) from None
    return _copy(authority.directory / "verifier", into, VERIFIER_FILES, owner)


def _check_place(authority: Authority, into: Path) -> None:
    here, there = authority.directory.resolve(), into.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise AuthorityError(f"{into} is the authority's own place: name another folder")
    if (into / "ca" / "ca.key").exists():
        raise AuthorityError(f"{into} holds a CA's key: an authority is never overwritten")


def _copy(source: Path, into: Path, names: Iterable[str], owner: str | None) -> tuple[str, ...]:
    written = []
    for name in names:
        place = into / name
        if not (source / name).is_file():
            place.unlink(missing_ok=True)  # as a key that was the next one, and is now the key
            continue
        for folder in reversed([place.parent, *place.parent.parents]):
            if folder == into or into in folder.parents:
                _make_folder(folder, owner)
        mode = files.PUBLIC if place.suffix in _READABLE and name not in VERIFIER_FILES else files.PRIVATE
        files.write_file(place, (source / name).read_bytes(), mode)
        _give(place, owner)
        written.append(name)
    return tuple(written)


def _make_folder(folder: Path, owner: str | None) -> None:
    files.make_directory(folder)
    _give(folder, owner)


def _give(path: Path, owner: str | None) -> None:
    if owner is None:
        return
    try:
        shutil.chown(path, owner)
    except LookupError:
        raise AuthorityError(f"--owner {owner}: there is no such user") from None
    except PermissionError:
        raise AuthorityError(f"--owner {owner}: only root gives files away (this is user {os.geteuid()})") from None
