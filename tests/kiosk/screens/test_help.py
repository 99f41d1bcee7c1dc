"""Help is about the question on show: its own words or its family's, with a drawing, who answers now, and nothing of the rail."""

from datetime import datetime

import pytest

from kiosk.region import Contacts, RegionSettings
from kiosk.steps.who_helps import who_answers
from kiosk.texts import LANGUAGES, Texts
from kiosk.views import Await, EnterCode, EnterDigits, EnterText, LetterPageDrawing, NumberDrawing, say
from kiosk.views.help_topics import HelpTopic, topic_of
from sim.gallery.samples import WITH_PLACES, samples
from tests.fakes.screens.kivy_driver import KivyDriver

VIEWS = dict(samples())
RAIL = ("kontrast", "contrast", "större text", "larger text", "knapparna vid kanten", "buttons at the edge")


def test_every_view_has_help_of_its_own_or_of_its_family_in_two_sentences() -> None:
    texts = Texts.load()
    for name, view in VIEWS.items():
        topic = topic_of(view)
        for language in LANGUAGES:
            said = texts.plain(topic.text, language)
            assert len([part for part in said.split(". ") if part]) == 2, (name, said)
            whole = f"{texts.plain(topic.title, language)} {said}".lower()
            assert not [word for word in RAIL if word in whole], name


def test_what_is_typed_is_shown_where_it_stands() -> None:
    asked = {name: topic_of(view) for name, view in VIEWS.items() if isinstance(view, EnterCode | EnterDigits)}
    lit: dict[str, object] = {
        topic.name: topic.drawing.lit if isinstance(topic.drawing, LetterPageDrawing) else topic.drawing
        for topic in asked.values()
    }
    assert [lit[name] for name in ("puk", "first_code", "letter_number", "letter_code")] == [
        "puk",
        "pin",
        "number",
        "code",
    ]
    assert [lit["card_number"], lit["document"]] == [NumberDrawing("card"), NumberDrawing("document")]
    assert {texts_of(topic)[2] for topic in asked.values()} == {"Det du har skrivit är kvar."}


def test_a_text_that_is_typed_has_help_too() -> None:
    view = EnterText(name="x", title=say("home.title"), keyboard="host", at_most=9, submit=say("button.next"))
    assert (topic_of(view).name, topic_of(view).stays) == ("text", say("help.kept"))


def texts_of(topic: HelpTopic) -> list[str]:
    return [Texts.load().plain(said, "sv") if said else "" for said in (topic.title, topic.text, topic.stays)]


def test_the_letter_is_told_by_the_number_of_the_card_that_is_in() -> None:
    topic = topic_of(VIEWS["puk"])
    assert topic.drawing == LetterPageDrawing("puk", "20260005")
    assert texts_of(topic)[1].endswith("Kortnumret i det ska sluta på 2026 0005.")


def test_what_is_waited_for_keeps_the_drawing_of_its_question() -> None:
    for name, view in VIEWS.items():
        if isinstance(view, Await) and view.drawing is not None:
            assert topic_of(view).drawing == view.drawing, name


@pytest.mark.parametrize(
    ("now", "first"),
    [
        ("2026-11-25T09:00", ("Svarar nu, till 16.00", "0980-319 240")),
        ("2026-11-25T03:10", ("Svarar nu: Akuten, hus C", "0980-319 100")),
    ],
)
def test_it_names_first_who_answers_at_this_hour(now: str, first: tuple[str, str]) -> None:
    texts, akuten = Texts.load(), WITH_PLACES.place["akuten"].model_copy(update={"telephone": "0980-319 100"})
    region = WITH_PLACES.model_copy(update={"place": {**WITH_PLACES.place, "akuten": akuten}})
    told = who_answers(region, "entre-a", datetime.fromisoformat(now).astimezone())
    assert (texts.plain(told[0].label, "sv"), told[0].value) == first
    assert (texts.plain(told[-1].label, "sv"), told[-1].value) == ("Förlorat kort", WITH_PLACES.block_line)


def test_at_night_help_names_first_where_somebody_is_and_then_when_the_office_answers() -> None:
    texts, night = Texts.load(), datetime.fromisoformat("2026-11-25T03:10").astimezone()
    told = who_answers(WITH_PLACES, "entre-a", night)  # the ward has no telephone
    assert [(texts.plain(fact.label, "sv"), texts.plain(fact.value, "sv")) for fact in told[:2]] == [
        ("Hjälp nu", "Akuten, hus C, 250 meter"), ("Öppnar i dag 7.30", "0980-319 240"),
    ]  # fmt: skip


def test_where_nobody_is_it_says_when_somebody_is_and_else_what_the_region_says() -> None:
    texts, night = Texts.load(), datetime.fromisoformat("2026-11-25T03:10").astimezone()
    alone = WITH_PLACES.model_copy(
        update={"place": {"entre-a": WITH_PLACES.place["entre-a"].model_copy(update={"nearest": {}})}}
    )
    told = who_answers(alone, "entre-a", night)
    assert (texts.plain(told[0].label, "sv"), told[0].value) == ("Öppnar i dag 7.30", "0980-319 240")
    desk = RegionSettings(contacts=Contacts(support_phone="08-1"), office="Plan 2")
    assert [fact.value for fact in who_answers(desk, "", night)] == ["08-1"]
    assert [fact.value for fact in who_answers(RegionSettings(office="Plan 2"), "", night)] == ["Plan 2"]
    assert who_answers(RegionSettings(), "", night) == ()


@pytest.mark.screen
def test_the_help_over_the_puk_says_where_it_stands_and_whom_to_call(driver: KivyDriver) -> None:
    driver.call("show_gallery", sample="puk")
    driver.touch("rail:help")
    said = {" ".join(text.split()) for text in driver.call("texts")}
    assert {"PUK-koden står längst ned i rutan i brevet", "Svarar nu, till 16.00", "0980-319 240"} <= said
    assert not [text for text in said for word in RAIL if word in text.lower() and len(text) > len("Larger text")]
    assert driver.targets().keys() >= {"help:close", "no_envelope"}
