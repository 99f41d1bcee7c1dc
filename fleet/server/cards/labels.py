"""Labels of requests to the issuer: how one stands, why it failed, and who asked.

>>> request_label("waiting").level
'of'
"""

from fleet.server.issuers.model import RequestRow
from fleet.server.pages.i18n import Localization
from fleet.server.pages.labels import Level, StatusLabel

_REQUEST: dict[str, tuple[Level, str]] = {
    "waiting": ("of", "clock-outline"),
    "done": ("ok", "check-circle"),
    "declined": ("ba", "close-circle"),
}


def request_label(state: str) -> StatusLabel:
    """Return the label of a request to the issuer."""
    level, icon = _REQUEST.get(state, ("of", "help-circle-outline"))
    return StatusLabel(level, icon, "request", state)


def request_error(row: RequestRow, texts: Localization) -> str:
    """Why the last try came to nothing, or why it was declined."""
    if row.error is None:
        return "–"
    return texts.code("declined", row.error) if row.state == "declined" else row.error


def request_who(row: RequestRow, texts: Localization) -> str:
    """Return who asked: a rule or an account by name; a station's people stay on the card's own page."""
    kind, _, name = row.who.partition(":")
    if not name:
        return texts("request_who.station")
    return texts(f"request_who.{kind}", name=texts(f"deadline.{name}") if kind == "rule" else name)
