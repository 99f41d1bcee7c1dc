"""Drivers of the boards that an image is for, checked against their device trees (Devicetree Specification 0.4).

From each device that a station needs (disk, display, USB, Ethernet, watchdog, clock) the walk follows every supplier: regulators,
clocks, resets, pins, interrupts, buses. A driver that is missing anywhere on the way keeps the device away for ever ("deferred").

- What the disk needs is in the kernel or in the initial RAM disk; what the rest needs may be in the root.
- A driver is found by the `compatible` words that modules name (modules.alias) or the kernel holds as text.
"""

import re
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

EMULATED = "bcm2837-rpi-3-b"
BOARDS = {
    "": ("bcm2711-rpi-4-b", "bcm2711-rpi-400", EMULATED),
    "-newer": ("bcm2712-rpi-5-b", "bcm2712-d-rpi-5-b"),
}
"""Raspberry Pi 4 B, 400 and, for the emulator alone, 3 B; Pi 5 of steppings C1 and D0: by the ending of their kernel's files."""
DEVICES = {
    "disk": r"-sdhci$|-emmc2$|-sdhost$",
    "display": r"-hdmi\d?$|-vc[456]$",
    "usb": r"^snps,dwc3$|-pcie$|bcm2835-usb$|^raspberrypi,rp1",
    "ethernet": r"genet|rp1-gem|^usb424,ec00$",
    "watchdog": r"bcm27\d\d-pm$|bcm2835-pm$",
    "clock": r"-rtc$",
}
"""What a station needs of its board, by the `compatible` word of the device."""
COMPONENTS = {r"brcm,bcm2\d+-(hdmi|hvs|pixelvalve|dsi|txp|v3d)\d?$": "vc4", r"usb424,|pci1de4,": ""}
"""Devices that another driver brings along, or that a bus finds by itself (no driver of their own)."""
_CELLS = {"clocks": "clock", "resets": "reset", "power-domains": "power-domain", "dmas": "dma", "phys": "phy",
          "iommus": "iommu", "mboxes": "mbox", "interrupts-extended": "interrupt"}  # fmt: skip
_PLAIN = re.compile(r"-supply$|^pinctrl-\d+$|^(interrupt-parent|msi-parent|phy-handle|ddc|brcm,firmware|mmc-pwrseq)$")
_BEGIN, _END, _PROPERTY, _NOP = 1, 2, 3, 4


class MissingDriversError(Exception):
    """A board of the image would not come up. The text has one line for each driver that is missing."""


