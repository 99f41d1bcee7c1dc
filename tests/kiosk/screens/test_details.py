"""What a person sees in the errands' own views: tiles, rail, names, numbers, steps of a drawing, a scanner."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageColor

from kiosk.barcodes import order_code
from kiosk.screens.theme import PANELS
from kiosk.texts import LANGUAGES
from tests.fakes.machine.display import virtual_display
from tests.fakes.screens.kivy_driver import KivyDriver
from tests.fakes.screens.whole_views import Unfit, unfilled, unfit_everywhere, unfit_longer

# All views on three panels at once: minutes where the machine is busy.
pytestmark = [pytest.mark.screen, pytest.mark.timeout(900)]

PX_PER_MM = 5.88


@pytest.fixture(scope="module")
def unfit() -> dict[str, Unfit]:
    """What is wrong with the views of the gallery, by panel."""
    return unfit_everywhere()


FULL = (
    "home-unavailable", "home-interrupted", "home-switched-off", "home-closed-moving", "write", "no-paper-offline",
    "activate-receipt-code", "unblock-locked-both", "portal-response", "check-pin_locked", "reserve-begin",
    "information-general", "admin-home", "admin-open-slot", "service-menu-bare", "stock-read-card",
)  # fmt: skip
"""Views whose text was cut on the smallest panel in a language that is two fifths longer."""
AS_LONG_AS_WHAT_THERE_IS = {
    f"{name} {language}" for name in ("check-certificates", "clean-nothing") for language in LANGUAGES
}
"""Lists of a card's certificates: of two, the lower half of the screen is free."""


@pytest.mark.parametrize("panel", PANELS)
def test_every_view_of_every_errand_is_whole(unfit: dict[str, Unfit], panel: str) -> None:
    """No text is cut or lies over another, and no target is too small, in any language; none ends in the upper half."""
    wrong = {name: [line for line in lines if not _is_free(name, line)] for name, lines in unfit[panel].items()}
    assert {name: lines for name, lines in wrong.items() if lines} == {}


def _is_free(name: str, line: str) -> bool:
    return name in AS_LONG_AS_WHAT_THERE_IS and line.startswith("ends at")


def test_another_language_may_be_longer_by_two_fifths() -> None:
    """But for the administrator's board, whose column of parts is narrow, and a date that is made longer twice."""
    assert set(unfit_longer()) <= {"admin-home sv", "reserve-begin sv"}


def test_another_language_may_be_longer_on_the_smallest_panel() -> None:
    """Of each shape the views that say most. What does not fit goes over pages."""
    assert unfit_longer("7", FULL) == {}


def test_the_upright_panel_shows_what_a_short_screen_is_about() -> None:
    """Where words end in the upper half, and the view has no drawing of its own."""
    assert unfilled("p", ("own-pin-wrong", "who", "check-certificate", "activate-needed", "list-too-old")) == {}


def test_one_errand_alone_is_a_tile_and_no_more(driver: KivyDriver) -> None:
    """At most 62 by 24 mm, in the upper left, and the invitation stands where it stands with six."""
    driver.call("show_gallery", sample="home-alone")
    ((left, top, wide, high),) = driver.call("places", kind="TileButton")
    (beside,) = driver.call("places", kind="DrawingStage")
    assert wide <= 64 * PX_PER_MM
    assert high <= 24 * PX_PER_MM + 1
    driver.show("01-idle")
    assert driver.call("places", kind="TileButton")[0][:2] == [left, top]
    assert driver.call("places", kind="DrawingStage") == [beside]


def test_a_locked_card_says_what_it_means_beside_what_to_do(driver: KivyDriver) -> None:
    """Two columns with their headings on one line (design, 11)."""
    driver.call("show_gallery", sample="unblock-locked-both")
    means, do = driver.call("places", kind="ColumnHeading")
    assert means[1] == do[1]
    assert means[0] + means[2] <= do[0]
    driver.call("set", large_text=True)
    try:
        assert driver.call("places", kind="ColumnHeading") == [], "large text has one column"
    finally:
        driver.call("set", large_text=False)


