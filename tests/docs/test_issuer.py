"""The interface that an issuer must have is told as the program has it."""

import argparse
import json
import re
import tomllib
from typing import Any

from pydantic import BaseModel

from fleet.server.issuers.settings import IssuerSettings
from sim.cli.issuer_simulator import add_parsers
from sim.issuer.est_and_rest import secure_app
from tests.docs.pages import DOCS, blocks, page

TOLD = DOCS / "examples" / "issuer-openapi.json"


def interface() -> dict[str, Any]:
    """As the simulator answers it; nothing is asked of the simulator for it."""
    return secure_app(None).openapi()  # type: ignore[arg-type]


def test_the_openapi_of_an_issuer_is_the_programs_own() -> None:
    assert json.loads(TOLD.read_text("utf-8")) == interface()


def test_every_answer_of_an_issuer_is_described() -> None:
    for path, operations in interface()["paths"].items():
        for operation in operations.values():
            content = operation["responses"]["200"]["content"]
            kind = "text/plain" if path.endswith(".csv") else "application/json"
            assert content[kind]["schema"], path


def keys(model: type[BaseModel], prefix: str = "") -> set[str]:
    found = set()
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= keys(inner, f"{prefix}{name}.")
        else:
            found.add(f"{prefix}{name}")
    return found


def test_the_settings_of_the_page_are_settings_and_every_key_is_told() -> None:
    (example,) = blocks("toml issuer", DOCS / "operations.md")
    IssuerSettings.model_validate(tomllib.loads(example))
    table = page("operations.md").split("## The issuer")[1].split("## A station")[0]
    told = {
        name
        for cell in re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)
        for name in re.findall(r"`([a-z0-9_.]+)`", cell)
    }
    assert keys(IssuerSettings) - {"base"} <= told


def test_every_option_of_the_simulator_is_told() -> None:
    parser = argparse.ArgumentParser()
    add_parsers(None, lambda commands, name, run: parser)
    for action in parser._actions[1:]:
        assert f"| `{action.option_strings[0]} {action.metavar}` |" in page("operations.md")
