"""Icons: each that a page or a label names is in the subset of the icon font."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import fleet.server
from fleet.server.pages.assets import STATIC

SERVER = Path(fleet.server.__file__).parent
IN_TEMPLATE = re.compile(r'\bicon\("([a-z0-9-]+)"(?: if [^{}]*? else "([a-z0-9-]+)")?')
HYPHENED = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")


def in_templates() -> Iterator[str]:
    for path in SERVER.rglob("templates/*.html"):
        for names in IN_TEMPLATE.findall(path.read_text(encoding="utf-8")):
            yield from filter(None, names)


def in_labels() -> Iterator[str]:
    """Words with a hyphen that are no keys: in a module of labels they are icons."""
    for path in SERVER.rglob("labels.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        keys = {id(key) for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys}
        for node in ast.walk(tree):
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in keys
            if is_text and HYPHENED.fullmatch(node.value):
                yield node.value


def test_every_icon_that_is_named_is_in_the_font() -> None:
    font = set(re.findall(r"\.mdi-([a-z0-9-]+)::before", (STATIC / "icons.css").read_text(encoding="utf-8")))
    named = {*in_templates(), *in_labels()}
    assert len(named) > 50
    assert named - font == set()
