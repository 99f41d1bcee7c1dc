"""Alarms of stations, stored: one row for each station and code, with how often and since when.

What can be computed from the rest (offline, device faults, expired orders) is no row: see `reading`. Codes are
stable; the argument says which, never what was in it.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from fleet.server.database.bulk import Put, put_all
from fleet.server.database.database import Database
from fleet.server.stations.tables import alarms

CHAIN_BROKEN = "chain_broken"
QUARANTINED = "quarantined"
CONFLICT = "conflict"
SET_ASIDE_FULL = "set_aside_full"
"""So much of a station was set aside today that the rest waits there; the argument is the day."""
TOO_MANY_ASKS = "too_many_asks"
"""A station has asked as much as it may in a day."""
UNFIT = "unfit"
GUESSING = "guessing"
LETTER_KEY_MISSING = "letter_key_missing"
"""The verifier does not have the issuer's key of a code letter; the argument is the key's id."""
TRIES_RESET = "tries_reset"
"""Two persons gave a code letter new tries; the argument is the order."""
RECOVERY_RELEASED = "recovery_released"
"""Two persons have the recovery key of a station's volume released; the argument is the command."""
UNSIGNED_ASK = "unsigned_ask"
"""Somebody asked in the name of a station without its signature; the argument says what was wrong with it."""
BLOCK_DECLINED = "block_declined"
FACT_UNPROVED = "fact_unproved"
"""A hand-over, slots or a bin, whose proofs do not hold; the argument is the card or the ask, and why."""
TOO_MANY_GAPS = "too_many_gaps"
RECEIPT_TWICE = "receipt_twice"
RECEIPT_UNPROVED = "receipt_unproved"
"""A receipt whose signatures do not hold, or which is of something else; the argument is its number, and what is wrong."""
NOT_LAID_OUT = "not_laid_out"
LISTS_DROPPED = "lists_dropped"
ASK_UNREADABLE = "ask_unreadable"
"""A block or another ask that waits at a station and cannot be read there; the argument is its kind, card and time."""
CHAIN_BEGUN = "chain_begun"
EVENTS_DAMAGED = "events_damaged"
FORMER_LIFE = "former_life"
"""A new station has the name of one whose events broke off; the argument is the last one that came."""
CARD_NOT_GENUINE = "card_not_genuine"
MANY_HOLDS = "many_holds"
ADMINISTRATOR_REPORTED = "administrator_reported"
BIN_DIFFERS = "bin_differs"
"""A bin was emptied, and nothing explains why its cards are not those of the list; the argument is the seal."""
RETURN_NOT_FOUND = "return_not_found"
"""A card that was returned by its number alone was not in the bin; the argument is the seal, and how many."""
COMMAND_UNANSWERED = "command_unanswered"
DUPLICATE_IDENTITY = "duplicate_identity"
CLOCK_LEAPT = "clock_leapt"
DEADLINES_MANY = "deadlines_many"
DIRECTORY_MANY = "directory_many"
"""More people left the directory, or have another name, than may within a day; the argument says what and how many."""
ADMINISTRATOR_LEFT = "administrator_left"
"""ID administrators are said to have left, which waits for a person; the argument is their HSA-ids."""
LOOKED_ACROSS = "looked_across"
"""An ID administrator has looked up somebody of another organisation; the argument is the administrator's HSA-id."""
RETENTION_MANY = "retention_many"
STORE_DIFFERS = "store_differs"
"""The store does not hold what its chains say; the argument has the first differences."""
REQUESTS_MANY = "requests_many"
BROKER_MEMORY = "broker_memory"
"""What the broker remembered was damaged, and is set aside under the name in the argument."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a person should look at."""

    station: str
    code: str
    argument: str


class AlarmRecorder:
    """Alarms that no event raises, each kept in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, alarm: Alarm, now: datetime) -> None:
        """Keep it, or count it once more. Raises sqlalchemy.exc.DBAPIError."""
        with self._database.writing.begin() as connection:
            raise_alarm(connection, alarm, now)

    def try_record(self, alarm: Alarm, now: datetime) -> None:
        """The same; where the store takes nothing just now, the log has it alone."""
        try:
            self.record(alarm, now)
        except SQLAlchemyError as error:
            _log.error("the alarm %s %s is not kept: %s", alarm.code, alarm.argument, type(error).__name__)


def raise_alarm(connection: Connection, alarm: Alarm, now: datetime) -> None:
    """Keep it, or count it once more."""
    put_all(connection, [alarm_rows([alarm], now)])


def alarm_rows(raised: Sequence[Alarm], now: datetime) -> Put:
    """Keeps them, or counts them once more; of one station and code the last argument stays."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for alarm in raised:
        row = rows.setdefault((alarm.station, alarm.code), {**asdict(alarm), "first": now, "last": now, "times": 0})
        row["argument"] = alarm.argument
        row["times"] += 1
    return Put(alarms, list(rows.values()), ("argument", "last"), adding=("times",))
