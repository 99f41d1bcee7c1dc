"""Listen at the port of speech: what is said, in which order, when it stops, and what nobody may hear."""

import asyncio
import re
from dataclasses import replace

import pytest

from drivers.speech.port import Manner, Phrase
from kiosk.policy import PinPolicy
from kiosk.screens.listening import Listening
from kiosk.screens.speech import choice_of, closed_phrases, help_phrases, timeout_phrases, view_phrases
from kiosk.screens.words import ScreenTexts
from kiosk.texts import LANGUAGES, Texts
from kiosk.views import Busy, Choose, EnterCode, Fact, Option, PersonName, Step, Task, Tell, Tries, say
from sim.gallery.samples import samples
from tests.fakes.machine.step_clock import settle
from tests.fakes.speech.recorded_speech import RecordedSpeech

SWEDISH = ScreenTexts(Texts.load(), "sv")
NAME = "Åsa Canary"
VIEW = (Phrase("Ett.", "sv"), Phrase("Två.", "sv"), Phrase("Tre.", "sv"))


def listening_to(speech: RecordedSpeech, faults: list[str] | None = None) -> Listening:
    heard: list[str] = [] if faults is None else faults
    return Listening(speech, lambda private: VIEW if private else VIEW[:2], Manner(4, 2), heard.append)


async def test_listen_says_the_view_in_order() -> None:
    speech = RecordedSpeech()
    listening_to(speech).press()
    await settle()
    assert speech.log == list(VIEW[:2])
    assert set(speech.manners) == {Manner(4, 2)}


async def test_headphones_begin_it_by_themselves_and_with_each_view() -> None:
    speech = RecordedSpeech()
    listening = listening_to(speech)
    listening.begin()
    await settle()
    assert speech.log == []
    listening.plug(True)
    await settle()
    listening.begin()
    await settle()
    assert speech.log == [*VIEW, *VIEW]


async def test_it_is_silent_once_headphones_are_pulled() -> None:
    speech = RecordedSpeech(waits=True)
    listening = listening_to(speech)
    listening.plug(True)
    await settle()
    listening.plug(False)
    await settle()
    assert (speech.cut, listening.speaks) == ([VIEW[0]], False)


async def test_the_caption_follows_what_is_said_and_stays_at_the_last_sentence() -> None:
    speech, shown = RecordedSpeech(waits=True), list[tuple[list[str], int]]()
    listening = Listening(speech, lambda _: VIEW, Manner(), on_change=lambda: shown.append(now()))

    def now() -> tuple[list[str], int]:
        said, at = listening.caption
        return list(said), at

    assert (listening.listens, listening.caption) == (False, ([], 0))
    listening.press()
    for _ in VIEW:
        await settle()
        speech.end_sentence()
    await settle()
    said = ["Ett.", "Två.", "Tre."]
    assert (shown, now()) == ([(said, at) for at in range(3)], (said, 2))
    assert listening.listens
    listening.begin()  # another view, and nobody listens to each
    assert (listening.listens, shown[-1]) == (False, ([], 0))


def test_a_panel_turns_volume_and_speed_no_further_than_the_ends() -> None:
    assert Manner(5, 1).turned(rate=1, volume=-1) == Manner(5, 1)
    assert Manner(2, 4).turned(rate=-1, volume=1) == Manner(1, 5)


async def test_a_key_silences_at_once_and_listen_goes_on_with_that_sentence() -> None:
    speech = RecordedSpeech(waits=True)
    listening = listening_to(speech)
    listening.press()
    await settle()
    speech.end_sentence()
    await settle()
    listening.hush()
    await settle()
    assert (speech.texts, speech.cut) == (["Ett.", "Två."], [VIEW[1]])
    listening.hush()  # the touch on Listen
    listening.press()
    await settle()
    assert speech.texts == ["Ett.", "Två.", "Två."]


async def test_listen_pauses_while_it_speaks_and_repeats_what_is_over() -> None:
    speech = RecordedSpeech(waits=True)
    listening = listening_to(speech)
    listening.press()
    await settle()
    listening.hush()  # the touch on Listen itself
    listening.press()
    await settle()
    assert (speech.texts, listening.speaks) == (["Ett."], False)
    listening.press()
    for _ in VIEW:
        await settle()
        speech.end_sentence()
    await settle()
    assert not listening.speaks
    listening.press()
    await settle()
    assert speech.texts == ["Ett.", "Ett.", "Två.", "Ett."]
    listening.hush()


async def test_another_view_is_said_from_its_beginning() -> None:
    speech = RecordedSpeech(waits=True)
    listening = listening_to(speech)
    listening.press()
    await settle()
    speech.end_sentence()
    await settle()
    listening.begin()
    await settle()
    assert speech.cut == [VIEW[1]]
    listening.press()
    await settle()
    assert speech.texts == ["Ett.", "Två.", "Ett."]
    listening.hush()


async def test_a_synthesizer_that_fails_is_told_of_and_ends_nothing() -> None:
    speech, faults = RecordedSpeech(), list[str]()
    listening = listening_to(speech, faults)
    speech.fault = "no sound device"
    for _ in range(2):
        listening.press()
        await settle()
    speech.fault = ""
    listening.press()
    await settle()
    assert (faults, speech.texts) == (["no sound device"], ["Ett.", "Två."])


