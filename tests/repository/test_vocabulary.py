"""Words of the shared vocabulary are written once: product code names their members and repeats none as a string."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.messages.vocabulary import (
    AskName,
    CommandName,
    CommandOutcome,
    DeviceKind,
    DeviceStatus,
    Effect,
    ErrandOutcome,
    EventType,
    FindingCode,
    Outcome,
)
from kiosk.administration_ports import PartOfBoard

ROOT = Path(__file__).parents[2]
PRODUCT = ("kiosk", "drivers", "fleet", "provisioning", "sim", "benches")
DOTTED = {*EventType, *Effect, *AskName}
OUTCOMES = frozenset({*Outcome, *ErrandOutcome, *CommandOutcome})
KINDS = frozenset({*DeviceKind, *PartOfBoard})
STATUSES = frozenset(DeviceStatus)
COMMANDS = frozenset(CommandName)
FINDINGS = frozenset(FindingCode)
ARGUMENTS = {
    "Ended": {0: OUTCOMES},
    "NamedOutcome": {0: OUTCOMES},
    "ReturnReason": {0: OUTCOMES},
    "StopError": {0: OUTCOMES},
    "stop": {1: OUTCOMES},
    "settled": {1: OUTCOMES},
    "CommandResult": {2: OUTCOMES},
    "answer": {1: OUTCOMES},
    "_answer": {1: OUTCOMES},
    "Command": {2: COMMANDS},
    "CardFinding": {0: FINDINGS},
    "FindingRule": {0: FINDINGS},
    "DeviceOverview": {0: KINDS, 1: STATUSES},
    "DeviceState": {1: KINDS, 2: STATUSES},
    "SelfTestResult": {1: KINDS, 2: STATUSES},
}
"""Which arguments of these are of the vocabulary."""
ATTRIBUTES = {"outcome": OUTCOMES, "command": COMMANDS, "code": FINDINGS}
"""Attributes, keywords and keys of the vocabulary."""
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


def words_of(node: ast.AST) -> frozenset[str]:
    """The words that an attribute may be."""
    return ATTRIBUTES.get(node.attr, frozenset()) if isinstance(node, ast.Attribute) else frozenset()


def expressions(node: ast.AST) -> Iterator[tuple[ast.AST, frozenset[str]]]:
    """The expressions in this node that are of the vocabulary, with the words that they may be."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args, keywords=keywords):
            yield from ((args[at], words) for at, words in ARGUMENTS.get(name, {}).items() if at < len(args))
            yield from ((keyword.value, ATTRIBUTES.get(keyword.arg or "", frozenset())) for keyword in keywords)
        case ast.Compare(left=left, comparators=others):
            words = frozenset[str]().union(*map(words_of, (left, *others)))
            yield from ((part, words) for part in (left, *others))
        case ast.Dict(keys=keys, values=values):
            named = zip(keys, values, strict=True)
            yield from (
                (value, ATTRIBUTES.get(str(key.value), frozenset()))
                for key, value in named
                if isinstance(key, ast.Constant)
            )
        case ast.Match(subject=subject, cases=cases):
            patterns = (part for case in cases for part in ast.walk(case.pattern))
            yield from ((part.value, words_of(subject)) for part in patterns if isinstance(part, ast.MatchValue))


def repeated(tree: ast.AST) -> Iterator[ast.Constant]:
    """Strings that repeat a word of the vocabulary."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in DOTTED:
            yield node
        for expression, words in expressions(node):
            yield from (string for string in strings(expression) if string.value in words)


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


def written_events(tree: ast.AST) -> Iterator[str]:
    """Names of the types of events that are given to a function: what a table or a `match` knows is not yet told."""
    for node in ast.walk(tree):
        for given in node.args if isinstance(node, ast.Call) else ():
            for part in ast.walk(given):
                match part:
                    case ast.Attribute(value=ast.Name(id="EventType"), attr=name):
                        yield name


def test_every_type_of_event_is_told_by_the_station() -> None:
    folders = (ROOT / "kiosk", ROOT / "fleet" / "agent")
    paths = [path for folder in folders for path in sorted(folder.rglob("*.py")) if is_product(path)]
    told = {name for path in paths for name in written_events(ast.parse(path.read_text(encoding="utf-8")))}
    assert {event_type.name for event_type in EventType} - told == set()


def test_every_exception_is_needed() -> None:
    for name in EXCEPTIONS:
        assert list(repeated(ast.parse((ROOT / name).read_text(encoding="utf-8")))), name


def test_every_call_that_is_looked_at_is_defined() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for name in PRODUCT for path in (ROOT / name).rglob("*.py")]
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    defined = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, kinds)}
    assert set(ARGUMENTS) - defined == set()
