"""Files that a machine's firmware reads: on EFI one partition with both slots' kernel images; on a Raspberry Pi three partitions.

    boot      autoboot.txt, which names the slots' partitions; the key of /data and the notes of the slots come here later
    boot-a    the firmware's programs, config.txt, both kernels with their initial RAM disks and device trees, and the kernel line
              (site-config.txt, site-cmdline.txt: a site's own lines of both, which an update takes along)
    boot-b    the same with the kernel line of the other slot

Rules: a Raspberry Pi 4 gets Debian's kernel, a Raspberry Pi 5 the one of backports, which knows RP1; config.txt tells them apart.
The firmware of a Pi 5 of the later stepping lays an overlay over the first one's tree (raspberrypi/firmware#2018). Raspberry
Pi's own overlay fits its own trees alone: this one is made of Linux's two trees, by paths.
The archives of the root guard and of the start's picture follow the initial RAM disk: the kernel unpacks one after the other.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from image import boards, layout
from image.commands import run
from image.steps import digest_of
from provisioning.updates.boot_loaders import IMAGES, RaspberryPi, loader_conf
from provisioning.updates.boot_loaders import Slot as BootSlot

EFI_STUB = Path("/usr/lib/systemd/boot/efi/linuxx64.efi.stub")
BOOT_MANAGER = Path("/usr/lib/systemd/boot/efi/systemd-bootx64.efi")
SIGNERS = {"PK": "PK", "KEK": "PK", "db": "KEK"}
"""Variables of Secure Boot, and whose key signs each (UEFI specification 32.3)."""
NO_CREDENTIALS = " systemd.import_credentials=no"
"""Of a signed kernel line: what lies beside a kernel image on the EFI partition is not signed."""
PHASE = "sysinit"
"""What an image extends PCR 11 by before it opens /data (kortkiosk-open-data.service): for then its measurement is signed."""
FIRMWARE = {
    "start4.elf": "usr/lib/raspi-firmware/start4.elf",
    "fixup4.dat": "usr/lib/raspi-firmware/fixup4.dat",
    "LICENCE.broadcom": "usr/share/doc/raspi-firmware/copyright",
}
"""What a Raspberry Pi 4 starts from the partition (the Pi 5 has it in its EEPROM), and the licence, which has to go with it."""
STEPPING = "overlays/bcm2712d0.dtbo"
"""What the firmware of a Pi 5 lays over the tree of the first stepping (C1) where its chip is of the later one (D0)."""
SITE_CONFIG = "site-config.txt"
CONFIG = f"""\
# Linux as Debian has it: 64 bits, with its own device trees
[all]
arm_64bit=1
upstream_kernel=1
os_check=0
disable_splash=1
cmdline=cmdline.txt
[pi4]
kernel=vmlinuz
initramfs initrd followkernel
[pi5]
kernel=vmlinuz-newer
initramfs initrd-newer followkernel
usb_max_current_enable=1
[all]
include {SITE_CONFIG}
"""
"""A site's own lines come last. A supply that does not say that it gives 5 A is asked for what USB devices need all the same."""


def write_efi(
    root: Path, archives: Sequence[Path], roothash: str, epoch: int, folder: Path, keys: Path | None = None
) -> None:
    """Both slots' kernel images, and the EFI system partition.

    Args:
        root: where kernel and initial RAM disk are.
        archives: what follows the initial RAM disk.
        roothash: of the root that the kernel line names.
        epoch: Unix seconds of every file.
        keys: a folder with the region's keys of Secure Boot, `PK`, `KEK` and `db`, each as `.key` and `.pem`. Kernel images and
            boot manager are signed then, and the boot manager enrols the keys in a firmware that is in setup mode. `db` signs
            what an image measures, too: to that /data is sealed.

    Raises CommandError, OSError.
    """
    images = {slot: folder / IMAGES[BootSlot(slot.upper())] for slot in layout.SLOTS}
    signing = (
        [f"--secureboot-private-key={keys / 'db.key'}", f"--secureboot-certificate={keys / 'db.pem'}",
         f"--pcr-private-key={keys / 'db.key'}", "--pcr-banks=sha256", f"--phases={PHASE}"] if keys else []
    )  # fmt: skip
    manager, enrolled = (
        (_sign_manager(keys, folder), _write_enrolment(keys, epoch, folder)) if keys else (BOOT_MANAGER, {})
    )
    for slot, image in images.items():
        run("ukify", "build", f"--linux={root / 'vmlinuz'}", f"--initrd={root / 'initrd'}",
            *(f"--initrd={archive}" for archive in archives), f"--microcode={root / 'microcode.cpio'}",
            f"--uname={(root / 'kernel-version').read_text('ascii').strip()}",
            f"--os-release=@{root / 'os-release'}", f"--stub={EFI_STUB}",
            f"--cmdline={layout.kernel_line(slot, roothash)}{NO_CREDENTIALS if keys else ''}",
            f"--output={image}", *signing,
            env={"SOURCE_DATE_EPOCH": str(epoch)})  # fmt: skip
    loader = folder / "loader.conf"
    loader.write_text(loader_conf(BootSlot.A), "ascii")
    _fill_fat(folder / "esp.vfat", layout.ESP_MIB, {
        "EFI/BOOT/BOOTX64.EFI": manager,
        **enrolled,
        **{f"EFI/Linux/{image.name}": image for image in images.values()},
        "loader/loader.conf": loader,
    }, epoch)  # fmt: skip


