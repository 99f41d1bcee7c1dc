"""Every sentence that the station can say is there, in both languages, with the same places to fill."""

import ast
import importlib
import re
import runpy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

import kiosk
from drivers.cabinet.port import SlotFault
from fleet.messages.errand_catalog import folder
from kiosk.texts import LANGUAGES, TextError, Texts
from kiosk.views import say
from tests.fakes.screens.text_keys import key_argument, keys_of

ROOT = Path(kiosk.__file__).parent
CATALOGUES = Texts.load().catalogues


@cache
def sources() -> tuple[tuple[str, ast.AST], ...]:
    """Every node of the station's source, with its file: parsed once."""
    return tuple(_nodes())


def _nodes() -> Iterator[tuple[str, ast.AST]]:
    for path in sorted(ROOT.rglob("*.py")):
        if path.parent.name in ("commands", "demo"):
            continue  # what a program prints is no sentence of the station
        name = str(path.relative_to(ROOT))
        yield from ((name, node) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def stops() -> set[str]:
    """`context.stop("no_order")`: every reason in the source."""
    reasons: set[str] = set()
    for _, node in sources():
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "stop"
            and node.args
        ):
            reasons |= set(keys_of(node.args[0]))
    return {one for one in reasons if "{}" not in one} | {f"slot_{fault.value}" for fault in SlotFault}


@cache
def families() -> dict[str, tuple[str, ...]]:
    """Keys that are put together, and what may stand in their braces: `FAMILIES` in `text_families` and in samples."""
    found = {f"stop.{{}}.{part}": tuple(stops()) for part in ("title", "lead", "do")}
    for path in sorted(Path(__file__).parent.glob("text_families/*.py")):
        for family, words in runpy.run_path(str(path))["FAMILIES"].items():
            found[family] = (*found.get(family, ()), *words)
    for path in sorted(folder().glob("*/samples.py")):
        samples = importlib.import_module(f"kiosk.errands.{path.parent.name}.samples")
        for family, words in getattr(samples, "FAMILIES", {}).items():
            found[family] = (*found.get(family, ()), *words)
    return found


@cache
def used() -> tuple[str, ...]:
    """Every key, whole or a family, that the source gives."""
    keys = {key for _, node in sources() if (found := key_argument(node)) is not None for key in keys_of(found)}
    return tuple(sorted(keys))


def test_families_are_all_named_here() -> None:
    assert {key for key in used() if "{}" in key} <= set(families())


def test_every_reason_to_stop_is_found() -> None:
    assert len(stops()) > 25


def test_every_key_that_is_used_exists_in_every_language() -> None:
    whole = {key for key in used() if "{}" not in key}
    whole |= {family.format(word) for family, words in families().items() for word in words}
    assert len(whole) > 200
    for language in LANGUAGES:
        assert whole - CATALOGUES[language].keys() == set(), language


def test_both_languages_have_the_same_keys() -> None:
    assert CATALOGUES["sv"].keys() == CATALOGUES["en"].keys()


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize("key", sorted(CATALOGUES["sv"]))
def test_a_sentence_takes_the_same_arguments_and_marks_in_both_languages(key: str) -> None:
    swedish, english = CATALOGUES["sv"][key], CATALOGUES["en"][key]
    assert fields(swedish) == fields(english)
    assert swedish.count("**") % 2 == 0
    assert english.count("**") % 2 == 0
    assert swedish.strip() == swedish
    assert english.strip() == english


def test_arguments_fit_the_sentence() -> None:
    """`say("key", tail=...)` gives what the sentence wants, no less."""
    for path, node in sources():
        found = key_argument(node)
        if not isinstance(node, ast.Call) or found is None:
            continue
        given = {word.arg for word in node.keywords}
        for key in keys_of(found):
            if "{}" not in key and isinstance(node.func, ast.Name) and node.func.id == "say":
                assert fields(CATALOGUES["sv"][key]) <= given, f"{path}: {key}"


def test_no_sentence_lies_unused() -> None:
    """A key that nobody says is a text that nobody checks."""
    words = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.rglob("*.py"))
    words += "\n".join(path.read_text(encoding="utf-8") for path in ROOT.rglob("*.kv"))
    put_together = {"".join(keys_of(node)) for _, node in sources() if isinstance(node, ast.JoinedStr)}
    families = [re.compile(re.escape(one).replace(r"\{\}", r"[a-z0-9_]+")) for one in put_together if one[0] != "{"]
    unused = [key for key in CATALOGUES["sv"] if f'"{key}"' not in words and f"'{key}'" not in words]
    assert [key for key in unused if not any(family.fullmatch(key) for family in families)] == []


def test_a_missing_key_or_argument_is_an_error_at_once() -> None:
    texts = Texts.load()
    with pytest.raises(TextError, match=r"no\.such\.key"):
        texts.render(say("no.such.key"), "sv")
    with pytest.raises(TextError, match="slot"):
        texts.render(say("take.title"), "sv")
