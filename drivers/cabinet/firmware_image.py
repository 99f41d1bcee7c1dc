"""Firmware image (UF2) parser: its version, and whether it was made from the sources at hand.

Rules: the image says in its own text what it was made from (board/cabinet_board.c), as the digest of every file that is
frozen or compiled into it. A digest stands for names and contents, whatever the order; nothing is read from the board.

    $ python -m drivers.cabinet.firmware_image show drivers/cabinet/firmware/prebuilt/kortkiosk-cabinet.uf2
    kortkiosk-cabinet.uf2: cabinet firmware 1.0.0, 300 KiB of flash, made from the sources at hand
"""

import hashlib
import re
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.cabinet import messages

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = Path(__file__).resolve().parent / "firmware"
PREBUILT = FIRMWARE / "prebuilt" / "kortkiosk-cabinet.uf2"
"""The image that comes with the program."""

# UF2: https://github.com/microsoft/uf2, "File format"; blocks of 512 bytes
_BLOCK = struct.Struct("<IIIIIIII476sI")
_MAGIC = (0x0A324655, 0x9E5D5157, 0x0AB16F30)
_FAMILY_PRESENT = 0x2000
_RP2040 = 0xE48BFF56
_FLASH = range(0x10000000, 0x10000000 + 2 * 1024 * 1024)
_SAYS = re.compile(rb"kortkiosk cabinet firmware (\d+\.\d+\.\d+), sources sha256:([0-9a-f]{64})\0")


class ImageError(Exception):
    """No image of the cabinet's firmware for the Pico. The text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Image:
    """Facts that an image states of itself."""

    version: tuple[int, int, int]
    sources: str
    """SHA-256 over the sources, in hex; compare with `source_digest`."""
    flash_bytes: int

    @property
    def version_text(self) -> str:
        """As in "1.0.0"."""
        return ".".join(map(str, self.version))


def read_image(content: bytes) -> Image:
    """Take a UF2 file apart. Raises ImageError."""
    flash = _flash_of(content)
    version_match = _SAYS.search(flash)
    if version_match is None:
        raise ImageError("this UF2 is not the cabinet's firmware")
    major, minor, patch = (int(part) for part in version_match[1].split(b"."))
    return Image((major, minor, patch), version_match[2].decode(), len(flash))


def _flash_of(content: bytes) -> bytes:
    """The bytes that come into the flash, from its start; checks every block."""
    if not content or len(content) % _BLOCK.size:
        raise ImageError("not a whole UF2 file: it must be blocks of 512 bytes")
    flash = bytearray()
    total = len(content) // _BLOCK.size
    for index, block in enumerate(_BLOCK.iter_unpack(content)):
        first, second, flags, address, size, number, count, family, data, last = block
        if (first, second, last) != _MAGIC or (number, count) != (index, total) or size > len(data):
            raise ImageError(f"block {index} of this UF2 file is damaged")
        if not flags & _FAMILY_PRESENT or family != _RP2040:
            raise ImageError("this UF2 is for another chip than the Pico's RP2040")
        if address not in _FLASH or address != _FLASH.start + len(flash):
            raise ImageError(f"block {index} of this UF2 file does not go on where the one before ended")
        flash += data[:size]
    return bytes(flash)


def source_digest(firmware: Path = FIRMWARE) -> str:
    """SHA-256, in hex, over all that `make firmware` takes from this project. Raises OSError."""
    digest = hashlib.sha256()
    for path in sorted(source_files(firmware)):
        name = path.relative_to(firmware.parents[2]).as_posix()
        digest.update(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n".encode())
    return digest.hexdigest()


def source_files(firmware: Path = FIRMWARE) -> set[Path]:
    """The files that an image is made from: what the manifest freezes, and the board's own."""
    board = {path for path in (firmware / "board").iterdir() if path.is_file()}
    return board | _Manifest(firmware).run(firmware / "board" / "manifest.py")


class _Manifest:
    """Runs a manifest as MicroPython's tools do, and only notes which files it names."""

    def __init__(self, firmware: Path) -> None:
        self._firmware = firmware
        self._found: set[Path] = set()

    def run(self, manifest: Path) -> set[Path]:
        """The manifest itself, and this project's files that it and those that it includes name."""
        here = manifest.parent
        names: dict[str, Any] = {
            "metadata": lambda **_said: None,
            "include": lambda path: self._ours(path) and self.run((here / path).resolve()),
            "require": self._require,
            "freeze": lambda path, script=None, opt=None: self._freeze(here, path, script),
            "module": lambda path, base_path=".", opt=None: self._freeze(here, base_path, path),
            "package": lambda path, files=None, base_path=".", opt=None: self._package(here, base_path, path, files),
        }
        self._found.add(manifest)
        exec(compile(manifest.read_text(), str(manifest), "exec"), names)  # noqa: S102 - our own file, as the build runs it
        return self._found

    @staticmethod
    def _ours(path: str) -> bool:
        return "$(" not in path

    def _require(self, name: str, **_more: object) -> None:
        self._found.add(self._firmware / "fallback" / f"{name}.py")

    def _freeze(self, here: Path, path: str, script: str | tuple[str, ...] | list[str] | None) -> None:
        if not self._ours(path):
            return
        folder = (here / path).resolve()
        scripts = [script] if isinstance(script, str) else script
        self._found |= set(folder.rglob("*.py")) if scripts is None else {folder / name for name in scripts}

    def _package(self, here: Path, base: str, path: str, files: tuple[str, ...] | None) -> None:
        self._freeze(here, f"{base}/{path}", files)


def main(arguments: list[str]) -> int:
    """`version`, `sources`, or `show FILE`: a line each. 2 for a file that is no image."""
    match arguments:
        case ["version"]:
            print(".".join(map(str, messages.FIRMWARE)))
        case ["sources"]:
            print(source_digest())
        case ["show", name]:
            return _show(Path(name))
        case _:
            print("usage: python -m drivers.cabinet.firmware_image version | sources | show FILE", file=sys.stderr)
            return 2
    return 0


def _show(path: Path) -> int:
    try:
        image = read_image(path.read_bytes())
    except (ImageError, OSError) as error:
        print(f"{path.name}: {error}", file=sys.stderr)
        return 2
    made_from = "the sources at hand" if image.sources == source_digest() else "other sources than those at hand"
    kib = image.flash_bytes // 1024
    print(f"{path.name}: cabinet firmware {image.version_text}, {kib} KiB of flash, made from {made_from}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
