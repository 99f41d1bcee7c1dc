"""Refusals of errands: which ones the steps of each errand can end with, by the source.

Rules:
- A refusal is `context.stop(reason)`, with no other outcome. An errand may end with it where its journey reaches it, from
  function to function of `kiosk`, by name. A branch that this errand never takes counts too.

>>> "puk_floor" in refusals_of("unblock"), "puk_floor" in refusals_of("report_lost")
(True, False)
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import kiosk

ROOT = Path(kiosk.__path__[0]).parent
Definition = tuple[str, str]
"""Module and name of a function, a class or a constant."""


class _Source:
    """Definitions of a package, and what the names in them mean."""

    def __init__(self, package: str) -> None:
        self.definitions: dict[Definition, ast.stmt] = {}
        self._imports: dict[str, dict[str, Definition]] = {}
        for path in (ROOT / package).rglob("*.py"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            self._read(module, ast.parse(path.read_text(encoding="utf-8")))

    def _read(self, module: str, tree: ast.Module) -> None:
        self._imports[module] = {
            alias.asname or alias.name: (node.module, alias.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self.definitions[module, node.name] = node
            elif isinstance(node, ast.Assign):
                names = (target.id for target in node.targets if isinstance(target, ast.Name))
                self.definitions.update({(module, name): node for name in names})

    def reached_from(self, start: Definition) -> list[ast.stmt]:
        """Return that definition, and all that it uses, directly or not."""
        reached: dict[Definition, ast.stmt] = {}
        todo = [start]
        while todo:
            definition = todo.pop()
            if definition not in reached:
                reached[definition] = self.definitions[definition]
                todo += self._used(definition)
        return list(reached.values())

    def _used(self, definition: Definition) -> Iterator[Definition]:
        module = definition[0]
        for node in ast.walk(self.definitions[definition]):
            meant = None
            if isinstance(node, ast.Name):
                meant = self._meaning(module, node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                imported = ".".join(self._imports[module].get(node.value.id, ("", "")))
                meant = self._meaning(imported, node.attr)
            if meant is not None:
                yield meant

    def _meaning(self, module: str, name: str) -> Definition | None:
        """Return where a name is defined; None for what is not of the package."""
        while (module, name) not in self.definitions:
            if name not in self._imports.get(module, {}):
                return None
            module, name = self._imports[module][name]
        return module, name


def _reasons(node: ast.AST) -> Iterator[str]:
    """Reasons of the refusals that stand in a definition."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "stop":
            for reason in call.args if len(call.args) == 1 else ():
                written = [reason.body, reason.orelse] if isinstance(reason, ast.IfExp) else [reason]
                yield from (expression.value for expression in written if isinstance(expression, ast.Constant))


@cache
def _source() -> _Source:
    return _Source("kiosk")


@cache
def refusals_of(errand: str) -> frozenset[str]:
    """Reasons that this errand's steps can be refused with."""
    reached = _source().reached_from((f"kiosk.errands.{errand}.journey", errand))
    return frozenset(reason for node in reached for reason in _reasons(node))
