"""Settings service: what is changed of stations' settings is judged by the stations' own rules before anything of it is kept.

Rules: a change is refused whole where any station that it reaches would have a fault. A layer is changed at the revision that was
read. Every revision stays, with who and why; the audit hears of it in the same transaction.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from importlib.metadata import entry_points
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert

from fleet.server.audit_log.log import AuditEvent, append, without_numbers
from fleet.server.database.database import Database
from fleet.server.live_feed.topics import Changes, Topic, changes_with
from fleet.server.station_settings import queries
from fleet.server.station_settings.model import (
    MOST_MERGED,
    Document,
    MergedSettings,
    Revision,
    RevisionConflictError,
    SettingsRefusedError,
    StationPlace,
    changed_lines,
    merge,
    takes_two,
)
from fleet.server.station_settings.tables import settings_revisions, station_places

Author = tuple[str, str | None, str]
"""Who changes it, who confirmed that, and the first one's address."""
FindFaults = Callable[[Mapping[str, Any], Mapping[str, str]], list[str]]
PLACED = "place:"
"""Before a station's name, as the target of a proposal that gives it another site or group."""


@cache
def station_rules() -> FindFaults:
    """Return the rules of the station's program: `find_faults` of `kiosk.settings_faults`, by its entry point."""
    (rules,) = entry_points(group="kortkiosk.settings", name="faults")
    find_faults: FindFaults = rules.load()
    return find_faults


class StationSettingsService:
    """Settings for pages and programs, from any thread."""

    def __init__(self, database: Database, changes: Changes, clock: Callable[[], datetime]) -> None:
        self._database, self._changes, self._clock = database, changes, clock

    @changes_with(Topic.STATIONS)
    def layers(self) -> list[Revision]:
        """Return the current revision of each layer that was ever written."""
        with self._database.reading.begin() as connection:
            return queries.layers(connection)

    @changes_with(Topic.STATIONS)
    def layer(self, name: str) -> Revision:
        with self._database.reading.begin() as connection:
            return queries.current(connection, name)

    @changes_with(Topic.STATIONS)
    def history(self, name: str) -> list[Revision]:
        """Return the newest revisions of a layer, the newest first."""
        with self._database.reading.begin() as connection:
            return queries.history(connection, name)

    @changes_with(Topic.STATIONS)
    def places(self) -> list[StationPlace]:
        """Return site and group of every station of the fleet."""
        with self._database.reading.begin() as connection:
            return queries.places(connection)

    @changes_with(Topic.STATIONS)
    def station(self, name: str) -> tuple[StationPlace, MergedSettings]:
        """Return the place of a station, and what its layers come to."""
        with self._database.reading.begin() as connection:
            place = queries.place_of(connection, name)
            return place, queries.merged(connection, place.layers)

    def judge_layer(self, layer: str, document: str, revision: int) -> dict[str, Any] | None:
        """Return the content of a proposal where the change takes two persons, else None.

        Raises SettingsRefusedError, RevisionConflictError."""
        with self._database.reading.begin() as connection:
            before, after = check_layer(connection, layer, document, revision)
        if not takes_two(before, after):
            return None
        return {"document": document, "revision": revision, "changes": changed_lines(before, after)}

    def judge_place(self, place: StationPlace) -> dict[str, Any] | None:
        """Return the same for another site and group of a station. Raises SettingsRefusedError."""
        with self._database.reading.begin() as connection:
            before, after = check_place(connection, place)
        if not takes_two(before, after):
            return None
        return {"site": place.site, "group": place.group, "changes": changed_lines(before, after)}

    def put_layer(self, layer: str, document: str, revision: int, reason: str, author: Author) -> None:
        """Raises SettingsRefusedError, RevisionConflictError."""
        with self._database.writing.begin() as connection:
            put_layer(connection, layer, document, revision, reason, author, self._clock())
        self._changes.publish(frozenset({Topic.STATIONS}))

    def put_place(self, place: StationPlace, author: Author) -> None:
        """Raises SettingsRefusedError."""
        with self._database.writing.begin() as connection:
            put_place(connection, place, author, self._clock())
        self._changes.publish(frozenset({Topic.STATIONS}))


def check_layer(connection: Connection, layer: str, document: str, revision: int) -> tuple[Document, Document]:
    """Return the documents before and after. Raises SettingsRefusedError, RevisionConflictError."""
    row = queries.current(connection, layer)
    if row.number != revision:
        raise RevisionConflictError(f"{layer} has revision {row.number}: read it again")
    after = Document.parse(document)
    kind, _, name = layer.partition(":")
    alone = {"group": StationPlace("", group=name), "site": StationPlace("", site=name)}.get(kind, StationPlace(name))
    reached = [place for place in queries.places(connection) if layer in place.layers]
    _refuse_faults(connection, [alone, *reached], {layer: after})
    return Document.parse(row.document), after


def check_place(connection: Connection, place: StationPlace) -> tuple[Document, Document]:
    """Return a station's merged settings before and after. Raises SettingsRefusedError."""
    _refuse_faults(connection, [place], {})
    before = queries.merged(connection, queries.place_of(connection, place.station).layers)
    return before.document, queries.merged(connection, place.layers).document


def put_layer(
    connection: Connection, layer: str, document: str, revision: int, reason: str, author: Author, now: datetime
) -> None:
    """Write the next revision, in the transaction under way. Raises SettingsRefusedError, RevisionConflictError."""
    before, after = check_layer(connection, layer, document, revision)
    by, second, address = author
    row = {
        "layer": layer, "revision": revision + 1, "document": document, "reason": without_numbers(reason),
        "by": by, "second": second, "at": now,
    }  # fmt: skip
    connection.execute(insert(settings_revisions).values(row))
    lines = "; ".join(changed_lines(before, after))
    append(connection, now, by, address, AuditEvent("settings.put", f"{layer} #{revision + 1}", lines))


def put_place(connection: Connection, place: StationPlace, author: Author, now: datetime) -> None:
    """Give a station its site and group, in the transaction under way. Raises SettingsRefusedError."""
    check_place(connection, place)
    connection.execute(delete(station_places).where(station_places.c.station == place.station))
    values = {"station": place.station, "site": place.site, "group": place.group}
    connection.execute(insert(station_places).values(values))
    words = f"{place.site or '–'}, {place.group or '–'}"
    append(connection, now, author[0], author[2], AuditEvent("settings.place", place.station, words))


def _refuse_faults(connection: Connection, reached: list[StationPlace], new: Mapping[str, Document]) -> None:
    """Raise SettingsRefusedError with the faults of all stations that are reached, each line once."""
    documents = dict[str, Document](new)
    judged, faults = set[str](), dict[str, None]()
    for place in reached:
        names = [name for name in place.layers if name != "station:"]
        for name in names:
            if name not in documents:
                documents[name] = Document.parse(queries.current(connection, name).document)
        merged = merge({name: documents[name] for name in names})
        if merged.version not in judged:
            judged.add(merged.version)
            faults.update(dict.fromkeys(_faults(merged)))
    if faults:
        raise SettingsRefusedError(list(faults))


def _faults(merged: MergedSettings) -> list[str]:
    size = len(msgspec.json.encode([merged.values, merged.files]))
    if size > MOST_MERGED:
        return [f"document: all layers of a station have {size} bytes together; at most {MOST_MERGED}"]
    return station_rules()(merged.values, merged.files)


def place_of_content(target: str, content: Mapping[str, Any]) -> StationPlace:
    """Return the place that a proposal gives a station."""
    return StationPlace(target.removeprefix(PLACED), content["site"], content["group"])
