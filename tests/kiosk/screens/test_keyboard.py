"""Text is typed with a finger or chosen with a keypad on a keyboard of few signs, and never spoken."""

from collections.abc import Iterator

import pytest

from tests.fakes.machine.display import virtual_display
from tests.fakes.screens.kivy_driver import KivyDriver

pytestmark = pytest.mark.screen
SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@pytest.fixture(scope="module")
def small() -> Iterator[KivyDriver]:
    """The window of a 7 inch panel."""
    with virtual_display(800, 480) as display, KivyDriver(display, "7") as driver:
        yield driver


def touch_keys(driver: KivyDriver, signs: str) -> None:
    for sign in signs:
        driver.touch(f"key:{sign}")


def test_a_claim_code_is_typed_sign_by_sign(driver: KivyDriver) -> None:
    driver.show("21-claim")
    touch_keys(driver, "8K3M")
    assert "16 tecken kvar" in driver.call("texts")
    driver.touch("key:erase")
    driver.touch("rail:language")
    assert driver.call("typed") == 3, "what is typed stays when the screen is built anew"
    driver.touch("key:clear")
    for sign in SIGNS[:20]:
        driver.call("activate", target=f"key:{sign}")
    driver.touch("submit")
    assert driver.answer() == SIGNS[:20]
    assert driver.call("typed") == 0


def test_every_sign_has_a_key_and_no_other(driver: KivyDriver) -> None:
    driver.show("21-claim")
    keys = [name.removeprefix("key:") for name in driver.targets() if name.startswith("key:")]
    assert sorted(keys) == sorted([*SIGNS, "erase", "clear"])
    driver.show("22-server")
    assert {"key:a", "key:z", "key:0", "key:.", "key:-", "key::", "key:/"} <= set(driver.targets())


def test_what_stands_there_is_changed_and_what_is_typed_is_in_no_text(driver: KivyDriver) -> None:
    driver.show("22-server")
    assert driver.call("typed") == len("fleet.example")
    touch_keys(driver, ":8")
    assert not [text for text in driver.call("texts") if "fleet" in text and "8443" not in text]
    driver.touch("submit")
    assert driver.answer() == "fleet.example:8"


def test_a_scan_is_the_answer_as_it_was_read_where_it_may_be_one(driver: KivyDriver) -> None:
    driver.show("21-claim")
    driver.call("scan", text="https://FLEET.example?a=1")
    assert not driver.call("answered")
    driver.show("22-server")
    driver.call("scan", text="https://FLEET.example?a=1")
    assert driver.answer() == "https://FLEET.example?a=1"


def heard_after(driver: KivyDriver, key: str) -> list[str]:
    driver.call("settle")
    driver.call("press", key=key)
    said: list[str] = driver.call("spoken")
    return said


def test_headphones_hear_the_key_in_focus_and_never_the_code(driver: KivyDriver) -> None:
    driver.show("21-claim")
    driver.call("plug_headphones", plugged=True)
    assert driver.call("spoken")[0] == "Skriv koden."
    assert heard_after(driver, "down") == ["0."]
    assert driver.call("focus") == "key:0"
    assert heard_after(driver, "down") == ["1."]
    assert heard_after(driver, "enter") == ["Antal tecken: 1."]
    assert heard_after(driver, "7") == ["Antal tecken: 2."]
    assert driver.call("typed") == 2
    driver.call("plug_headphones", plugged=False)
    driver.call("plug_headphones", plugged=True)
    assert not [said for said in driver.call("spoken") if "17" in said]
    driver.call("plug_headphones", plugged=False)


def test_the_smallest_panel_turns_between_letters_and_digits(small: KivyDriver) -> None:
    small.show("21-claim")
    assert {"key:A", "key:Z"} <= set(small.targets())
    assert "key:8" not in small.targets()
    small.touch("key:page")
    small.touch("key:8")
    small.touch("key:page")
    small.touch("key:K")
    assert small.call("typed") == 2
    assert "18 tecken kvar" in small.call("texts")


def test_the_smallest_panel_begins_with_digits_where_an_address_is_typed(small: KivyDriver) -> None:
    small.call("show_gallery", sample="setup-gateway")
    assert {"key:1", "key:."} <= set(small.targets())
    small.touch("key:page")
    assert "key:a" in small.targets()
