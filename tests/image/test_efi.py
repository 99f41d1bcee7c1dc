"""The EFI partition of a PC, made from a made-up kernel and read back as the firmware reads it."""

import subprocess
from pathlib import Path

import pytest

from image import boot
from image.commands import run

EPOCH = 1_764_374_400
IMAGE = "EFI/Linux/kortkiosk-a.efi"
MADE_UP = {
    "initrd": b"RAM disk",
    "microcode.cpio": b"what mends processors",
    "kernel-version": b"6.12",
    "guard.cpio": b"guard",
}

pytestmark = pytest.mark.skipif(
    not boot.EFI_STUB.is_file(), reason="systemd-ukify and systemd-boot-efi are not installed"
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    for name, content in MADE_UP.items():
        (folder / name).write_bytes(content)
    (folder / "vmlinuz").write_bytes(boot.EFI_STUB.read_bytes())  # a program of EFI, as a kernel is
    (folder / "os-release").write_text("ID=debian\n")
    return folder


def read_back(esp: Path, name: str, output: Path) -> Path:
    subprocess.run(["mcopy", "-n", "-i", esp, f"::{name}", output], check=True)
    return output


def section(image: Path, name: str) -> bytes:
    copy = image.with_suffix(name)
    run("objcopy", "--dump-section", f"{name}={copy}", image, image.with_suffix(".copy"))
    return copy.read_bytes()


def test_the_processor_is_mended_before_the_kernel_unpacks_anything(root: Path, tmp_path: Path) -> None:
    boot.write_efi(root, [root / "guard.cpio"], "ab" * 32, EPOCH, tmp_path)
    image = read_back(tmp_path / "esp.vfat", IMAGE, tmp_path / "image")
    assert section(image, ".ucode").rstrip(b"\0") == MADE_UP["microcode.cpio"]
    assert section(image, ".initrd").startswith(MADE_UP["initrd"])
