"""Diagnosis of an installation, `kortkiosk-fleet doctor`: folders, permissions, keys, certificates' ends, verifier, store.

Rules: nothing is changed, and nothing secret is shown; each finding names what and where, and what to do. A `fault` stops
something now or within a week; a `warning` will, or weakens a defence.
"""

import asyncio
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from fleet.messages.statements import is_issued_by
from fleet.server.keys.expiry import End, Sources, ends_of
from fleet.server.keys.signing import Signer, SigningKeyError
from fleet.server.verifier.model import VerifierAwayError
from fleet.server.verifier.socket_client import VerifierConnection

Level = Literal["ok", "warning", "fault"]
SOON_DAYS, NOW_DAYS = 60, 7
LEAST_FREE = 2**30
"""Bytes that the disk of the data should have free."""
PAIRS = ("broker", "fleet-server")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at. `what` is a stable name; the text is for people."""

    level: Level
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class Examined:
    """Parts of the installation to examine. `data` and `verifier`: None where not named; `stations`: ends that stations say."""

    authority: Path
    sources: Sources
    now: datetime
    data: Path | None = None
    verifier: Path | None = None
    stations: tuple[End, ...] = ()
    swaps: Path = Path("/proc/swaps")


def diagnose(examined: Examined) -> list[Diagnosis]:
    """All findings, in the order in which they are looked at."""
    checks: tuple[Callable[[Examined], Iterator[Diagnosis]], ...] = (
        _who, _folders, _elsewhere, _pairs, _signing, _ends, _verifier, _data, _swap,
    )  # fmt: skip
    return [diagnosis for check in checks for diagnosis in check(examined)]


def worst(diagnoses: list[Diagnosis]) -> Level:
    """The level of the worst."""
    levels: tuple[Level, ...] = ("ok", "warning", "fault")
    return max((diagnosis.level for diagnosis in diagnoses), key=levels.index, default="ok")


def _who(examined: Examined) -> Iterator[Diagnosis]:
    if os.geteuid() == 0:
        yield Diagnosis("warning", "user", "doctor runs as root, who reads everything: run it as the server's user")


def _folders(examined: Examined) -> Iterator[Diagnosis]:
    """Nobody but their owner reads keys, and the owner is who runs the server."""
    if not examined.authority.is_dir():
        yield Diagnosis(
            "fault", "authority", f"{examined.authority}: no such folder; `authority export-server` makes it"
        )
        return
    open_to_others = [path for path in _keys_in(examined.authority) if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if stat.S_IMODE(examined.authority.stat().st_mode) & 0o077:
        open_to_others.insert(0, examined.authority)
    for path in open_to_others:
        yield Diagnosis(
            "fault", "permissions", f"{path}: others may read it; chmod {'700' if path.is_dir() else '600'} it"
        )
    if not open_to_others:
        yield Diagnosis("ok", "permissions", f"{examined.authority}: for its owner alone")


def _keys_in(authority: Path) -> Iterator[Path]:
    for folder in ("server", "ca", "verifier"):
        if os.access(authority / folder, os.R_OK | os.X_OK):
            yield from sorted((authority / folder).glob("*.key"))
            yield from sorted((authority / folder).glob("envelope-keys.json"))


def _elsewhere(examined: Examined) -> Iterator[Diagnosis]:
    """Keys that the server does not need."""
    if (examined.authority / "ca" / "ca.key").exists():
        yield Diagnosis(
            "warning", "ca_key",
            f"{examined.authority}/ca/ca.key: the CA's key lies beside the server, which does not need it; keep the authority"
            " elsewhere and give the server its part (`authority export-server`)",
        )  # fmt: skip
    else:
        yield Diagnosis("ok", "ca_key", "the CA's key is not here")
    letters = examined.authority / "verifier" / "hpke.key"
    if os.access(letters.parent, os.X_OK) and letters.exists():
        yield Diagnosis(
            "warning", "verifier_keys",
            f"{letters.parent}: the keys of the code letters lie beside the server; they are the verifier's user's alone"
            " (`authority export-verifier`)",
        )  # fmt: skip


def _pairs(examined: Examined) -> Iterator[Diagnosis]:
    for name in PAIRS:
        place = examined.authority / "server" / f"{name}.pem"
        try:
            certificate = x509.load_pem_x509_certificate(place.read_bytes())
            key = load_pem_private_key(place.with_suffix(".key").read_bytes(), None)
            authorities = x509.load_pem_x509_certificates((examined.authority / "ca" / "ca.pem").read_bytes())
        except OSError as error:
            yield Diagnosis("fault", name, f"{error.filename}: {error.strerror}")
        except (ValueError, TypeError):
            yield Diagnosis("fault", name, f"{place} or its key, or ca.pem: cannot be read as PEM")
        else:
            if key.public_key() != certificate.public_key():
                yield Diagnosis(
                    "fault", name, f"{place}: is not the certificate of {name}.key; export the server's part anew"
                )
            elif not any(is_issued_by(certificate, authority) for authority in authorities):
                yield Diagnosis("fault", name, f"{place}: was not issued by the authority in ca.pem")
            else:
                yield Diagnosis("ok", name, f"{place}: fits its key and the authority")


def _signing(examined: Examined) -> Iterator[Diagnosis]:
    try:
        signer = Signer.load(examined.authority / "server" / "signing.key")
    except SigningKeyError as error:
        yield Diagnosis("fault", "signing", str(error))
    else:
        rotated = f"; rotated {len(signer.chain)} times" if signer.chain else ""
        yield Diagnosis("ok", "signing", f"the signing key can be used{rotated}")


def _ends(examined: Examined) -> Iterator[Diagnosis]:
    soon = 0
    for end in (*ends_of(examined.sources), *examined.stations):
        if not isinstance(end, End):
            yield Diagnosis("fault", "ends", str(end))
            continue
        days = end.days(examined.now)
        if days >= SOON_DAYS:
            continue
        soon += 1
        which = f"{end.what} {end.subject}".strip()
        verb = "has ended" if days < 0 else "ends"
        level: Level = "fault" if days < NOW_DAYS else "warning"
        yield Diagnosis(level, "ends", f"{which}: {verb} {end.at:%Y-%m-%d}; renew: {end.renewal}")
    if not soon:
        yield Diagnosis("ok", "ends", f"nothing ends within {SOON_DAYS} days")


def _verifier(examined: Examined) -> Iterator[Diagnosis]:
    if examined.verifier is None:
        return
    try:
        asyncio.run(_reach(examined.verifier))
    except VerifierAwayError as error:
        yield Diagnosis(
            "fault",
            "verifier",
            f"{error}; see `systemctl status kortkiosk-verifier`, and run doctor as the server's user",
        )
    else:
        yield Diagnosis("ok", "verifier", f"{examined.verifier}: the verifier answers")


async def _reach(path: Path) -> None:
    """Raises VerifierAwayError."""
    async with VerifierConnection(path) as verifier:
        await verifier.reach()


def _data(examined: Examined) -> Iterator[Diagnosis]:
    data = examined.data
    if data is None:
        return
    if not data.is_dir():
        yield Diagnosis("fault", "data", f"{data}: no such folder; the server makes it when it starts")
        return
    status = data.stat()
    if stat.S_IMODE(status.st_mode) & 0o077:
        yield Diagnosis("fault", "data", f"{data}: others may read it; chmod 700 it")
    if status.st_uid == 0:
        yield Diagnosis(
            "warning", "data", f"{data}: belongs to root, who should not run the server; chown -R it to its user"
        )
    free = shutil.disk_usage(data).free
    if free < LEAST_FREE:
        yield Diagnosis("warning", "data", f"{data}: {free // 2**20} MiB are free on its disk")
    else:
        yield Diagnosis("ok", "data", f"{data}: {free // 2**30} GiB free")


def _swap(examined: Examined) -> Iterator[Diagnosis]:
    """Warn where the machine swaps: what is swapped stays on the disk: sealed codes, sessions, keys."""
    try:
        lines = examined.swaps.read_text().splitlines()[1:]
    except OSError:
        return
    if lines:
        yield Diagnosis("warning", "swap", "this machine swaps: switch it off, or run by the units (MemorySwapMax=0)")
