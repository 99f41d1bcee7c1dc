"""A language is a folder: whole or refused, with its voice, direction, forms of numbers, and what nobody has reviewed."""

from pathlib import Path

import pytest

from kiosk.screens.screen_state import ScreenState
from kiosk.screens.theme import PANELS
from kiosk.screens.words import text_keys
from kiosk.texts import Texts
from kiosk.texts.language_pack import LanguagePackError, read_language_pack
from kiosk.views import EnterCode, say
from scripts.language_pack import main
from sim.gallery.samples import samples
from sim.stories.clock import HandClock
from tests.fakes.screens.made_up_pack import write_pack
from tests.fakes.screens.pseudo_language import longer

MODEL = Texts.load().catalogues["sv"]


def looking(texts: Texts) -> ScreenState:
    """Somebody who has chosen the made-up language at a Swedish station."""
    return ScreenState(HandClock(), texts, PANELS["10"], "", lambda: (), "fi", "light", False, own_language="sv")


def test_a_folder_is_a_language(tmp_path: Path) -> None:
    write_pack(tmp_path / "fi", longer, voice="smj")
    texts = Texts.load(tmp_path)
    assert (texts.languages, texts.refused) == (("sv", "en", "fi"), ())
    assert texts.render(say("frame.help"), "fi") == longer(MODEL["frame.help"])
    assert (texts.pack("fi").voice, texts.pack("fi").direction, texts.pack("sv").voice) == ("smj", "ltr", "sv")
    assert Texts.load().languages == ("sv", "en")


@pytest.mark.parametrize(("left", "said"), [(1, "1 try"), (2, "2 tries"), (0, "0 tries"), (21, "21 tries")])
def test_a_number_chooses_the_form(tmp_path: Path, left: int, said: str) -> None:
    write_pack(tmp_path / "fi", str)
    assert Texts.load(tmp_path).render(say("frame.tries", left=left), "fi") == said


def test_a_language_with_more_forms_has_them_all(tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "pl", str) / "texts.po"
    rule = "nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);"
    text = pack.read_text().replace("nplurals=2; plural=(n != 1);", rule)
    pack.write_text(text.replace('msgstr[1] "{left} tries"', 'msgstr[1] "{left} próby"\nmsgstr[2] "{left} prób"'))
    with pytest.raises(LanguagePackError, match=r"listen\.seconds: no text"):
        read_language_pack(tmp_path / "pl", MODEL)
    text = pack.read_text().replace('msgstr[1] "{seconds} seconds"', 'msgstr[1] "{seconds} a"\nmsgstr[2] "{seconds} b"')
    pack.write_text(text)
    texts = Texts.load(tmp_path)
    assert [texts.render(say("frame.tries", left=left), "pl") for left in (1, 3, 5, 12, 22)] == [
        "1 try", "3 próby", "5 prób", "12 prób", "22 próby",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('msgstr "Hjälp"', 'msgstr ""', "frame.help: no text"),
        ('msgid "frame.help"', 'msgid "frame.halp"', "frame.halp: no such text"),
        ('msgstr "Hjälp"', 'msgstr "{name}"', "frame.help: takes name, which is not given"),
        ('msgstr "Hjälp"', 'msgstr "{"', "frame.help: takes {, which is not given"),
        ('msgstr "Hjälp"', 'msgstr "**Hjälp"', "frame.help: [*][*] opens and does not close"),
        ('msgid_plural "left"', 'msgid_plural "right"', "frame.tries: msgid_plural names no argument"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_and_the_other_languages_stay(tmp_path: Path, old: str, new: str, fault: str) -> None:
    pack = write_pack(tmp_path / "fi", str) / "texts.po"
    write_pack(tmp_path / "no", str)
    assert old in pack.read_text()
    pack.write_text(pack.read_text().replace(old, new))
    texts = Texts.load(tmp_path)
    assert texts.languages == ("sv", "en", "no")
    with pytest.raises(LanguagePackError, match=fault):
        read_language_pack(tmp_path / "fi", MODEL)
    assert len(texts.refused) == 1


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        ("", "voice is the speech"),
        ('voice = "-d; rm"', "voice is the speech"),
        ('voice = "fi"\ndirection = "up"', "direction is ltr or rtl"),
        ('voice = "fi"\nletters = 29', "letters means nothing"),
        ("voice", "pack.toml"),
    ],
)
def test_a_head_that_says_too_little_is_refused(tmp_path: Path, head: str, fault: str) -> None:
    folder = write_pack(tmp_path / "fi", str)
    (folder / "pack.toml").write_text(head)
    with pytest.raises(LanguagePackError, match=fault):
        read_language_pack(folder, MODEL)


