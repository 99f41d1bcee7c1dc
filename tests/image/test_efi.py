"""The EFI partition of a PC, made from a made-up kernel and read back as the firmware reads it."""

import json
import ssl
import subprocess
import uuid
from pathlib import Path

import pytest

from image import boot
from image.commands import CommandError, run
from tests.fakes.emulated_pc.secure_boot import make_keys

EPOCH = 1_764_374_400
IMAGE = "EFI/Linux/kortkiosk-a.efi"
MADE_UP = {
    "initrd": b"RAM disk",
    "microcode.cpio": b"what mends processors",
    "kernel-version": b"6.12",
    "guard.cpio": b"guard",
}

KEYUTIL = Path("/usr/lib/systemd/systemd-keyutil")
"""Of systemd itself; `ukify` calls it."""
pytestmark = pytest.mark.skipif(
    not (boot.EFI_STUB.is_file() and KEYUTIL.is_file()),
    reason="systemd, systemd-ukify and systemd-boot-efi are not all installed",
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


def test_with_a_region_s_keys_the_firmware_takes_what_is_signed_and_nothing_that_was_changed(
    root: Path, tmp_path: Path
) -> None:
    keys = make_keys(tmp_path / "keys")
    (tmp_path / "boot").mkdir()
    boot.write_efi(root, [root / "guard.cpio"], "ab" * 32, EPOCH, tmp_path / "boot", keys)
    esp = tmp_path / "boot/esp.vfat"
    for number, name in enumerate((IMAGE, IMAGE.replace("-a", "-b"), "EFI/BOOT/BOOTX64.EFI")):
        program = read_back(esp, name, tmp_path / f"program{number}")
        run("sbverify", "--cert", keys / "db.pem", program)
        content = bytearray(program.read_bytes())
        content[len(content) // 2] ^= 1
        program.write_bytes(content)
        with pytest.raises(CommandError):
            run("sbverify", "--cert", keys / "db.pem", program)
    image = read_back(esp, IMAGE, tmp_path / "image")
    assert section(image, ".cmdline").rstrip(b"\0").endswith(b" systemd.import_credentials=no"), "they are not signed"
    assert b"BEGIN PUBLIC KEY" in section(image, ".pcrpkey"), "/data is sealed to what it has signed"
    (signature,) = json.loads(section(image, ".pcrsig").rstrip(b"\0"))["sha256"]
    assert signature["pcrs"] == [11]
    for name, signer in boot.SIGNERS.items():
        enrolled = read_back(esp, f"loader/keys/auto/{name}.auth", tmp_path / name).read_bytes()
        assert ssl.PEM_cert_to_DER_cert((keys / f"{name}.pem").read_text()) in signed_list(
            name, enrolled, keys / f"{signer}.pem"
        )
    assert (
        "secure-boot-enroll force" in read_back(esp, "loader/loader.conf", tmp_path / "conf").read_text().splitlines()
    )


def signed_list(name: str, enrolled: bytes, signer: Path) -> bytes:
    """The list that a firmware takes for that variable: signed are name, namespace, attributes, time and list (UEFI 8.2.2)."""
    space = "d719b2cb-3d3a-4596-a3bc-dad00e67656f" if name == "db" else "8be4df61-93ca-11d2-aa0d-00e098032b8c"
    end = 16 + int.from_bytes(enrolled[16:20], "little")
    signature, content = signer.with_suffix(".signature"), signer.with_suffix(".content")
    inner = (
        b"\xa0\x82" + (end - 40).to_bytes(2, "big") + enrolled[40:end]
    )  # bare SignedData, which openssl wants wrapped
    oid = bytes.fromhex("06092a864886f70d010702")
    signature.write_bytes(b"\x30\x82" + len(oid + inner).to_bytes(2, "big") + oid + inner)
    attributes = (0x27).to_bytes(4, "little")
    content.write_bytes(
        name.encode("utf-16-le") + uuid.UUID(space).bytes_le + attributes + enrolled[:16] + enrolled[end:]
    )
    run("openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", signature, "-content", content, "-noverify",
        "-certfile", signer, "-out", signer.with_suffix(".verified"))  # fmt: skip
    return enrolled[end:]
