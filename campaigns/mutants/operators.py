"""Mutants of one file: small changes of meaning, each of which some test ought to notice.

Run by the interpreter of `build/mutants/tools`, which alone has mutmut and libcst; prints the sample as JSON. mutmut's
operators are joined by four of ours: an element of a literal left out, a call made for its effect left out, a `raise`
left out, a condition turned round.

Rules:
- Code outside of functions counts too: tables of rights and limits stand there.
- What only a reader sees is left alone: docstrings, annotations, imports, sentences, the text of a line of a log,
  and `@dataclass`.
- The same file, seed and number give the same sample.
"""

import ast
import difflib
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import (
    mutation_operators,
    operator_arg_removal,
    operator_dict_arguments,
    operator_string,
)

_LOGGING = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})
_COLLECTIONS = (cst.Set, cst.List, cst.Tuple, cst.Dict)


def sample(source: str, seed: int, most: int) -> tuple[int, list[dict[str, Any]]]:
    """Return how many mutants there are, and at most so many of them: line, lines before and after, and the whole text."""
    wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    lines = wrapper.resolve(PositionProvider)
    places = [(node, changed) for node in _mutable(wrapper.module) for changed in _changes(node)]
    random.Random(seed).shuffle(places)
    chosen: dict[str, dict[str, Any]] = {}
    for node, changed in places:
        if len(chosen) == most:
            break
        text = _replaced(wrapper.module, node, changed)
        if text is not None and text != source and text not in chosen:
            chosen[text] = {"line": lines[node].start.line, **_difference(source, text), "text": text}
    return len(places), list(chosen.values())


def _mutable(node: Any) -> Iterator[Any]:
    if isinstance(node, cst.Annotation | cst.Import | cst.ImportFrom) or _is_docstring(node) or _is_dataclass(node):
        return
    yield node
    if _is_for_readers(node):
        return
    for child in node.children:
        yield from _mutable(child)


def _is_docstring(node: Any) -> bool:
    return isinstance(node, cst.Expr) and isinstance(node.value, cst.BaseString)


def _is_dataclass(node: Any) -> bool:
    if not isinstance(node, cst.Decorator):
        return False
    name = node.decorator.func if isinstance(node.decorator, cst.Call) else node.decorator
    return isinstance(name, cst.Name) and name.value == "dataclass"


def _is_for_readers(node: Any) -> bool:
    """The text of a log or of an exception: the statement can be left out, its words are not tried."""
    if not (isinstance(node, cst.Expr) and isinstance(node.value, cst.Call)):
        return False
    called = node.value.func
    return isinstance(called, cst.Attribute) and called.attr.value in _LOGGING


def _changes(node: Any) -> Iterator[Any]:
    if isinstance(node, cst.Raise) or (isinstance(node, cst.Expr) and isinstance(node.value, cst.Call | cst.Await)):
        yield cst.Pass()
    elif isinstance(node, cst.If | cst.While | cst.IfExp) and not isinstance(node.test, cst.Comparison):
        yield node.with_changes(test=cst.parse_expression(f"not ({cst.Module([]).code_for_node(node.test)})"))
    elif isinstance(node, _COLLECTIONS) and len(node.elements) > 1:
        for index in range(len(node.elements)):
            left = [*node.elements[:index], *node.elements[index + 1 :]]
            yield node.with_changes(elements=[*left[:-1], left[-1].with_changes(comma=cst.Comma())])
    for kind, operator in mutation_operators:
        if isinstance(node, kind) and not (operator in _WORDS and _is_text(node)):
            changed = operator(node)
            yield from [next(iter(changed), None) or node] if operator is operator_string else changed


_WORDS = frozenset({operator_string, operator_arg_removal, operator_dict_arguments})


def _is_text(node: Any) -> bool:
    """Return whether that is a sentence, or a call that is given one, as exceptions are."""
    if isinstance(node, cst.SimpleString):
        return " " in node.value.strip()
    return isinstance(node, cst.Call) and any(
        isinstance(each.value, cst.FormattedString | cst.ConcatenatedString) or _is_text(each.value)
        for each in node.args
        if not isinstance(each.value, cst.Call)
    )


def _replaced(module: Any, node: Any, changed: Any) -> str | None:
    """The file with that change; None where Python does not take it."""
    text: str = module.deep_replace(node, changed).code
    try:
        ast.parse(text)
    except SyntaxError:
        return None
    return text


def _difference(source: str, text: str) -> dict[str, str]:
    lines = list(difflib.unified_diff(source.splitlines(), text.splitlines(), n=0, lineterm=""))[3:]
    return {
        "was": " ".join(line[1:].strip() for line in lines if line.startswith("-")),
        "now": " ".join(line[1:].strip() for line in lines if line.startswith("+")),
    }


if __name__ == "__main__":
    path, seed, most = sys.argv[1:]
    total, mutants = sample(Path(path).read_text("utf-8"), int(seed), int(most))
    print(json.dumps({"total": total, "mutants": mutants}))
