"""Contact sheets of a gallery: all pictures of one size, theme and language on one small picture, for docs/gallery."""

from collections.abc import Iterator
from pathlib import Path

from PIL import Image

COLUMNS, CELL_WIDTH = 10, 160
WIDE_COLUMNS, WIDE_CELL_WIDTH = 4, 400
"""Of pages for a desktop, whose text is smaller."""
DESKTOP_WIDTH = 1440
GAP = 6
COLOURS = 64
BACKGROUND = "#D9D5CB"


def make(gallery: Path, into: Path) -> list[Path]:
    """One sheet for each folder of pictures below `gallery`; returns the files. Raises OSError."""
    into.mkdir(parents=True, exist_ok=True)
    return [_sheet(folder, into) for folder in _folders(gallery)]


def _folders(gallery: Path) -> Iterator[Path]:
    yield from sorted(folder for folder in gallery.glob("*x*/*-*") if folder.is_dir())


def _sheet(folder: Path, into: Path) -> Path:
    pictures = [Image.open(path) for path in sorted(folder.glob("*.png"))]
    columns, width = (COLUMNS, CELL_WIDTH) if pictures[0].width != DESKTOP_WIDTH else (WIDE_COLUMNS, WIDE_CELL_WIDTH)
    height = round(pictures[0].height * width / pictures[0].width)
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (GAP + columns * (width + GAP), GAP + rows * (height + GAP)), BACKGROUND)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        cell = picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
        sheet.paste(cell, (GAP + column * (width + GAP), GAP + row * (height + GAP)))
        picture.close()
    path = into / f"{folder.parent.name}-{folder.name}.png"
    octree = sheet.quantize(
        COLOURS, Image.Quantize.FASTOCTREE
    )  # the usual way loses colours of few pixels: the lamp, a badge
    octree.save(path, optimize=True)
    return path
