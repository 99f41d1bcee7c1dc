"""Bundles as RAUC makes them: what may be installed, and what is refused before anything of it is."""

import hashlib
import os
import shutil
import subprocess
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import pytest

from provisioning import pki
from provisioning.authority import Authority
from provisioning.rotation import finish_rotation, rotate
from provisioning.updates import bundle as bundles
from provisioning.updates.bundle import SIGNER, BundleError, check_bundle, issue_signer, make_bundle
from tests.fakes.machine.bundle import MadeBundle
from tests.provisioning.conftest import Program

pytestmark = pytest.mark.skipif(shutil.which("rauc") is None, reason="Debian's rauc is not installed")


def _flipped(path: Path, into: Path, place: int) -> Path:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    into.write_bytes(content)
    return into


def _rauc_info(path: Path, made: MadeBundle) -> int:
    command = ["rauc", "-C", "keyring:check-purpose=codesign", f"--keyring={made.target.keyring}", "info", str(path)]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_a_bundle_is_what_was_made(made: MadeBundle) -> None:
    content = made.path.read_bytes()
    assert check_bundle(made.path, made.target) == made.bundle
    assert (made.bundle.sha256, made.bundle.size) == (hashlib.sha256(content).hexdigest(), len(content))
    assert made.bundle.version == "2026.48.1"


def test_its_images_are_those_that_went_in(made: MadeBundle, tmp_path: Path) -> None:
    keyring = ("-C", "keyring:check-purpose=codesign", f"--keyring={made.target.keyring}")
    subprocess.run(
        ["rauc", *keyring, "extract", str(made.path), str(tmp_path / "out")], check=True, capture_output=True
    )
    for name, image in asdict(made.images).items():
        assert (tmp_path / "out" / f"{name}.img").read_bytes() == image.read_bytes()
    for number, image in enumerate((made.images.boot_a, made.images.boot_b)):
        device = tmp_path / "device"
        device.write_bytes(b"what was there before")
        told = {"RAUC_SLOT_NAME": f"boot.{number}", "RAUC_SLOT_DEVICE": str(device)}
        hook = [str(tmp_path / "out" / bundles.HOOK_FILE), "slot-install"]
        subprocess.run(hook, env={**os.environ, **told, "RAUC_BUNDLE_MOUNT_POINT": str(tmp_path / "out")}, check=True)
        assert device.read_bytes() == image.read_bytes()


@pytest.mark.skipif(shutil.which("mcopy") is None, reason="mtools is not installed")
def test_a_raspberry_pi_s_own_lines_go_along(tmp_path: Path) -> None:
    """Partitions are files here; mount and umount copy out of them and back (mtools)."""
    programs = tmp_path / "programs"
    programs.mkdir()
    mount = 'eval d=\\${$#}\nfor a; do [ "$a" = "$d" ] || i=$a; done\nmcopy -s -n -i "$i" "::*" "$d"\necho "$i" >"$d.from"\n'
    umount = 'for d; do [ ! -w "$d" ] || mcopy -o -i "$(cat "$d.from")" "$d"/* ::; done\n'
    for name, text in {"mount": mount, "umount": umount}.items():
        (programs / name).write_text(f"#!/bin/sh -e\n{text}")
        (programs / name).chmod(0o755)
    files = {
        "boot-a": {
            "cmdline.txt": "ro old\n",
            "site-config.txt": "dtoverlay=panel\n",
            "site-cmdline.txt": "video=a\r\nb\n",
        },
        "boot_b.img": {"cmdline.txt": "ro new\n", "site-config.txt": "# none\n"},
    }
    for image, content in files.items():
        subprocess.run(["mkfs.vfat", "-C", tmp_path / image, "1024"], check=True, capture_output=True)
        for name, text in content.items():
            subprocess.run(["mcopy", "-i", tmp_path / image, "-", f"::{name}"], input=text, text=True, check=True)
    hook = tmp_path / "hook"
    hook.write_text(bundles.HOOK.replace("/dev/disk/by-partlabel", str(tmp_path)))
    hook.chmod(0o755)
    told = {
        "RAUC_SLOT_NAME": "boot.1",
        "RAUC_SLOT_DEVICE": str(tmp_path / "boot-b"),
        "PATH": f"{programs}:/usr/bin:/usr/sbin",
    }
    mounted = {"RAUC_BUNDLE_MOUNT_POINT": str(tmp_path), "TMPDIR": str(tmp_path), "MTOOLS_SKIP_CHECK": "1"}
    subprocess.run([hook, "slot-install"], env=told | mounted, check=True)
    read = {
        name: subprocess.run(["mtype", "-i", tmp_path / "boot-b", f"::{name}"], capture_output=True, text=True).stdout
        for name in ("cmdline.txt", *files["boot-a"])
    }
    assert read["cmdline.txt"].split() == ["ro", "new", "video=a", "b"]
    assert len(read["cmdline.txt"].splitlines()) == 1
    assert read["site-config.txt"] == "dtoverlay=panel\n"


