"""The worked example of docs/add-an-errand.md, put into a station as it stands: lived through, walked, its texts checked."""

import ast
import importlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from babel.messages.pofile import read_po

from fleet.messages.errand_catalog import ErrandEntry
from kiosk.cli import Exit
from kiosk.cli import walk as command
from kiosk.errands import registry
from kiosk.errands.registry import ERRANDS, Errand
from kiosk.station import home_views as home
from kiosk.texts import LANGUAGES, Texts
from sim.stories import errand_stories as errands
from sim.stories.errand_stories import assert_ended_somehow, play
from sim.stories.person import Interruption, Trouble
from sim.stories.room import quick_folder
from tests.docs.pages import DOCS, FENCE, page
from tests.fakes.text_keys import key_argument, keys_of
from tests.fakes.walking import make_cards, walk

BLOCKS = {info.split()[-1]: body for info, body in FENCE.findall(page("add-an-errand.md"))}
JOURNEY = "kiosk/errands/expires/journey.py"


@dataclass(frozen=True)
class Example:
    """The page's modules, at work."""

    errand: Errand
    tales: list[errands.ErrandStory]
    samples: ModuleType


def module(patch: pytest.MonkeyPatch, path: str) -> ModuleType:
    """A block as the module that its path says, for as long as the test lasts."""
    name = path.removesuffix(".py").replace("/", ".")
    made = ModuleType(name)
    patch.setitem(sys.modules, name, made)
    package, _, last = name.rpartition(".")
    patch.setattr(importlib.import_module(package), last, made, raising=False)
    exec(compile(BLOCKS[path], str(DOCS / "add-an-errand.md"), "exec"), made.__dict__)  # noqa: S102 - our own page
    return made


def catalogues() -> dict[str, dict[str, str]]:
    """The page's sentences by language."""
    read = {one: read_po(BytesIO(BLOCKS[f"kiosk/errands/expires/texts/{one}.po"].encode())) for one in LANGUAGES}
    return {one: {str(m.id): str(m.string) for m in read[one] if m.id and m.string} for one in LANGUAGES}


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Example:
    """Put into the station: modules, texts, and the row of the registry."""
    folder = ModuleType("kiosk.errands.expires")
    monkeypatch.setitem(sys.modules, folder.__name__, folder)
    module(monkeypatch, "kiosk/errands/expires/views.py")
    journey = module(monkeypatch, JOURNEY)
    known = Texts.load()
    both = {one: known.catalogues[one] | catalogues()[one] for one in LANGUAGES}
    monkeypatch.setattr(Texts, "load", staticmethod(lambda: Texts(both)))
    entry = msgspec.convert(tomllib.loads(BLOCKS["kiosk/errands/expires/errand.toml"]), ErrandEntry)
    row = Errand(entry, journey.expires)
    for place in (registry, command, errands):
        monkeypatch.setattr(place, "ERRANDS", (*ERRANDS, row))
    tales = module(monkeypatch, "kiosk/errands/expires/stories.py").STORIES
    return Example(row, tales, module(monkeypatch, "kiosk/errands/expires/samples.py"))


async def test_its_tales_end_as_they_say(example: Example, tmp_path: Path) -> None:
    for number, tale in enumerate(example.tales):
        (tmp_path / f"{number}").mkdir()
        with quick_folder(tmp_path / f"{number}") as folder:
            room, someone, ended = await play(folder, tale)
            await assert_ended_somehow(room, someone, ended, tale, tale.title)
            await room.close()
        assert someone.failure is None
        assert (ended.outcome, ended.reason) == (tale.outcome, tale.reason)


@pytest.mark.parametrize("trouble", ["cancel", "leave", "pull", "swap"])
async def test_trouble_at_each_question_ends_in_a_true_screen(
    example: Example, trouble: Trouble, tmp_path: Path
) -> None:
    tale = next(one for one in example.tales if one.troubled)
    for at in range(1, 4):
        (tmp_path / f"{at}").mkdir()
        with quick_folder(tmp_path / f"{at}") as folder:
            room, someone, ended = await play(folder, tale, Interruption(at, trouble))
            await assert_ended_somehow(room, someone, ended, tale, f"{trouble} at {at}")
            await room.close()


@pytest.mark.parametrize("kind", ["A", "B", "C", "D"])
def test_it_is_walked_by_its_file(
    example: Example, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KORTKIOSK_TEST_AUTHORITY", str(tmp_path / "authority"))
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "expires.toml"
    file.write_text(BLOCKS["kiosk/errands/expires/walk.toml"].replace('"B:', f'"{kind}:'))
    make_cards(file)
    walked = walk(capsys, "expires", file)
    assert (walked.code, walked.last["errand"], walked.last["outcome"]) == (Exit.DONE, "expires", "done"), walked.said
    assert walked.views == ["expires.insert", "expires.use", "expires.done", "closing.take_card"]


def test_its_tile_is_there_and_every_sample_can_be_read(example: Example) -> None:
    tiles = home.more_errands_view([(one, None) for one in (*ERRANDS, example.errand)]).options
    assert "expires" in [one.value for one in tiles]
    assert home.home_view("", [(example.errand, None)], (), forgotten=False).side is not None
    names = [name for name, _ in example.samples.samples()]
    assert names == ["expires-insert", "expires-use", "expires-done", "expires-no-certificate"]
    for view in [view for _, view in example.samples.samples()] + [home.more_errands_view([(example.errand, None)])]:
        for language in LANGUAGES:
            assert all(Texts.load().plain(text, language) for text in sentences(view))


def sentences(view: Any) -> Iterator[Any]:
    """Title, lead and buttons."""
    yield view.title
    yield from view.lead
    yield from (button.text for button in (view.way_out, view.side, view.primary) if button is not None)
    yield from (one.title for one in getattr(view, "options", ()))


def test_its_texts_are_all_there_in_both_languages_and_none_is_too_many() -> None:
    used = {"errand.expires", "home.expires", "home.expires.detail", "kind.expires"}
    used |= {f"stop.no_certificate.{part}" for part in ("title", "lead", "do")}
    for node in ast.walk(ast.parse(BLOCKS["kiosk/errands/expires/views.py"])):
        found = key_argument(node)
        used |= set(keys_of(found)) if found is not None else set()
    for language in LANGUAGES:
        assert set(catalogues()[language]) == used


def test_the_page_keeps_the_rules_of_the_code() -> None:
    assert len(BLOCKS[JOURNEY].splitlines()) < 80
    for path, body in BLOCKS.items():
        if path.endswith(".py"):
            for tool in (["format", "--check"], ["check"]):
                done = subprocess.run(
                    [sys.executable, "-m", "ruff", *tool, "--stdin-filename", path, "-"],
                    input=body, capture_output=True, text=True, cwd=DOCS.parent,
                )  # fmt: skip
                assert done.returncode == 0, f"{path}: {done.stdout}{done.stderr}"
