"""The station's disk, started in an emulated PC: `make image-test` (minutes; not part of `make test`).

Kernel, firmware, drivers, pcscd and the station are those of the image; screen, panel, reader and card are QEMU's and ours.
Everything is waited for on the screen or a serial line, never by a length of time. Pictures are kept in `build/image/test`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from image import layout
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from tests.fakes.emulated_pc.disks import ARCHITECTURE, LARGER_MIB, copy_file, copy_of_disk, flip, fresh_folder
from tests.fakes.emulated_pc.machine import BOOT_S, EmulatedPc

REST_KIB = 500 * 1024
"""Memory that the whole machine may use while nobody is there."""

DONE = 0x9000
CODES = [("Skriv din kod", "246813"), ("Valj en ny kod", "314159"), ("Skriv koden", "314159")]
"""What the screens ask for, and what is typed: the made-up person's code, a new one, and that again."""
SPOILT = {"root-a": 0, "verity-a": 4096}
"""Where a byte is changed: the root's first block, and the hash tree's first one behind its head."""

pytestmark = [pytest.mark.timeout(3600)]

STATION_TOML = """
[station]
language = "sv"

[readers]
holder = "auto"

[display]
width = 800
height = 480

[timeouts]
idle_s = 3600
total_s = 7200
"""
"""A visitor at an emulated machine is slow."""


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the disk whose /data has a station's settings."""
    return copy_of_disk(tmp_path_factory.mktemp("disk"), STATION_TOML)


@pytest.fixture(scope="module")
def machine(disk: Path) -> Iterator[EmulatedPc]:
    folder = fresh_folder("station")
    with EmulatedPc(disk, folder) as machine:
        machine.shell.wait_until_there(BOOT_S)
        yield machine


@pytest.fixture
def card(tmp_path: Path) -> VirtualCard:
    """A made-up person's old card, which the emulated reader can carry."""
    now = datetime.now(UTC)
    authority = TestAuthority.load_or_create(tmp_path / "authority", now)
    return VirtualCard.create(person(1).old, authority, now, protocol="T=0")


def test_the_root_is_checked_block_by_block(machine: EmulatedPc) -> None:
    assert "verified" in machine.shell.run("veritysetup status root").split()
    assert machine.shell.run("findmnt -no FSTYPE /") == "squashfs"


def test_the_first_screen_stands_and_nothing_failed(machine: EmulatedPc) -> None:
    machine.wait_for("Vad vill du", BOOT_S)
    machine.shoot("first-screen")
    assert machine.shell.run("systemctl --failed --no-legend --plain") == ""
    assert "ordering cycle" not in machine.shell.run("journalctl --boot --no-pager --grep='ordering cycle' | cat")


def test_the_data_partition_takes_what_the_disk_has_left(machine: EmulatedPc) -> None:
    machine.shell.run("systemctl is-system-running --wait", BOOT_S)
    mib = int(machine.shell.run("df --output=size --block-size=1M /data | tail -1"))
    assert mib > layout.DATA_MIB + LARGER_MIB // 2


def test_the_station_runs_as_its_own_user(machine: EmulatedPc) -> None:
    assert machine.shell.run("ps -o user= -p $(systemctl show -P MainPID kortkiosk-station)") == "kortkiosk"


def test_nobody_can_log_in_and_nothing_listens(machine: EmulatedPc) -> None:
    assert machine.shell.run("systemctl list-units --no-legend --plain --state=running '*getty*'") == ""
    assert machine.shell.run("awk -F: '$2 ~ /^[$]/' /etc/shadow") == "", "nobody has a password"
    listening = "awk 'FNR > 1 && $4 == \"0A\"' /proc/net/tcp /proc/net/tcp6"
    assert machine.shell.run(listening) == ""


def test_memory_at_rest(machine: EmulatedPc) -> None:
    said = machine.shell.run("awk '/MemTotal|MemAvailable/ {print $2}' /proc/meminfo").split()
    used = int(said[0]) - int(said[1])
    print(f"{used // 1024} MiB of memory at rest")
    assert used <= REST_KIB


def test_a_code_is_changed_with_fingers(machine: EmulatedPc, card: VirtualCard) -> None:
    machine.tap_phrase("Byt kod")
    machine.wait_for("Satt i ditt kort")
    machine.shoot("insert")
    machine.reader.insert(card)
    machine.wait_for("Vi kan inte kontrollera")  # nobody has told this station whom it may trust
    machine.tap_main_button()
    for step, (phrase, code) in enumerate(CODES):
        machine.wait_for(phrase)
        machine.type_digits(code)
        machine.shoot(f"code-{step}")
        machine.tap_main_button()
    machine.wait_for("Klart. Koden")
    machine.shoot("done")
    machine.reader.remove()
    assert "CHANGE REFERENCE DATA" in [entry.ins for entry in card.log if entry.sw == DONE]


@pytest.mark.parametrize("label", ["root-a", "verity-a"])
def test_a_changed_byte_stops_the_machine_and_the_screen_says_so(disk: Path, label: str, tmp_path: Path) -> None:
    spoilt = copy_file(disk, tmp_path / "disk.img")
    flip(spoilt, layout.offset_of(label, ARCHITECTURE) + SPOILT[label])
    with EmulatedPc(spoilt, fresh_folder(label)) as machine:
        machine.wait_for("stationen har stannat", BOOT_S)
        machine.shoot("stopped")
        assert "is corrupted" in machine.console.text
        machine.process.wait(BOOT_S)  # it starts anew, which ends the emulation