def _sign_manager(keys: Path, folder: Path) -> Path:
    signed = folder / BOOT_MANAGER.name
    run("sbsign", "--key", keys / "db.key", "--cert", keys / "db.pem", "--output", signed, BOOT_MANAGER)
    return signed


def _write_enrolment(keys: Path, epoch: int, folder: Path) -> dict[str, Path]:
    """Write each certificate that systemd-boot enrols, signed by the key above it. Return them by path on the EFI partition."""
    made = {}
    for name, signer in SIGNERS.items():
        certificate, file = folder / f"{name}.esl", folder / f"{name}.auth"
        run("cert-to-efi-sig-list", "-g", str(layout.NAMES), keys / f"{name}.pem", certificate)
        run("sign-efi-sig-list", "-t", str(datetime.fromtimestamp(epoch, UTC).replace(tzinfo=None)), "-k", keys / f"{signer}.key",
            "-c", keys / f"{signer}.pem", name, certificate, file)  # fmt: skip
        made[f"loader/keys/auto/{file.name}"] = file
    return made


def write_raspberry_pi(root: Path, archives: Sequence[Path], roothash: str, epoch: int, folder: Path) -> None:
    """The three boot partitions. `root`: where kernels, initial RAM disks, device trees and firmware are; else as for EFI.

    Raises CommandError, OSError.
    """
    RaspberryPi(folder).write_default(BootSlot.A)
    (folder / "config.txt").write_text(CONFIG, "ascii")
    (folder / SITE_CONFIG).write_text(
        "# This site's own lines of config.txt. An update takes this file along.\n", "ascii"
    )
    trees = boards.shipped_trees(root)
    older, later = (boards.parse_tree(trees[f"bcm2712-{stepping}rpi-5-b.dtb"].read_bytes()) for stepping in ("", "d-"))
    overlay = folder / Path(STEPPING).name
    run("dtc", "-q", "-O", "dtb", "-o", overlay, "-", stdin=boards.overlay_between(older, later))
    files = {name: root / "firmware" / path for name, path in FIRMWARE.items()} | trees | {STEPPING: overlay}
    files |= {name: folder / name for name in ("config.txt", SITE_CONFIG)}
    for ending in boards.BOARDS:
        _join([root / f"initrd{ending}", *archives], folder / f"initrd{ending}")
        files[f"vmlinuz{ending}"] = root / f"vmlinuz{ending}"
        files[f"initrd{ending}"] = folder / f"initrd{ending}"
    _fill_fat(folder / "boot.vfat", layout.BOOT_MIB, {"autoboot.txt": folder / "autoboot.txt"}, epoch)
    for slot in layout.SLOTS:
        line = folder / f"cmdline-{slot}.txt"
        line.write_text(f"{layout.kernel_line(slot, roothash, 'arm64')}\n", "ascii")
        _fill_fat(folder / f"boot-{slot}.vfat", layout.BOOT_SLOT_MIB, {**files, "cmdline.txt": line}, epoch)


def _join(segments: Iterable[Path], output: Path) -> None:
    """Segments of an initial RAM disk one after the other, each at a multiple of four bytes."""
    with output.open("wb") as file:
        for segment in segments:
            content = segment.read_bytes()
            file.write(content + bytes(-len(content) % 4))


def _fill_fat(image: Path, mib: int, files: Mapping[str, Path], epoch: int) -> None:
    clock = {"SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC"}
    image.touch()
    os.truncate(image, mib * layout.MIB)
    number = digest_of([image.name])[:8]
    run("mkfs.vfat", "--invariant", "-F", "32", "-i", number, "-n", "KORTKIOSK", image, env=clock)
    for folder in sorted({str(parent) for name in files for parent in Path(name).parents} - {"."}):
        run("mmd", "-i", image, f"::{folder}", env=clock)
    for name, path in sorted(files.items()):
        run("mcopy", "-i", image, path, f"::{name}", env=clock)