def test_an_unreviewed_text_is_shown_on_no_page_where_a_code_is_written(tmp_path: Path) -> None:
    """Whichever text of the page it is; the page is then in the station's own language."""
    codes = [view for _, view in samples() if isinstance(view, EnterCode)]
    texts = sorted({key for view in codes for key in text_keys(view)})
    assert len(texts) > 10
    write_pack(tmp_path / "fi", str, unreviewed=texts)
    looks = looking(Texts.load(tmp_path))
    assert {looks.words_for(view).language for view in codes} == {"sv"}
    write_pack(tmp_path / "reviewed" / "fi", str)
    assert {looking(Texts.load(tmp_path / "reviewed")).words_for(view).language for view in codes} == {"fi"}


def test_one_unreviewed_text_around_all_pages_is_enough(tmp_path: Path) -> None:
    write_pack(tmp_path / "fi", str, unreviewed=["keypad.clear"])
    looks = looking(Texts.load(tmp_path))
    views = dict(samples())
    assert looks.words_for(views["puk"]).language == "sv"
    assert looks.words_for(views["home"]).language == "fi"
    assert looks.words.has_unreviewed(views["home"])


def test_the_paper_is_in_a_language_that_somebody_has_reviewed(tmp_path: Path) -> None:
    write_pack(tmp_path / "fi", str, unreviewed=["frame.help"])
    assert looking(Texts.load(tmp_path)).paper_language == "sv"
    write_pack(tmp_path / "whole" / "fi", str)
    assert looking(Texts.load(tmp_path / "whole")).paper_language == "fi"


def test_a_pack_is_begun_translated_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "ar"
    assert main(["begin", "ar", str(folder)]) == 0
    assert 'direction = "rtl"' in (folder / "pack.toml").read_text()
    assert '#. sv: Hjälp\n#. en: Help\n#, fuzzy\nmsgid "frame.help"\n' in (folder / "texts.po").read_text()
    assert main(["begin", "ar", str(folder)]) == 2
    assert main(["begin", "no-such-language", str(tmp_path / "x")]) == 2
    capsys.readouterr()
    assert main(["check", str(folder)]) == 1
    assert len(capsys.readouterr().out.splitlines()) == len(MODEL)
    write_pack(tmp_path / "fi", longer, unreviewed=["frame.help"])
    assert main(["check", str(tmp_path / "fi")]) == 0
    assert f"{len(MODEL)} texts, 1 not reviewed, 2 with forms" in capsys.readouterr().out
    assert main(["begin"]) == 2


def test_a_pack_with_letters_that_no_font_draws_is_left_out(tmp_path: Path) -> None:
    """Nobody meets empty boxes: the station goes on in its own languages, and says which text it is."""
    write_pack(tmp_path / "el", lambda text: text.replace("Hjälp", "Βοήθεια"))
    write_pack(tmp_path / "se", lambda text: text.replace("Hjälp", "ŋđč"))
    texts = Texts.load(tmp_path)
    assert texts.languages == ("sv", "en", "se")
    (why,) = texts.refused
    assert "frame.help: no font draws Β ή α ε θ ι ο" in why


def test_letters_that_the_fonts_do_not_draw_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_pack(tmp_path / "el", lambda text: text.replace("Hjälp", "Βοήθεια שלום ŋđč"))
    assert main(["check", str(folder)]) == 1
    assert "frame.help: no font draws Β ή α ε θ ι ο ו ל ם ש" in capsys.readouterr().out.splitlines()
    assert main(["check", str(write_pack(tmp_path / "fi", lambda text: text.replace("Hjälp", "ŋđč “Þ” ği")))]) == 0
