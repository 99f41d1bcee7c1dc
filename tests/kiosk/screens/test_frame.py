"""The rail, the time-out and help change how a question looks, never the question or what is typed."""

from pathlib import Path

import pytest
from PIL import Image, ImageChops

from tests.fakes.screens.kivy_driver import KivyDriver

pytestmark = pytest.mark.screen


@pytest.mark.parametrize("button", ["rail:language", "rail:larger", "rail:contrast"])
def test_another_language_text_size_or_contrast_keeps_what_is_typed(driver: KivyDriver, button: str) -> None:
    driver.show("05-new-pin")
    driver.key(*"204719")
    driver.touch(button)
    assert driver.call("typed") == 6
    driver.touch("submit")
    assert driver.answer() == {"digits": 6}


def test_the_language_button_says_the_other_language_and_changes_to_it(driver: KivyDriver) -> None:
    driver.show("09-success")
    assert "English" in driver.call("texts")
    driver.touch("rail:language")
    assert driver.call("get", name="language") == "en"
    assert {"Svenska", "Done. Your card is unlocked.", "Receipt to phone"} <= set(driver.call("texts"))


def test_the_contrast_button_goes_there_and_back(driver: KivyDriver) -> None:
    driver.show("01-idle")
    driver.touch("rail:contrast")
    assert driver.call("get", name="theme") == "hc"
    driver.touch("rail:contrast")
    assert driver.call("get", name="theme") == "light"


def test_listen_speaks_the_view_and_nothing_that_is_typed(driver: KivyDriver) -> None:
    driver.show("04-envelope-puk")
    driver.touch("key:7")
    driver.call("spoken")
    driver.touch("rail:listen")
    said = driver.call("spoken")
    assert said[0] == "Skriv PUK-koden ur brevet."
    assert said[1].startswith("Åtta siffror.")
    assert "7" not in " ".join(said).replace("4 4 7 1 3 0 5 8", "")


def test_a_digit_of_a_listed_keypad_picks_a_choice(driver: KivyDriver) -> None:
    driver.show("01-idle")
    first = driver.call("options")[0]
    driver.call("settle")
    driver.call("press", key="1")
    assert driver.answer() == first


def test_a_keypad_moves_the_focus_in_the_order_of_the_view_and_chooses(driver: KivyDriver) -> None:
    driver.show("04-envelope-puk")
    driver.call("plug_headphones", plugged=True)
    driver.call("spoken")
    heard = []
    for _ in range(3):
        driver.call("press", key="down")
        heard += driver.call("spoken")
    assert driver.call("focus") is not None
    driver.call("press", key="5")
    assert driver.call("spoken") == ["Antal siffror: 1."]
    assert (driver.call("typed"), driver.call("focus")) == (1, None)
    driver.call("press", key="help")
    driver.call("spoken")
    driver.call("settle")
    driver.call("press", key="back")
    assert driver.call("typed") == 1
    driver.call("press", key="up")
    driver.call("press", key="up")
    last = driver.call("spoken")
    driver.call("plug_headphones", plugged=False)
    assert last[-2:] == ["Hjälp.", "Lyssna."]
    assert heard[0] != heard[1]
    assert not set(heard) & {"1.", "2."}


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("246", ["Tre siffror till."]),
        ("777777", ["Välj en annan kod.", "Inte samma siffra hela vägen (1 1 1 1 1 1)."]),
    ],
)
def test_enter_says_why_what_is_typed_is_no_answer_yet(driver: KivyDriver, typed: str, why: list[str]) -> None:
    driver.call("plug_headphones", plugged=True)
    driver.show("05-new-pin")
    driver.call("settle")
    for digit in typed:
        driver.call("press", key=digit)
    driver.call("spoken")
    driver.call("press", key="enter")
    said = driver.call("spoken")
    driver.call("plug_headphones", plugged=False)
    assert (said, driver.call("typed"), driver.call("answered")) == (why, len(typed), False)


