"""The interface that an issuer must have is told as the program has it."""

import importlib.util
import json
import re
import sys
import tomllib
from typing import Any

from pydantic import BaseModel

from fleet.server.issuer_adapters.conformance.settings import CheckCard, CheckCards
from fleet.server.issuer_adapters.conformance.state_machine import TRANSITIONS, Refused
from fleet.server.issuers.settings import IssuerSettings
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
            kinds = {".csv": "text/plain", "cacerts": "application/pkcs7-mime", "enroll": "application/pkcs7-mime"}
            kind = next((kind for end, kind in kinds.items() if path.endswith(end)), "application/json")
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
    (example,) = blocks("toml issuer", DOCS / "operations-reference.md")
    IssuerSettings.model_validate(tomllib.loads(example))
    table = page("operations-reference.md").split("## issuer.toml")[1].split("\n## ")[0]
    told = {
        name
        for cell in re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)
        for name in re.findall(r"`([a-z0-9_.]+)`", cell)
    }
    assert keys(IssuerSettings) - {"base"} <= told


def test_the_state_machine_of_the_page_is_that_of_the_suite() -> None:
    (table,) = blocks("text states", DOCS / "issuer.md")
    head, *rows = [re.split(r"\s{2,}", line.strip()) for line in table.splitlines()]
    told = {change: dict(zip(head[1:], row, strict=True)) for change, *row in rows}
    assert told == {
        change: {group: f"409 {to.reason}" if isinstance(to, Refused) else to for group, to in row.items()}
        for change, row in TRANSITIONS.items()
    }


def test_the_file_of_test_cards_is_read_and_every_key_of_it_is_told() -> None:
    (example,) = blocks("toml cards", DOCS / "issuer.md")
    CheckCards.model_validate(tomllib.loads(example))
    told = set(re.findall(r"^\| `(?:card\.)?([a-z_]+)` \|", page("issuer.md"), re.MULTILINE))
    assert told == {*CheckCard.model_fields, *CheckCards.model_fields} - {"base", "card"}


def test_the_bodies_of_the_example_adapter_are_those_of_the_interface() -> None:
    """Path by path what is asked, and how it may look."""
    spec = importlib.util.spec_from_file_location("issuer_adapter_of_the_page", DOCS / "examples" / "issuer_adapter.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    example, ours = module.app.openapi(), interface()
    assert {path for path in ours["paths"] if path.startswith("/api/")} == set(example["paths"])
    bodies = [name for name in ours["components"]["schemas"] if name in vars(module) and name != "Refusal"]
    assert len(bodies) == 7
    for name in bodies:
        assert properties(example, name) == properties(ours, name)


def properties(description: dict[str, Any], name: str) -> Any:
    schema = description["components"]["schemas"][name]
    return schema["properties"], schema.get("required"), schema["additionalProperties"]
