"""Drivers that a board's device tree asks for: what the initial RAM disk and the root lack, told for each device."""

import struct
from pathlib import Path

import pytest

from image import boards
from tests.fakes.machine.device_tree import BUS, CLOCK, FIXED, GPIO, MMC, board, text

ALIASES = f"""\
alias of:N*T*C{MMC} sdhci_iproc
alias of:N*T*C{MMC}C* sdhci_iproc
alias of:N*T*C{FIXED} fixed
alias of:N*T*C{CLOCK} clk_made_up
alias pci:v00001DE4d00000001sv*sd*bc*sc*i* rp1_pci
"""
KERNEL = boards.Kernel.read(b"..." + BUS.encode() + b"\0" + GPIO.encode() + b"\0", ALIASES)


def test_the_disk_needs_whatever_its_suppliers_need() -> None:
    needed = boards.modules_needed(boards.parse_tree(board()), KERNEL)
    assert needed["disk"] == {"sdhci_iproc", "fixed", "clk_made_up"}
    assert needed["display"] == set()


def test_a_device_that_is_switched_off_needs_nothing() -> None:
    assert boards.modules_needed(boards.parse_tree(board(status=text("disabled"))), KERNEL)["disk"] == set()


def test_a_device_that_nothing_drives_is_told_by_its_word() -> None:
    without = boards.Kernel.read(BUS.encode() + b"\0", ALIASES)
    assert f"no driver for {GPIO}" in boards.modules_needed(boards.parse_tree(board()), without)["disk"]


@pytest.mark.parametrize("blob", [b"", b"no tree at all, but long enough", board()[:60]])
def test_what_is_no_device_tree_is_refused(blob: bytes) -> None:
    with pytest.raises((ValueError, struct.error, IndexError)):
        boards.parse_tree(blob)


@pytest.mark.parametrize("less", [board(), board(status=text("okay"), more=b"x")])
def test_an_overlay_takes_nothing_away(less: bytes) -> None:
    more = boards.parse_tree(board(gone=b"x"))
    with pytest.raises(boards.MissingDriversError, match="/soc/mmc@1"):
        boards.overlay_between(more, boards.parse_tree(less))


def root_with(folder: Path, initrd: str) -> Path:
    """The files of the build's step `root`, every board the same."""
    for ending, names in boards.BOARDS.items():
        (folder / f"dtb{ending}").mkdir()
        for name in names:
            (folder / f"dtb{ending}/{name}.dtb").write_bytes(board())
        (folder / f"vmlinuz{ending}").write_bytes(KERNEL.image)
        (folder / f"modules.alias{ending}").write_text(ALIASES, "utf-8")
        (folder / f"modules{ending}").write_text("/drivers/regulator/fixed.ko.xz\n", "utf-8")
        (folder / f"initrd-modules{ending}").write_text(initrd, "utf-8")
    return folder


def test_a_driver_of_the_disk_in_the_root_alone_ends_the_build(tmp_path: Path) -> None:
    root = root_with(tmp_path, "usr/lib/modules/6/kernel/drivers/mmc/sdhci-iproc.ko\nclk-made-up.ko.zst\n")
    with pytest.raises(boards.MissingDriversError) as refused:
        boards.require_drivers(root)
    lines = str(refused.value).splitlines()
    assert len(lines) == sum(map(len, boards.BOARDS.values()))
    assert lines[0] == "bcm2711-rpi-4-b: disk needs fixed, which the initial RAM disk lacks"


def test_a_root_whose_boards_have_all_drivers_is_built_on(tmp_path: Path) -> None:
    boards.require_drivers(root_with(tmp_path, "sdhci-iproc.ko\nclk-made-up.ko\nfixed.ko\n"))