def test_choices_have_their_digits_and_the_state_is_said() -> None:
    view = Choose(
        name="x", title=say("home.title"), step=Step(2, 4),
        options=(Option("a", say("home.unblock")), Option("b", say("home.pickup"), reason=say("home.no.reader"))),
    )  # fmt: skip
    said = view_phrases(view, SWEDISH, private=False)
    title, choices = (
        SWEDISH.plain(say("home.title")),
        [SWEDISH.plain(say(f"home.{one}")) for one in ("unblock", "pickup")],
    )
    assert said[0].startswith(title)
    assert said[1:4] == ("Steg 2 av 4.", f"1: {choices[0]}.", f"2: {choices[1]}.")
    tries = Tell(name="x", title=say("home.title"), badge="warning", tries=Tries(1, 2, say("frame.tries.last")))
    assert "Ett försök kvar." in view_phrases(tries, SWEDISH, private=False)
    busy = Busy(name="x", title=say("home.title"), tasks=(Task(say("frame.help"), "now"),), seconds=20)
    assert view_phrases(busy, SWEDISH, private=False)[1:] == ("Hjälp.", "20 sekunder kvar.")


def test_the_rules_of_a_new_code_are_said_with_the_question() -> None:
    view = dict(samples())["new-pin"]
    said = view_phrases(view, SWEDISH, private=False)
    assert said[-4:-1] == (
        "6 till 8 siffror.", "Inte samma siffra hela vägen (1 1 1 1 1 1).", "Inte siffror i följd (1 2 3 4 5 6).",
    )  # fmt: skip
    assert isinstance(view, EnterCode)
    fixed = view_phrases(replace(view, policy=PinPolicy(6, 6)), SWEDISH, private=False)
    assert "6 siffror." in fixed


def test_a_digit_picks_the_choice_that_is_said_with_it() -> None:
    options = tuple(
        Option(f"v{at}", say("frame.help"), reason=say("frame.help") if at == 2 else None) for at in range(1, 12)
    )
    view = Choose(name="x", title=say("home.title"), options=options)
    assert [choice_of(view, key) for key in ("1", "2", "9", "0", "enter", "10")] == ["v1", None, "v9", None, None, None]
    assert "9: Hjälp." in (said := view_phrases(view, SWEDISH, private=False))
    assert "10: Hjälp." not in said


def test_the_time_out_says_how_long_it_waits_and_that_the_card_is_in() -> None:
    said = timeout_phrases(25, True, SWEDISH)
    assert said[:2] == ("Är du kvar?", "25 sekunder kvar.")
    assert said[-3:] == ("Ta med dig kortet när du går.", "Jag behöver mer tid.", "Avsluta nu.")
    assert "Ta med dig kortet när du går." not in timeout_phrases(25, False, SWEDISH)


def test_help_and_a_closed_station_say_whom_to_call() -> None:
    office = (Fact(say("contact.office"), "08-123 45 67"),)
    view = dict(samples())["puk"]
    said = help_phrases(view, office, SWEDISH)
    assert said[0] == "PUK-koden står längst ned i rutan i brevet."
    assert said[-4:] == ("Det du har skrivit är kvar.", "Kontoret.", "08-123 45 67.", "Tillbaka till koden.")
    assert closed_phrases((say("closed.door"),), office, SWEDISH)[-1] == "08-123 45 67."


def test_no_name_is_said_aloud() -> None:
    who = PersonName(NAME)
    view = Tell(
        name="x", title=say("which.person", who=who), badge="success", lead=(say("new_pin.looks_away", name=who),),
        drawing_text=say("listen.choice", digit=1, choice=say("which.person", who=who)),
    )  # fmt: skip
    aloud, private = (" ".join(view_phrases(view, SWEDISH, private=one)) for one in (False, True))
    assert (NAME in aloud, private.count(NAME), aloud.count("namnet på skärmen")) == (False, 3, 3)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_view_of_the_errands_is_said_in_whole_sentences(language: str) -> None:
    words = ScreenTexts(Texts.load(), language)
    for name, view in samples():
        said = view_phrases(view, words, private=False)
        assert said[0].startswith(words.plain(view.title).rstrip(".")) or "Name" in repr(view.title), name
        for phrase in said:
            assert re.search(r"[.!?:]$", phrase), name
            assert not re.search(r"\*\*|[?!:]\.$|\{", phrase), (name, phrase)


def test_a_card_number_is_read_digit_by_digit() -> None:
    view = Tell(name="x", title=say("which.card", tail="4471 3058"), badge="success")
    assert "4 4 7 1 3 0 5 8" in view_phrases(view, SWEDISH, private=False)[0]


async def test_nothing_is_left_running_when_the_loop_ends() -> None:
    speech = RecordedSpeech(waits=True)
    listening = listening_to(speech)
    listening.press()
    await settle()
    listening.hush()
    await settle()
    assert len(asyncio.all_tasks()) == 1
