"""Keys of texts that a module names, read from its syntax tree."""

import ast
from collections.abc import Iterator


def key_argument(node: ast.AST) -> ast.expr | None:
    """The expression that is a key in `say(key, ...)`, `words.frame(key, ...)` and `primary_button(value, key, ...)`."""
    if not isinstance(node, ast.Call):
        return None
    match node.func:
        case ast.Name(id="say") | ast.Attribute(attr="frame"):
            place = 0
        case ast.Name(id="primary_button"):
            place = 1
        case _:
            return None
    return node.args[place] if len(node.args) > place else None


def keys_of(expression: ast.expr) -> Iterator[str]:
    """Whole keys, and families with `{}` where something is put in. A name in its place is looked into elsewhere."""
    match expression:
        case ast.Constant(value=str(key)):
            yield key
        case ast.IfExp(body=one, orelse=other):
            yield from keys_of(one)
            yield from keys_of(other)
        case ast.JoinedStr(values=parts):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)