@dataclass(eq=False)
class Node:
    """One node of a device tree: its properties as bytes, and what lies below it."""

    name: str
    parent: "Node | None"
    properties: dict[str, bytes] = field(default_factory=dict)
    children: "list[Node]" = field(default_factory=list)

    def words(self, name: str) -> tuple[str, ...]:
        """A property that is a list of strings."""
        return tuple(text for text in self.properties.get(name, b"").decode("ascii", "replace").split("\0") if text)

    def cells(self, name: str) -> tuple[int, ...]:
        """A property that is a list of 32-bit numbers."""
        value = self.properties.get(name, b"")
        return struct.unpack(f">{len(value) // 4}I", value[: len(value) // 4 * 4])

    def enabled_below(self) -> "Iterator[Node]":
        """This node and those below it that are not switched off."""
        if self.words("status") in ((), ("okay",), ("ok",)):
            yield self
            for child in self.children:
                yield from child.enabled_below()


def parse_tree(blob: bytes) -> Node:
    """The root of a flattened device tree (chapter 5). Raises ValueError, struct.error for what is none."""
    magic, _size, at, texts = struct.unpack_from(">4I", blob)
    if magic != 0xD00DFEED:
        raise ValueError("no device tree")
    here = top = Node("", None)
    while True:
        (token,) = struct.unpack_from(">I", blob, at)
        at += 4
        if token == _BEGIN:
            end = blob.index(b"\0", at)
            here.children.append(Node(blob[at:end].decode("ascii"), here))
            here, at = here.children[-1], (end + 4) & ~3
        elif token == _PROPERTY:
            size, name = struct.unpack_from(">2I", blob, at)
            start = texts + name
            here.properties[blob[start : blob.index(b"\0", start)].decode("ascii")] = blob[at + 8 : at + 8 + size]
            at = (at + 8 + size + 3) & ~3
        elif token == _END and here.parent is not None:
            here = here.parent
        elif token != _NOP:
            break
    tree = top.children[0]
    tree.parent = None
    return tree


def overlay_between(base: Node, target: Node) -> str:
    """An overlay, as Devicetree source, that makes the first tree into the second.

    Raises MissingDriversError where the second has less or other nodes.
    """
    fragments: list[str] = []
    pairs = [("", base, target)]
    for path, old, new in pairs:
        if old.properties.keys() - new.properties or [n.name for n in old.children] != [n.name for n in new.children]:
            raise MissingDriversError(f"{path or '/'}: the second tree has less or other nodes, which no overlay makes")
        changed = {name: value for name, value in new.properties.items() if old.properties.get(name) != value}
        if changed:
            lines = " ".join(f"{name} = [{value.hex()}];" for name, value in changed.items())
            fragments.append(
                f'fragment@{len(fragments)} {{ target-path = "{path or "/"}"; __overlay__ {{ {lines} }}; }};'
            )
        pairs += [(f"{path}/{a.name}", a, b) for a, b in zip(old.children, new.children, strict=True)]
    return "\n".join(["/dts-v1/;", "/plugin/;", "/ {", *fragments, "};", ""])


@dataclass(frozen=True)
class Kernel:
    """Words in one kernel's own image, and its modules by the `compatible` words that they name."""

    image: bytes
    modules: Mapping[str, str]

    @classmethod
    def read(cls, image: bytes, aliases: str) -> "Kernel":
        """Of its image, not packed, and modules.alias (`alias of:N*T*Ccompatible module`)."""
        modules = re.findall(r"^alias of:N[^T]*T[^C]*C(\S+?)(?:C\*)? (\S+)$", aliases, re.MULTILINE)
        return cls(image, dict(modules))

    def module_for(self, node: Node) -> str | None:
        """The module that drives a node; empty where the kernel does, or nobody has to; None where nothing does."""
        compatible = node.words("compatible")
        for word in compatible:
            if word in self.modules:
                return self.modules[word]
        for pattern, module in COMPONENTS.items():
            if any(re.match(pattern, word) for word in compatible):
                return module
        return "" if not compatible or any(word.encode() + b"\0" in self.image for word in compatible) else None


def suppliers(node: Node, by_handle: Mapping[int, Node]) -> Iterator[Node]:
    """Yield what a node cannot work without: its bus, and whatever its properties point at."""
    if node.parent is not None and node.parent.parent is not None:
        yield node.parent
    for name in node.properties:
        if _PLAIN.search(name):
            yield from (by_handle[cell] for cell in node.cells(name) if cell in by_handle)
        elif name in _CELLS or name.endswith("gpios"):
            cells = list(node.cells(name))
            while cells:
                supplier = by_handle.get(cells.pop(0))
                if supplier is not None:
                    yield supplier
                    del cells[: sum(supplier.cells(f"#{_CELLS.get(name, 'gpio')}-cells"))]


def modules_needed(tree: Node, kernel: Kernel) -> dict[str, set[str]]:
    """The modules without which a device of the board does not come up, by device; `no driver for WORD` where there is none."""
    by_handle = {node.cells("phandle")[0]: node for node in _all_below(tree) if node.cells("phandle")}
    needed: dict[str, set[str]] = defaultdict(set)
    for device, pattern in DEVICES.items():
        open_nodes = [
            n for n in tree.enabled_below() if any(re.search(pattern, word) for word in n.words("compatible"))
        ]
        seen: set[Node] = set()
        while open_nodes:
            node = open_nodes.pop()
            if node not in seen:
                seen.add(node)
                module = kernel.module_for(node)
                needed[device].add(f"no driver for {node.words('compatible')[0]}" if module is None else module)
                open_nodes += suppliers(node, by_handle)
        needed[device].discard("")
    return needed


def shipped_trees(root: Path) -> dict[str, Path]:
    """The device trees of the boot partitions, by name: those of the boards that are walked, but for the emulator's."""
    return {f"{board}.dtb": root / f"dtb{ending}/{board}.dtb"
            for ending, boards in BOARDS.items() for board in boards if board != EMULATED}  # fmt: skip


def _all_below(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _all_below(child)


def require_drivers(root: Path) -> None:
    """Raise MissingDriversError where a board lacks a driver, of the files in `root`; OSError."""
    missing = missing_drivers(root)
    if missing:
        raise MissingDriversError("\n".join(missing))


def missing_drivers(root: Path) -> list[str]:
    """Return what the boards lack, a line each, of the files that the build's step `root` hands out. Raises OSError."""
    lines = []
    for ending, boards in BOARDS.items():
        aliases = (root / f"modules.alias{ending}").read_text("utf-8")
        kernel = Kernel.read((root / f"vmlinuz{ending}").read_bytes(), aliases)
        early, late = (
            _names((root / f"{which}{ending}").read_text("utf-8")) for which in ("initrd-modules", "modules")
        )
        for board in boards:
            needed = modules_needed(parse_tree((root / f"dtb{ending}/{board}.dtb").read_bytes()), kernel)
            for device, modules in needed.items():
                where, there = ("the initial RAM disk", early) if device == "disk" else ("the root", early | late)
                lines += [f"{board}: {device} needs {name}, which {where} lacks" for name in sorted(modules - there)]
    return lines


def _names(paths: str) -> set[str]:
    """Names of modules, as the kernel spells them, of a list of their files."""
    return {Path(path).name.partition(".ko")[0].replace("-", "_") for path in paths.split()}
