"""Drivers that a board's device tree asks for: what the initial RAM disk and the root lack, told for each device."""

import struct
from pathlib import Path

import pytest

from image import boards

Properties = dict[str, bytes]
MMC, FIXED, GPIO, CLOCK, BUS = (
    "brcm,bcm2711-emmc2",
    "regulator-fixed",
    "brcm,made-up-gpio",
    "brcm,made-up-clock",
    "simple-bus",
)
ALIASES = f"""\
alias of:N*T*C{MMC} sdhci_iproc
alias of:N*T*C{MMC}C* sdhci_iproc
alias of:N*T*C{FIXED} fixed
alias of:N*T*C{CLOCK} clk_made_up
alias pci:v00001DE4d00000001sv*sd*bc*sc*i* rp1_pci
"""
KERNEL = boards.Kernel.read(b"..." + BUS.encode() + b"\0" + GPIO.encode() + b"\0", ALIASES)


def text(*words: str) -> bytes:
    return b"".join(word.encode() + b"\0" for word in words)


def cells(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


class TreeWriter:
    """A flattened device tree, version 17 (Devicetree Specification 0.4, chapter 5), of nested dictionaries."""

    def __init__(self) -> None:
        self.texts = b""

    def write(self, tree: dict[str, object]) -> bytes:
        body = self._node("", tree) + cells(9)
        start, end = 56, 56 + len(body)
        head = cells(0xD00DFEED, end + len(self.texts), start, end, 40, 17, 16, 0, len(self.texts), len(body))
        return head + bytes(16) + body + self.texts

    def _node(self, name: str, content: dict[str, object]) -> bytes:
        made = cells(1) + _padded(text(name))
        for key, value in content.items():
            if isinstance(value, bytes):
                made += cells(4, 3, len(value), len(self.texts)) + _padded(value)  # a NOP before it
                self.texts += text(key)
        for key, value in content.items():
            if isinstance(value, dict):
                made += self._node(key, value)
        return made + cells(2)


def _padded(value: bytes) -> bytes:
    return value + bytes(-len(value) % 4)


def board(**more: bytes) -> bytes:
    """An SD host behind a bus, whose card is fed by a regulator that a GPIO switches and a clock drives."""
    host = {"compatible": text(MMC), "vmmc-supply": cells(7), "clocks": cells(5, 0), **more}
    return TreeWriter().write(
        {
            "compatible": text("made-up,board"),
            "soc": {"compatible": text(BUS), "mmc@1": host},
            "regulator": {"compatible": text(FIXED), "phandle": cells(7), "gpios": cells(3, 1, 0)},
            "gpio": {"compatible": text(GPIO), "phandle": cells(3), "#gpio-cells": cells(2)},
            "clock": {"compatible": text(CLOCK), "phandle": cells(5), "#clock-cells": cells(1)},
        }
    )


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