def test_a_page_of_information_has_its_code_in_the_middle_of_the_sheet(driver: KivyDriver) -> None:
    driver.call("show_gallery", sample="information-stockholm-order")
    ((_, top, _, high),) = driver.call("places", kind="ScanSlip")
    _, code_top, _, code_high = max(driver.call("places", kind="Figure"), key=lambda place: place[3])
    assert code_high > high / 3
    above, below = code_top - top, top + high - code_top - code_high
    assert 0 < above < below < 2.5 * above


def test_no_word_breaks_for_a_pixel_that_rounding_took(driver: KivyDriver) -> None:
    """A button's place is as wide as its word, and high enough for two lines."""
    driver.call("show_gallery", sample="terms")
    assert [driver.call("lines", text="Tillbaka", spare=spare) for spare in (0, -1, -3)] == [1, 1, 1]


def test_no_text_breaks_when_its_font_is_opened_anew(driver: KivyDriver) -> None:
    """A station that has shown many views has used more sizes of text than Kivy keeps open at once."""
    driver.call("show_gallery", sample="terms")
    texts = ["Avsluta", "Avbryt", "Fortsätt", "Cancel", "Done", "Finish", "Steg 4 av 4", "Step 4 of 4"]
    assert driver.call("breaks_again", texts=texts, sizes=[14, 17, 20, 24, 30, 40]) == []


def test_a_long_double_name_breaks_after_its_hyphen_and_an_hsa_id_nowhere(driver: KivyDriver) -> None:
    """Where it is wider than a line; the fact has one for all of it."""
    driver.call("show_gallery", sample="terms")
    name = "Alexandra Långtnamnsson-Exempelgren"
    assert name in driver.call("texts")
    assert driver.call("broken", text=name, spare=0) == name
    assert driver.call("broken", text=name, spare=-1) == "Alexandra Långtnamnsson-\nExempelgren"
    assert driver.call("broken", text="SE2321000999-1A06", spare=-1) == "SE2321000999-1A06"
    driver.call("show_gallery", sample="terms-protected")
    assert "SE2321000999-1A06" in driver.call("texts")


@pytest.mark.parametrize("number", ["1111111111111111", "8888888888888888", "4000000000000044"])
def test_the_number_on_the_letter_is_one_line_whatever_its_digits(driver: KivyDriver, number: str) -> None:
    driver.call("show_puk", number=number)
    lines = {high for _, _, _, high in driver.call("places", kind="SheetText")}
    assert len(lines) == 1
    assert driver.call("clipped") == []


def test_listen_stays_readable_where_nothing_speaks(tmp_path: Path) -> None:
    from PIL import Image

    with virtual_display() as display, KivyDriver(display, mute=True) as silent:
        silent.show("02-insert-card")
        assert "rail:listen" not in silent.targets()
        silent.snapshot(tmp_path / "rail.png")
        ((left, top, wide, high),) = silent.call("places", kind="RailText", text="Lyssna")
    picture = Image.open(tmp_path / "rail.png").crop((int(left), int(top), int(left + wide), int(top + high)))
    assert max(picture.convert("L").tobytes()) >= 0x90


def test_listen_is_offered_while_there_is_a_sound_card(tmp_path: Path) -> None:
    """Without another view: a card on USB may be let in after the first screen stands."""
    card = tmp_path / "card0"
    with virtual_display() as display, KivyDriver(display, sound_card=str(card)) as driver:
        driver.show("01-idle")
        assert "rail:listen" not in driver.targets()
        card.touch()
        while "rail:listen" not in driver.targets():  # the test's own time limit ends it
            driver.call("settle")
        card.unlink()
        while "rail:listen" in driver.targets():
            driver.call("settle")


def test_a_card_goes_in_by_steps_and_a_picture_shows_the_first(driver: KivyDriver, tmp_path: Path) -> None:
    driver.call("show", sample="02-insert-card", hold=True)
    seen = []
    for name in ("0", "1", "2"):
        driver.snapshot(tmp_path / f"still{name}.png")
        driver.call("live", path=str(tmp_path / f"live{name}.png"))
        seen.append((tmp_path / f"live{name}.png").read_bytes())
        driver.call("step")
    assert len(set(seen)) == 3
    assert {(tmp_path / f"still{name}.png").read_bytes() for name in "012"} == {seen[0]}


