"""Words of the shared vocabulary are written once: product code names their members and repeats none as a string."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.messages.vocabulary import AskName, Effect, ErrandOutcome, EventType, Outcome

ROOT = Path(__file__).parents[2]
PRODUCT = ("kiosk", "drivers", "fleet", "provisioning", "sim", "benches")
DOTTED = {*EventType, *Effect, *AskName}
OUTCOMES = {*Outcome, *ErrandOutcome}
POSITIONS = {"Ended": 0, "Told": 0, "Returned": 0, "StopError": 0, "stop": 1, "settled": 1}
"""Which argument of these is an outcome."""
EXCEPTIONS = {
    "fleet/server/cards/api.py": "the body of a request: its OpenAPI document lists the strings",
    "fleet/server/deadlines/sources.py": "the outcome of a question is the tag of its answer (`fleet.messages.asking`)",
}
IN_SQL = re.compile(r"'([a-z]+\.[a-z_]+)'")


def is_product(path: Path) -> bool:
    """Stories are tests: they state the words that are expected."""
    name = path.relative_to(ROOT).as_posix()
    is_story = path.name == "stories.py" or name.startswith("sim/stories/")
    return not is_story and name != "fleet/messages/vocabulary.py" and name not in EXCEPTIONS


def strings(node: ast.AST | None) -> Iterator[ast.Constant]:
    """The strings of an expression that may be its value."""
    match node:
        case ast.Constant(value=str()):
            yield node
        case ast.IfExp():
            yield from strings(node.body)
            yield from strings(node.orelse)
        case ast.Tuple() | ast.Set() | ast.List():
            for element in node.elts:
                yield from strings(element)


def is_outcome(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "outcome"


def expressions(node: ast.AST) -> Iterator[ast.AST]:
    """The expressions in this node where an outcome is meant."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args, keywords=keywords):
            yield from args[POSITIONS[name] :][:1] if name in POSITIONS else ()
            yield from (keyword.value for keyword in keywords if keyword.arg == "outcome")
        case ast.Compare(left=left, comparators=others) if any(map(is_outcome, (left, *others))):
            yield from (left, *others)
        case ast.Dict(keys=keys, values=values):
            named = zip(keys, values, strict=True)
            yield from (value for key, value in named if isinstance(key, ast.Constant) and key.value == "outcome")
        case ast.Match(subject=subject, cases=cases) if is_outcome(subject):
            patterns = (part for case in cases for part in ast.walk(case.pattern))
            yield from (part.value for part in patterns if isinstance(part, ast.MatchValue))


def repeated(tree: ast.AST) -> Iterator[ast.Constant]:
    """Strings that repeat a word of the vocabulary."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in DOTTED:
            yield node
        for expression in expressions(node):
            yield from (string for string in strings(expression) if string.value in OUTCOMES)


@pytest.mark.parametrize("package", PRODUCT)
def test_no_word_of_the_vocabulary_is_repeated_as_a_string(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value!r}"
        for path in sorted((ROOT / package).rglob("*.py"))
        if is_product(path)
        for node in repeated(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_effects_in_the_sql_of_a_station_are_effects() -> None:
    sql = [
        node.value
        for path in sorted((ROOT / "kiosk").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "SELECT" in node.value
    ]
    named = {name for text in sql for name in IN_SQL.findall(text)}
    assert len(named) > 3
    assert named <= set(Effect)


def test_every_exception_is_needed() -> None:
    for name in EXCEPTIONS:
        assert list(repeated(ast.parse((ROOT / name).read_text(encoding="utf-8")))), name
