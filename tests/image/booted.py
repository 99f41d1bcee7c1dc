"""The station's disk, started in an emulated PC: `make image-test` (minutes; not part of `make test`).

Kernel, firmware, drivers, pcscd and the station are those of the image; screen, panel, reader and card are QEMU's and ours.
Everything is waited for on the screen or a serial line, never by a length of time. Pictures are kept in `build/image/test`.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from image import layout
from image.splash import draw_splash
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from tests.fakes.emulated_pc.disks import (
    ARCHITECTURE,
    LARGER_MIB,
    STATION_TOML,
    copy_file,
    copy_of_disk,
    flip,
    fresh_folder,
)
from tests.fakes.emulated_pc.machine import BOOT_S, HEIGHT, WIDTH, EmulatedPc

REST_KIB = 500 * 1024
"""Memory that the whole machine may use while nobody is there."""

MOST_EXPOSED = 2.0
"""As `systemd-analyze security` counts the station's unit: 10 is a unit that is not shut in at all."""
REST_SHARE = 0.03
"""Of one core, likewise; measured for so many seconds."""
REST_S = 180
SPLASH_S = 180
"""So long an emulated processor may take from the power to the still picture."""
LEFT_OVER = 0.1
"""Share of time in which emulated cores that are at rest have nothing to do."""
WORK = "import time; b = time.process_time(); sum(i * i for i in range(3_000_000)); print(time.process_time() - b)"
"""The same in the guest and outside of it, for Python: prints its processor time in seconds."""

HUNG_S = 120
"""As the station's unit has it."""
HASTE = Path("/run/systemd/system/kortkiosk-station.service.d/zzz-haste.conf")
"""Is read after what brings the tests' patience."""
DONE = 0x9000
CODES = [("Skriv din kod", "246813"), ("Valj en ny kod", "314159"), ("Skriv koden", "314159")]
"""What the screens ask for, and what is typed: the made-up person's code, a new one, and that again."""
SPOILT = {"root-a": 0, "verity-a": 4096}
"""Where a byte is changed: the root's first block, and the hash tree's first one behind its head."""

pytestmark = [pytest.mark.timeout(3600)]


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


def test_a_kernel_that_is_at_fault_starts_anew(machine: EmulatedPc) -> None:
    assert machine.shell.run("cd /proc/sys/kernel; cat panic_on_oops panic").split() == ["1", "30"]


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
    print(machine.shell.run("ss --no-header -tulpn"))


def test_units_are_shut_in(machine: EmulatedPc) -> None:
    exposed = machine.shell.run("systemd-analyze security --no-pager | awk '/kortkiosk/ {print $1, $2}'")
    print(exposed)
    station = dict(line.split() for line in exposed.splitlines())["kortkiosk-station.service"]
    assert float(station) <= MOST_EXPOSED


def test_memory_at_rest(machine: EmulatedPc) -> None:
    said = machine.shell.run("awk '/MemTotal|MemAvailable/ {print $2}' /proc/meminfo").split()
    used = int(said[0]) - int(said[1])
    print(f"{used // 1024} MiB of memory at rest")
    assert used <= REST_KIB


def test_processor_at_rest(machine: EmulatedPc) -> None:
    """What the station itself takes: what emulating the machine takes more with it than without it, by how many times more
    processor time emulated work takes than work."""
    with_it, idle = emulation_at_rest(machine)
    machine.shell.run("systemctl stop kortkiosk-station.service", BOOT_S)
    without_it, _ = emulation_at_rest(machine)
    begin = processor_seconds(machine)
    machine.shell.run(f"python3 -c '{WORK}'", BOOT_S)
    emulated = processor_seconds(machine) - begin
    work = float(subprocess.run([sys.executable, "-c", WORK], check=True, capture_output=True, text=True).stdout)
    machine.shell.run("systemctl start --no-block kortkiosk-station.service")
    share = (with_it - without_it) * work / emulated
    print(
        f"emulation takes {with_it:.1%} of a core, {without_it:.1%} without the station; work {emulated / work:.0f} times as much"
    )
    print(f"the station takes {share:.2%} of a core; the emulated cores are idle {idle:.0%} of the time")
    assert idle > LEFT_OVER, "what emulates is shared so much that the machine never comes to rest: nothing is told"
    assert share <= REST_SHARE
    machine.wait_for("Vad vill du", BOOT_S)


def emulation_at_rest(machine: EmulatedPc) -> tuple[float, float]:
    """The share of a core that the emulator takes, over some minutes, and of time in which the emulated cores are idle."""
    machine.shell.run("systemctl is-system-running --wait", BOOT_S)
    machine.shell.run("sleep 60")
    read = "awk '/^cpu / {print $5 + $6, $2 + $3 + $4 + $5 + $6 + $7 + $8}' /proc/stat"
    before, seconds, begin = machine.shell.run(read).split(), processor_seconds(machine), time.monotonic()
    machine.shell.run(f"sleep {REST_S}", 3 * REST_S)
    seconds, after = processor_seconds(machine) - seconds, machine.shell.run(read).split()
    idle, ticks = (int(after[at]) - int(before[at]) for at in (0, 1))
    return seconds / (time.monotonic() - begin), idle / ticks


