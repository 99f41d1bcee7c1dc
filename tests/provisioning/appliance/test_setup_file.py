"""Setup files of new stations: written beside an image's boot files, taken once into /data, and written over."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from kiosk.first_boot.plan import SETUP_FILE, load_plan
from provisioning.appliance.layout import SHIPPED
from provisioning.appliance.setup_file import FILE, write_setup_file
from provisioning.cli import BAD_INPUT, DONE, main

CODE, SERVER = "0123-4567-89AB-CDEF-GHJK", "https://fleet.example:8443"
TAKE = SHIPPED / "usr/lib/kortkiosk/take-setup"


@pytest.fixture
def boot(tmp_path: Path) -> Path:
    """The boot folder of a Raspberry Pi's card."""
    folder = tmp_path / "boot"
    folder.mkdir()
    (folder / "autoboot.txt").write_text("[all]\n")
    return folder


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "code").write_text(f"{CODE}\n")
    return tmp_path / "code"


class Disk:
    """A station's /data and what its start knows, below a folder; `bus`: where sysfs has the disk of the boot folder."""

    def __init__(self, folder: Path, boot: Path, bus: str = "mmc0") -> None:
        self.boot, self.station, self.own, self.kept = boot, folder / "station", folder / "own", folder / "kept"
        for place in (self.station, self.own):
            place.mkdir(parents=True)
        self.kept.write_text("tpm\n")
        sysfs = folder / "sys"
        (sysfs / "devices" / bus / "block/disk/part").mkdir(parents=True)
        (sysfs / "dev/block").mkdir(parents=True)
        (sysfs / "dev/block/8:1").symlink_to(sysfs / "devices" / bus / "block/disk/part")
        programs = folder / "programs"
        programs.mkdir()
        (programs / "mountpoint").write_text("#!/bin/sh\necho 8:1\n")
        (programs / "mountpoint").chmod(0o755)
        self._environment = {"PATH": f"{programs}:{os.environ['PATH']}", "SYSFS": str(sysfs)}

    def start(self) -> None:
        words = ["sh", str(TAKE), *map(str, (self.boot, self.station, self.kept, self.own))]
        subprocess.run(words, check=True, env=self._environment)

    @property
    def taken(self) -> Path:
        return self.station / SETUP_FILE


def test_a_card_is_written_and_its_first_start_takes_the_file_and_writes_it_over(
    boot: Path, code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "site.toml"
    base.write_text('[settings.station]\nlanguage = "sv"\n[settings.network]\nproxy = "proxy.example:3128"\n')

    def as_on_fat(*_words: object) -> None:
        raise PermissionError("no modes on FAT")

    with monkeypatch.context() as on_fat:
        on_fat.setattr(os, "fchmod", as_on_fat)
        words = ["stick", str(boot), "--server", SERVER, "--station", "ward-1", "--code-file", str(code)]
        assert main([*words, "--base", str(base)]) == DONE
    lies = boot / FILE
    (tmp_path / "same").hardlink_to(lies)  # the blocks of the medium, which a removal leaves
    disk = Disk(tmp_path / "machine", boot)
    disk.start()
    assert not lies.exists()
    assert set((tmp_path / "same").read_bytes()) == {0}
    assert stat.S_IMODE(disk.taken.stat().st_mode) == 0o600
    plan = load_plan(disk.taken)
    assert plan.claim.claim is not None
    assert (plan.claim.claim.station, str(plan.claim.claim.code)) == ("ward-1", CODE)
    assert plan.settings is not None
    assert plan.settings.network.proxy == "proxy.example:3128"
    assert "0123" not in repr(plan)
    disk.start()
    assert disk.taken.exists()


def test_a_station_that_is_set_up_takes_none_and_it_is_written_over(boot: Path, tmp_path: Path) -> None:
    disk = Disk(tmp_path / "machine", boot)
    (disk.station / "identity").mkdir()
    (disk.station / "identity/identity.json").write_text("{}")
    write_setup_file(boot, None, SERVER, "other", CODE)
    disk.start()
    assert (disk.taken.exists(), (boot / FILE).exists()) == (False, False)


def test_where_data_was_not_opened_the_file_waits(boot: Path, tmp_path: Path) -> None:
    disk = Disk(tmp_path / "machine", boot)
    write_setup_file(boot, None, SERVER, "ward-1", CODE)
    disk.kept.write_text("D3\n")
    disk.start()
    assert (disk.taken.exists(), (boot / FILE).exists()) == (False, True)


def test_on_a_stick_it_stays_for_the_disks_that_the_stick_is_written_to(boot: Path, tmp_path: Path) -> None:
    disk = Disk(tmp_path / "machine", boot, bus="pci0000:00/usb1/1-1")
    write_setup_file(boot, None, SERVER, "", CODE)
    disk.start()
    assert (disk.taken.exists(), (boot / FILE).exists()) == (True, True)


def test_nothing_is_written_through_a_link_of_the_stations_user(boot: Path, tmp_path: Path) -> None:
    disk = Disk(tmp_path / "machine", boot)
    theirs = tmp_path / "of-root"
    theirs.write_text("as it was")
    disk.taken.symlink_to(theirs)
    write_setup_file(boot, None, SERVER, "ward-1", CODE)
    disk.start()
    assert (theirs.read_text(), disk.taken.is_symlink()) == ("as it was", False)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"folder": "empty"}, "is not the boot folder of a station's image"),
        ({"--station": "No Name"}, "No Name"),
        ({"--server": ""}, "write text alone, or server, station and code"),
        ({"base": "[claim]\n"}, "leave \\[claim\\] out"),
        ({"base": "[settings.station]\nlanguages = 1\n"}, "settings.station.languages"),
        ({"base": "[settings"}, "TOML"),
        ({"code": "0123"}, "a claim code is 5 groups"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    change: dict[str, str], why: str, boot: Path, code: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "base.toml").write_text(change.get("base", ""))
    code.write_text(change.get("code", CODE))
    folder = tmp_path / "empty" if "folder" in change else boot
    options = {
        "--server": SERVER,
        "--station": "ward-1",
        "--code-file": str(code),
        "--base": str(tmp_path / "base.toml"),
    }
    options |= {name: value for name, value in change.items() if name.startswith("--")}
    assert main(["stick", str(folder), *(word for pair in options.items() for word in pair)]) == BAD_INPUT
    printed = capsys.readouterr()
    assert why.replace("\\", "") in printed.err
    assert "0123" not in printed.err
    assert list(boot.iterdir()) == [boot / "autoboot.txt"]
