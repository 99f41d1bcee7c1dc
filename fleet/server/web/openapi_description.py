"""OpenAPI 3.1 description of the API, from the routes themselves, with its authentication schemes.

Rules: what the routes say is the description; nothing is written twice. A change by a browser's session also needs the form's
token.

Example: `describe(app)["openapi"]` begins with 3.1.
"""

from typing import Any

from fastapi import FastAPI

from fleet.server.web.problem_details import add_schema

_ABOUT = """
Lists come as `{"items": [...], "next": N | null}`; `next` is the `offset` of the page after. Errors are problem details
(RFC 9457). A change may carry `Idempotency-Key`: it is made once, and its answer is given again for 24 hours. Times are RFC 3339
in UTC. Who asks for too much gets 429 and, in `Retry-After`, how long to wait; `RateLimit` and `RateLimit-Policy` say what is
left. Bodies are JSON of 64 KiB at most, with their length said.
"""
_TOKEN = {"type": "http", "scheme": "bearer", "description": "made by `kortkiosk-fleet token add`, or on the dashboard"}
_SESSION = {
    "type": "apiKey",
    "in": "cookie",
    "name": "__Host-kortkiosk",
    "description": "of a signed-in person; a change also needs the form's token in `X-Form-Token`. Over plain HTTP: `kortkiosk`",
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The whole description, as JSON values."""
    described: dict[str, Any] = app.openapi()
    if "securitySchemes" not in described.get("components", {}):
        described["info"]["description"] = _ABOUT.strip()
        described.setdefault("components", {})["securitySchemes"] = {"token": _TOKEN, "session": _SESSION}
        add_schema(described["components"].setdefault("schemas", {}))
        described["security"] = [{"token": []}, {"session": []}]
    return described
