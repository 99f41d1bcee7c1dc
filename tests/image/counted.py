"""A damaged default slot, and power cuts while the initial RAM disk counts its starts, in an emulated PC: `make image-test`.

Slot B is whole, slot A is not and has failed three times: the fourth start gives way. Each cut is at another write to the disk,
and the counter goes on from what lies there.
"""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from image import guard, layout
from provisioning.updates.boot_loaders import Slot, SystemdBoot
from provisioning.updates.slots import STARTS_FILE, STATE_FILE
from tests.fakes.emulated_pc.disks import ARCHITECTURE, copy_file, copy_of_disk, flip, fresh_folder
from tests.fakes.emulated_pc.machine import BOOT_S, EmulatedPc
from tests.fakes.emulated_pc.qmp import QmpError

pytestmark = [pytest.mark.timeout(7200)]

WRITES_A_SECOND, STEP = 5, 2
"""The disk is slow enough to be cut at every second write."""
MTOOLS = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}


def test_a_damaged_default_slot_gives_way_wherever_power_is_cut(tmp_path: Path) -> None:
    disk = copy_of_disk(tmp_path)
    for kind, mib in (("root", layout.ROOT_MIB), ("verity", layout.VERITY_MIB)):
        source, target = (layout.offset_of(f"{kind}-{slot}", ARCHITECTURE) // layout.MIB for slot in layout.SLOTS)
        subprocess.run(["dd", f"if={disk}", f"of={disk}", "bs=1M", f"skip={source}", f"seek={target}", f"count={mib}",
                        "conv=notrunc,sparse", "status=none"], check=True)  # fmt: skip
    flip(disk, layout.offset_of("root-a", ARCHITECTURE))
    place = f"{disk}@@{layout.offset_of('esp', ARCHITECTURE)}"
    for name, text in {STATE_FILE: '{"trial": null, "started": false, "bad": []}', STARTS_FILE: "A 3 "}.items():
        subprocess.run(["mcopy", "-o", "-i", place, "-", f"::{name}"], input=text, text=True, check=True, env=MTOOLS)
    cut, chosen = STEP, []
    while (default := default_after(copy_file(disk, tmp_path / "cut.img"), cut, tmp_path / f"boot{cut}")) is not None:
        chosen.append(default)
        cut += STEP
    print(f"cut at every second of {cut} writes: {chosen}")
    assert chosen == sorted(chosen)
    assert set(chosen) == {Slot.A, Slot.B}

    with EmulatedPc(tmp_path / "cut.img", fresh_folder("counted")) as machine:
        machine.shell.wait_until_there(BOOT_S)
        machine.shell.run("until [ -e /run/kortkiosk-slots.json ]; do sleep 2; done", BOOT_S)
        notes = json.loads(machine.shell.run("cat /run/kortkiosk-slots.json"))
        assert (notes["start"], notes["current"], notes["problems"]) == ("usual", "B", ["gave_way"])
        assert "verified" in machine.shell.run("veritysetup status root").split()


def default_after(disk: Path, cut: int, boot: Path) -> Slot | None:
    """The slot that starts after a cut at that write, where the counter goes on; None where it had written all before."""
    with EmulatedPc(disk, fresh_folder(f"counted-{cut}")) as machine:
        machine.qmp.command("block_set_io_throttle", device="disk", bps=0, bps_rd=0, bps_wr=0, iops=0, iops_rd=0,
                            iops_wr=WRITES_A_SECOND)  # fmt: skip
        try:
            while writes(machine) < cut:
                time.sleep(0.02)
        except (QmpError, OSError):
            assert machine.process.wait(BOOT_S) == 0, "it gave way, and starts anew"
            return None
        machine.cut_power()
    boot.mkdir()
    place = f"{disk}@@{layout.offset_of('esp', ARCHITECTURE)}"
    for name in (STATE_FILE, STARTS_FILE, "loader"):
        subprocess.run(["mcopy", "-s", "-n", "-i", place, f"::{name}", boot], check=False, env=MTOOLS)
    default = SystemdBoot(boot, boot / "none").default_slot()
    assert default is not None
    line = layout.kernel_line("a" if default is Slot.A else "b", "00")
    subprocess.run([guard.HERE / "count-start", line, boot], check=False)
    assert SystemdBoot(boot, boot / "none").default_slot() is Slot.B
    return default


def writes(machine: EmulatedPc) -> int:
    """To the disk, since the power on."""
    (stats,) = (entry["stats"] for entry in machine.qmp.command("query-blockstats") if entry["device"] == "disk")
    count: int = stats["wr_operations"]
    return count
