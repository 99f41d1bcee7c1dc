"""Write docs/openapi.json from the routes of the server, docs/asyncapi.json from the messages of the link, and
docs/examples/issuer-openapi.json, the OpenAPI that an issuer's adapter must have, from the simulated issuer.

python -m scripts.write_interfaces            # writes the files
python -m scripts.write_interfaces --check    # exit 1 where a file is not what would be written
"""

import argparse
import ast
import inspect
import json
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import msgspec

from fleet.messages import commands, events, link, signed, topics, vocabulary
from fleet.server.app import create_app
from fleet.server.live_feed.hub import Hub
from fleet.server.web.openapi_description import describe
from sim.issuer.est_and_rest import secure_app

DOCS = Path(__file__).resolve().parents[1] / "docs"
REF = "#/components/schemas/{name}"
ABOUT = """What passes between a station and the fleet server, over the station's one connection: MQTT 5 over TLS, both ends
with a certificate of the fleet's authority. Seen from the station: it sends and receives. docs/messages.md says it in words."""
STATION = {"description": "the station's name: 1 to 40 of a-z, 0-9 and hyphens", "examples": ["entre-a"]}
MESSAGES: dict[str, tuple[str, Any, str]] = {
    "event": ("application/cloudevents+json", events.Wire, "one event, CloudEvents 1.0 with extensions"),
    "state": ("application/json", link.StationState, "the station as it is"),
    "presence": ("application/json", link.Presence, "online, or by the last will offline"),
    "ask": ("application/jose", signed.SignedAsk, "a compact JWS (RFC 7515, ES256) by the station over a question"),
    "answer": (
        "application/jose",
        signed.SignedAnswer,
        "a compact JWS (RFC 7515, ES256) by the server over the answer",
    ),
    "acked": (
        "application/json",
        signed.SignedAcked,
        "the server's word after its commit, under one signature for all",
    ),
    "command": ("application/jose", commands.Command, "a compact JWS (RFC 7515, ES256) over the command"),
    "result": ("application/json", commands.CommandResult, "what became of a command"),
}
CHANNELS = {
    "events": ("event", "send", False),
    "state": ("state", "send", True),
    "presence": ("presence", "send", True),
    "ask": ("ask", "send", False),
    "answer": ("answer", "receive", False),
    "acked": ("acked", "receive", False),
    "commands": ("command", "receive", False),
    "commands/result": ("result", "send", False),
}
"""By the end of the topic: message, what the station does, and whether it is retained."""


def openapi() -> dict[str, Any]:
    """Of /api/v1. The parts that answer are not asked: the routes alone say it."""
    part = Mock()
    app = create_app(part, Hub(), part, part, part, clock=lambda: datetime.now(UTC), evidence=part, cards=part)
    return describe(app)


def asyncapi() -> dict[str, Any]:
    """Of the MQTT interface."""
    (*_, asks), schemas = msgspec.json.schema_components(
        [*(kind for _, kind, _ in MESSAGES.values()), link.Ask], ref_template=REF
    )
    schemas["SignedAsk"]["properties"]["ask"] = asks
    schemas["Wire"]["properties"]["type"] = {"$ref": REF.format(name="EventType")}
    schemas["EventType"] = {"type": "string", "oneOf": event_types()}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "kortkiosk: station and fleet", "version": "1", "description": ABOUT},
        "defaultContentType": "application/json",
        "channels": {_id(end): _channel(end, message) for end, (message, _, _) in CHANNELS.items()},
        "operations": {_id(end): _operation(end, *channel[1:]) for end, channel in CHANNELS.items()},
        "components": {"messages": {name: _message(name) for name in MESSAGES}, "schemas": _plain(schemas)},
    }


def event_types() -> list[dict[str, str]]:
    """Each type of event with what its `data` holds: the docstrings of the vocabulary."""
    (kinds,) = ast.parse(inspect.getsource(vocabulary.EventType)).body
    assert isinstance(kinds, ast.ClassDef)
    described = []
    for member, words in pairwise(kinds.body):
        if isinstance(member, ast.Assign) and isinstance(words, ast.Expr):
            kind, description = ast.literal_eval(member.value), ast.literal_eval(words.value)
            described.append({"const": kind, "description": " ".join(description.split())})
    return described


def _id(end: str) -> str:
    return end.replace("/", "-")


def _channel(end: str, message: str) -> dict[str, Any]:
    return {
        "address": f"{topics.PREFIX}/{{station}}/{end}",
        "parameters": {"station": STATION},
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
    }


def _operation(end: str, action: str, retained: bool) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "action": action,
        "channel": {"$ref": f"#/channels/{_id(end)}"},
        "bindings": {"mqtt": {"qos": 1, "retain": retained}},
    }
    return {**operation, "reply": {"channel": {"$ref": "#/channels/answer"}}} if end == "ask" else operation


def _message(name: str) -> dict[str, Any]:
    content_type, kind, summary = MESSAGES[name]
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=REF)
    payload = (
        {"type": "string", "description": f"{summary}: {schema['$ref']}"}
        if content_type.endswith("jose")
        else _plain(schema)
    )
    return {"name": name, "contentType": content_type, "summary": summary, "payload": payload}


def _plain(schema: Any) -> Any:
    """Without `discriminator`, which OpenAPI and AsyncAPI write differently: each alternative names its tag itself."""
    if isinstance(schema, dict):
        return {key: _plain(value) for key, value in schema.items() if key != "discriminator"}
    return [_plain(element) for element in schema] if isinstance(schema, list) else schema


def issuer() -> dict[str, Any]:
    """Of an issuer's adapter: its routes alone say it."""
    return secure_app(Mock()).openapi()


def files() -> dict[Path, str]:
    written = {"openapi.json": openapi(), "asyncapi.json": asyncapi(), "examples/issuer-openapi.json": issuer()}
    return {
        DOCS / name: json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        for name, document in written.items()
    }


def main() -> int:
    """Write or compare. Exit code 1 where a file differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check, differs = parser.parse_args().check, False
    for path, text in files().items():
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            differs = True
            print(f"{path.name} is not what the code says; run python -m scripts.write_interfaces", file=sys.stderr)
    return int(differs)


if __name__ == "__main__":
    sys.exit(main())
