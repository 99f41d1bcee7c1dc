"""The volume of /data when it is new, and when it is not: real headers and file systems in files, and a TPM in software.

What takes device mapper (the volume opened and mounted) is not tried here.
"""

import hashlib
import os
import random
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from image.boot import PHASE
from kiosk.station.state import DATA_NOTE, data_fault, data_kept
from provisioning import pki
from provisioning.appliance.cli import erase_keys
from provisioning.appliance.recovery import keep_recovery_key, open_sealed
from sim.stories.patience import LIMIT_S

NEEDED = ("cryptsetup", "mke2fs", "debugfs", "blkid")
pytestmark = pytest.mark.skipif(not all(map(shutil.which, NEEDED)), reason="cryptsetup or e2fsprogs is not installed")
MEASURE = Path("/usr/lib/systemd/systemd-measure")
needs_tpm = pytest.mark.skipif(
    not (shutil.which("swtpm") and shutil.which("tpm2_unseal") and MEASURE.exists()), reason="no TPM in software"
)
Prepare = Callable[..., "subprocess.CompletedProcess[str]"]
STORY = b"made up: what a station kept"


def run(*words: str | Path, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*map(str, words)], capture_output=True, text=True, check=False, env={**os.environ, **more}
    )  # fmt: skip


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """As it is flashed: an empty file system."""
    device = tmp_path / "data.img"
    with device.open("wb") as file:
        file.truncate(24 << 20)
    assert run("mke2fs", "-q", "-t", "ext4", device).returncode == 0
    return device


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "efi" / "kortkiosk"


@pytest.fixture
def prepare(root: Path, device: Path, keys: Path, tmp_path: Path) -> Prepare:
    def call(**more: str) -> "subprocess.CompletedProcess[str]":
        return open_data(root, "prepare", device, keys, tmp_path, **more)

    return call


def opens(device: Path, key: Path) -> bool:
    return run("cryptsetup", "open", "--test-passphrase", "--key-file", key, device).returncode == 0


def finish(device: Path) -> None:
    """As it is once there is a file system in it."""
    assert run("cryptsetup", "config", "--label", "kortkiosk-data", device).returncode == 0


def test_a_new_volume_is_encrypted_once_with_a_key_of_its_own(prepare: Prepare, device: Path, keys: Path) -> None:
    assert prepare().returncode == 0
    assert [path.name for path in keys.iterdir()] == ["data.key"]
    assert opens(device, keys / "data.key")
    assert (keys / "data.key").stat().st_mode & 0o777 == 0o600
    finish(device)
    before = device.read_bytes()
    assert prepare().returncode == 0
    assert device.read_bytes() == before


@pytest.mark.parametrize("cut", ["key", "header"])
def test_what_a_power_cut_left_unfinished_is_begun_anew(cut: str, prepare: Prepare, device: Path, keys: Path) -> None:
    empty = device.read_bytes()
    assert prepare().returncode == 0
    if cut == "key":  # it was written, and the header was not
        device.write_bytes(empty)
    else:  # the header was written, and its key was lost
        (keys / "data.key").write_bytes(bytes(64))
    assert prepare().returncode == 0
    assert opens(device, keys / "data.key")


def test_after_a_reset_it_is_made_anew_and_the_old_key_opens_nothing(
    prepare: Prepare, device: Path, keys: Path, tmp_path: Path
) -> None:
    assert prepare().returncode == 0
    finish(device)
    old = Path(shutil.copy(keys / "data.key", tmp_path / "old.key"))
    assert erase_keys(device, keys / "data.key")
    assert not (keys / "data.key").exists()
    assert prepare().returncode == 0
    assert opens(device, keys / "data.key")
    assert not opens(device, old)


def test_what_holds_anything_is_never_made_anew(prepare: Prepare, device: Path, keys: Path, tmp_path: Path) -> None:
    """A station of before, or settings that an installer put there; and a header whose key does not open it."""
    (tmp_path / "story").write_bytes(STORY)
    assert run("debugfs", "-w", "-R", f"write {tmp_path / 'story'} story", device).returncode == 0
    assert prepare().returncode == 0
    assert STORY in device.read_bytes()
    assert not keys.exists()
    with device.open("r+b") as file:  # its superblock is gone
        file.seek(1024)
        file.write(bytes(1024))
    assert prepare().returncode == 0
    assert STORY in device.read_bytes()

    (tmp_path / "foreign").write_bytes(os.urandom(64))
    quick = ("--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000")
    made = run("cryptsetup", "luksFormat", "--batch-mode", *quick, "--key-file", tmp_path / "foreign", device)
    assert made.returncode == 0
    before = device.read_bytes()
    assert prepare().returncode == 0
    assert device.read_bytes() == before