def test_a_byte_flipped_anywhere_is_refused(made: MadeBundle, tmp_path: Path) -> None:
    """RAUC's own `info` takes a changed payload: it verifies the signature of the manifest alone."""
    content = made.path.read_bytes()
    signature = int.from_bytes(content[-8:], "big")
    manifest = content.index(b"compatible=kortkiosk-test")
    tree = len(content) - 8 - signature - 1
    payload = {
        "first byte": 0,
        "middle": 350_000,
        "last block": tree - 3 * 4096,
        "tree": tree - 4000,
        "tree's end": tree,
    }
    for name, place in payload.items():
        torn = _flipped(made.path, tmp_path / "torn", place)
        assert _rauc_info(torn, made) == 0, name
        with pytest.raises(BundleError) as refused:
            check_bundle(torn, made.target)
        assert refused.value.fault == "payload", name
    signed = {
        "manifest": manifest,
        "manifest's hash": content.index(b"verity-hash=") + 20,
        "signature": len(content) - 40,
    }
    for name, place in {**signed, "length": len(content) - 1, "length's top": len(content) - 8}.items():
        with pytest.raises(BundleError) as refused:
            check_bundle(_flipped(made.path, tmp_path / "torn", place), made.target)
        assert refused.value.fault in ("signature", "unreadable"), name


@pytest.mark.parametrize("end", [0, 7, 8, 5_000, -1, -9, -4096])
def test_a_bundle_that_is_cut_short_is_refused(made: MadeBundle, tmp_path: Path, end: int) -> None:
    (tmp_path / "short").write_bytes(made.path.read_bytes()[:end])
    with pytest.raises(BundleError):
        check_bundle(tmp_path / "short", made.target)


def test_a_bundle_for_other_machines_is_refused(made: MadeBundle) -> None:
    with pytest.raises(BundleError, match="for kortkiosk-test, and this is kortkiosk-arm64"):
        check_bundle(made.path, replace(made.target, compatible="kortkiosk-arm64"))


def test_an_older_version_is_refused_unless_asked_for(made: MadeBundle) -> None:
    newer = replace(made.target, version="2026.100")
    with pytest.raises(BundleError) as refused:
        check_bundle(made.path, newer)
    assert refused.value.fault == "older"
    assert check_bundle(made.path, replace(newer, allow_older=True)) == made.bundle
    assert check_bundle(made.path, replace(made.target, version="2026.48.1")) == made.bundle, "the same, once more"


def _signed_by(signer: Path, made: MadeBundle, into: Path) -> Path:
    make_bundle(into, made.images, "kortkiosk-test", "2026.48.1", signer)
    return into


def test_a_signer_that_has_ended_is_refused(made: MadeBundle, tmp_path: Path) -> None:
    old = Authority.init(tmp_path / "old", [], made.now - timedelta(days=900))
    issue_signer(old, made.now - timedelta(days=800))
    path = _signed_by(old.directory / SIGNER, made, tmp_path / "ended.raucb")
    with pytest.raises(BundleError, match="expired") as refused:
        check_bundle(path, replace(made.target, keyring=old.directory / "ca/ca.pem"))
    assert refused.value.fault == "signature"


