"""The still picture of the start: what the initial RAM disk brings, and what its program puts on a made-up screen."""

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from image.splash import PANELS, SHIPPED, draw_splash, rgb565, write_splash

PANEL = (80, 48)
PICTURE = draw_splash(*PANEL)
needs_cpio = pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio is not installed")


def made_up_screen(folder: Path, size: str, bits: int, stride: int) -> tuple[Path, Path]:
    """A screen as the kernel shows it, and its memory as a file."""
    (folder / "fb0").mkdir()
    for name, value in (("virtual_size", size), ("bits_per_pixel", bits), ("stride", stride)):
        (folder / "fb0" / name).write_text(f"{value}\n")
    return folder / "fb0", folder / "memory"


def unpack(segment: Path, folder: Path) -> Path:
    folder.mkdir()
    subprocess.run(["cpio", "--quiet", "--extract", "--make-directories"], input=gzip.decompress(segment.read_bytes()),
                   cwd=folder, check=True)  # fmt: skip
    return folder


@pytest.fixture
def initrd(tmp_path: Path) -> Path:
    (tmp_path / "made").mkdir()
    return unpack(write_splash(tmp_path / "made", 1_764_374_400, [PANEL]), tmp_path / "initrd")


@needs_cpio
@pytest.mark.parametrize(("bits", "content"), [(32, PICTURE.tobytes("raw", "BGRX")), (16, rgb565(PICTURE))])
def test_the_screen_shows_the_picture_that_fits_it(bits: int, content: bytes, initrd: Path, tmp_path: Path) -> None:
    screen, memory = made_up_screen(tmp_path, "80,48", bits, 80 * bits // 8)
    subprocess.run([initrd / "usr/lib/kortkiosk/splash", screen, memory], check=True)
    assert memory.read_bytes() == content


@needs_cpio
@pytest.mark.parametrize(("size", "stride"), [("81,48", 324), ("80,48", 384)])
def test_a_screen_without_a_picture_stays_as_it_is(size: str, stride: int, initrd: Path, tmp_path: Path) -> None:
    screen, memory = made_up_screen(tmp_path, size, 32, stride)
    subprocess.run([initrd / "usr/lib/kortkiosk/splash", screen, memory], check=True)
    assert not memory.exists()


@needs_cpio
def test_the_same_picture_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first, second = (write_splash(tmp_path / name, 1_764_374_400, [PANEL]).read_bytes() for name in ("a", "b"))
    assert first == second


def test_sixteen_bits_are_five_six_and_five() -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (8, 4, 8)]
    picture = Image.new("RGB", (4, 1))
    picture.putdata(colours)
    assert [int.from_bytes(rgb565(picture)[at : at + 2], "little") for at in range(0, 8, 2)] == [
        0xF800,
        0x07E0,
        0x001F,
        0x0821,
    ]


@pytest.mark.parametrize("panel", PANELS)
def test_words_stand_in_the_middle_of_each_panel(panel: tuple[int, int]) -> None:
    picture = draw_splash(*panel).convert("L")
    left, top, right, bottom = picture.point(lambda level: 255 if level < 128 else 0).getbbox() or (0, 0, 0, 0)
    assert abs((left + right) // 2 - panel[0] // 2) <= panel[0] // 50
    assert panel[1] // 3 < top < panel[1] // 2 < bottom < panel[1] * 3 // 4
    assert right - left < panel[0] * 0.8


def test_udev_runs_it_for_each_screen_that_comes() -> None:
    (rule,) = (line for line in (SHIPPED / "usr/lib/udev/rules.d/70-kortkiosk-splash.rules").read_text().splitlines()
               if not line.startswith("#"))  # fmt: skip
    assert 'RUN+="/usr/lib/kortkiosk/splash"' in rule
    assert 'KERNEL=="fb0"' in rule
    assert (SHIPPED / "usr/lib/kortkiosk/splash").is_file()
