"""Appliance layout: every file that makes a Debian root a station's, below that root, at the path where the system looks for it.

Rules: files ship as they lie (`root/`), but for the paths of the programs and the kind of machine. Units that are to run are
linked as `systemctl enable` does, and what would give a shell at the console is masked. The root is not entered, so it may be of
another architecture.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Literal, get_args

from provisioning import files
from provisioning.appliance import usb_gate
from provisioning.keys import tpm
from provisioning.units import PROGRAM, STATION, write_units
from provisioning.updates.boot_loaders import IMAGES, Slot

Machine = Literal["amd64", "arm64"]
MACHINES: tuple[Machine, ...] = get_args(Machine)

SHIPPED = Path(__file__).with_name("root")
UNITS, SYSUSERS = Path("usr/lib/systemd/system"), Path("usr/lib/sysusers.d/kortkiosk.conf")
GATE, OPENSSL = Path("usr/lib/kortkiosk/usb-gate"), Path("usr/lib/kortkiosk") / tpm.CONFIGURATION.name
BOOT = {
    "amd64": {slot: f"/efi/EFI/Linux/{image}" for slot, image in IMAGES.items()},
    "arm64": {slot: f"/dev/disk/by-partlabel/boot-{slot.lower()}" for slot in Slot},
}
"""What starts a slot: on EFI a file, on a Raspberry Pi a partition."""
KEYS = {"amd64": "/efi/kortkiosk", "arm64": "/boot/firmware/kortkiosk"}
"""Where the key of /data is, sealed by the TPM or open: in the boot folder, which no update writes anew."""
PROGRAMS = Path("/opt/kortkiosk/bin")
UPDATE_CA, PINNED_CA = Path("usr/lib/kortkiosk/update-ca.pem"), "/data/machine/trust/ca.pem"
"""Whose signers sign bundles: the image's own, or who root has pinned (`provisioning.appliance.trust`)."""
ENABLED = {
    "nftables.service": "sysinit.target",
    "chrony.service": "multi-user.target",
    "pcscd.socket": "sockets.target",
    "modprobe@i6300esb.service": "sysinit.target",  # the watchdog of the PC of the tests, no kernel of Debian's loads it
    "modprobe@bcm2835_wdt.service": "sysinit.target",  # likewise of the Raspberry Pi
    "modprobe@kortkiosk_pi.service": "sysinit.target",  # image/module, on a Raspberry Pi alone
    "kortkiosk-data.service": "multi-user.target",
    "kortkiosk-settings.path": "multi-user.target",
    "kortkiosk-settings.timer": "timers.target",
    "kortkiosk-erase.path": "multi-user.target",
    "kortkiosk-install.path": "multi-user.target",
    "kortkiosk-slots.service": "multi-user.target",
    "kortkiosk-trial.timer": "timers.target",
    "kortkiosk-station.service": "graphical.target",
}
"""Units that run, and who wants them."""
MASKED = (
    "getty@.service",
    "serial-getty@.service",
    "console-getty.service",
    "container-getty@.service",
    "autovt@.service",
    "debug-shell.service",
    "ctrl-alt-del.target",
    "rauc-mark-good.service",
    "systemd-pcrphase-sysinit.service",
    "systemd-pcrphase.service",
)
"""What would take a name and a password, or open a shell, at the console; RAUC's own service that believes every start; and
what measures later phases of a start, for which no image is signed (`image.boot.PHASE`)."""
EXECUTABLE = 0o755


class LayoutError(Exception):
    """The appliance cannot be laid out. The text says why."""


def write_appliance(
    root: Path, programs: Path = PROGRAMS, machine: Machine = "amd64", update_ca: Path | None = None
) -> list[str]:
    """Write all of it below `root`; what is there already is replaced. Gives the paths as the station will see them.

    Args:
        programs: the folder of the programs as the station will see it; they must be there already.
        machine: its kind, which says what starts it and which bundles are for it.
        update_ca: certificates of the fleet's authority in PEM, and its list of revocations where that counts for bundles.

    Raises LayoutError, UnitsError, OSError.
    """
    if not programs.is_absolute():
        raise LayoutError(f"{programs}: name the folder as the station will see it, such as {PROGRAMS}")
    if not root.is_dir():
        raise LayoutError(f"{root}: there is no such folder")
    trusted = update_ca.read_bytes() if update_ca else b""
    names = _names(programs, machine, trusted)
    if trusted:
        _write(root / UPDATE_CA, trusted)
    written = [_copy(root, path, names) for path in sorted(SHIPPED.rglob("*")) if path.is_file()]
    write_units(STATION, root / UNITS, programs, root)
    users = root / UNITS / "kortkiosk-users.conf"
    _write(root / SYSUSERS, users.read_bytes())
    users.unlink()
    _write(root / GATE, Path(usb_gate.__file__).read_bytes(), EXECUTABLE)
    _write(root / OPENSSL, tpm.CONFIGURATION.read_bytes())
    links = [_enable(root, name, wants) for name, wants in ENABLED.items()]
    links += [_link(root, Path("etc/systemd/system") / name, Path("/dev/null")) for name in MASKED]
    links.append(_link(root, Path("etc/systemd/system/default.target"), Path("/") / UNITS / "graphical.target"))
    units = [str(UNITS / name) for name in STATION if name.endswith(".service")]
    return sorted(f"/{path}" for path in (*written, *units, str(SYSUSERS), str(GATE), str(OPENSSL), *links))


def _names(programs: Path, machine: Machine, update_ca: bytes) -> dict[str, str]:
    """Return the values of what the shipped files leave to a build or a machine, by placeholder."""
    boot = BOOT[machine]
    return {
        PROGRAM: str(programs / "kortkiosk"),
        "@PROVISION@": str(programs / "kortkiosk-provision"),
        "@SLOTS@": str(programs / "kortkiosk-slots"),
        "@MACHINE@": machine,
        "@BOOT_A@": boot[Slot.A],
        "@BOOT_B@": boot[Slot.B],
        "@KEYS@": KEYS[machine],
        "@BOOT_FOLDER@": str(Path(KEYS[machine]).parent),
        "@KEYRING@": f"/{UPDATE_CA}" if update_ca else PINNED_CA,
        "@CHECK_CRL@": str(b"BEGIN X509 CRL" in update_ca).lower(),
    }


def _copy(root: Path, shipped: Path, names: dict[str, str]) -> str:
    path = shipped.relative_to(SHIPPED)
    text = shipped.read_text("utf-8")
    for name, meant in names.items():
        text = text.replace(name, meant)
    _write(root / path, text.encode(), EXECUTABLE if text.startswith("#!/bin/sh") else files.PUBLIC)
    return str(path)


def _write(path: Path, content: bytes, mode: int = files.PUBLIC) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_file(path, content, mode)


def _enable(root: Path, name: str, wanted_by: str) -> str:
    unit = re.sub(r"@.*\.", "@.", name)
    return _link(root, Path("etc/systemd/system") / f"{wanted_by}.wants" / name, Path("/") / UNITS / unit)


def _link(root: Path, path: Path, target: Path) -> str:
    link = root / path
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)
    elif os.path.lexists(link):
        link.unlink()
    link.symlink_to(target)
    return str(path)
