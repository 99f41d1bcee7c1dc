"""Contact sheets keep the colours that mean something, however little of a screen has them."""

from pathlib import Path

from PIL import Image, ImageDraw

from sim.gallery.sheets import make

LAMP, PAPER, RAIL = (255, 199, 44), (245, 243, 238), (12, 42, 54)


def test_a_lit_part_is_yellow_on_the_sheet(tmp_path: Path) -> None:
    folder = tmp_path / "1280x800" / "light-sv"
    folder.mkdir(parents=True)
    for number in range(20):
        picture = Image.new("RGB", (1280, 800), PAPER)
        draw = ImageDraw.Draw(picture)
        for shade in range(200):  # as the edges of letters are
            draw.line((60 + 4 * shade, 0, 60 + 4 * shade, 800), (shade, 20 + shade, 40 + shade), 3)
        draw.rectangle((0, 0, 50, 800), RAIL)
        draw.rectangle((900, 300, 980, 380), LAMP)
        picture.save(folder / f"{number:03}-made-up.png")
    (sheet,) = make(tmp_path, tmp_path / "sheets")
    with Image.open(sheet) as drawn:
        shown = drawn.convert("RGB").getpixel((6 + 940 // 8, 6 + 340 // 8))
    assert isinstance(shown, tuple)
    assert max(abs(one - other) for one, other in zip(shown, LAMP, strict=True)) < 40, shown
