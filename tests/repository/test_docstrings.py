"""Docstrings speak of what there is: each CamelCase name in one is defined, imported or used somewhere in the house.
Variables say what they hold."""

import ast
import builtins
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("benches", "campaigns", "drivers", "fleet", "image", "kiosk", "provisioning", "scripts", "sim")
CAMEL_CASE = re.compile(r"(?<![\w.])[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+\b")
OF_THE_FIELD = """
    AsyncAPI CertID CertificationRequestInfo ChaCha20 CloudEvents CycloneDX DigestInfo EstEID JavaScript KeyUsageFlags
    KiB LoA LoA2 LoA3 LoaderEntryOneShot MiB MicroPython MultiTouch MyEID NetworkManager OpenAPI OpenID OpenSC OpenSSL
    P1P2 PasswordFlags PostgreSQL PrKDF PrintableString PuKDF QoS RabbitMQ ReportLab SemiBold TimeStampResp VmHWM
    WebAuthn
"""
"""Products, standards, units and fields of specifications."""


@cache
def trees() -> dict[str, ast.Module]:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name: ast.parse((ROOT / name).read_text("utf-8")) for name in listed.split() if (ROOT / name).exists()}


def docstrings() -> Iterator[tuple[str, str]]:
    """Place and text of each docstring of the product."""
    for name, tree in trees().items():
        if name.split("/")[0] in PRODUCT:
            for node in ast.walk(tree):
                documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
                if documented and (text := ast.get_docstring(node)):
                    yield f"{name}:{getattr(node, 'lineno', 1)}", text


def names_in(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name
            case ast.alias(name=name, asname=other):
                yield name.rpartition(".")[2]
                yield other or ""


def test_every_name_in_a_docstring_exists() -> None:
    known = {*dir(builtins), *OF_THE_FIELD.split()}
    for tree in trees().values():
        known.update(names_in(tree))
    gone = [f"{place} {name}" for place, text in docstrings() for name in CAMEL_CASE.findall(text) if name not in known]
    number_of_a_receipt = re.compile(r" [A-Z]\d[A-Z]\d[A-Z]$")  # parts of one, by example
    assert [name for name in gone if not number_of_a_receipt.search(name)] == []


OPENINGS = re.compile(r"(What|Who|Whose|Whether|Where|How|Which|When)\b")


def test_docstrings_open_with_a_noun_phrase_or_an_imperative() -> None:
    assert [f"{place} {text.splitlines()[0]}" for place, text in docstrings() if OPENINGS.match(text)] == []


VAGUE = {"one", "said", "told", "known", "found", "wanted", "asked", "held", "who", "what"}
EXCEPTIONS = {("fleet/server/sign_in/service.py", "who")}
"""Of `entries`, as the query of the audit has it."""


def is_route(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    calls = [decorator.func for decorator in node.decorator_list if isinstance(decorator, ast.Call)]
    return any(
        isinstance(call, ast.Attribute) and call.attr in {"delete", "get", "patch", "post", "put"} for call in calls
    )


def read_by_name(tree: ast.Module) -> Iterator[ast.AST]:
    """Fields of classes, and parameters of routes, which a request names."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(body=body):
                for field in body:
                    match field:
                        case ast.AnnAssign(target=target) | ast.Assign(targets=[target]):
                            yield target
            case ast.FunctionDef(args=args) | ast.AsyncFunctionDef(args=args) if is_route(node):
                yield from (*args.args, *args.kwonlyargs)


def variables(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of each binding of a variable or parameter that nothing outside the code reads by its name."""
    spared = {id(node) for node in read_by_name(tree)}
    for node in ast.walk(tree):
        match node:
            case (
                ast.Name(id=name, ctx=ast.Store())
                | ast.arg(arg=name)
                | ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
                | ast.MatchMapping(rest=str(name))
            ) if id(node) not in spared:
                yield node.lineno, name


def test_variables_say_what_they_hold() -> None:
    vague = [
        f"{path}:{line} {name}"
        for path, tree in trees().items()
        if path.split("/")[0] in PRODUCT
        for line, name in variables(tree)
        if name in VAGUE and (path, name) not in EXCEPTIONS
    ]
    assert vague == []