@pytest.mark.parametrize("seed", range(8))
def test_damaged_blocks_are_mended_where_nobody_is_there_to_be_asked(
    seed: int, root: Path, device: Path, keys: Path, tmp_path: Path
) -> None:
    """Five damages each, of one block of 4 KiB among those that are in use, as a power cut or worn flash memory leaves it."""
    holds_files(device, tmp_path)
    whole, chance = device.read_bytes(), random.Random(seed)
    used = [at for at in range(4096, len(whole), 4096) if any(whole[at : at + 4096])]
    for _ in range(5):
        at = chance.choice(used)
        device.write_bytes(whole[:at] + chance.randbytes(4096) + whole[at + 4096 :])
        opened = open_data(root, "open", device, keys, tmp_path)
        assert opened.returncode == 0, (at, opened.stdout, opened.stderr)
        assert run("e2fsck", "-f", "-n", device).returncode == 0


def test_an_encrypted_volume_is_never_mended_into_the_file_system_that_was_flashed(
    root: Path, prepare: Prepare, device: Path, keys: Path, tmp_path: Path
) -> None:
    """Its header is damaged, and a spare superblock of the day of the flashing lies behind it, at 128 MiB."""
    with device.open("r+b") as file:
        file.truncate(160 << 20)
    assert run("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", device).returncode == 0
    assert prepare().returncode == 0
    finish(device)
    with device.open("r+b") as file:
        file.write(bytes(32 << 10))
    assert run("e2fsck", "-n", device).returncode & 4, "e2fsck finds a file system there"
    before = device.read_bytes()
    assert open_data(root, "open", device, keys, tmp_path).returncode != 0
    assert device.read_bytes() == before


Spoil = Callable[[Path, Path], dict[str, str]]


def no_disk(device: Path, keys: Path) -> dict[str, str]:
    device.unlink()
    return {}


def no_key_files(device: Path, keys: Path) -> dict[str, str]:
    shutil.rmtree(keys)
    return {}


def no_tpm(device: Path, keys: Path) -> dict[str, str]:
    for name in ("data.pub", "data.priv"):
        shutil.copy(keys / "data.key", keys / name)
    return {"TPM2TOOLS_TCTI": "device:/dev/absent"}


def other_key(device: Path, keys: Path) -> dict[str, str]:
    (keys / "data.key").write_bytes(bytes(64))
    return {}


def no_header(device: Path, keys: Path) -> dict[str, str]:
    with device.open("r+b") as file:
        file.write(bytes(32 << 10))
    return {}


def hopeless(device: Path, keys: Path) -> dict[str, str]:
    """Not encrypted, and of a kind that e2fsck does not know."""
    assert run("mke2fs", "-q", "-F", "-t", "ext4", device).returncode == 0
    for command in ("mkdir kortkiosk", "set_super_value feature_incompat 0x80000000"):
        assert run("debugfs", "-w", "-R", command, device).returncode == 0
    return {}


@pytest.mark.parametrize(
    ("spoil", "code"),
    [(no_disk, "D1"), (no_key_files, "D2"), (no_tpm, "D3"), (other_key, "D4"), (no_header, "D4"), (hopeless, "D5")],
)
def test_a_volume_that_is_not_opened_has_a_code_and_one_in_memory_stands_in(
    spoil: Spoil, code: str, root: Path, prepare: Prepare, device: Path, keys: Path, tmp_path: Path
) -> None:
    assert prepare().returncode == 0
    finish(device)
    more = spoil(device, keys)
    before = device.read_bytes() if device.exists() else b""
    assert open_data(root, "open", device, keys, tmp_path, **more).returncode != 0
    assert (device.read_bytes() if device.exists() else b"") == before
    instead(tmp_path, losetup='echo "$3"')
    noted = open_data(root, "note", device, keys, tmp_path, **more, **in_path(tmp_path))
    assert noted.returncode == 0, noted.stderr
    assert data_fault(tmp_path / "kortkiosk-data-kept") == code
    assert data_kept(tmp_path / "kortkiosk-data-kept") is None
    assert run("e2fsck", "-f", "-n", (tmp_path / "kortkiosk-data").readlink()).returncode == 0


