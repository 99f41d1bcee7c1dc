"""SQLite database of the simulated issuer: a change and the answer to it are one transaction, so that a restart in the
middle leaves either both or neither.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from fleet.messages.issuing import CardRecord, DirectoryPerson

SCHEMA = """
CREATE TABLE IF NOT EXISTS person (hsa_id TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS card (number TEXT PRIMARY KEY, hsa_id TEXT NOT NULL, content BLOB NOT NULL, puk TEXT) STRICT;
CREATE INDEX IF NOT EXISTS card_holder ON card (hsa_id);
CREATE TABLE IF NOT EXISTS certificate (
    serial TEXT PRIMARY KEY, card TEXT NOT NULL, loa INTEGER NOT NULL, der BLOB NOT NULL, request TEXT UNIQUE,
    revoked TEXT, held INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS certificate_card ON certificate (card);
CREATE TABLE IF NOT EXISTS done (key TEXT PRIMARY KEY, digest TEXT NOT NULL, status INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS audit (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, what TEXT NOT NULL, card TEXT NOT NULL, people TEXT NOT NULL, outcome TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS orders (one INTEGER PRIMARY KEY CHECK (one = 1), csv BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
"""


class Seed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Initial content of a simulator. PUKs by card number; `certificates`: base64 DER by card number; all of it made up."""

    people: tuple[DirectoryPerson, ...] = ()
    cards: tuple[CardRecord, ...] = ()
    pukes: dict[str, str] = {}
    certificates: dict[str, tuple[str, ...]] = {}
    orders: str = ""


class IssuerDatabase:
    """Open SQLite database. Threads take turns."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._turn = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> "IssuerDatabase":
        """Open or create the database. Raises sqlite3.Error, OSError."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(SCHEMA)
        return cls(connection)

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed at the end, undone by an exception."""
        with self._turn:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        with self._turn:
            self._connection.close()

    def is_empty(self) -> bool:
        """Return whether it was never filled."""
        with self.change() as cx:
            return cx.execute("SELECT 1 FROM person").fetchone() is None


def person_of(cx: sqlite3.Connection, hsa_id: str) -> DirectoryPerson | None:
    """The person with that HSA-id."""
    row = cx.execute("SELECT content FROM person WHERE hsa_id = ?", (hsa_id,)).fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=DirectoryPerson)


def card_of(cx: sqlite3.Connection, number: str) -> CardRecord | None:
    """The card with that number."""
    row = cx.execute("SELECT content FROM card WHERE number = ?", (number,)).fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=CardRecord)


def cards_of(cx: sqlite3.Connection, hsa_id: str) -> tuple[CardRecord, ...]:
    """All cards of a person, by number."""
    rows = cx.execute("SELECT content FROM card WHERE hsa_id = ? ORDER BY number", (hsa_id,))
    return tuple(msgspec.json.decode(row[0], type=CardRecord) for row in rows)


def keep_person(cx: sqlite3.Connection, person: DirectoryPerson) -> None:
    """Insert or replace a person."""
    cx.execute("INSERT OR REPLACE INTO person VALUES (?, ?)", (person.hsa_id, msgspec.json.encode(person)))


def keep_card(cx: sqlite3.Connection, card: CardRecord, **changed: Any) -> CardRecord:
    """Add or replace; its PUK stays."""
    changed_card = msgspec.structs.replace(card, **changed)
    cx.execute(
        "INSERT INTO card (number, hsa_id, content) VALUES (?, ?, ?)"
        " ON CONFLICT (number) DO UPDATE SET hsa_id = excluded.hsa_id, content = excluded.content",
        (changed_card.card_number, changed_card.hsa_id, msgspec.json.encode(changed_card)),
    )
    return changed_card


def count(cx: sqlite3.Connection, name: str) -> int:
    """The next number of a counter."""
    cx.execute("INSERT INTO counter VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1", (name,))
    return int(cx.execute("SELECT value FROM counter WHERE name = ?", (name,)).fetchone()[0])