@pytest.mark.parametrize(
    ("sample", "poses"), [("02-insert-card", 3), ("12-return", 3), ("18-collect", 2), ("01-idle", 3), ("06-confirm", 0)]
)
def test_what_moves_comes_round_again(driver: KivyDriver, sample: str, poses: int) -> None:
    driver.call("show", sample=sample, hold=True)
    walked = [driver.call("step") for _ in range(max(1, poses))]
    assert walked == ([[at] for at in [*range(1, poses), 0]] if poses else [[]])


def test_what_moves_rests_while_nobody_is_there_and_a_key_wakes_it(driver: KivyDriver) -> None:
    """Nothing is drawn without a change all night."""
    driver.call("show", sample="02-insert-card")
    assert len(driver.call("steps_until_still", most=1000)) == 69
    assert driver.call("steps_until_still", most=1000) == []
    driver.call("press", key="down")
    assert len(driver.call("steps_until_still", most=1000)) == 69


def test_the_home_screen_teaches_all_night_and_seldom(driver: KivyDriver) -> None:
    """Whoever comes by sees what to bring, where it goes and what it gives (design, picture of the home screen)."""
    driver.call("show", sample="01-idle")
    steps = driver.call("steps_until_still", most=30)
    assert len(steps) == 30
    assert max(steps[:8]) < 30
    assert set(steps[9:]) == {30}
    driver.call("press", key="down")
    assert max(driver.call("steps_until_still", most=5)) < 30


@pytest.mark.parametrize("sample", ["home-strange-mute", "insert-own-mute", "change-insert"])
def test_a_card_that_does_not_answer_is_drawn_being_turned(driver: KivyDriver, tmp_path: Path, sample: str) -> None:
    """Its back, its edge, and in with the chip first; a card that answers just goes in."""
    driver.call("show_gallery", sample=sample, hold=True)
    first = driver.call("places", kind="MovingFigure")
    assert len(first) == 1
    assert driver.call("turning") == (sample != "change-insert")
    assert [driver.call("step") for _ in range(3)] == [[1], [2], [0]]


def test_nothing_moves_once_another_question_is_asked(driver: KivyDriver) -> None:
    driver.show("02-insert-card")
    driver.show("06-confirm")
    assert driver.call("step") == []


@pytest.fixture(scope="module")
def apart() -> Iterator[KivyDriver]:
    """A window that stands somewhere on a larger display, for a person whom moving things disturb."""
    with virtual_display(1500, 950) as display, KivyDriver(display, position=(120, 60), still=True) as driver:
        yield driver


def test_the_window_stands_where_it_was_told_and_is_touched_there(apart: KivyDriver) -> None:
    apart.show("02-insert-card")
    assert apart.call("get", name="position") == [120, 60]
    x, y = apart.targets()["cancel"]
    apart.click(x + 120, y + 60)
    assert apart.answer() == "cancel"


def test_nothing_moves_where_it_would_disturb(apart: KivyDriver) -> None:
    apart.show("02-insert-card")
    assert apart.call("step") == []


def test_a_scanned_number_answers_the_question_for_it(driver: KivyDriver) -> None:
    driver.show("20-printed")
    driver.call("scan", text="5082 6134")
    assert driver.answer() == "50826134"


def test_the_code_of_an_order_answers_where_cards_are_put_in_and_nowhere_else(driver: KivyDriver) -> None:
    code = order_code("2026-0005")
    driver.show("20-printed")
    driver.call("scan", text=code)
    assert not driver.call("answered")
    driver.call("show_gallery", sample="stock-scan")
    driver.call("scan", text=code)
    assert driver.answer() == code


def test_a_number_that_may_be_short_can_be_given_from_its_least_on(driver: KivyDriver) -> None:
    driver.call("show_gallery", sample="bin-seal")
    driver.key("4", "4", "0", "Return")
    assert not driver.call("answered"), "a seal has four digits at least"
    driver.key("0", "Return")
    assert driver.answer() == "4400"


