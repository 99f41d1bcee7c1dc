"""The still picture between the kernel's start and the station's first screen, as a piece of an initial RAM disk.

Rules: a picture lies there for each panel that a station may have, as its screen memory has it, since nothing in an initial
RAM disk draws. It is a segment of its own (cpio, newc): the kernel unpacks one after the other, so Debian's stays as it was made.
"""

import gzip
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFont

from image.commands import run
from kiosk.screens.theme import COLOURS, Colour

SHIPPED = Path(__file__).with_name("initrd")
FONT = Path(__file__).parent.parent / "kiosk/screens/assets/InterDisplay-SemiBold.otf"
PANELS = ((800, 480), (1280, 800), (1080, 1920), (1920, 1080))
"""Pixels across and down: a station's panels, and the one that stands on its side by a setting."""
WORDS = (("Startar …", "ink", 12), ("Starting …", "muted", 24))
"""What stands there, in which colour, and how many times it fits into the shorter side. Nobody has told the language yet."""


def draw_splash(width: int, height: int) -> Image.Image:
    """The picture for a panel of that many pixels."""
    colours = COLOURS["light"]
    picture = Image.new("RGB", (width, height), _bytes(colours.paper))
    pen = ImageDraw.Draw(picture)
    middle = height // 2
    for words, colour, part in WORDS:
        font = ImageFont.truetype(FONT, min(width, height) // part)
        pen.text((width // 2, middle), words, _bytes(getattr(colours, colour)), font, anchor="mm")
        middle += min(width, height) // 8
    return picture


def rgb565(picture: Image.Image) -> bytes:
    """A picture as the Raspberry Pi's driver has it: 16 bits a pixel, the lower byte first. Most others have 32 (XRGB8888)."""
    levels = range(256)
    red, green, blue = picture.split()
    high = ImageChops.add(red.point([level & 0xF8 for level in levels]), green.point([level >> 5 for level in levels]))
    low = ImageChops.add(
        green.point([level << 3 & 0xE0 for level in levels]), blue.point([level >> 3 for level in levels])
    )
    return Image.merge("LA", (low, high)).tobytes()


def write_splash(folder: Path, epoch: int, panels: Iterable[tuple[int, int]] = PANELS) -> Path:
    """Write the segment into `folder`, the same bytes at each time, and give its path. Raises CommandError, OSError."""
    tree = folder / "tree"
    shutil.copytree(SHIPPED, tree)
    for width, height in panels:
        picture = draw_splash(width, height)
        for bits, content in ((32, picture.tobytes("raw", "BGRX")), (16, rgb565(picture))):
            (tree / f"usr/lib/kortkiosk/splash-{width}-{height}-{bits}").write_bytes(content)
    names = sorted(str(path.relative_to(tree)) for path in tree.rglob("*"))
    for name in names:
        (tree / name).chmod(0o755 if (tree / name).is_dir() or name.endswith("/splash") else 0o644)
        os.utime(tree / name, (epoch, epoch))
    run("cpio", "--quiet", "--create", "--format=newc", "--reproducible", "--owner=+0:+0", f"--file={folder / 'cpio'}",
        stdin="\n".join(names), cwd=tree)  # fmt: skip
    segment = folder / "splash.cpio"
    segment.write_bytes(gzip.compress((folder / "cpio").read_bytes(), mtime=0))
    (folder / "cpio").unlink()
    shutil.rmtree(tree)
    return segment


def _bytes(colour: Colour) -> tuple[int, ...]:
    return tuple(round(part * 255) for part in colour[:3])
