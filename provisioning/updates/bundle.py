"""RAUC bundles: made and signed with a certificate of the authority's, and checked before anything of them is installed.

Rules:
- Format `verity`: the signature covers the manifest, and the manifest the root of a hash tree over the payload. `rauc info`
  verifies the signature alone; `check_bundle` also computes the tree anew from the payload, and compares it with the bundle's.
- A bundle is signed by a certificate that the authority issued for it (`issue_signer`) and that has not ended: no other
  certificate of the fleet signs one.
- A version is numbers with dots between them. One that is older than the version that runs is refused, unless it was asked for.

A bundle is the payload (squashfs), the hash tree, the signed manifest (CMS) and its length in 8 bytes.
"""

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Literal

from cryptography import x509

from fleet.messages.commands import VERSION
from provisioning import files, pki
from provisioning.authority import REVOKED_SIGNERS, Authority

COMPATIBLE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
SIGNER = Path("updates") / "signer.pem"
"""In the authority's folder; its key is beside it."""
KEYRING_OPTIONS = ("-C", "keyring:check-purpose=codesign", "-C", "keyring:check-crl=false")
"""Where a list of revocations counts, RAUC asks it when it installs."""
RAUC_WITHIN_S = 900.0
BLOCK, DIGEST = 4096, 32
"""Bytes of a block and of a hash in the tree of dm-verity (format 1, SHA-256)."""
LENGTH = 8
"""Bytes of the signature's length, at the end."""

BundleFault = Literal["no_rauc", "unreadable", "signature", "payload", "compatible", "version", "older"]


class BundleError(Exception):
    """It cannot be made, or is refused. `fault` is a stable code."""

    def __init__(self, fault: BundleFault, text: str) -> None:
        super().__init__(text)
        self.fault = fault


HOOK_FILE = "install-boot"
HOOK = """\
#!/bin/sh -e
# Writes the boot image of the slot that is installed: a slot's kernel line names the slot, so there are two of them.
[ "$1" = slot-install ]
case "$RAUC_SLOT_NAME" in
boot.0) image=boot_a.img other=boot-b ;;
boot.1) image=boot_b.img other=boot-a ;;
*) echo "$RAUC_SLOT_NAME is no boot slot" >&2; exit 1 ;;
esac
dd if="$RAUC_BUNDLE_MOUNT_POINT/$image" of="$RAUC_SLOT_DEVICE" bs=1M conv=fsync status=none
other=/dev/disk/by-partlabel/$other # a Raspberry Pi's are partitions, and a site's own lines go along
[ -e "$other" ] || exit 0
work=$(mktemp -d)
mkdir "$work/old" "$work/new"
mount -o ro "$other" "$work/old"
mount "$RAUC_SLOT_DEVICE" "$work/new"
for name in site-config.txt site-cmdline.txt; do
    [ ! -e "$work/old/$name" ] || cp "$work/old/$name" "$work/new"
done
if [ -e "$work/new/site-cmdline.txt" ]; then
    line=$(cat "$work/new/cmdline.txt" "$work/new/site-cmdline.txt" | tr '\\r\\n' '  ')
    printf '%s\\n' "$line" >"$work/new/cmdline.txt"
fi
umount "$work/old" "$work/new"
rm -r "$work"
"""
"""Run by RAUC as the installation of the slots `boot.0` (A) and `boot.1` (B)."""

_MANIFEST = """\
[update]
compatible={compatible}
version={version}

[bundle]
format=verity

[hooks]
filename={hook}

[image.rootfs]
filename=rootfs.img

[image.verity]
filename=verity.img

[image.boot]
filename=boot_a.img
hooks=install
"""


@dataclass(frozen=True, slots=True)
class Images:
    """The files of an image: its root (squashfs), the root's hash tree, and what starts it from slot A and from slot B."""

    rootfs: Path
    verity: Path
    boot_a: Path
    boot_b: Path