@pytest.mark.parametrize("spoil", [no_key_files, no_header])
def test_what_was_set_up_in_memory_takes_the_place_of_a_volume_that_is_not_opened_and_of_no_other(
    spoil: Spoil, root: Path, prepare: Prepare, device: Path, keys: Path, tmp_path: Path
) -> None:
    assert prepare().returncode == 0
    finish(device)
    old = Path(shutil.copy(keys / "data.key", tmp_path / "old.key"))
    before = device.read_bytes()
    anew = root / "usr/lib/kortkiosk/open-data", "anew", device, keys, tmp_path / "kortkiosk-data", tmp_path / "memory"
    assert run(*anew, TMPDIR=str(tmp_path)).returncode != 0
    assert device.read_bytes() == before, "it was opened"

    spoil(device, keys)
    (tmp_path / "kortkiosk-data-kept").write_text("D2\n")
    real = shutil.which("mke2fs")
    instead(tmp_path, cryptsetup=f'[ "$1" = open ] || exec {shutil.which("cryptsetup")} "$@"', e2fsck="exit 0",
            mke2fs=f'case "$*" in */dev/mapper/*) echo "$*" >{tmp_path}/made ;; *) exec {real} "$@" ;; esac')  # fmt: skip
    ended = run(*anew, TMPDIR=str(tmp_path), **in_path(tmp_path))
    assert ended.returncode == 0, ended.stderr
    assert f"-d {tmp_path / 'memory'} /dev/mapper/kortkiosk-data" in (tmp_path / "made").read_text()
    assert opens(device, keys / "data.key")
    assert not opens(device, old)


def instead(folder: Path, **programs: str) -> None:
    (folder / "instead").mkdir(exist_ok=True)
    for name, does in programs.items():
        (folder / "instead" / name).write_text(f"#!/bin/sh\n{does}\n")
        (folder / "instead" / name).chmod(0o755)


def in_path(folder: Path) -> dict[str, str]:
    return {"PATH": f"{folder}/instead:{os.environ['PATH']}"}


def holds_files(device: Path, tmp_path: Path) -> None:
    """And was marked by the kernel, which has met a fault: it is looked at in whole."""
    (tmp_path / "story").write_bytes(STORY * 400)
    commands = [
        "set_super_value state 2",
        "mkdir kortkiosk",
        *(f"write {tmp_path / 'story'} kortkiosk/{number}" for number in range(60)),
    ]
    (tmp_path / "commands").write_text("\n".join(commands))
    assert run("debugfs", "-w", "-f", tmp_path / "commands", device).returncode == 0


def open_data(
    root: Path, action: str, device: Path, keys: Path, folder: Path, *words: Path, **more: str
) -> "subprocess.CompletedProcess[str]":
    link = folder / "kortkiosk-data"
    return run(root / "usr/lib/kortkiosk/open-data", action, device, keys, link, *words, TMPDIR=str(folder), **more)


def test_the_station_reads_the_note_where_it_is_written_and_believes_nothing_else(root: Path, tmp_path: Path) -> None:
    unit = (root / "usr/lib/systemd/system/kortkiosk-open-data.service").read_text()
    assert f"systemd-pcrextend --graceful {PHASE}\n" in unit
    assert f"open-data note /dev/disk/by-partlabel/data /efi/kortkiosk {str(DATA_NOTE).removesuffix('-kept')}\n" in unit
    assert data_kept(tmp_path / "nothing") is None
    (tmp_path / "note").write_text("sealed\n")
    assert data_kept(tmp_path / "note") is None


@pytest.mark.parametrize(("held", "kept"), [("data.key", "file"), ("data.priv", "tpm")])
def test_it_says_how_an_encrypted_volume_is_kept(
    held: str, kept: str, prepare: Prepare, root: Path, device: Path, keys: Path, tmp_path: Path
) -> None:
    assert prepare().returncode == 0
    (keys / "data.key").rename(keys / held)
    assert noted(root, device, keys, tmp_path) == kept


def test_it_says_that_a_volume_with_files_of_before_is_not_encrypted(
    prepare: Prepare, root: Path, device: Path, keys: Path, tmp_path: Path
) -> None:
    (tmp_path / "story").write_bytes(STORY)
    assert run("debugfs", "-w", "-R", f"write {tmp_path / 'story'} story", device).returncode == 0
    assert prepare().returncode == 0
    assert noted(root, device, keys, tmp_path) == "open"


