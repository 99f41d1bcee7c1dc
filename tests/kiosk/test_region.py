"""A region's file: what ships is sound, and what is wrong with another is named by key."""

from pathlib import Path

import pytest

from kiosk.region import SHIPPED, RegionSettingsError, at_station, general, load, region_of

PAGE = '[[pages]]\nid = "one"\ntitle = { sv = "Ett", en = "One" }\nlines = [{ sv = "Rad", en = "Line" }]\n'


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_what_ships_is_sound(path: Path) -> None:
    assert load(path).pages


def test_without_a_file_the_general_one_counts(tmp_path: Path) -> None:
    assert region_of("", tmp_path) is general()
    assert {"order", "forgotten", "name", "block", "return", "certificates"} <= {page.id for page in general().pages}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("card_number_digits = 4", "card_number_digits"),
        ('loa2_ends = "soon"', "loa2_ends"),
        ("colour = 1", "colour"),
        ("[pin]\nmin_length = 5", "pin.min_length"),
        ('block_line = "call us"', "block_line"),
        (PAGE + PAGE, "page one stands twice"),
        (PAGE + 'link = "http://plain.example"', "pages.0.link"),
        (PAGE.replace(', en = "Line"', ""), "pages.0.lines.0"),
        ("= =", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named(text: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "region.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RegionSettingsError, match=named):
        load(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegionSettingsError, match=r"region\.toml: cannot be read"):
        region_of("region.toml", tmp_path)


def test_a_station_may_have_numbers_of_its_own_and_hide_the_regions() -> None:
    own = at_station(general(), block_line="", office="Plan 2")
    assert (own.block_line, own.office) == ("", "Plan 2")
    assert at_station(general(), block_line=None, office=None) == general()
    assert general().block_line == "020-32 32 62"