@dataclass(frozen=True, slots=True)
class Bundle:
    """Facts of a bundle. `sha256` is of the whole file, as 64 hex digits; `size` in bytes."""

    compatible: str
    version: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Target:
    """The machine that a bundle is for. `keyring`: the certificates (PEM) of the authority."""

    keyring: Path
    compatible: str
    version: str
    allow_older: bool = False


@dataclass(frozen=True, slots=True)
class _Tree:
    root: bytes
    salt: bytes
    size: int


def issue_signer(authority: Authority, now: datetime, *, revoke: bool = False) -> datetime:
    """A new key and certificate that sign bundles, and what has stations believe it that know an older authority alone.
    `revoke`: put the one before on the list of revocations. Gives until when it is good. Raises AuthorityError, OSError."""
    place = authority.directory / SIGNER
    with files.directory_lock(authority.directory):
        files.make_directory(place.parent)
        if revoke and place.exists():
            serial = x509.load_pem_x509_certificate(place.read_bytes()).serial_number
            revoked = files.read_json(authority.directory / REVOKED_SIGNERS, default={})
            files.write_json(authority.directory / REVOKED_SIGNERS, {**revoked, f"{serial:x}": now.isoformat()})
            authority.refresh_crl(now)
        issuer, *others = authority.issuers()
        for other in others:
            crossed = pki.certificate_pem(pki.cross_sign(other, issuer.certificate, now))
            files.write_file(place.with_name(f"cross-{other.certificate.serial_number:x}.pem"), crossed, files.PUBLIC)
        key = pki.new_key()
        certificate = pki.issue_signer(issuer, "kortkiosk updates", key.public_key(), now)
        files.write_file(place.with_suffix(".key"), pki.key_pem(key))
        files.write_file(place, pki.certificate_pem(certificate), files.PUBLIC)
    return certificate.not_valid_after_utc


def make_bundle(output: Path, images: Images, compatible: str, version: str, signer: Path) -> Bundle:
    """Write a bundle of these images. `signer`: the certificate, its key beside it. Raises BundleError, OSError."""
    if VERSION.match(version) is None:
        raise BundleError("version", f"{version!r}: a version is numbers with dots between them, such as 2026.48.1")
    if COMPATIBLE.match(compatible) is None:
        raise BundleError("compatible", f"{compatible!r}: small letters, digits and hyphens, such as kortkiosk-amd64")
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as folder:
        content, made = Path(folder) / "content", Path(folder) / "made.raucb"
        content.mkdir()
        for field in fields(images):
            _link_or_copy(getattr(images, field.name), content / f"{field.name}.img")
        (content / HOOK_FILE).write_text(HOOK)
        (content / HOOK_FILE).chmod(0o755)
        (content / "manifest.raucm").write_text(
            _MANIFEST.format(compatible=compatible, version=version, hook=HOOK_FILE)
        )
        crossed = [f"--intermediate={path}" for path in sorted(signer.parent.glob("cross-*.pem"))]
        _rauc("bundle", "--cert", signer, "--key", signer.with_suffix(".key"), *crossed, content, made)
        made.replace(output)
    files.sync_directory(output.parent)
    return Bundle(compatible, version, file_digest(output), output.stat().st_size)


def check_bundle(path: Path, target: Target) -> Bundle:
    """Return the facts of a bundle that this machine may install. Raises BundleError, OSError."""
    bundle = read_bundle(path, target.keyring)
    if bundle.compatible != target.compatible:
        raise BundleError("compatible", f"the bundle is for {bundle.compatible}, and this is {target.compatible}")
    if not target.allow_older and is_older(bundle.version, target.version):
        raise BundleError("older", f"the bundle has version {bundle.version}, and {target.version} runs")
    return bundle


