"""A code is typed on the large pad and seen by nobody."""

from pathlib import Path

import pytest

from kiosk.barcodes import envelope_code, order_code
from tests.fakes.screens.kivy_driver import KivyDriver

pytestmark = pytest.mark.screen


def type_code(driver: KivyDriver, code: str) -> None:
    for digit in code:
        driver.touch(f"key:{digit}")


def test_a_holder_types_the_puk_and_goes_on(driver: KivyDriver) -> None:
    driver.show("04-envelope-puk")
    type_code(driver, "24681357")
    driver.touch("submit")
    assert driver.answer() == {"digits": 8}
    assert driver.call("typed") == 0


def test_the_screen_is_the_same_whichever_digit_is_typed(driver: KivyDriver, tmp_path: Path) -> None:
    pictures = []
    for digit in ("1", "2", "0"):
        driver.show("04-envelope-puk")
        driver.touch(f"key:{digit}")
        driver.snapshot(tmp_path / f"{digit}.png")
        pictures.append((tmp_path / f"{digit}.png").read_bytes())
    assert pictures[0] == pictures[1] == pictures[2]


def test_no_key_looks_different_while_it_is_pressed(driver: KivyDriver, tmp_path: Path) -> None:
    driver.show("04-envelope-puk")
    driver.snapshot(tmp_path / "before.png")
    driver.hold("key:5", lambda: driver.snapshot(tmp_path / "pressed.png"), slide_off=True)
    assert (tmp_path / "before.png").read_bytes() == (tmp_path / "pressed.png").read_bytes()


def test_typed_digits_are_in_no_text_of_the_window(driver: KivyDriver) -> None:
    driver.show("04-envelope-puk")
    before = driver.call("texts")
    driver.key(*"99999999")
    added = set(driver.call("texts")) - set(before)
    assert added == {"Fortsätt", "\U000f0054"}


def test_the_primary_says_how_many_digits_are_missing(driver: KivyDriver) -> None:
    driver.show("04-envelope-puk")
    driver.key(*"12345")
    assert "Tre siffror till" in driver.call("texts")
    assert "submit" not in driver.targets()


def test_erase_takes_one_digit_and_clear_takes_all(driver: KivyDriver) -> None:
    driver.show("04-envelope-puk")
    type_code(driver, "123")
    driver.touch("key:erase")
    assert driver.call("typed") == 2
    driver.touch("key:clear")
    assert driver.call("typed") == 0


@pytest.mark.parametrize("code", ["123456", "987654", "111111"])
def test_a_code_that_breaks_a_rule_cannot_be_given(driver: KivyDriver, code: str) -> None:
    driver.show("05-new-pin")
    type_code(driver, code)
    assert "submit" not in driver.targets()
    driver.key("Return")
    assert not driver.call("answered")
    assert "Välj en annan kod" in driver.call("texts")


def test_a_code_of_six_to_eight_digits_may_be_given_at_six(driver: KivyDriver) -> None:
    driver.show("05-new-pin")
    driver.key(*"204719")
    driver.touch("submit")
    assert driver.answer() == {"digits": 6}


def test_a_keyboard_types_a_code_too(driver: KivyDriver) -> None:
    driver.show("05-new-pin")
    driver.key("2", "0", "4", "KP_7", "1", "9", "5", "BackSpace", "Return")
    assert driver.answer() == {"digits": 6}


def test_a_scanner_gives_a_printed_number_at_once(driver: KivyDriver) -> None:
    driver.show("20-printed")
    driver.key(*"50826134", "Return")
    assert driver.answer() == "50826134"


def test_a_whole_card_number_is_scanned_for_its_last_digits(driver: KivyDriver) -> None:
    driver.show("20-printed")
    type_code(driver, "77")
    driver.types_fast("9999000050826134")
    assert driver.answer() == "50826134"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (envelope_code("9999000050826134"), "Det där är brevet"),
        (order_code("2026-0001"), "Det där är beställningen"),
        ("https://example.org/?q=9", "Det där är inget kortnummer"),
        ("9" * 400, "Det där är inget kortnummer"),
    ],
    ids=["envelope", "order", "address", "flood"],
)
def test_what_is_no_card_number_is_named_and_leaves_no_digit(driver: KivyDriver, text: str, said: str) -> None:
    driver.show("20-printed")
    driver.types_fast(text)
    assert any(said in text for text in driver.call("texts"))
    assert driver.call("typed") == 0
    assert not driver.call("answered")


@pytest.mark.parametrize("sample", ["04-envelope-puk", "05-new-pin"])
def test_a_scanner_never_types_a_code(driver: KivyDriver, sample: str) -> None:
    driver.show(sample)
    type_code(driver, "2")
    driver.types_fast("04719538")
    assert driver.call("typed") == 1
    assert not driver.call("answered")


def test_a_number_that_is_no_secret_is_shown_and_may_be_touched_in(driver: KivyDriver) -> None:
    driver.show("20-printed")
    type_code(driver, "5082")
    driver.key(*"6134")
    driver.touch("submit")
    assert driver.answer() == "50826134"


def test_the_pad_never_moves_between_steps(driver: KivyDriver) -> None:
    places = []
    for sample in ("04-envelope-puk", "05-new-pin", "20-printed"):
        driver.show(sample)
        places.append({name: place for name, place in driver.targets().items() if name.startswith("key:")})
    assert places[0] == places[1] == places[2]
    assert len(places[0]) == 12


RESPONSE = "0F3A91C4D27B60E8355C19AF8842B6D0"


def test_a_response_has_digits_and_letters_on_the_pad_and_is_typed_in_full(driver: KivyDriver) -> None:
    driver.call("show_gallery", sample="portal-response")
    type_code(driver, RESPONSE[:31])
    assert "submit" not in driver.targets()
    assert "1 till" in driver.call("texts")
    type_code(driver, RESPONSE[31:])
    driver.touch("submit")
    assert driver.answer() == RESPONSE


@pytest.mark.parametrize(("text", "typed"), [(RESPONSE.lower(), RESPONSE), ("9999000050826134", None)])
def test_a_response_is_scanned_and_a_card_number_is_none(driver: KivyDriver, text: str, typed: str | None) -> None:
    driver.call("show_gallery", sample="portal-response")
    driver.call("scan", text=text)
    if typed is None:
        assert not driver.call("answered")
        assert driver.call("typed") == 0
    else:
        assert driver.answer() == typed
