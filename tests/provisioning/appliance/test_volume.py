"""The keys of /data are thrown away: a volume of LUKS in a file, which needs no device mapper."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from provisioning.appliance.cli import VolumeError, erase_keys
from provisioning.cli import main as provision

pytestmark = pytest.mark.skipif(shutil.which("cryptsetup") is None, reason="cryptsetup is not installed")
QUICK = ("--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000")


def cryptsetup(*words: str | Path) -> int:
    return subprocess.run(["cryptsetup", *map(str, words)], capture_output=True, check=False).returncode


@pytest.fixture
def volume(tmp_path: Path) -> tuple[Path, Path]:
    """An encrypted volume with two key slots, and the file with the key of one."""
    device, key = tmp_path / "data.img", tmp_path / "data.key"
    with device.open("wb") as file:
        file.truncate(20 << 20)
    key.write_bytes(os.urandom(64))
    (tmp_path / "other.key").write_bytes(b"made up, for a technician")
    assert cryptsetup("luksFormat", "--batch-mode", "--type", "luks2", *QUICK, "--key-file", key, device) == 0
    assert cryptsetup("luksAddKey", "--batch-mode", *QUICK, "--key-file", key, device, tmp_path / "other.key") == 0
    return device, key


def opens(device: Path, key: Path) -> bool:
    return cryptsetup("open", "--test-passphrase", "--key-file", key, device) == 0


def test_no_key_opens_it_any_more_and_again_is_the_same(volume: tuple[Path, Path], tmp_path: Path) -> None:
    device, key = volume
    copy = Path(shutil.copy(key, tmp_path / "copy.key"))
    assert opens(device, key)
    assert opens(device, tmp_path / "other.key")
    for _ in range(2):
        assert provision(["appliance", "erase", "--device", str(device), "--key-file", str(key), "--json"]) == 0
        assert not opens(device, copy)
        assert not opens(device, tmp_path / "other.key")
        assert not key.exists()


def test_a_volume_without_encryption_says_that_it_has_no_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plain.img").write_bytes(bytes(1 << 20))
    (tmp_path / "seal").write_text("made up")
    on_the_medium = tmp_path / "medium"
    on_the_medium.hardlink_to(tmp_path / "seal")
    words = ["appliance", "erase", "--device", str(tmp_path / "plain.img"), "--key-file", str(tmp_path / "seal")]
    assert provision(words) == 0
    assert "not encrypted" in capsys.readouterr().out
    assert not (tmp_path / "seal").exists()
    assert on_the_medium.read_bytes() == bytes(len("made up"))


def test_a_device_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(VolumeError):
        erase_keys(tmp_path / "none")
    assert provision(["appliance", "erase", "--device", str(tmp_path / "none")]) == 4
    assert "no such device" in capsys.readouterr().err
