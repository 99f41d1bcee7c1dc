"""A region's file: what ships is sound, and what is wrong with another is named by key."""

from pathlib import Path
from typing import Any

import pytest

from kiosk.errands.registry import ERRANDS
from kiosk.region import (
    SHIPPED,
    RegionSettings,
    RegionSettingsError,
    at_station,
    general,
    load,
    region_of,
)

REGIONS = ["", *(path.name for path in sorted(SHIPPED.glob("*.toml")) if path.stem != "general")]
SECURE = "webbplatsen kunde inte tillhandahålla en säker anslutning"
SERVICES: list[tuple[str, str, tuple[str, ...]]] = [
    ("order or renew", "order", ("ID-handling",)),
    ("PIN and PUK", "codes", ("tre fel", "PUK-koden")),
    ("unblock with the PUK", "unblock", ()),
    ("who may unblock", "codes", ("6XX", "7XX")),
    ("change PIN", "change_pin", ()),
    ("forgotten PIN: a new letter", "forgotten", ("beställ",)),
    ("block a card", "block", ("spärra genast", "Polisanmäl")),
    ("block a card here", "report_lost", ()),
    ("name change", "name", ("tre månader", "spärras")),
    ("return", "return", ("chef", "behålla", "tre månader")),
    ("return here", "return_card", ()),
    ("a new certificate to the card one has", "renew_certificate", ()),
    ("a certificate to a reserve card", "reserve_certificate", ()),
    ("reserve card", "reserve", ("tillfälligt",)),
    ("remove and revoke certificates", "clean_up", ()),
    ("test the card", "check_card", ()),
    ("certificates on the computer", "certificates", (SECURE, "mellanliggande", "rotcertifikatet")),
    ("support", "support", ("Kortet och koderna",)),
    ("manuals", "manuals", ("Stationen visar",)),
]
"""Each service that regions' pages offer: the errand or the information page that has it, and words that stand there."""
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
        (PAGE + 'icon = "no-such-icon"', "pages.0.icon: the screens have no icon no-such-icon"),
        ('errands = ["unlock"]', "errands: there is no errand unlock"),
        ("[pilot]\nanonymous = true", "pilot.anonymous"),
        ("[pin]\nmin_length = 5", "pin.min_length"),
        ('block_line = "call us"', "block_line"),
        ('product_codes = [{ code = "6XX", by = "nobody" }]', "product_codes.0.by"),
        ('product_codes = [{ code = "X", by = "holder" }]', "product_codes.0.code"),
        ('product_codes = [{ code = "6XX", by = "holder" }, { code = "6XX", by = "holder" }]', "code 6XX stands twice"),
        ("[without_hold]\nhours = 24", "without_hold.by"),
        (PAGE + PAGE, "page one stands twice"),
        (PAGE + 'link = "http://plain.example"', "pages.0.link"),
        (PAGE.replace(', en = "Line"', ""), "pages.0.lines.0"),
        (PAGE.replace("Rad", "Ring {helpdesk}"), "{helpdesk} is no key of contacts"),
        ('[contacts]\nsupport_phone = "call us"', "contacts.support_phone"),
        ('[contacts]\nmanuals_link = "http://plain.example"', "contacts.manuals_link"),
        ("[reserve]\nlevel_2 = false", "reserve: level 2 is off"),
        ("hand_overs = []", "hand_overs"),
        ('hand_overs = ["pigeon"]', "hand_overs"),
        ('[identity_checks]\ndocuments = ["passport", "passport"]', "identity_checks"),
        ('[identity_checks]\ndocuments = ["library_card"]', "identity_checks.documents"),
        ("= =", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named(text: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "region.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RegionSettingsError, match=named):
        load(path)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(("service", "where", "words"), SERVICES, ids=[service for service, *_ in SERVICES])
def test_each_service_of_the_regions_pages_is_an_errand_or_a_page(
    region: str, service: str, where: str, words: tuple[str, ...]
) -> None:
    pages = {page.id: " ".join(line.sv for line in page.lines) for page in region_of(region, SHIPPED).shown_pages}
    assert where in {errand.id for errand in ERRANDS} | pages.keys()
    assert [word for word in words if word not in pages[where]] == []


@pytest.mark.parametrize("region", REGIONS)
def test_the_first_certificate_to_install_is_the_intermediate_one(region: str) -> None:
    pages = {page.id: page for page in region_of(region, SHIPPED).shown_pages}
    lines = " ".join(line.sv for line in pages["certificates"].lines)
    assert pages["certificates"].steps
    assert lines.index("mellanliggande") < lines.index("rotcertifikatet")


def test_the_example_has_codes_for_the_phone_and_the_block_line() -> None:
    region = region_of("stockholm.toml", SHIPPED)
    pages = {page.id: page for page in region.shown_pages}
    assert region.block_line == "020-32 32 62"
    assert all(pages[id_].link for id_ in ("order", "certificates", "reserve", "support", "manuals"))
    assert "020-32 32 62" in " ".join(line.sv for line in pages["block"].lines)


def test_a_regions_file_adds_to_the_general_pages_and_replaces_one_by_its_id(tmp_path: Path) -> None:
    (tmp_path / "region.toml").write_text('name = "One"\n' + PAGE + PAGE.replace('"one"', '"order"'), encoding="utf-8")
    region = region_of("region.toml", tmp_path)
    assert [page.id for page in region.pages] == [*(page.id for page in general().pages), "one"]
    assert {page.title.sv for page in region.pages if page.id in ("one", "order")} == {"Ett"}
    assert (region.name, region.block_line) == ("One", general().block_line)


def test_a_region_may_hide_the_block_line(tmp_path: Path) -> None:
    (tmp_path / "region.toml").write_text('block_line = ""', encoding="utf-8")
    assert region_of("region.toml", tmp_path).block_line == ""


def test_what_nobody_filled_in_is_named_and_not_shown(tmp_path: Path) -> None:
    """Neither the line, nor the code for the phone, nor a page of which nothing is left."""
    line = '{ sv = "Ring {support_phone}", en = "Call {support_phone}" }'
    text = PAGE.replace('{ sv = "Rad", en = "Line" }', line) + 'link = "{manuals_link}"\n'
    (tmp_path / "bare.toml").write_text(text, encoding="utf-8")
    bare = region_of("bare.toml", tmp_path)
    assert {"support_phone", "manuals_link"} <= set(bare.missing_contacts)
    assert "one" not in {page.id for page in bare.shown_pages}
    assert "{" not in repr([(page.lines, page.link) for page in bare.shown_pages])
    given = '[contacts]\nsupport_phone = "08-123 45"\nmanuals_link = "https://manuals.example/"\n'
    (tmp_path / "given.toml").write_text(given + text, encoding="utf-8")
    page = {page.id: page for page in region_of("given.toml", tmp_path).shown_pages}["one"]
    assert ([line.sv for line in page.lines], page.link) == (["Ring 08-123 45"], "https://manuals.example/")


def test_too_many_pages_are_named(tmp_path: Path) -> None:
    pages = "".join(PAGE.replace('"one"', f'"p_{letter}"') for letter in "abcdefgh")
    (tmp_path / "region.toml").write_text(pages, encoding="utf-8")
    with pytest.raises(RegionSettingsError, match="pages: "):
        region_of("region.toml", tmp_path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegionSettingsError, match=r"region\.toml: cannot be read"):
        region_of("region.toml", tmp_path)


def test_a_station_may_have_numbers_of_its_own_and_hide_the_regions() -> None:
    own = at_station(general(), block_line="", office="Plan 2")
    assert (own.block_line, own.office) == ("", "Plan 2")
    assert at_station(general(), block_line=None, office=None) == general()
    assert general().block_line == "020-32 32 62"


def test_a_region_that_does_not_say_how_identities_are_checked_has_the_general_steps(tmp_path: Path) -> None:
    (tmp_path / "region.toml").write_text('name = "A"', encoding="utf-8")
    assert region_of("region.toml", tmp_path).identity_checks == general().identity_checks
    own = '[identity_checks]\ndocuments = ["passport"]\nsteps = [{ id = "photo", text = { sv = "Fotot", en = "The photo" } }]'
    (tmp_path / "region.toml").write_text(own, encoding="utf-8")
    checks = region_of("region.toml", tmp_path).identity_checks
    assert (checks.documents, [step.id for step in checks.steps]) == (("passport",), ["photo"])


@pytest.mark.parametrize(
    ("hand_overs", "has"),
    [
        (("pickup", "activate"), {"pickup", "attend", "activate"}),
        (("activate",), {"activate"}),
        (("pickup",), {"pickup", "attend"}),
    ],
)
def test_a_region_has_the_errands_of_its_ways_to_hand_cards_over(hand_overs: Any, has: set[str]) -> None:
    region = RegionSettings(hand_overs=hand_overs)
    assert {one for one in ("pickup", "attend", "activate") if region.has_errand(one)} == has
    assert region.has_errand("unblock")


PLACES = """
[place.entre-a]
house = "Hus A"
nearest = { entre-b = 120, entre-c = 80, akuten = 300 }
[place.entre-b]
house = "Hus B"
floor = "plan 2"
room = "vid receptionen"
telephone = "08-000 00 00"
[place.entre-c]
house = "Hus C"
errands = ["unblock", "pickup"]
[place.akuten]
house = "Akuten"
"""


@pytest.mark.parametrize(
    ("here", "errand", "where"),
    [
        ("entre-a", "unblock", ("Hus C", 80)),
        ("entre-a", "renew_certificate", ("Hus B, plan 2, vid receptionen", 120)),
        ("entre-b", "renew_certificate", None),
        ("elsewhere", "renew_certificate", None),
        ("", "renew_certificate", None),
    ],
)
def test_the_nearest_station_that_has_what_is_needed(
    here: str, errand: str, where: tuple[str, int] | None, tmp_path: Path
) -> None:
    (tmp_path / "region.toml").write_text(PLACES, encoding="utf-8")
    nearest = region_of("region.toml", tmp_path).nearest_station(here, errand)
    assert (None if nearest is None else (nearest.where, nearest.metres)) == where


def test_an_errand_that_there_is_not_is_named(tmp_path: Path) -> None:
    (tmp_path / "region.toml").write_text(PLACES.replace('"pickup"', '"coffee"'), encoding="utf-8")
    with pytest.raises(RegionSettingsError, match=r"place\.entre-c\.errands: there is no errand coffee"):
        load(tmp_path / "region.toml")


def test_a_place_that_is_near_and_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "region.toml").write_text(PLACES.replace("akuten = 300", "ward = 300"), encoding="utf-8")
    with pytest.raises(RegionSettingsError, match=r"place\.entre-a\.nearest: there is no place\.ward"):
        load(tmp_path / "region.toml")


def test_the_example_gives_reserve_cards_no_certificate_of_level_2_and_says_why() -> None:
    stockholm = region_of("stockholm.toml", SHIPPED)
    assert not stockholm.reserve.level_2
    assert stockholm.reserve.reason is not None
    assert general().reserve.level_2
