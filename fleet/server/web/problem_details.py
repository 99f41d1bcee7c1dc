"""Problem details (RFC 9457): error responses for everything that goes wrong under `/api/`.

Rules: an answer says what to do and never what the server looks like inside; 401 names the scheme (RFC 9110, 11.6.1), 405 the
methods that there are (15.5.6).

>>> problem(404, "no station of that name").status_code
404
"""

from collections.abc import Mapping
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

API = "/api/"
MEDIA_TYPE = "application/problem+json"
REFERENCE = "#/components/schemas/{model}"
"""To a schema of the description, by the name of its model."""
TITLES = {
    400: "Not readable",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "No such method",
    406: "Not in that form",
    409: "In conflict",
    411: "Of unknown length",
    413: "Too long",
    415: "Not JSON",
    421: "Unknown host",
    422: "Not a valid request",
    429: "Too many",
    503: "Not just now",
}


_WITH: dict[int, dict[str, Any]] = {
    429: {
        "headers": {
            "Retry-After": {
                "description": "seconds until more is answered (RFC 9110, 10.2.3)",
                "required": True,
                "schema": {"type": "integer", "minimum": 1},
            }
        }
    }
}
"""What an answer of a status has besides."""


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int = Field(ge=400, le=599)
    detail: str | None = None


def problem(status: int, detail: str | None = None, headers: Mapping[str, str] | None = None) -> JSONResponse:
    content = Problem(title=TITLES.get(status, "Error"), status=status, detail=detail).model_dump(exclude_none=True)
    scheme = {"www-authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse(content, status, {**scheme, **(headers or {})}, media_type=MEDIA_TYPE)


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These statuses for a route's `responses`.

    They refer to `Problem`, which the description holds once (`add_schema`): as a model it is made anew for each of them.
    """
    content = {MEDIA_TYPE: {}, "application/json": {"schema": {"$ref": REFERENCE.format(model=Problem.__name__)}}}
    return {status: {"description": TITLES[status], "content": content, **_WITH.get(status, {})} for status in statuses}


def add_schema(schemas: dict[str, Any]) -> None:
    """Put the schema of `Problem` among those of a description, in the order of their names."""
    schemas[Problem.__name__] = Problem.model_json_schema(mode="serialization", ref_template=REFERENCE)
    for name in sorted(schemas):
        schemas[name] = schemas.pop(name)
