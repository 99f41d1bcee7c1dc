"""What somebody, or a broken disk, may have done to a store, one thing at a time: in words, as SQL, and the difference that must
be found then.

The store is that of `tests/fleet/server/integrity/conftest.py`. Its first station is `entre-a`, epoch 1: 1 started (erased),
2 checkpoint, 3-7 a pick-up (`errand-1`), 8 checkpoint, 9-13 another (`errand-2`), 14 checkpoint, 15 door (erased), 16 the first
card falls into the bin, 17 it is emptied, 18 and 19 cards into slots, 20 checkpoint, 21-22 a code changed (erased), 23-27 a
pick-up a year later (`errand-5`), 28 checkpoint. `entre-b` has two epochs; of the second, 5 was set aside and 6 never came.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from fleet.server.events.model import Fault

ABBREVIATIONS = {
    "@a": "(SELECT id FROM stations WHERE name = 'entre-a')",
    "@b": "(SELECT id FROM stations WHERE name = 'entre-b')",
    "@at": "station = (SELECT id FROM stations WHERE name = 'entre-a') AND epoch = 1 AND sequence",
    "@rest": "type, time, subject, errand, envelope, data, salt, received",
    "@later": "'2027-07-07 10:00:00.000000'",
    "@taken": "CAST(replace(CAST(data AS TEXT), 'taken', 'tqken') AS BLOB)",
    "@signature": "CAST(replace(CAST(data AS TEXT), 'jws', 'jwS') AS BLOB)",
    "@boot": "CAST(replace(CAST(envelope AS TEXT), 'boot-1', 'boot-2') AS BLOB)",
}
"""In the SQL below."""


@dataclass(frozen=True, slots=True)
class PlantedFault:
    """`expected`: fault, station, table, key and column of a difference that must be among those found. `in_evidence`: the file
    about `errand-1` must contradict too."""

    what: str
    sql: tuple[str, ...]
    expected: tuple[Fault, str, str, str, str]
    in_evidence: bool = False

    def plant(self, connection: Connection) -> None:
        for statement in self.sql:
            for short, long in sorted(ABBREVIATIONS.items(), reverse=True):
                statement = statement.replace(short, long)
            assert connection.execute(text(statement)).rowcount > 0, statement


def _fault(
    what: str, *sql: str, found: Fault, at: str, column: str = "", station: str = "entre-a", evidence: bool = False
) -> PlantedFault:
    """`at`: the table, and the key after a space."""
    table, _, key = at.partition(" ")
    return PlantedFault(what, sql, (found, station, table, key, column), evidence)


EVENTS = (
    _fault(
        "the first event is deleted",
        "DELETE FROM events WHERE @at = 1",
        found="missing", at="events 1:1",
    ),
    _fault(
        "an event in the middle is deleted",
        "DELETE FROM events WHERE @at = 5",
        found="missing", at="events 1:5", evidence=True,
    ),
    _fault(
        "the last event is deleted",
        "DELETE FROM events WHERE @at = 28",
        found="missing", at="events 1:28",
    ),
    _fault(
        "five events in a row are deleted",
        "DELETE FROM events WHERE @at BETWEEN 9 AND 13",
        found="missing", at="events 1:9-13",
    ),
    _fault(
        "a whole old epoch is deleted",
        "DELETE FROM events WHERE station = @b AND epoch = 1",
        found="missing", at="events 1:1-5", station="entre-b",
    ),
    _fault(
        "the boot id in an envelope is changed",
        "UPDATE events SET envelope = @boot WHERE @at = 5",
        found="broken", at="events 1:5-6", column="prev", evidence=True,
    ),
    _fault(
        "a byte of the last envelope is changed",
        "UPDATE events SET envelope = @boot WHERE @at = 28",
        found="differs", at="chains 1", column="head",
    ),
    _fault(
        "an envelope cannot be read any more",
        "UPDATE events SET envelope = x'7b' WHERE @at = 5",
        found="unreadable", at="events 1:5", evidence=True,
    ),
    _fault(
        "a byte of data is changed",
        "UPDATE events SET data = @taken WHERE @at = 4",
        found="altered", at="events 1:4", column="data", evidence=True,
    ),
    _fault(
        "a salt is changed",
        "UPDATE events SET salt = replace(salt, substr(salt, 1, 1), 'z') WHERE @at = 4",
        found="altered", at="events 1:4", column="data", evidence=True,
    ),
    _fault(
        "the signature in a checkpoint is changed",
        "UPDATE events SET data = @signature WHERE @at = 8",
        found="altered", at="events 1:8", column="data", evidence=True,
    ),
    _fault(
        "the data of two events is swapped",
        "INSERT INTO events (station, epoch, sequence, @rest) SELECT @a, 99, 1, @rest FROM events WHERE @at = 4",
        "UPDATE events SET data = (SELECT data FROM events WHERE @at = 5) WHERE @at = 4",
        "UPDATE events SET data = (SELECT data FROM events WHERE epoch = 99) WHERE @at = 5",
        "DELETE FROM events WHERE epoch = 99",
        found="altered", at="events 1:5", column="data", evidence=True,
    ),
    _fault(
        "data and salt are taken without an erasure",
        "UPDATE events SET data = NULL, salt = NULL WHERE @at = 4",
        found="gone", at="events 1:4", evidence=True,
    ),
    _fault(
        "data alone is taken",
        "UPDATE events SET data = NULL WHERE @at = 4",
        found="gone", at="events 1:4", column="data", evidence=True,
    ),
    _fault(
        "a salt alone is taken",
        "UPDATE events SET salt = NULL WHERE @at = 4",
        found="gone", at="events 1:4", column="salt", evidence=True,
    ),
    _fault(
        "a checkpoint is emptied, which is never erased",
        "UPDATE events SET data = NULL, salt = NULL WHERE @at = 8",
        "INSERT INTO erasures VALUES (@a, 1, 8, x'', @later)",
        found="gone", at="events 1:8", evidence=True,
    ),
    _fault(
        "an event is moved to another station",
        "UPDATE events SET station = @b, epoch = 7, sequence = 1 WHERE @at = 5",
        found="missing", at="events 1:5", evidence=True,
    ),
    _fault(
        "an event is moved to another place",
        "UPDATE events SET sequence = 6 WHERE station = @b AND epoch = 2 AND sequence = 7",
        found="differs", at="events 2:6", column="sequence", station="entre-b",
    ),
    _fault(
        "an event is doubled in another epoch",
        "INSERT INTO events (station, epoch, sequence, @rest) SELECT @a, 2, 1, @rest FROM events WHERE @at = 5",
        found="differs", at="events 2:1", column="epoch",
    ),
    _fault(
        "an event is put in by hand behind the last",
        "INSERT INTO events (station, epoch, sequence, @rest) SELECT @a, 1, 29, @rest FROM events WHERE @at = 28",
        found="differs", at="chains 1", column="highest",
    ),
    _fault(
        "the type in its column is another",
        "UPDATE events SET type = 'se.kortkiosk.test' WHERE @at = 7",
        found="differs", at="events 1:7", column="type",
    ),
    _fault(
        "the time in its column is another",
        "UPDATE events SET time = '2026-05-01T09:59:00Z' WHERE @at = 7",
        found="differs", at="events 1:7", column="time",
    ),
    _fault(
        "the subject in its column is another",
        "UPDATE events SET subject = 'card/1' WHERE @at = 7",
        found="differs", at="events 1:7", column="subject",
    ),
    _fault(
        "the errand in its column is another",
        "UPDATE events SET errand = 'errand-2' WHERE @at = 7",
        found="differs", at="events 1:7", column="errand",
    ),
)  # fmt: skip

BESIDE_EVENTS = (
    _fault(
        "a message that was set aside is deleted, and counts as held",
        "DELETE FROM quarantine WHERE station = @b",
        found="missing", at="events 2:5", station="entre-b",
    ),
    _fault(
        "the record of an erasure is deleted",
        "DELETE FROM erasures WHERE @at = 21",
        found="gone", at="events 1:21",
    ),
    _fault(
        "an erasure is recorded that was none",
        "INSERT INTO erasures VALUES (@a, 1, 4, x'', @later)",
        found="kept", at="erasures 1:4",
    ),
    _fault(
        "content is taken, and its erasure recorded by hand",
        "UPDATE events SET data = NULL, salt = NULL WHERE @at = 4",
        "INSERT INTO erasures VALUES (@a, 1, 4, x'', '2026-06-02 10:00:00.000000')",
        found="unrecorded", at="erasures 1:4",
    ),
    _fault(
        "an erasure is recorded of a place that holds nothing",
        "INSERT INTO erasures VALUES (@a, 1, 99, x'', @later)",
        found="extra", at="erasures 1:99",
    ),
    _fault(
        "a chain's row is deleted",
        "DELETE FROM chains WHERE station = @a",
        found="missing", at="chains 1",
    ),
    _fault(
        "a chain's head is another",
        "UPDATE chains SET head = replace(head, substr(head, 1, 1), 'z') WHERE station = @a",
        found="differs", at="chains 1", column="head",
    ),
    _fault(
        "a chain's highest is too low",
        "UPDATE chains SET highest = 27 WHERE station = @a",
        found="differs", at="chains 1", column="highest",
    ),
    _fault(
        "a chain's highest is too high",
        "UPDATE chains SET highest = 30 WHERE station = @a",
        found="missing", at="events 1:29-30",
    ),
    _fault(
        "a chain's row knows a gap that is none",
        "UPDATE chains SET gaps = '[[9,10]]' WHERE station = @a",
        found="differs", at="chains 1", column="gaps",
    ),
    _fault(
        "a chain's row forgets its gap",
        "UPDATE chains SET gaps = '[]' WHERE station = @b AND epoch = 2",
        found="missing", at="events 2:6", station="entre-b",
    ),
    _fault(
        "a chain is called broken that is whole",
        "UPDATE chains SET intact = 0 WHERE station = @a",
        found="differs", at="chains 1", column="intact",
    ),
    _fault(
        "a checkpoint's row is deleted",
        "DELETE FROM checkpoints WHERE @at = 8",
        found="missing", at="checkpoints 1:8",
    ),
    _fault(
        "a checkpoint is judged otherwise",
        "UPDATE checkpoints SET verdict = 'stranger' WHERE @at = 8",
        found="differs", at="checkpoints 1:8", column="verdict",
    ),
    _fault(
        "the certificate of a station is deleted",
        "DELETE FROM station_certificates WHERE station = @a",
        found="missing", at="station_certificates 1",
    ),
    _fault(
        "a countersignature is changed",
        "UPDATE countersignatures SET jws = replace(jws, 'A', 'B') WHERE @at = 8",
        found="unproved", at="countersignatures 1:8",
    ),
    _fault(
        "an entry of the audit is changed",
        "UPDATE audit SET entry = replace(entry, 'tove', 'nils') WHERE sequence = 2",
        found="broken", at="audit 2", station="",
    ),
    _fault(
        "an entry of the audit is deleted",
        "DELETE FROM audit WHERE sequence = 2",
        found="broken", at="audit 2", station="",
    ),
    _fault(
        "the last entry of the audit is cut off",
        "DELETE FROM audit WHERE sequence = (SELECT max(sequence) FROM audit)",
        found="broken", at="audit 7", station="",
    ),
)  # fmt: skip

READ_MODELS = (
    _fault(
        "an errand's row is deleted",
        "DELETE FROM errands WHERE errand = 'errand-1'",
        found="missing", at="errands errand-1", evidence=True,
    ),
    _fault(
        "an errand ended otherwise",
        "UPDATE errands SET outcome = 'failed' WHERE errand = 'errand-1'",
        found="differs", at="errands errand-1", column="outcome", evidence=True,
    ),
    _fault(
        "an errand of erased events is about somebody",
        "UPDATE errands SET hsa_id = 'TEST000000-0009' WHERE errand = 'change-1'",
        found="differs", at="errands change-1", column="hsa_id",
    ),
    _fault(
        "an errand that nobody told of",
        "INSERT INTO errands (errand, station, kind, started) VALUES ('errand-0', @a, 'pickup', @later)",
        found="extra", at="errands errand-0",
    ),
    _fault(
        "a receipt's row is deleted",
        "DELETE FROM receipts WHERE number = 'R-O-1'",
        found="missing", at="receipts R-O-1", evidence=True,
    ),
    _fault(
        "a receipt's row names another event",
        "UPDATE receipts SET sequence = 12 WHERE number = 'R-O-1'",
        found="differs", at="receipts R-O-1", column="sequence", evidence=True,
    ),
    _fault(
        "an order's state is another",
        "UPDATE orders SET state = 'waiting' WHERE \"order\" = 'O-2'",
        found="differs", at="orders O-2", column="state",
    ),
    _fault(
        "an order lies in another slot",
        "UPDATE orders SET slot = 8 WHERE \"order\" = 'O-3'",
        found="differs", at="orders O-3", column="slot",
    ),
    _fault(
        "a bin's count is another",
        "UPDATE bins SET counted = 0 WHERE station = @a",
        found="differs", at="bins", column="counted",
    ),
    _fault(
        "a card in a bin is another",
        "UPDATE bin_cards SET card_number = '9752269870' WHERE station = @a",
        found="differs", at="bin_cards 1:16", column="card_number",
    ),
    _fault(
        "a card in a bin is deleted",
        "DELETE FROM bin_cards WHERE station = @a",
        found="missing", at="bin_cards 1:16",
    ),
    _fault(
        "a reserve card is gone from its slot",
        "UPDATE reserve_cards SET lies = 0 WHERE station = @a",
        found="differs", at="reserve_cards 9", column="lies",
    ),
)  # fmt: skip

PLANTED: tuple[PlantedFault, ...] = (*EVENTS, *BESIDE_EVENTS, *READ_MODELS)