def noted(root: Path, device: Path, keys: Path, tmp_path: Path) -> str | None:
    """What the station reads of it."""
    (tmp_path / "kortkiosk-data").symlink_to(device)
    said = open_data(root, "note", device, keys, tmp_path)
    assert said.returncode == 0, said.stderr
    note = tmp_path / "kortkiosk-data-kept"
    assert note.stat().st_mode & 0o777 == 0o644, "the station's user reads it"
    return data_kept(note)


@pytest.fixture
def authority(tmp_path: Path) -> pki.Issuer:
    """With what root has pinned of it, in `trust`."""
    made, trust = pki.make_ca(datetime(2026, 3, 2, 8, 0, tzinfo=UTC)), tmp_path / "trust"
    (tmp_path / "handed").mkdir()
    trust.mkdir()
    (trust / "ca.pem").write_bytes(pki.certificate_pem(made.certificate))
    (trust / "identity.json").write_text('{"station": "entre-a"}')
    return made


def test_the_authority_opens_a_volume_whose_key_is_lost_and_once_alone(
    root: Path, prepare: Prepare, device: Path, keys: Path, tmp_path: Path, authority: pki.Issuer,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def recovery_key() -> str:
        made = keep_recovery_key(
            device, keys, tmp_path / "trust", tmp_path / "handed", root / "usr/lib/kortkiosk/open-data"
        )
        assert made
        return open_sealed(authority.key, "entre-a", (tmp_path / "handed/recovery-key").read_text())

    def type_in(code: str) -> "subprocess.CompletedProcess[str]":
        (tmp_path / "memory/kortkiosk/recovery-key").write_text(code)
        return run(root / "usr/lib/kortkiosk/open-data", "anew", device, keys, tmp_path / "kortkiosk-data",
                   tmp_path / "memory", TMPDIR=str(tmp_path))  # fmt: skip

    assert prepare().returncode == 0
    finish(device)
    code = recovery_key()
    assert recovery_key() == code, "one that is there stays"
    assert code not in "".join(capfd.readouterr())
    (tmp_path / "memory/kortkiosk").mkdir(parents=True)
    assert type_in(code).returncode != 0, "nothing has failed"
    before = Path(shutil.copy(keys / "data.key", tmp_path / "before"))

    shutil.rmtree(keys)
    (tmp_path / "kortkiosk-data-kept").write_text("D2\n")
    content = device.read_bytes()
    for wrong in ("", code[:-1], code[1:] + code[0], str(before)):
        assert type_in(wrong).returncode != 0, wrong
    assert device.read_bytes() == content
    assert data_fault(tmp_path / "kortkiosk-data-kept") == "D2"
    typed = type_in(code)
    assert typed.returncode == 0, typed.stderr
    assert code not in typed.stdout + typed.stderr
    assert opens(device, keys / "data.key")
    assert not opens(device, before)
    assert len(slots(device)) == 1
    assert type_in(code).returncode != 0, "once"
    assert recovery_key() != code
    with pytest.raises(ValueError, match="no recovery key of entre-b for this authority"):
        open_sealed(authority.key, "entre-b", (tmp_path / "handed/recovery-key").read_text())


def test_a_recovery_key_that_the_power_was_cut_over_is_made_anew(
    root: Path, prepare: Prepare, device: Path, keys: Path, tmp_path: Path, authority: pki.Issuer
) -> None:
    where = device, keys, tmp_path / "trust", tmp_path / "handed"
    assert not keep_recovery_key(*where), "it is not encrypted"
    assert prepare().returncode == 0
    finish(device)
    assert keep_recovery_key(*where, root / "usr/lib/kortkiosk/open-data")
    sealed = (tmp_path / "trust/recovery-key").read_text()
    (tmp_path / "trust/recovery-key").unlink()  # the slot was filled, and the file not written
    assert keep_recovery_key(*where, root / "usr/lib/kortkiosk/open-data")
    assert (tmp_path / "handed/recovery-key").read_text() != sealed
    assert len(slots(device)) == 2


@contextmanager
def tpm_in_software(folder: Path) -> Iterator[str]:
    """As the tools of tpm2-tools name it. It ends as when the power is cut, and comes again with what it kept."""
    (folder / "sock").unlink(missing_ok=True)
    sockets = ["--server", f"type=unixio,path={folder}/sock", "--ctrl", f"type=unixio,path={folder}/sock.ctrl"]
    command = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}", *sockets]
    process = subprocess.Popen([*command, "--flags", "not-need-init,startup-clear"])
    try:
        for _ in range(int(LIMIT_S / 0.05)):
            if (folder / "sock").exists():
                break
            threading.Event().wait(0.05)
        yield f"swtpm:path={folder}/sock"
    finally:
        process.kill()
        process.wait()


