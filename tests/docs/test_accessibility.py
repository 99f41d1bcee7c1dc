"""The tables of docs/accessibility.md: every clause has a row, and every row a test that exists, or is the builder's."""

import ast
import re
from functools import cache

from tests.docs.pages import DOCS, ROOT, text

PAGE = DOCS / "accessibility.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
CLAUSES = (
    *(f"5.1.{at}" for at in range(2, 8)), *(f"5.{at}" for at in range(2, 10)), *(f"5.1.3.{at}" for at in range(1, 17)),
    "8.1.2", "8.1.3", "8.2", "8.3.2", "8.3.3", "8.3.4", "8.3.5", "8.3.6", "8.4.1", "8.4.2", "8.4.3", "8.5",
)  # fmt: skip


@cache
def functions_of(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def rows() -> list[tuple[str, str, str]]:
    """Clause, what is done, and proof."""
    lines = [line for line in text(PAGE).splitlines() if line.startswith("| ") and not line.startswith("| clause ")]
    return [
        (clause, done, proof) for clause, done, proof in (map(str.strip, line.strip("|").split("|")) for line in lines)
    ]


def test_every_clause_has_a_row() -> None:
    told = {clause for named, _, _ in rows() for clause in re.findall(r"\d+(?:\.\d+)+", named)}
    assert [one for one in CLAUSES if not any(each == one or each.startswith(f"{one}.") for each in told)] == []


def test_each_row_is_proved_by_a_test_or_is_the_builders() -> None:
    bring = text(PAGE).partition("## What hardware must bring")[2]
    for clause, done, proof in rows():
        if proof == "hardware":
            assert done or clause.split()[0] in bring, clause
            continue
        assert done, clause
        named = NAMED.findall(proof)
        assert named, clause
        for path, test in named:
            assert test.startswith("test_"), (clause, test)
            assert test in functions_of(path), (clause, path, test)
