"""Somebody asks to be forgotten: it is done whole, or refused with the reason, and an old back-up does not bring it back."""

import json
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, insert, select, update

from fleet.messages.vocabulary import EventType
from fleet.server.audit_log import log as audit
from fleet.server.cli import main
from fleet.server.database.database import Database, open_database
from fleet.server.errands.tables import errands
from fleet.server.events.tables import events, quarantine
from fleet.server.ingest.parse import UnreadableMessage
from fleet.server.ingest.write import Writer
from fleet.server.issuers.tables import certificates, requests, wishes
from fleet.server.orders.tables import orders
from fleet.server.people.tables import administrators, people
from fleet.server.retention.ledger import LedgerError, read_erasures
from fleet.server.retention.person_erasure import NothingErased, PersonErased, PersonError, Reason, erase_person, replay
from fleet.server.retention.settings import Hold, load
from tests.fleet.server.conftest import NOW, SealingStation, arrived, hold_orders, record
from tests.fleet.server.retention.conftest import (
    CARD,
    CLERK,
    HOLDER,
    OTHER,
    OTHER_CARD,
    ask_for_certificate,
    changed_code,
    everything,
    job,
    projected,
    taken,
    with_data,
)

LISTED = {"hsa_id": HOLDER, "name": "T", "roles": "KRA", "level": 3, "scope": "*"}

LATER = NOW + timedelta(days=5)


def two_people(station: SealingStation) -> None:
    """Each has changed a code; an event without an errand names the first."""
    changed_code(station)
    changed_code(station, "change-2", OTHER, OTHER_CARD)
    station.seal(EventType.ADMINISTRATOR_LOGGED_IN, {"administrator": HOLDER, "logged_in_by": "server"})


def test_all_of_one_person_goes_and_nothing_of_another(
    either: Database, station: SealingStation, tmp_path: Path
) -> None:
    hold_orders(either, record())
    with either.writing.begin() as connection:
        connection.execute(update(orders).values(state="cancelled"))
        ask_for_certificate(connection, "1", ended=NOW)
        ask_for_certificate(connection, "2", OTHER, OTHER_CARD)
    two_people(station)
    taken(either, station)
    book = tmp_path / "erasures.jsonl"
    assert erase_person(job(either, LATER, dry=True), HOLDER, book) == PersonErased(3, 1)
    assert not book.exists()
    assert erase_person(job(either, LATER), HOLDER, book) == PersonErased(3, 1)
    left = everything(either)
    assert not any(value in left for value in (HOLDER, CARD, "Tove Test"))
    assert OTHER in left
    assert OTHER_CARD in left
    with either.reading.begin() as connection:
        (entry,), _ = audit.entries(connection, action="retention.request")
    assert (entry.target, entry.detail) == ("", "3 events, 1 orders")
    assert not any(value in book.read_text() for value in (HOLDER, CARD))
    assert book.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("word", ["", "done", "p-0123456789abcdef01234567", "%", HOLDER.lower()])
def test_what_is_no_hsa_id_erases_nothing(either: Database, station: SealingStation, tmp_path: Path, word: str) -> None:
    two_people(station)
    station.seal(EventType.STATION_STARTED, {"version": "", "found": []})
    taken(either, station)
    before = with_data(either)
    with pytest.raises(PersonError, match="HSA-id such as"):
        erase_person(job(either, LATER), word, tmp_path / "erasures.jsonl")
    assert with_data(either) == before


def test_what_could_not_be_read_forgets_a_person_too(either: Database, station: SealingStation, tmp_path: Path) -> None:
    two_people(station)
    taken(either, station)
    torn = [f'{{"hsa_id":"{who}"'.encode() for who in (HOLDER, OTHER)]
    Writer(either).commit([UnreadableMessage("entre-a", None, "events", raw, "torn") for raw in torn], NOW)
    assert erase_person(job(either, LATER), HOLDER, tmp_path / "erasures.jsonl") == PersonErased(3, 0)
    with either.reading.begin() as connection:
        assert connection.execute(select(quarantine.c.raw).order_by(quarantine.c.id)).scalars().all() == [b"", torn[1]]


def test_a_hand_over_is_kept_its_ten_years_and_then_nothing_stands_against_it(
    either: Database, station: SealingStation, tmp_path: Path
) -> None:
    station.pickup("O-1", card=CARD, errand="pickup-1")
    two_people(station)
    taken(either, station)
    before = projected(either)
    refused = erase_person(job(either, LATER), HOLDER, tmp_path / "book")
    assert refused == NothingErased((Reason("hand_overs", 5, date(2036, 6, 1)),))
    assert projected(either) == before
    assert with_data(either) == [event.type.removeprefix("se.kortkiosk.") for event in station.sealed]
    assert erase_person(job(either, NOW + timedelta(days=3654)), HOLDER, tmp_path / "book") == PersonErased(8, 0)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda c: c.execute(insert(administrators).values(LISTED)), "administrators"),
        (
            lambda c: c.execute(
                insert(people).values(hsa_id=HOLDER, protected=False, continued=False, changed=NOW)
            ),
            "directory",
        ),
        (
            lambda c: c.execute(
                insert(certificates).values(
                    card_number=CARD, serial="1", hsa_id=HOLDER, profile="p", loa=3, last_day="2027-01-01", station="", at=NOW
                )
            ),
            "certificates",
        ),
        (lambda c: ask_for_certificate(c, "1"), "certificates"),
        (lambda c: ask_for_certificate(c, "1", chain="[]", given=NOW), "certificates"),
        (
            lambda c: c.execute(
                insert(wishes).values(
                    station="entre-a", id="1", ask="block", digest="d", card_number=CARD, people=f'["{HOLDER}"]',
                    outcome="done", at=NOW,
                )
            ),
            "blocks",
        ),
        (
            lambda c: c.execute(
                insert(requests).values(
                    station="", id="1", ask="block", content=f'{{"by":"{HOLDER}"}}', card_number=CARD, who="rule",
                    made=NOW, state="done", tries=1,
                )
            ),
            "blocks",
        ),
    ],
    ids=["administrator", "directory", "certificate", "asked for a certificate", "a certificate waits", "wish", "request"],
)  # fmt: skip
def test_where_a_person_still_stands_is_a_reason(
    database: Database, tmp_path: Path, make: Callable[[Connection], object], reason: str
) -> None:
    with database.writing.begin() as connection:
        make(connection)
    assert erase_person(job(database, LATER), HOLDER, tmp_path / "book") == NothingErased((Reason(reason, 1),))