@needs_tpm
def test_no_number_of_power_cuts_locks_the_volume(
    root: Path, prepare: Prepare, device: Path, keys: Path, tmp_path: Path
) -> None:
    """A TPM takes each cut for a wrong guess where what it holds is guarded against guesses, and after some it opens nothing."""
    opened = tmp_path / "opened"
    real = shutil.which("cryptsetup")
    instead(
        tmp_path, cryptsetup=f'[ "$1" != open ] || {{ cp "$3" {opened}; exit; }}\nexec {real} "$@"', e2fsck="exit 0"
    )
    with tpm_in_software(tmp_path) as tpm:
        assert prepare(TPM2TOOLS_TCTI=tpm).returncode == 0
    finish(device)
    for _ in range(5):
        with tpm_in_software(tmp_path) as tpm:
            said = open_data(root, "open", device, keys, tmp_path, TPM2TOOLS_TCTI=tpm, **in_path(tmp_path))
            assert said.returncode == 0, said.stderr
            properties = run("tpm2_getcap", "properties-variable", TPM2TOOLS_TCTI=tpm).stdout
            assert "TPM2_PT_LOCKOUT_COUNTER: 0x0\n" in properties, "the station's own key counts with it"
    assert opens(device, opened)


Start = Callable[..., str]
OLD_SEAL = """
cd {folder} && tpm2_createprimary -Q -C o -G ecc -c parent && tpm2_flushcontext -t &&
tpm2_create -Q -C parent -i {key} -u {keys}/data.pub -r {keys}/data.priv && tpm2_flushcontext -t && rm {key}
"""
"""As images of before sealed a key."""


def measure(tpm: str, pcr: int, *contents: bytes) -> None:
    for content in contents:
        extended = f"{pcr}:sha256={hashlib.sha256(content).hexdigest()}"
        assert run("tpm2_pcrextend", extended, TPM2TOOLS_TCTI=tpm).returncode == 0


@pytest.fixture
def start(root: Path, device: Path, keys: Path, tmp_path: Path) -> Start:
    """A start of an image in a machine with Secure Boot: what the firmware and the stub measure, then the volume. Gives what is
    noted of it; `opened` has the key."""
    for name in ("region", "stranger"):
        run("openssl", "genrsa", "-out", tmp_path / f"{name}.pem", "2048")
    real = shutil.which("cryptsetup")
    opening = f'open*) {real} "$@" --test-passphrase && cp "$3" {tmp_path}/opened'
    instead(
        tmp_path, e2fsck="exit 0", cryptsetup=f'case "$*" in *--test*) ;; {opening}; exit ;; esac; exec {real} "$@"'
    )

    def call(
        image: bytes = b"", *, signer: str = "region", secure: bytes = b"on", into: bytes = b"", action: str = "open"
    ) -> str:
        folder = tmp_path / "measured"
        folder.mkdir(exist_ok=True)
        public, linux = folder / "tpm2-pcr-public-key.pem", folder / "linux"
        run("openssl", "rsa", "-in", tmp_path / f"{signer}.pem", "-pubout", "-out", public)
        linux.write_bytes(image)
        signed = run(MEASURE, "sign", f"--linux={linux}", f"--pcrpkey={public}", "--bank=sha256", f"--phase={PHASE}",
                     f"--private-key={tmp_path}/{signer}.pem", f"--public-key={public}")  # fmt: skip
        (folder / "tpm2-pcr-signature.json").write_text(signed.stdout if image else "")
        (folder / "SecureBoot").write_bytes(bytes([6, 0, 0, 0, secure == b"on"]))
        with tpm_in_software(tmp_path) as tpm:
            measure(tpm, 7, secure)
            if image:
                measure(tpm, 11, b".linux\0", into or image, b".pcrpkey\0", public.read_bytes(), PHASE.encode())
            ended = open_data(root, action, device, keys, tmp_path, tmp_path / "memory", TPM2TOOLS_TCTI=tpm, MEASURED=str(folder),
                              SECURE_BOOT=str(folder / "SecureBoot"), **in_path(tmp_path))  # fmt: skip
        if ended.returncode == 0:
            (tmp_path / "kortkiosk-data").unlink(missing_ok=True)
            return noted(root, device, keys, tmp_path) or ""
        return (tmp_path / "kortkiosk-data-kept").read_text().strip()

    return call