def processor_seconds(machine: EmulatedPc) -> float:
    """That the emulator has taken so far, on the machine that emulates."""
    fields = Path(f"/proc/{machine.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_code_is_changed_with_fingers(machine: EmulatedPc, card: VirtualCard) -> None:
    machine.tap_phrase("Byt kod")
    machine.wait_for("Satt i ditt kort")
    machine.shoot("insert")
    machine.reader.insert(card)
    machine.wait_for("Vi kan inte kontrollera")  # nobody has told this station whom it may trust
    for step, (phrase, code) in enumerate(CODES):
        machine.tap_main_button_until(phrase)
        machine.type_digits(code)
        machine.shoot(f"code-{step}")
    machine.tap_main_button_until("Klart. Koden")
    machine.shoot("done")
    machine.reader.remove()
    assert "CHANGE REFERENCE DATA" in [entry.ins for entry in card.log if entry.sw == DONE]


def test_a_hung_station_is_started_anew(machine: EmulatedPc) -> None:
    """By systemd, which has not heard of it for as long as its unit allows here (the tests' own patience is taken away)."""
    machine.shell.run(
        f"mkdir -p {HASTE.parent}; printf '[Service]\\nWatchdogSec={HUNG_S}\\n' >{HASTE}; systemctl daemon-reload"
    )
    machine.shell.run("systemctl restart kortkiosk-station.service", BOOT_S)
    machine.wait_for("Vad vill du", BOOT_S)
    process, begin = main_process(machine), machine.shell.run("date +%s")
    machine.shell.run(f"kill -STOP {process}")
    machine.shell.run("until [ $(systemctl show -P NRestarts kortkiosk-station) -gt 0 ]; do sleep 1; done", BOOT_S)
    assert "Watchdog timeout" in machine.shell.run(
        f"journalctl --no-pager --since=@{begin} --unit=kortkiosk-station | cat"
    )
    machine.wait_for("Vad vill du", BOOT_S)
    assert main_process(machine) not in ("0", process)


def test_a_hung_system_is_started_anew(machine: EmulatedPc) -> None:
    """By the machine's own watchdog, which nobody has fed: systemd stands still. No later test has this machine."""
    machine.shell.run("echo 1 >/sys/fs/cgroup/init.scope/cgroup.freeze")
    assert "WATCHDOG" in machine.qmp.events_until_the_end()
    machine.process.wait(BOOT_S)  # it starts anew, which ends the emulation


def main_process(machine: EmulatedPc) -> str:
    return machine.shell.run("systemctl show -P MainPID kortkiosk-station")


def test_a_still_picture_stands_until_the_station_draws(disk: Path, tmp_path: Path) -> None:
    """From so many seconds after the kernel's start on, of an emulated processor. Keys that are pressed open no menu."""
    keyboard = ("-device", "usb-kbd,bus=usb.0")
    with EmulatedPc(
        copy_file(disk, tmp_path / "disk.img"), fresh_folder("splash"), extra=keyboard, looks=False
    ) as machine:
        end = time.monotonic() + SPLASH_S
        while not is_splash(machine.shoot("starting")):
            assert machine.process.poll() is None
            assert time.monotonic() < end
            for _ in range(10):
                machine.qmp.command("send-key", keys=[{"type": "qcode", "data": "down"}])
                time.sleep(0.1)
        shown = time.time()
        machine.shell.wait_until_there(BOOT_S)
        started = time.time() - float(machine.shell.run("cut -d ' ' -f 1 /proc/uptime"))
        print(f"the picture stands {shown - started:.1f} s after the kernel's start")


def is_splash(picture: Path) -> bool:
    """Whether the screen shows it, but for what the firmware left at its edges."""
    with Image.open(picture) as shown:
        difference = ImageChops.difference(shown.convert("RGB"), draw_splash(WIDTH, HEIGHT)).convert("L")
    return difference.histogram()[0] > 0.98 * WIDTH * HEIGHT


@pytest.mark.parametrize("label", ["root-a", "verity-a"])
def test_a_changed_byte_stops_the_machine_and_the_screen_says_so(disk: Path, label: str, tmp_path: Path) -> None:
    spoilt = copy_file(disk, tmp_path / "disk.img")
    flip(spoilt, layout.offset_of(label, ARCHITECTURE) + SPOILT[label])
    with EmulatedPc(spoilt, fresh_folder(label)) as machine:
        machine.wait_for("stationen har stannat", BOOT_S)
        machine.shoot("stopped")
        assert "is corrupted" in machine.console.text
        machine.process.wait(BOOT_S)  # it starts anew, which ends the emulation
