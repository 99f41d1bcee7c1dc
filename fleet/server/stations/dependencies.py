"""Search of stations by what a person types: a whole name means that station; words mean all whose title or name has each of
them.

Rules: never a station that the caller may not see. A name that no station has borne yet (of an order that came first) is taken
as it is.
"""

from collections.abc import Iterable

from fastapi import Request

from fleet.server.pages.rendering import Web
from fleet.server.readings.dependencies import readings_of
from fleet.server.stations.model import StationRow
from fleet.server.web.authorization import caller_of


def stations_named(request: Request, web: Web, text: str) -> frozenset[str]:
    """Names or patterns for `within`: those of the caller's right where nothing is typed."""
    scope, text = caller_of(request).scope(request.state.right), text.strip()
    if not text:
        return scope.patterns
    names = matching_stations(readings_of(request).stations(web.clock()), text)
    return names or frozenset([text] if scope.allows(text) else [])


def matching_stations(rows: Iterable[StationRow], text: str) -> frozenset[str]:
    """Names of those that the text means."""
    words, names = text.casefold().split(), set()
    for row in rows:
        if row.name == text:
            return frozenset([text])
        label = f"{row.title.casefold()} {row.name}"
        if all(word in label for word in words):
            names.add(row.name)
    return frozenset(names)