def slots(device: Path) -> list[str]:
    return re.findall(r"^  (\d+): luks2", run("cryptsetup", "luksDump", device).stdout, re.MULTILINE)


@needs_tpm
def test_the_tpm_opens_the_volume_for_images_that_the_region_has_signed_and_for_nothing_else(
    start: Start, device: Path, keys: Path, tmp_path: Path
) -> None:
    assert start(b"image", action="prepare") == "tpm"
    finish(device)
    assert [path.name for path in keys.iterdir()] == ["data.sealed"]
    assert start(b"image") == "tpm"
    key = (tmp_path / "opened").read_bytes()
    assert key not in (keys / "data.sealed").read_bytes()
    assert start(b"its update") == "tpm"
    before = device.read_bytes()
    assert start(b"a stick", signer="stranger") == "D3"
    assert start(b"image", into=b"a changed image") == "D3"
    assert start() == "D3", "a system that measures nothing"
    assert start(b"image", secure=b"off") == "D3"
    assert device.read_bytes() == before
    assert start(b"image") == "tpm", "it opens again"
    assert (tmp_path / "opened").read_bytes() == key


@needs_tpm
def test_a_seal_of_before_gives_way_to_a_bound_one_with_another_key(
    start: Start, prepare: Prepare, device: Path, keys: Path, tmp_path: Path
) -> None:
    assert prepare().returncode == 0
    finish(device)
    old = Path(shutil.copy(keys / "data.key", tmp_path / "old.key"))
    with tpm_in_software(tmp_path) as tpm:
        made = OLD_SEAL.format(folder=tmp_path, key=keys / "data.key", keys=keys)
        assert run("sh", "-c", made, TPM2TOOLS_TCTI=tpm).returncode == 0
    assert start(b"image", secure=b"off") == "tpm"
    (keys.parent / "kortkiosk-slots.json").write_text('{"bad": [], "trial": "B"}')
    assert start(b"image") == "tpm"
    assert sorted(path.name for path in keys.iterdir()) == ["data.priv", "data.pub"], "the old image would not know it"
    (keys.parent / "kortkiosk-slots.json").write_text('{"bad": [], "trial": null}')
    (tmp_path / "instead/systemd-creds").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "instead/systemd-creds").chmod(0o755)
    assert start(b"image") == "tpm", "as where the power is cut before there is another file"
    (tmp_path / "instead/systemd-creds").unlink()
    assert opens(device, old)
    assert len(slots(device)) == 2
    assert start(b"image") == "tpm"
    assert [path.name for path in keys.iterdir()] == ["data.sealed"]
    assert not opens(device, old)
    assert len(slots(device)) == 1
    assert start(b"image") == "tpm"
    assert opens(device, tmp_path / "opened")
    assert start(b"image", secure=b"off") == "D3"


@needs_tpm
def test_a_recovery_key_seals_the_volume_to_the_machine_as_it_is_now(
    root: Path, start: Start, device: Path, keys: Path, tmp_path: Path
) -> None:
    assert start(b"image", secure=b"off", action="prepare") == "tpm"
    finish(device)
    (tmp_path / "memory/kortkiosk").mkdir(parents=True)
    typed = tmp_path / "memory/kortkiosk/recovery-key"
    typed.write_text("0123456789ABCDEFGHJK")
    quick = ("--batch-mode", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--key-slot", "7")
    assert start(secure=b"off") == "tpm"
    assert run("cryptsetup", "luksAddKey", *quick, "--key-file", tmp_path / "opened", device, typed).returncode == 0
    assert start(b"image") == "tpm"
    assert len(slots(device)) == 2, "it stays where the key is another one"
    assert start(b"image", secure=b"off") == "D3"
    assert start(b"image", secure=b"off", action="anew") == "tpm"
    assert start(secure=b"off") == "tpm"
    assert len(slots(device)) == 1
    assert start(b"image") == "tpm"
    assert start(secure=b"off") == "D3", "bound again"


@needs_tpm
def test_without_secure_boot_the_tpm_alone_opens_what_it_has_sealed(start: Start, device: Path) -> None:
    assert start(b"image", secure=b"off", action="prepare") == "tpm"
    finish(device)
    assert start(secure=b"off") == "tpm"
    assert start(b"image") == "tpm", "Secure Boot is on from now"
    assert start(secure=b"off") == "D3"
