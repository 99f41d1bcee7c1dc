"""The journal's tables, and the words in them that mean something to the station."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS errand (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, started TEXT NOT NULL, order_no TEXT, hsa_id TEXT, order_content BLOB,
    ended TEXT, outcome TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS errand_holder ON errand (hsa_id);
CREATE TABLE IF NOT EXISTS effect (
    id INTEGER PRIMARY KEY, errand TEXT NOT NULL REFERENCES errand (id), order_no TEXT, name TEXT NOT NULL,
    facts TEXT NOT NULL, intended TEXT NOT NULL, outcome TEXT, concluded TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS effect_order ON effect (order_no);
CREATE INDEX IF NOT EXISTS effect_open ON effect (id) WHERE outcome IS NULL;
CREATE TABLE IF NOT EXISTS receipt (
    number TEXT PRIMARY KEY, order_no TEXT NOT NULL, document BLOB NOT NULL, qr TEXT NOT NULL, issued TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS receipt_order ON receipt (order_no);
"""

UNKNOWN = "unknown"

DONE = frozenset({"opened", "taken", "accepted", "written", "printed", "dropped"})
"""Outcomes after which an effect need not be done again for the same order."""

UNDOES = {"slot.return": "slot.take"}
"""Effects that take an earlier one back."""
