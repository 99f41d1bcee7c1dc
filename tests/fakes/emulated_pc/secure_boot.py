"""A region's keys of Secure Boot, made up, and a disk whose EFI partition is signed with them."""

import mmap
import subprocess
from pathlib import Path

from image import boot, layout
from image.commands import run
from tests.fakes.emulated_pc.disks import ARCHITECTURE, BUILT, EPOCH, write_at

STEPS = BUILT / ARCHITECTURE / "steps"
ADDON_STUB = boot.EFI_STUB.with_name("addonx64.efi.stub")
BESIDE = "EFI/Linux/kortkiosk-a.efi.extra.d"


def make_keys(folder: Path) -> Path:
    """As docs/install.md makes them."""
    folder.mkdir()
    for name in boot.SIGNERS:
        run("openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", f"/CN={name}/",
                 "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem")  # fmt: skip
    return folder


def sign_disk(disk: Path, keys: Path, folder: Path) -> None:
    """Give it the EFI partition that `make image` writes with these keys, from the steps of the built image."""
    write_at(disk, layout.offset_of("esp", ARCHITECTURE), (_sign(keys, folder) / "esp.vfat").read_bytes())


def update_image(disk: Path, keys: Path, folder: Path) -> None:
    """Slot A's kernel image as an update has it: another one, signed with the same keys."""
    partition = f"{disk}@@{layout.offset_of('esp', ARCHITECTURE)}"
    image = _sign(keys, folder, STEPS / "splash/splash.cpio") / "kortkiosk-a.efi"
    subprocess.run(["mcopy", "-o", "-i", partition, image, f"::EFI/Linux/{image.name}"], check=True)


def _sign(keys: Path, folder: Path, *more: Path) -> Path:
    roothash = (STEPS / "verity/roothash").read_text("ascii").strip()
    folder.mkdir()
    archives = (STEPS / "boot/guard.cpio", STEPS / "splash/splash.cpio", *more)
    boot.write_efi(STEPS / "root", archives, roothash, EPOCH, folder, keys)
    return folder


def put_addon(disk: Path, name: str, line: str, folder: Path, keys: Path | None = None) -> None:
    """Lay words for the kernel line beside slot A's image, signed where there are keys."""
    file = folder / f"{name}.addon.efi"
    signing = (
        [f"--secureboot-private-key={keys / 'db.key'}", f"--secureboot-certificate={keys / 'db.pem'}"] if keys else []
    )
    run("ukify", "build", f"--stub={ADDON_STUB}", f"--cmdline={line}", f"--output={file}", *signing)
    partition = f"{disk}@@{layout.offset_of('esp', ARCHITECTURE)}"
    subprocess.run(["mmd", "-D", "s", "-i", partition, f"::{BESIDE}"], check=False, capture_output=True)
    subprocess.run(["mcopy", "-i", partition, file, f"::{BESIDE}/{file.name}"], check=True)


def find_image(disk: Path) -> int:
    """Where slot A's kernel image begins on the disk, in bytes."""
    content = (STEPS / "boot/guard.cpio").read_bytes()[:64]
    with disk.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        return whole.find(content, layout.offset_of("esp", ARCHITECTURE))
