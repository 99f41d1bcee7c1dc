"""Copies of the station's disk, as `make image` wrote it, and the folder that keeps what is seen of them."""

import os
import shutil
import subprocess
from pathlib import Path

from image import layout
from image.build import PROJECT, make_data

ARCHITECTURE = "amd64"
BUILT = PROJECT / "build/image"
RESULTS = PROJECT / "build/image/test"
EPOCH = 1764374400
LARGER_MIB = 1024
"""The disk of a test is that much larger than the image: an update's bundle of 400 MB lies in /data while it is installed."""

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
"""What an installer may have put into /data. A visitor at an emulated machine is slow."""


class NotBuiltError(Exception):
    """There is no disk: `make image`."""


def built_disk(architecture: str = ARCHITECTURE) -> Path:
    """As it is flashed. Raises NotBuiltError."""
    disk = BUILT / architecture / f"kortkiosk-{architecture}.img"
    if not disk.is_file():
        raise NotBuiltError(f"{disk} is not there: make image ARCH={architecture}")
    return disk


def copy_of_disk(
    folder: Path, settings: str | None = None, architecture: str = ARCHITECTURE, size: int | None = None
) -> Path:
    """As it is flashed, on a larger disk; with `settings` in /data where an installer put them there.

    `size`: of that disk, in bytes. Raises NotBuiltError.
    """
    copy = copy_file(built_disk(architecture), folder / "disk.img")
    os.truncate(copy, size or copy.stat().st_size + LARGER_MIB * layout.MIB)
    if settings is not None:
        content = folder / "data/kortkiosk"
        content.mkdir(parents=True)
        (content / "station.toml").write_text(settings, "utf-8")
        make_data(folder / "data.ext4", content.parent, EPOCH)
        write_at(copy, layout.offset_of("data", architecture), (folder / "data.ext4").read_bytes())
    return copy


def copy_file(source: Path, copy: Path) -> Path:
    """Without what is empty."""
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", source, copy], check=True)
    return copy


def write_at(disk: Path, offset: int, content: bytes) -> None:
    with disk.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def flip(disk: Path, offset: int) -> None:
    """Change one bit of the byte there."""
    with disk.open("rb") as file:
        file.seek(offset)
        (byte,) = file.read(1)
    write_at(disk, offset, bytes([byte ^ 1]))


def fresh_folder(name: str) -> Path:
    """Short: the path of a socket has 107 bytes at most."""
    shutil.rmtree(RESULTS / name, ignore_errors=True)
    (RESULTS / name).mkdir(parents=True)
    return Path(os.path.relpath(RESULTS / name))