def test_an_order_whose_card_is_out_is_a_reason_and_so_is_a_hold(
    database: Database, station: SealingStation, tmp_path: Path
) -> None:
    hold_orders(database, record())
    two_people(station)
    taken(database, station)
    held = msgspec.structs.replace(load(), hold=(Hold("change-1", "a dispute"),))
    outcome = erase_person(job(database, LATER, held), HOLDER, tmp_path / "book")
    assert outcome == NothingErased((Reason("hold", 1), Reason("orders", 1)))


def test_the_part_of_an_administrator_in_a_hand_over_is_kept(
    database: Database, station: SealingStation, tmp_path: Path
) -> None:
    station.seal(EventType.ERRAND_STARTED, {"errand": "a", "kind": "attend"})
    station.seal(EventType.IDENTITY_ATTESTED, {"errand": "a", "administrator": CLERK})
    taken(database, station)
    outcome = erase_person(job(database, LATER), CLERK, tmp_path / "book")
    assert outcome == NothingErased((Reason("hand_overs", 2, date(2036, 6, 1)),))


def test_a_restored_back_up_forgets_again(tmp_path: Path, station: SealingStation) -> None:
    """Also where stations have filled in what the copy lacked."""
    book = tmp_path / "erasures.jsonl"
    with open_database(tmp_path / "fleet.sqlite") as database:
        hold_orders(database, record())
        with database.writing.begin() as connection:
            connection.execute(update(orders).values(state="cancelled"))
        two_people(station)
        taken(database, SealingStation(sealed=station.sealed[:2]))
        database.close()
        shutil.copy(tmp_path / "fleet.sqlite", tmp_path / "copy.sqlite")
    with open_database(tmp_path / "fleet.sqlite") as database:
        Writer(database).commit(arrived(*station.sealed), NOW)
        assert erase_person(job(database, LATER), HOLDER, book) == PersonErased(3, 1)
        live = projected(database)
    with open_database(tmp_path / "copy.sqlite") as restored:
        Writer(restored).commit(arrived(*station.sealed), NOW)
        assert HOLDER in everything(restored)
        assert replay(job(restored, LATER), book) == 4
        assert HOLDER not in everything(restored)
        assert projected(restored) == live
        assert replay(job(restored, LATER), book) == 0


def test_a_ledger_that_cannot_be_read_is_named_with_its_line(tmp_path: Path) -> None:
    assert list(read_erasures(tmp_path / "none")) == []
    (tmp_path / "book").write_text('{"at":"2026-06-01T10:00:00Z","order":"O-1"}\n{"odd":1}\n')
    with pytest.raises(LedgerError, match="line 2"):
        list(read_erasures(tmp_path / "book"))


def test_the_programs_say_what_they_did_and_why_they_refused(
    tmp_path: Path, station: SealingStation, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "authority" / "server").mkdir(parents=True)
    where = ["--data", str(tmp_path), "--authority", str(tmp_path / "authority")]
    with open_database(tmp_path / "fleet.sqlite") as database:
        two_people(station)
        taken(database, station, NOW)
    assert main(["erase", "--hsa-id", "", *where]) == 2
    assert "must be an HSA-id" in capsys.readouterr().err
    assert main(["erase", "--hsa-id", OTHER, "--dry-run", *where]) == 0
    assert capsys.readouterr().out == "would erase: 2 events, 0 orders\n"
    assert main(["retain", "--dry-run", "--json", *where]) == 0
    assert json.loads(capsys.readouterr().out)["dry_run"] is True
    assert main(["retain", *where]) == 0
    assert capsys.readouterr().out.startswith("erased: ")
    with open_database(tmp_path / "fleet.sqlite") as database, database.writing.begin() as connection:
        connection.execute(insert(administrators).values(LISTED))
        assert connection.execute(select(errands)).first() is not None
        assert connection.execute(select(events)).first() is not None
    assert main(["erase", "--hsa-id", HOLDER, "--json", *where]) == 3
    assert json.loads(capsys.readouterr().out)["reasons"] == [{"what": "administrators", "count": 1, "until": None}]
    assert main(["retain", *where, "--retention", str(tmp_path / "none.toml")]) == 2
    (tmp_path / "authority" / "server" / "pseudonym.key").write_bytes(b"short")
    assert main(["retain", *where]) == 2
