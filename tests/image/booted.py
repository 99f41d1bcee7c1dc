"""The station's disk, started in an emulated PC: `make image-test` (minutes; not part of `make test`).

Kernel, firmware, drivers, pcscd and the station are those of the image; screen, panel, reader and card are QEMU's and ours.
Everything is waited for on the screen or a serial line, never by a length of time. Pictures are kept in `build/image/test`.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from image import layout
from image.build import PROJECT, make_data
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from tests.fakes.emulated_pc.machine import BOOT_S, EmulatedPc

ARCHITECTURE = "amd64"
DISK = PROJECT / "build/image" / ARCHITECTURE / f"kortkiosk-{ARCHITECTURE}.img"
RESULTS = PROJECT / "build/image/test"
EPOCH = 1764374400
REST_KIB = 500 * 1024
"""Memory that the whole machine may use while nobody is there."""

pytestmark = [pytest.mark.timeout(3600)]

STATION_TOML = """
[station]
language = "sv"

[readers]
holder = "auto"

[display]
fullscreen = true
"""


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the disk whose /data has a station's settings."""
    if not DISK.is_file():
        pytest.fail(f"{DISK} is not there: make image")
    return copy_of_disk(tmp_path_factory.mktemp("disk"), {"station.toml": STATION_TOML})


def copy_of_disk(folder: Path, settings: dict[str, str]) -> Path:
    copy = folder / "disk.img"
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", DISK, copy], check=True)
    content = folder / "data"
    (content / "kortkiosk").mkdir(parents=True)
    for name, text in settings.items():
        (content / "kortkiosk" / name).write_text(text, "utf-8")
    make_data(folder / "data.ext4", content, EPOCH)
    write_at(copy, layout.offset_of("data", ARCHITECTURE), (folder / "data.ext4").read_bytes())
    return copy


def write_at(disk: Path, offset: int, content: bytes) -> None:
    with disk.open("r+b") as file:
        file.seek(offset)
        file.write(content)


@pytest.fixture(scope="module")
def machine(disk: Path) -> Iterator[EmulatedPc]:
    folder = fresh_folder("station")
    with EmulatedPc(disk, folder) as machine:
        machine.shell.wait_until_there(BOOT_S)
        yield machine


def fresh_folder(name: str) -> Path:
    """Short: the path of a socket has 107 bytes at most."""
    shutil.rmtree(RESULTS / name, ignore_errors=True)
    (RESULTS / name).mkdir(parents=True)
    return Path(os.path.relpath(RESULTS / name))


def test_the_root_is_checked_block_by_block(machine: EmulatedPc) -> None:
    assert "verified" in machine.shell.run("veritysetup status root").split()
    assert machine.shell.run("findmnt -no FSTYPE,OPTIONS /").startswith("squashfs ro")


def test_the_first_screen_stands_and_nothing_failed(machine: EmulatedPc) -> None:
    machine.wait_for("Sätt i kortet", BOOT_S)
    machine.shoot("first-screen")
    assert machine.shell.run("systemctl --failed --no-legend --plain") == ""


def test_the_station_runs_as_its_own_user(machine: EmulatedPc) -> None:
    assert machine.shell.run("systemctl show --property=User --value kortkiosk-station.service") == "kortkiosk"


def test_nobody_can_log_in_and_nothing_listens(machine: EmulatedPc) -> None:
    gettys = "systemctl list-units --no-legend --plain --state=running '*getty*'"
    assert machine.shell.run(gettys) == ""
    assert (
        machine.shell.run("ls /proc/net/tcp* >/dev/null; awk 'FNR>1 && $4==\"0A\"' /proc/net/tcp /proc/net/tcp6") == ""
    )


def test_memory_at_rest(machine: EmulatedPc) -> None:
    said = machine.shell.run("awk '/MemTotal|MemAvailable/ {print $2}' /proc/meminfo").split()
    total, available = int(said[0]), int(said[1])
    print(f"{(total - available) // 1024} MiB of memory at rest")
    assert total - available <= REST_KIB


def test_the_emulated_reader_is_found_by_pcscd(machine: EmulatedPc) -> None:
    said = machine.shell.run("runuser -u kortkiosk -- /opt/kortkiosk/bin/kortkiosk card list --json")
    assert "CCID Interface" in said


def test_a_code_is_changed_with_fingers(machine: EmulatedPc, tmp_path: Path) -> None:
    holder = person(1).new
    authority = TestAuthority.load_or_create(tmp_path / "authority", datetime.now(UTC))
    card = VirtualCard.create(holder, authority, datetime.now(UTC), path=tmp_path / "card.json", protocol="T=0")
    machine.reader.insert(card)
    machine.tap_phrase("Byt kod")
    machine.shoot("home")


def test_a_root_with_a_changed_byte_does_not_come_up(disk: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / "disk.img"
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", disk, spoilt], check=True)
    flip(spoilt, layout.offset_of("root-a", ARCHITECTURE))
    with EmulatedPc(spoilt, fresh_folder("root")) as machine:
        machine.console.wait_for("verity|dm-verity device corrupted", BOOT_S)
        machine.shoot("panic")


def flip(disk: Path, offset: int) -> None:
    """Change one bit of the byte there."""
    with disk.open("r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ 1]))
