"""Whole numbers in request bodies: JSON calls 3.0 whole (JSON Schema 2020-12, validation, 6.1.1)."""

from typing import Any

from pydantic import BaseModel

from fleet.server import app
from fleet.server.web.request_bodies import Body


def all_bodies(model: type[Body]) -> list[type[Body]]:
    return [below for child in model.__subclasses__() for below in (child, *all_bodies(child))]


def refused_whole(model: type[BaseModel]) -> list[str]:
    """Names of the fields where a number that JSON calls whole is refused for its way of being written."""
    properties: dict[str, Any] = model.model_json_schema()["properties"]
    names = [name for name, schema in properties.items() if schema.get("type") == "integer"]
    try:
        model.model_validate(dict.fromkeys(names, 1.0))
    except ValueError as error:
        return [
            f"{model.__name__}.{name}" for name in names if f"\n{name}\n  Input should be a valid integer" in str(error)
        ]
    return []


def test_every_body_takes_a_whole_number_as_json_knows_it() -> None:
    assert app
    bodies = all_bodies(Body)
    assert len(bodies) > 20
    assert [field for body in bodies for field in refused_whole(body)] == []
