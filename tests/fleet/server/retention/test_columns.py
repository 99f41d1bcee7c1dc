"""Each column of text of each table: retention empties it, or it is named here among those that stay."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Integer, LargeBinary, String, Table, insert, select

from fleet.server.database.database import Database
from fleet.server.database.schema import UtcDateTime, all_tables
from fleet.server.retention.person_erasure import PersonErased, erase_person
from fleet.server.retention.retention_run import run
from tests.fleet.server.conftest import NOW
from tests.fleet.server.retention.conftest import HOLDER, job

TABLES = all_tables().tables
TEN = timedelta(days=3654)
LONG_AGO = "2026-01-31"
OVER: dict[str, dict[str, Any]] = {
    "stations": {}, "alerts": {"outage": None}, "certificate_requests": {}, "certificates": {"last_day": LONG_AGO},
    "conflicts": {}, "deeds": {}, "orders": {"state": "returned"}, "envelope_resets": {"order": "orders.order"},
    "station_claims": {}, "join_keys": {}, "issued_certificates": {}, "notices": {"command": None}, "people": {"left": LONG_AGO},
    "person_certificates": {}, "person_facts": {}, "quarantine": {}, "receipt_mails": {}, "requests": {},
    "stopped_cards": {"stop": "blocked"}, "wishes": {}, "worklist_acts": {},
}  # fmt: skip
"""Tables that retention looks into, and what ends a row. One that others refer to comes before them."""
DELETED = {
    "grants", "hsa_bindings", "links", "sessions", "tokens", "users", "webauthn_keys",  # with the account
    "login_nonces", "logins", "replays", "replies", "tries", "webauthn_challenges",  # within days
    "administrators",  # by the next list
}  # fmt: skip
"""Tables whose rows go for another reason than their age."""
STAYS = {
    # what a row of retention keeps, which is counted
    "conflicts": "digest", "issued_certificates": "chain key revoked_by serial station", "quarantine": "digest kind reason",
    "orders": "delivery last_day order product station", "requests": "ask id state station",
    "wishes": "ask digest hold_reason id outcome reason station",
    # what is left of an erased event: test_rules.py, and test_retention.py looks for persons and cards
    "bin_cards": "card_number", "bins": "by reason reference seal second", "erasures": "residue",
    "errands": "card_number errand hsa_id kind order outcome receipt", "receipts": "errand number",
    "events": "data envelope errand salt subject time type", "reserve_cards": "card_number",
    # what those who work with the server did is a proof; the audit is emptied: test_retention.py
    "account_acts": "act", "audit": "action entry hash who", "first_hour": "by", "maintenance": "by content",
    "commands": "by command detail digest ended_by jws message reason result second state station update_order",
    "proposal_notices": "address result who why", "stations": "name retired_by retired_why state",
    "settings_revisions": "by document layer reason second",
    "proposals": "by content ended_by first_half kind outcome reason second second_half state target",
    # nobody
    "alarms": "argument code station", "audit_head": "hash", "batch_stops": "batch", "chains": "gaps head",
    "checkpoints": "verdict", "countersignatures": "jws token", "deliveries": "digest id", "denied_stations": "station",
    "directory_syncs": "error source", "open_days": "day station", "order_starts": "order state",
    "station_places": "group site station",
    "station_certificates": "der thumbprint", "store_checks": "differences", "verified_chains": "head",
    "worklist_mails": "channel day",
}  # fmt: skip


def value(column: Column[Any]) -> Any:
    """A text is the column's own name, by which it is found again."""
    match column.type:
        case String():
            return HOLDER if column.name == "hsa_id" else f"{column}"
        case LargeBinary():
            return f"{column}".encode()
        case UtcDateTime():
            return NOW
    return 1 if isinstance(column.type, Integer) else False


def fill(database: Database) -> None:
    with database.writing.begin() as connection:
        for name, end in OVER.items():
            row = {column.name: value(column) for column in TABLES[name].columns}
            connection.execute(insert(TABLES[name]).values(row | end))


def left(database: Database, table: Table) -> set[str]:
    """Columns of text that have what they were filled with; all of a table that retention does not look into."""
    texts = {column.name: value(column) for column in table.columns if isinstance(column.type, String | LargeBinary)}
    if table.name not in OVER:
        return set(texts)
    with database.reading.begin() as connection:
        rows = connection.execute(select(table)).mappings().all()
    return {name for row in rows for name, text in texts.items() if row[name] == text}


def test_each_column_is_emptied_or_is_among_those_that_stay(database: Database) -> None:
    fill(database)
    run(job(database, NOW + TEN))
    stays = {name: left(database, table) for name, table in TABLES.items() if name not in DELETED}
    assert {name: columns for name, columns in stays.items() if columns} == {
        name: set(columns.split()) for name, columns in STAYS.items()
    }, "let fleet/server/retention/other_records.py forget a new column, or say here why it stays"


def test_erasure_of_a_person_knows_each_table_with_an_hsa_id(database: Database, tmp_path: Path) -> None:
    """On the list of administrators they are not erased; the errands follow from events, and an account is not a person's."""
    fill(database)
    assert isinstance(erase_person(job(database, NOW + TEN), HOLDER, tmp_path / "book"), PersonErased)
    stays = {name for name, table in TABLES.items() if "hsa_id" in left(database, table)}
    assert stays == {"administrators", "errands", "hsa_bindings", "users"}
