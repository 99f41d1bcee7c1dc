"""JSON Schemas of the REST interface's answers, for its OpenAPI: whole, without references.

>>> from fleet.messages.asking import BlockedResult
>>> schema_of(BlockedResult)["properties"]["at"]
{'type': 'string'}
"""

from typing import Any

import msgspec

from sim.issuer.request_bodies import Refusal


def answers_with(kind: Any) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers so; 404 and 409 are those of every change."""
    content = {"application/json": {"schema": schema_of(kind)}}
    return {
        200: {"description": (kind.__doc__ or "").strip(), "content": content},
        404: {"description": "Not known."},
        409: {"model": Refusal},
    }


def schema_of(kind: Any) -> dict[str, Any]:
    """JSON Schema of a struct, every reference replaced by what it names."""
    schema = msgspec.json.schema(kind)
    whole: dict[str, Any] = _inlined(
        {key: value for key, value in schema.items() if key != "$defs"}, schema.get("$defs", {})
    )
    return whole


def _inlined(node: Any, named: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inlined(item, named) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inlined(named[node["$ref"].rpartition("/")[2]], named)
    return {key: _inlined(value, named) for key, value in node.items()}