def test_a_scan_that_is_no_answer_is_said_to_be_none(driver: KivyDriver) -> None:
    driver.call("plug_headphones", plugged=True)
    driver.show("20-printed")
    driver.call("spoken")
    driver.call("scan", text="NOTHING-OF-OURS")
    said = driver.call("spoken")
    driver.call("plug_headphones", plugged=False)
    assert said == ["Det där är inget kortnummer. Skanna kortet eller skriv siffrorna."]


def test_letters_among_the_digits_are_typed_by_keypad(driver: KivyDriver) -> None:
    driver.call("plug_headphones", plugged=True)
    driver.call("show_gallery", sample="portal-response")
    driver.call("settle")
    driver.call("spoken")
    heard: list[str] = []
    while "C." not in heard and len(heard) < 10:
        driver.call("press", key="down")
        heard += driver.call("spoken")
    driver.call("press", key="enter")
    heard += driver.call("spoken")
    typed = driver.call("typed")
    driver.call("plug_headphones", plugged=False)
    assert (heard, typed) == (["A.", "B.", "C.", "Antal siffror: 1."], 1)


def test_the_focus_has_a_ring_and_choices_digits_until_somebody_touches(driver: KivyDriver, tmp_path: Path) -> None:
    driver.show("01-idle")
    pictures = []
    for name in ("before", "focus", "after"):
        if name == "focus":
            driver.call("press", key="down")
            target = driver.call("focus")
        elif name == "after":
            driver.drag((640, 20), (660, 20))  # the strip is no target
        driver.snapshot(tmp_path / f"{name}.png")
        pictures.append(Image.open(tmp_path / f"{name}.png").convert("RGB"))
    before, focus, after = pictures
    x, y = driver.targets()[target]
    ring = sum(before.getpixel((at, y)) != focus.getpixel((at, y)) for at in range(x))
    assert 6 <= ring <= 9  # 1.2 mm on this panel
    assert driver.call("focus") is None
    assert ImageChops.difference(before, after).getbbox() is None


def test_whether_contrast_and_larger_text_are_on_is_said(driver: KivyDriver) -> None:
    driver.call("plug_headphones", plugged=True)
    driver.show("03-card-found")
    driver.call("settle")
    heard = []
    for key in ("up", "up", "up", "enter", "up", "enter", "enter"):
        driver.call("spoken")
        driver.call("press", key=key)
        heard.append(driver.call("spoken"))
    looks = driver.call("get", name="theme"), driver.call("get", name="large_text")
    driver.call("plug_headphones", plugged=False)
    assert heard == [
        ["Hjälp."], ["Lyssna."], ["Kontrast.", "Av."], ["Kontrast.", "På."],
        ["Större text.", "Av."], ["Större text.", "På."], ["Större text.", "Av."],
    ]  # fmt: skip
    assert looks == ("hc", False)


def test_select_is_a_touch_on_what_has_the_focus_and_back_is_the_way_out(driver: KivyDriver) -> None:
    driver.show("01-idle")
    driver.call("settle")
    driver.call("press", key="enter")
    assert not driver.call("answered")
    driver.call("press", key="down")
    first = driver.call("focus")
    driver.call("press", key="enter")
    assert driver.answer() == first
    driver.show("05-new-pin")
    driver.call("settle")
    driver.call("press", key="back")
    assert driver.answer() == "back"


def test_a_keypad_asks_for_more_time(driver: KivyDriver) -> None:
    driver.show("04-envelope-puk")
    driver.call("warn", seconds=20)
    driver.call("press", key="down")
    driver.call("press", key="enter")
    assert driver.call("warned") is True


def test_the_audio_key_says_each_view_until_the_person_has_left(driver: KivyDriver) -> None:
    driver.show("04-envelope-puk")
    driver.call("spoken")
    driver.call("press", key="audio")
    assert driver.call("spoken")[0] == "Skriv PUK-koden ur brevet."
    driver.show("01-idle")
    assert driver.call("spoken")
    heard = []
    for key in ("volume", "rate", "volume", "volume"):
        driver.call("press", key=key)
        heard += driver.call("spoken")
    assert heard == ["Volym: 4 av 5.", "Tempo: snabbt.", "Volym: 5 av 5.", "Volym: 1 av 5."]
    driver.call("reset")
    driver.call("spoken")
    driver.show("04-envelope-puk")
    assert driver.call("spoken") == []