def test_a_scan_that_is_too_short_waits_for_the_rest(driver: KivyDriver) -> None:
    driver.show("20-printed")
    driver.call("scan", text="5082")
    assert not driver.call("answered")
    assert driver.call("typed") == 4


@pytest.mark.parametrize("sample", ["04-envelope-puk", "05-new-pin", "06-confirm"])
def test_a_scan_is_heard_nowhere_else(driver: KivyDriver, sample: str) -> None:
    driver.show(sample)
    driver.call("scan", text="50826134")
    assert driver.call("typed") == 0
    assert not driver.call("answered")


def test_a_scan_is_not_heard_while_help_lies_over_the_question(driver: KivyDriver) -> None:
    driver.show("20-printed")
    driver.touch("rail:help")
    driver.call("scan", text="50826134")
    driver.touch("help:close")
    assert driver.call("typed") == 0
    assert not driver.call("answered")


@pytest.mark.parametrize("language", ["sv", "en"])
def test_help_in_the_middle_of_a_number_loses_nothing(driver: KivyDriver, language: str, tmp_path: Path) -> None:
    driver.call("set", language=language)
    driver.show("20-printed")
    driver.key(*"508")
    driver.snapshot(tmp_path / "before.png")
    driver.touch("rail:help")
    assert driver.call("clipped") == []
    driver.touch("help:close")
    driver.targets()
    driver.snapshot(tmp_path / "after.png")
    assert (tmp_path / "before.png").read_bytes() == (tmp_path / "after.png").read_bytes()


def test_all_checks_of_the_administrator_stand_in_one_panel(driver: KivyDriver) -> None:
    """A row of 12 mm for each, the count in its heading, and the wait that counts down (design, 26-activate-2)."""
    driver.call("show_gallery", sample="activate-check")
    rows = driver.call("places", kind="CheckRow")
    assert len(rows) == 7
    assert min(high for *_, high in rows) >= 12 * PX_PER_MM - 1
    ((left, top, wide, high),) = driver.call("places", kind="CheckPanel")
    assert all(
        left <= x and x + across <= left + wide and top <= y and y + up <= top + high for x, y, across, up in rows
    )
    assert {"5 av 7", "Två kvar", "Låt båda korten sitta kvar"} <= set(driver.call("texts"))
    assert {"Maj Utlämningsdotter kontrollerar", "Båda korten sitter i"} <= set(driver.call("texts"))
    assert driver.call("targets").keys() >= {"document_accepted", "card_number", "disagrees"}


def test_where_checks_go_over_pages_the_first_that_is_open_is_shown(driver: KivyDriver) -> None:
    """Whoever has ticked the upper ones looks for no page."""
    driver.call("set", large_text=True)
    try:
        driver.call("show_gallery", sample="activate-check-last")
        assert "card_number" in driver.call("targets")
        driver.call("show_gallery", sample="activate-check-first")
        assert "Visa din id-handling" in driver.call("texts")
    finally:
        driver.call("set", large_text=False)


def test_the_administrators_reader_is_lit_beside_the_card_that_stays(driver: KivyDriver, tmp_path: Path) -> None:
    """The holder's card rests to the left, where nothing is lit (design, 26-activate-1)."""
    driver.call("show_gallery", sample="activate-needed")
    ((left, top, wide, high),) = driver.call("places", kind="DrawingStage")
    driver.snapshot(tmp_path / "needed.png")
    with Image.open(tmp_path / "needed.png") as picture:
        stage = picture.convert("RGB").crop((round(left), round(top), round(left + wide), round(top + high)))
    third = round(wide / 3)
    holders, administrators = (
        {colour for _, colour in stage.crop((x, 0, x + third, round(high))).getcolors(1 << 20) or ()}
        for x in (0, round(wide) - third)
    )
    lamp, paper = (ImageColor.getrgb(colour) for colour in ("#FFC72C", "#FBFAF7"))
    assert (lamp in holders, lamp in administrators) == (False, True)
    assert paper in holders
