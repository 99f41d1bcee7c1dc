"""A station's update from slot to slot by RAUC, with the power cut at each step, in an emulated PC: `make image-test`.

The station that `installed.py` has set up is ordered a second version by its fleet server: the same commit built with another
version, in a signed bundle. The parts of a power cut are in the order in which an update goes.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from image.build import PROJECT
from sim.demo.seed import STATION
from tests.fakes.emulated_pc.disks import ARCHITECTURE, built_disk
from tests.fakes.emulated_pc.installation import Station
from tests.fakes.emulated_pc.machine import BOOT_S, EmulatedPc
from tests.fakes.emulated_pc.surroundings import LISTENERS
from tests.fakes.emulated_pc.visits import HOME

pytestmark = [pytest.mark.timeout(3600)]

NEXT, NEXT_VERSION = PROJECT / "build/image/next", "2099.1.1"
SLOTS_FILE = "/efi/kortkiosk-slots.json"
RECORD = "/data/kortkiosk/data/update.json"


@pytest.fixture(scope="module")
def station() -> Iterator[Station]:
    with Station.set_up("updated") as station:
        yield station


@pytest.fixture(scope="module")
def bundle(station: Station, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of the second version's bundle, which the server offers."""
    build_next()
    authority = station.around.folder / "authority"
    file = tmp_path_factory.mktemp("bundle") / f"{NEXT_VERSION}.raucb"
    provision("authority", "issue-signer", authority)
    images = {
        "root": "root.squashfs",
        "verity": "root.verity",
        "boot-a": "kortkiosk-a.efi",
        "boot-b": "kortkiosk-b.efi",
    }
    named = [word for name, image in images.items() for word in (f"--{name}", NEXT / image)]
    provision("bundle", file, *named, "--compatible", f"kortkiosk-{ARCHITECTURE}", "--version", NEXT_VERSION,
        "--authority", authority)  # fmt: skip
    station.run_fleet("bundle", "add", file, "--authority", authority)
    (stored,) = json.loads(station.run_fleet("bundle", "list", "--json"))["bundles"]
    digest: str = stored["sha256"]
    return digest


def test_power_is_cut_while_it_is_installed(station: Station, bundle: str) -> None:
    """The other slot is half written: the old one runs."""
    machine = station.power_on()
    machine.wait_for(HOME, BOOT_S)
    assert slot_of(machine) == ("A", "usual")
    order(station, bundle)
    wait_for_step(machine, "installing")
    machine.shell.run(f"until grep -qs 'bad.*B' {SLOTS_FILE}; do sleep 0.2; done; sleep 2", BOOT_S)
    machine.cut_power()


def test_it_is_installed_again_and_power_is_cut_at_the_switch(station: Station) -> None:
    machine = station.power_on()
    assert slot_of(machine) == ("A", "usual")
    wait_for_step(machine, "restarting")
    machine.cut_power()


def test_power_is_cut_before_it_is_confirmed(station: Station) -> None:
    """The new slot is tried, once."""
    machine = station.power_on()
    assert slot_of(machine) == ("B", "trial")
    machine.cut_power()


def test_the_old_slot_runs_again_and_the_server_is_told(station: Station) -> None:
    machine = station.power_on()
    assert slot_of(machine) == ("A", "fell_back")
    machine.wait_for(HOME, BOOT_S)
    machine.shoot("fell-back")
    station.wait_until(lambda: state(station) == ("fell_back", "fell_back"))


def test_it_is_ordered_again_and_stays(station: Station, bundle: str) -> None:
    assert station.machine is not None
    order(station, bundle)
    station.machine.process.wait(BOOT_S)
    machine = station.power_on()
    assert slot_of(machine) == ("B", "trial")
    station.wait_until(lambda: state(station)[0] == "confirmed")
    assert "default kortkiosk-b.efi" in machine.shell.run("cat /efi/loader/loader.conf")
    machine.wait_for(HOME, BOOT_S)
    machine.shoot("confirmed")


def build_next() -> None:
    """What does not differ is taken from the first build."""
    for step in ("root", "python", "tools"):
        if not (NEXT / "steps" / step).exists():
            (NEXT / "steps").mkdir(parents=True, exist_ok=True)
            subprocess.run(
                ["cp", "--archive", "--link", built_disk().parent / "steps" / step, NEXT / "steps"], check=True
            )
    output_of(
        sys.executable, "-m", "image", "--architecture", ARCHITECTURE, "--version", NEXT_VERSION, "--output", NEXT
    )


def order(station: Station, digest: str) -> None:
    """By the server's own program, beside the server that runs."""
    assert LISTENERS.updates is not None
    port = str(LISTENERS.updates.port)
    station.run_fleet("update", "order", digest, STATION, "--reason", "a test", "--port", port, "--now")


def state(station: Station) -> tuple[str, str | None]:
    """How far the server says that it is, and why not further."""
    (row,) = json.loads(station.run_fleet("update", "list", "--json"))["stations"]
    return row["state"], row["reason"]


def slot_of(machine: EmulatedPc) -> tuple[str, str]:
    """Which one runs, and what this start is."""
    machine.shell.run("systemctl start kortkiosk-slots.service", BOOT_S)
    said = json.loads(machine.shell.run("cat /run/kortkiosk-slots.json"))
    return said["current"], said["start"]


def wait_for_step(machine: EmulatedPc, step: str) -> None:
    machine.shell.run(f'until grep -qs \'"step":"{step}"\' {RECORD}; do sleep 0.2; done', BOOT_S)


def provision(*words: str | Path) -> str:
    """What `kortkiosk-provision` prints. Raises AssertionError with what it said."""
    return output_of(Path(sys.executable).with_name("kortkiosk-provision"), *words)


def output_of(*words: str | Path) -> str:
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    return done.stdout