def test_headphones_hear_each_question_the_time_out_help_and_why_it_is_closed(driver: KivyDriver) -> None:
    driver.show("04-envelope-puk")
    driver.call("spoken")
    driver.call("plug_headphones", plugged=True)
    assert driver.call("spoken")[0] == "Skriv PUK-koden ur brevet."
    driver.call("warn", seconds=25)
    assert driver.call("spoken")[:2] == ["Är du kvar?", "25 sekunder kvar."]
    driver.touch("timeout:more")
    assert driver.call("warned") is True
    assert "Skriv PUK-koden ur brevet." in driver.call("spoken")
    driver.touch("rail:help")
    assert "Tillbaka till koden." in driver.call("spoken")
    driver.touch("help:close")
    driver.call("spoken")
    driver.call("close")
    closed = driver.call("spoken")
    driver.call("open")
    driver.call("plug_headphones", plugged=False)
    assert closed
    assert closed[0] != "Skriv PUK-koden ur brevet."
    driver.show("04-envelope-puk")
    driver.call("spoken")
    driver.show("01-idle")
    assert driver.call("spoken") == []


def test_help_names_who_helps_and_closes_back_to_the_question(driver: KivyDriver) -> None:
    driver.show("05-new-pin")
    driver.touch("key:2")
    driver.touch("rail:help")
    said = driver.call("texts")
    assert {"Svarar nu, till 16.00", "0980-319 240"} <= {text.replace("\u00a0", " ") for text in said}
    assert "key:2" not in driver.targets()
    driver.key("3")
    driver.touch("help:close")
    assert driver.call("typed") == 1


def test_more_time_goes_back_to_the_question_with_what_was_typed(driver: KivyDriver) -> None:
    driver.show("04-envelope-puk")
    driver.touch("key:2")
    driver.call("warn", seconds=20)
    assert "Ta med dig kortet" in " ".join(driver.call("texts"))
    driver.touch("timeout:more")
    assert driver.call("warned") is True
    assert driver.call("typed") == 1
    assert "key:2" in driver.targets()


def test_end_now_ends(driver: KivyDriver) -> None:
    driver.show("04-envelope-puk")
    driver.call("warn", seconds=20)
    driver.touch("timeout:end")
    assert driver.call("warned") is False


def test_a_warning_that_nobody_answers_is_a_no(driver: KivyDriver) -> None:
    driver.show("04-envelope-puk")
    driver.call("warn", seconds=20)
    driver.call("let_time_pass")
    assert driver.call("warned") is False


def test_a_closed_station_takes_no_touch_and_names_who_helps(driver: KivyDriver) -> None:
    driver.show("01-idle")
    driver.call("close")
    assert driver.targets() == {}
    texts = " ".join(driver.call("texts"))
    assert "This station is closed. No card is left inside." in texts
    assert "Inget kort sitter kvar i stationen." in texts, "in the language of the moment, too"
    driver.call("open")
    assert "pickup" in driver.targets()


@pytest.mark.parametrize("sample", ["stock", "repair", "moving", "reader"])
def test_a_closed_home_screen_takes_the_report_of_a_lost_card(driver: KivyDriver, sample: str) -> None:
    driver.call("show_gallery", sample=f"home-closed-{sample}")
    targets = set(driver.targets())
    assert "report_lost" in targets
    assert not {"pickup", "unblock"} & targets
    texts = " ".join(driver.call("texts"))
    assert "Akuten, hus C" in texts
    assert "The station is closed" in texts, "in both languages"


def test_the_strip_says_whether_a_card_is_in_and_who_attends(driver: KivyDriver) -> None:
    driver.show("18-collect")
    assert {"Kortet sitter i", "Utlämnas av Örjan Nyström", "Steg 3 av 5", "10.42"} <= set(driver.call("texts"))
    driver.call("set", card_in=False)
    assert "Kortet sitter i" not in driver.call("texts")


def test_where_a_gpu_draws_one_question_fades_into_the_next(driver: KivyDriver) -> None:
    driver.show("01-idle")
    assert driver.call("fade", sample="02-insert-card") == 2
    driver.touch("cancel")
    assert driver.answer() == "cancel"
