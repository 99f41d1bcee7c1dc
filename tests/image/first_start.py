"""The first start of a station's disk, with the power cut at each step, with a TPM and without: `make image-test`.

Whatever was cut, the next start goes on, and in the end the assistant is on the screen and `/data` is encrypted.
"""

from pathlib import Path

import pytest

from tests.fakes.emulated_pc.disks import copy_of_disk, fresh_folder
from tests.fakes.emulated_pc.machine import BOOT_S, EmulatedPc

pytestmark = [pytest.mark.timeout(3600)]

CUTS = {
    "initial RAM disk": r"systemd\[1\]",
    "root": r"Switching root",
    "new volume": r"Starting kortkiosk-open-data\.service",
    "opened volume": r"Finished kortkiosk-open-data\.service",
    "folders": r"Starting kortkiosk-data\.service",
    "station": r"Starting kortkiosk-station\.service",
}
"""What the machine has just said when its power is cut, by what is cut."""
FIRST_WORDS = "Svenska"


@pytest.mark.parametrize(("kept", "cuts"), [("tpm", tuple(CUTS)), ("file", ("new volume", "folders"))])
def test_it_goes_on_wherever_it_was_cut(kept: str, cuts: tuple[str, ...], tmp_path: Path) -> None:
    disk, tpm = copy_of_disk(tmp_path), tmp_path / "tpm" if kept == "tpm" else None
    for number, cut in enumerate(cuts):
        with EmulatedPc(disk, fresh_folder(f"first-{kept}-{number}"), tpm=tpm) as machine:
            machine.console.wait_for(CUTS[cut], BOOT_S)
            machine.cut_power()
            print(f"cut: {kept}, {cut}", flush=True)
    for start in ("then", "again"):
        with EmulatedPc(disk, fresh_folder(f"first-{kept}-{start}"), tpm=tpm) as machine:
            machine.shell.wait_until_there(BOOT_S)
            machine.wait_for(FIRST_WORDS, BOOT_S)
            machine.shoot("assistant")
            assert machine.shell.run("cat /run/kortkiosk-data-kept") == kept
            assert machine.shell.run("systemctl --failed --no-legend --plain") == ""
            assert machine.shell.run("ls /data/machine | grep -c mark") == ("1" if start == "again" else "0")
            machine.shell.run("echo kept >/data/machine/mark; sync")
            machine.cut_power()