def test_a_foreign_signer_is_refused(made: MadeBundle, tmp_path: Path) -> None:
    foreign = Authority.init(tmp_path / "foreign", [], made.now)
    issue_signer(foreign, made.now)
    path = _signed_by(foreign.directory / SIGNER, made, tmp_path / "foreign.raucb")
    with pytest.raises(BundleError) as refused:
        check_bundle(path, made.target)
    assert refused.value.fault == "signature"


def test_who_knows_the_first_authority_alone_believes_the_next_one_s_signer(made: MadeBundle, tmp_path: Path) -> None:
    """Root's keyring on a station never changes: the old authority vouches for the new one."""
    begin = made.now - timedelta(days=40)
    authority = Authority.init(tmp_path / "rotated", [], begin)
    pinned = tmp_path / "ca.pem"
    shutil.copy(authority.directory / "ca/ca.pem", pinned)
    rotate(authority, ("ca",), begin, 30)
    finish_rotation(authority, made.now - timedelta(days=9))
    issue_signer(authority, made.now - timedelta(days=1))
    path = _signed_by(authority.directory / SIGNER, made, tmp_path / "crossed.raucb")
    assert check_bundle(path, replace(made.target, keyring=pinned)).version == "2026.48.1"
    for cross in (authority.directory / "updates").glob("cross-*.pem"):
        cross.unlink()
    with pytest.raises(BundleError):
        check_bundle(_signed_by(authority.directory / SIGNER, made, path), replace(made.target, keyring=pinned))


def test_a_station_signs_no_bundle(made: MadeBundle, tmp_path: Path) -> None:
    key = pki.new_key()
    certificate = pki.issue_client(made.authority.issuer(), "entre-a", key.public_key(), made.now)
    (tmp_path / "station.pem").write_bytes(pki.certificate_pem(certificate))
    (tmp_path / "station.key").write_bytes(pki.key_pem(key))
    path = _signed_by(tmp_path / "station.pem", made, tmp_path / "station.raucb")
    with pytest.raises(BundleError) as refused:
        check_bundle(path, made.target)
    assert refused.value.fault == "signature"


@pytest.mark.parametrize(
    ("version", "compatible", "fault"),
    [("", "kortkiosk-test", "version"), ("1.0-rc1", "kortkiosk-test", "version"), ("1", "a\nb=c", "compatible")],
)
def test_what_would_not_be_read_again_is_not_made(
    made: MadeBundle, tmp_path: Path, version: str, compatible: str, fault: str
) -> None:
    with pytest.raises(BundleError) as refused:
        make_bundle(tmp_path / "x.raucb", made.images, compatible, version, made.authority.directory / SIGNER)
    assert refused.value.fault == fault
    assert list(tmp_path.iterdir()) == []


def test_a_station_without_rauc_says_so(made: MadeBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BundleError) as refused:
        check_bundle(made.path, made.target)
    assert refused.value.fault == "no_rauc"


def test_from_the_command_line(made: MadeBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Program(capsys)
    run.now = made.now
    authority = tmp_path / "authority"
    run("authority", "init", authority, "--unsealed")
    options = ("--compatible", "kortkiosk-test", "--version", "1.2", "--authority", authority)
    parts = made.images
    images = ("--root", parts.rootfs, "--verity", parts.verity, "--boot-a", parts.boot_a, "--boot-b", parts.boot_b)
    output = tmp_path / "out.raucb"
    assert run("bundle", output, *images, *options) == 2, "nobody signs yet"
    assert run("authority", "issue-signer", authority) == 0
    told = run.object("bundle", output, *images, *options)
    assert (told["version"], told["compatible"]) == ("1.2", "kortkiosk-test")
    assert (told["sha256"], told["size"]) == (bundles.file_digest(output), output.stat().st_size)
    assert run("bundle", output, *images[:6], "--boot-b", tmp_path / "none", *options) == 4