def read_bundle(path: Path, keyring: Path) -> Bundle:
    """Return the facts of a bundle whose whole content the authority's signer has signed. Raises BundleError, OSError."""
    path.open("rb").close()  # a file that is missing is no bundle that is wrong
    manifest = _verified_manifest(path, keyring)
    try:
        compatible, version = str(manifest["update"]["compatible"]), str(manifest["update"]["version"])
        facts = manifest["bundle"]
        if facts["format"] != "verity":
            raise BundleError("unreadable", "the bundle has another format than verity")
        tree = _Tree(
            bytes.fromhex(facts["verity-hash"]), bytes.fromhex(facts["verity-salt"]), int(facts["verity-size"])
        )
    except (KeyError, TypeError, ValueError):
        raise BundleError("unreadable", "the bundle's manifest lacks what a bundle has") from None
    if VERSION.match(version) is None:
        raise BundleError("version", f"the bundle's version {version!r} is no version")
    with path.open("rb") as file:
        _check_payload(file, tree)
    return Bundle(compatible, version, file_digest(path), path.stat().st_size)


def is_older(version: str, than: str) -> bool:
    """
    >>> is_older("2026.9", "2026.48.1"), is_older("2026.48.1", "2026.48.1"), is_older("1", "debian 13")
    (True, False, False)
    """
    if VERSION.match(than) is None:
        return False
    return [int(part) for part in version.split(".")] < [int(part) for part in than.split(".")]


def file_digest(path: Path) -> str:
    """SHA-256 of a file, as 64 hex digits. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _link_or_copy(image: Path, place: Path) -> None:
    try:
        place.hardlink_to(image)
    except OSError:  # another file system
        shutil.copyfile(image, place)


def _verified_manifest(path: Path, keyring: Path) -> dict[str, dict[str, str]]:
    """The manifest, whose signature RAUC has verified."""
    text = _rauc(*KEYRING_OPTIONS, f"--keyring={keyring}", "info", "--output-format=json-2", path)
    try:
        manifest = json.loads(text)
    except ValueError:
        raise BundleError("unreadable", "what RAUC says of the bundle cannot be read") from None
    if not isinstance(manifest, dict):
        raise BundleError("unreadable", "what RAUC says of the bundle cannot be read")
    return manifest


def _rauc(*arguments: object) -> str:
    try:
        done = subprocess.run(  # noqa: S603
            ["rauc", *(str(argument) for argument in arguments)],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=RAUC_WITHIN_S,
        )
    except FileNotFoundError:
        raise BundleError("no_rauc", "the program rauc is missing: install Debian's package of that name") from None
    except subprocess.TimeoutExpired:
        raise BundleError("unreadable", "RAUC did not end") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason"])[-1]
        raise BundleError("signature" if "signature" in last or "verif" in last else "unreadable", f"RAUC: {last}")
    return done.stdout


def _check_payload(file: BinaryIO, tree: _Tree) -> None:
    """Compute the tree anew and compare it. Raises BundleError."""
    end = file.seek(0, 2)
    file.seek(end - LENGTH)
    payload = end - LENGTH - int.from_bytes(file.read(LENGTH), "big") - tree.size
    if payload <= 0 or payload % BLOCK or tree.size % BLOCK:
        raise BundleError("payload", "the bundle's payload does not have the length that its signature says")
    file.seek(0)
    levels = [_hashed(_blocks(file, payload), tree.salt)]
    while len(levels[-1]) > BLOCK:
        levels.append(_hashed(_cut(levels[-1]), tree.salt))
    root = hashlib.sha256(tree.salt + levels[-1]).digest()
    if root != tree.root or file.read(tree.size) != b"".join(reversed(levels)):
        raise BundleError("payload", "the bundle's payload is not what was signed")


def _hashed(blocks: Iterator[bytes], salt: bytes) -> bytes:
    """One level of the tree: the hashes of all blocks, filled up to whole blocks."""
    hashes = b"".join(hashlib.sha256(salt + block).digest() for block in blocks)
    return hashes + bytes(-len(hashes) % BLOCK)


def _blocks(file: BinaryIO, length: int) -> Iterator[bytes]:
    for _ in range(length // BLOCK):
        yield file.read(BLOCK)


def _cut(level: bytes) -> Iterator[bytes]:
    for start in range(0, len(level), BLOCK):
        yield level[start : start + BLOCK]
