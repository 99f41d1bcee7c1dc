"""Labels of stations' settings: what changed from one revision to the next."""

from collections.abc import Sequence

from fleet.server.station_settings.model import Document, Revision, changed_lines


def revision_changes(rows: Sequence[Revision]) -> list[tuple[Revision, list[str]]]:
    """Return each revision with its changed lines. `rows`: the newest first; the last one's are those of the oldest shown."""
    befores = [row.document for row in rows[1:]] + [""]
    return [
        (row, changed_lines(Document.parse(before), Document.parse(row.document)))
        for row, before in zip(rows, befores, strict=True)
        if before or row.number == 1
    ]
