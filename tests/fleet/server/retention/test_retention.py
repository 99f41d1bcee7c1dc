"""Time goes by, and what is over is gone: from events, from what pages show, and from what a rebuild makes."""

from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import insert, select, update

from fleet.server.audit_log import log as audit
from fleet.server.audit_log.tables import audit as audit_table
from fleet.server.cards.stock.tables import bin_cards, bins
from fleet.server.clock.clock_check import ClockReading
from fleet.server.database.database import Database
from fleet.server.enrolment.tables import issued_certificates, station_claims
from fleet.server.errands.tables import errands
from fleet.server.events.tables import chains, conflicts, quarantine
from fleet.server.guards.service import store_clock_reading
from fleet.server.ingest.parse import UnreadableMessage
from fleet.server.ingest.rebuild import rebuild
from fleet.server.ingest.write import Writer
from fleet.server.issuers.tables import certificate_requests
from fleet.server.orders.tables import orders
from fleet.server.retention.job import RetentionService, is_due
from fleet.server.retention.retention_run import count_due, run
from fleet.server.retention.settings import Hold, load
from fleet.server.stations.tables import alarms
from tests.fleet.server.conftest import NOW, SealingStation, arrived, hold_orders, record
from tests.fleet.server.retention.conftest import (
    CARD,
    CLERK,
    HOLDER,
    OTHER_CARD,
    PSEUDONYMS,
    a_life,
    ask_for_certificate,
    changed_code,
    everything,
    job,
    projected,
    taken,
    with_data,
)

TEN = timedelta(days=3654)


def test_each_class_goes_when_its_time_is_over_and_not_before(either: Database, station: SealingStation) -> None:
    a_life(station)
    taken(either, station)
    whole = with_data(either)
    assert not any(run(job(either, NOW + timedelta(days=400))).values())
    assert with_data(either) == whole
    counts = run(job(either, NOW + timedelta(days=401)))
    assert {name: count for name, count in counts.items() if count} == {"errands": 2, "stations": 2}
    assert "station.started" not in with_data(either)
    assert not any(run(job(either, NOW + timedelta(days=3653))).values())
    assert run(job(either, NOW + TEN))["hand_overs"] == 9
    assert with_data(either) == ["chain.checkpoint"], "a checkpoint is never erased"


def test_after_ten_years_no_person_and_no_card_is_left_and_every_count_is(
    either: Database, station: SealingStation
) -> None:
    hold_orders(either, record())
    a_life(station)
    taken(either, station)
    with either.writing.begin() as connection:
        connection.execute(update(orders).values(state="returned"))
    before = projected(either)
    run(job(either, NOW + TEN))
    left = everything(either)
    for value in (CARD, OTHER_CARD, HOLDER, CLERK, "TEST000000-A002", "Tove Test", "tove typed it"):
        assert value not in left, value
    after = projected(either)
    assert {name: len(rows) for name, rows in after.items()} == {name: len(rows) for name, rows in before.items()}
    with either.reading.begin() as connection:
        own = select(errands.c.hsa_id, errands.c.card_number).where(errands.c.errand.in_(["change-1", "pickup-1"]))
        assert {tuple(row) for row in connection.execute(own)} == {(PSEUDONYMS.person(HOLDER), PSEUDONYMS.card(CARD))}
        assert connection.execute(select(bins.c.by)).scalar() == PSEUDONYMS.person(CLERK)
        assert connection.execute(select(bin_cards.c.card_number)).scalar() == PSEUDONYMS.card(OTHER_CARD)
        assert connection.execute(select(orders.c.hsa_id)).scalar() == PSEUDONYMS.person(HOLDER)


@pytest.mark.parametrize("days", [401, 3654])
def test_a_rebuild_after_erasing_makes_the_same(either: Database, station: SealingStation, days: int) -> None:
    a_life(station)
    taken(either, station)
    run(job(either, NOW + timedelta(days=days)))
    live = projected(either)
    rebuild(either)
    assert projected(either) == live
    assert run(job(either, NOW + timedelta(days=days + 1)))["hand_overs"] == 0, "nothing is erased twice"


def test_the_chain_still_checks_and_an_erased_event_that_comes_again_brings_nothing_back(
    either: Database, station: SealingStation
) -> None:
    a_life(station)
    taken(either, station)
    run(job(either, NOW + timedelta(days=401)))
    live = everything(either)
    again = Writer(either).commit(arrived(*station.sealed), NOW + timedelta(days=402))
    assert (again.stored, again.conflicts) == (0, 0)
    assert again.acked[0][1].through == len(station.sealed)
    heard = "datetime.datetime({}, 10, 0, tzinfo=datetime.timezone.utc)"
    assert everything(either).replace(heard.format("2027, 7, 8"), heard.format("2026, 6, 1"), 1) == live
    assert not any(run(job(either, NOW + timedelta(days=402))).values())
    with either.reading.begin() as connection:
        assert connection.execute(select(chains.c.intact)).scalar() is True


def test_an_errand_waits_for_its_newest_event(database: Database, station: SealingStation) -> None:
    a_life(station)
    first, second = station.sealed[:3], station.sealed[3:]
    Writer(database).commit(arrived(*first), NOW)
    Writer(database).commit(arrived(*second), NOW + timedelta(days=20))
    counts = run(job(database, NOW + timedelta(days=410)))
    assert (counts["errands"], counts["stations"]) == (0, 1)
    assert run(job(database, NOW + timedelta(days=421)))["errands"] == 2


def test_an_errand_under_a_hold_stays_while_the_hold_stands(database: Database, station: SealingStation) -> None:
    a_life(station)
    taken(database, station)
    held = msgspec.structs.replace(load(), hold=(Hold("change-1", "a dispute"),))
    assert run(job(database, NOW + TEN, held))["errands"] == 0
    assert run(job(database, NOW + TEN))["errands"] == 2


def test_a_dry_run_counts_the_same_and_changes_nothing(either: Database, station: SealingStation) -> None:
    hold_orders(either, record("O-9"))
    with either.writing.begin() as connection:
        connection.execute(update(orders).values(state="voided"))
    a_life(station)
    spoilt = UnreadableMessage("entre-a", (2, 1), "events", b"{", "not an event")
    Writer(either).commit([*arrived(*station.sealed), spoilt], NOW)
    live = everything(either)
    dry = run(job(either, NOW + TEN, dry=True))
    assert everything(either) == live
    assert run(job(either, NOW + TEN)) == dry
    assert (dry["orders"], dry["spoilt"]) == (1, 1)


def test_each_batch_is_told_to_the_audit_with_its_count_alone(database: Database, station: SealingStation) -> None:
    a_life(station)
    taken(database, station)
    run(job(database, NOW + TEN))
    with database.reading.begin() as connection:
        entries, _ = audit.entries(connection, action="retention.erase")
        raw = " ".join(connection.execute(select(audit_table.c.entry)).scalars())
    assert {(one.target, one.detail) for one in entries} == {("hand_overs", "9"), ("errands", "2"), ("stations", "2")}
    assert not any(value in raw for value in (HOLDER, CARD, "change-1"))


def test_the_audit_forgets_what_it_said_and_still_checks(either: Database) -> None:
    def tell(when: timedelta, target: str) -> None:
        with either.writing.begin() as connection:
            audit.append(connection, NOW + when, "tove.test", "192.0.2.1", audit.AuditEvent("people.search", target))

    def found() -> tuple[int | None, list[str]]:
        with either.reading.begin() as connection:
            entries, _ = audit.entries(connection)
            return audit.verify(connection).broken, [one.target for one in reversed(entries)]

    for day, target in ((0, HOLDER), (1, CARD), (3000, "later"), (2, "by a clock that went back")):
        tell(timedelta(days=day), target)
    assert run(job(either, NOW + TEN, dry=True))["audit"] == 1
    assert run(job(either, NOW + TEN))["audit"] == 1
    assert found() == (None, ["", CARD, "later", "by a clock that went back", "audit"])
    assert run(job(either, NOW + timedelta(days=3655)))["audit"] == 1
    assert found()[1][:3] == ["", "", "later"]
    assert found()[0] is None
    with either.writing.begin() as connection:
        connection.execute(update(audit_table).where(audit_table.c.sequence == 4).values(entry="", who=""))
    assert found()[0] == 4, "an entry that somebody else emptied"


def test_what_could_not_be_read_is_known_again_when_its_bytes_are_gone(either: Database) -> None:
    spoilt = UnreadableMessage("entre-a", (1, 1), "events", b"{Tove", "not an event")
    Writer(either).commit([spoilt], NOW)
    run(job(either, NOW + TEN))
    assert Writer(either).commit([spoilt], NOW + TEN).conflicts == 0
    with either.reading.begin() as connection:
        assert connection.execute(select(quarantine.c.raw)).scalars().all() == [b""]
        assert connection.execute(select(conflicts)).all() == []


def test_a_claim_goes_with_who_made_it_and_the_certificate_stays(either: Database) -> None:
    """One that nobody ever decided too; one whose time is not over stays, and so does what can be revoked."""
    claim = {"salt": "", "digest": "", "made_by": "tove", "wrong": 0, "decided_by": "annika", "address": "192.0.2.7"}
    days = (0, 300)
    with either.writing.begin() as connection:
        for number, (after, approved) in enumerate([(days[0], True), (days[0], None), (days[1], True)], start=1):
            made = NOW + timedelta(days=after)
            row = {
                "id": number,
                "station": "entre-a",
                "made": made,
                "asked": made,
                "expires": made,
                "approved": approved,
            }
            connection.execute(insert(station_claims).values(**claim, **row))
        issued = {"station": "entre-a", "epoch": 1, "issued": NOW, "not_after": NOW, "key": "", "chain": ""}
        connection.execute(insert(issued_certificates).values(serial="1", claim=1, **issued))
    over = NOW + timedelta(days=401)
    assert run(job(either, over, dry=True))["claims"] == 2
    assert run(job(either, NOW + timedelta(days=399)))["claims"] == 0
    assert run(job(either, over))["claims"] == 2
    with either.reading.begin() as connection:
        assert connection.execute(select(station_claims.c.id)).scalars().all() == [3]
        assert connection.execute(select(issued_certificates.c.serial, issued_certificates.c.claim)).all() == [
            ("1", None)
        ]


def test_a_request_for_a_certificate_goes_once_it_has_ended_for_long_and_not_while_somebody_waits(
    either: Database,
) -> None:
    ends = {
        "given": {"given": NOW},
        "fetched": {"fetched": NOW},
        "ended": {"ended": NOW},
        "over": {"last_day": "2026-05-31"},
    }
    with either.writing.begin() as connection:
        for id, end in {**ends, "waits": {}}.items():
            ask_for_certificate(connection, id, **end)
    assert run(job(either, NOW + timedelta(days=399)))["certificates"] == 0
    over = NOW + timedelta(days=401)
    assert run(job(either, over, dry=True))["certificates"] == len(ends)
    assert run(job(either, over))["certificates"] == len(ends)
    with either.reading.begin() as connection:
        assert connection.execute(select(certificate_requests.c.id)).scalars().all() == ["waits"]


def test_the_file_of_the_database_holds_nothing_of_what_was_erased(tmp_path: Path, station: SealingStation) -> None:
    database = Database.open(tmp_path / "fleet.sqlite")
    station.pickup("O-1", card=CARD, errand="pickup-1")
    taken(database, station)
    run(job(database, NOW + TEN))
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    database.close()
    assert HOLDER.encode() not in raw
    assert CARD.encode() not in raw


def steady_clock(database: Database, now: datetime) -> None:
    """The clock as deadlines see it: without a leap for long."""
    with database.writing.begin() as connection:
        store_clock_reading(connection, ClockReading(now, now - timedelta(days=30)))


def service_at(database: Database, tmp_path: Path, now: datetime) -> RetentionService:
    return RetentionService(database, load(), PSEUDONYMS, tmp_path / "erasures.jsonl", lambda: now)


def test_a_clock_that_leapt_erases_nothing(database: Database, station: SealingStation, tmp_path: Path) -> None:
    """Before the mend a clock of eleven years ahead erased nearly all within five minutes."""
    a_life(station)
    taken(database, station)
    whole = with_data(database)
    service = service_at(database, tmp_path, NOW + TEN)
    assert service.look() is None, "the clock is not known yet"
    steady_clock(database, NOW)
    assert service.look() is None
    assert with_data(database) == whole


def test_more_than_a_share_of_all_waits_for_a_person(
    database: Database, station: SealingStation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(30):
        changed_code(station, f"change-{number}")
    taken(database, station)
    whole, now = with_data(database), NOW + TEN
    steady_clock(database, now)
    service = service_at(database, tmp_path, now)
    assert service.look() is None
    assert with_data(database) == whole
    with database.reading.begin() as connection:
        told = connection.execute(select(alarms.c.code, alarms.c.argument, alarms.c.times)).all()
    assert [tuple(row) for row in told] == [("retention_many", "60", 1)]
    assert service.look() is None, "it is told once a day, not every five minutes"
    assert count_due(job(database, now))[0] == 60
    assert run(job(database, now))["errands"] == 60, "as a person has it done"


def test_age_counts_from_the_signed_time_where_that_is_later(database: Database, station: SealingStation) -> None:
    """What was received while the server's clock was ten years behind is not ten years old."""
    changed_code(station)
    Writer(database).commit(arrived(*station.sealed), NOW - TEN)
    assert not any(run(job(database, NOW + timedelta(days=1))).values())
    assert run(job(database, NOW + timedelta(days=401)))["errands"] == 2


def test_the_service_runs_once_a_day_and_again_where_the_store_was_away(
    database: Database, station: SealingStation, tmp_path: Path
) -> None:
    a_life(station)
    taken(database, station)
    now = [NOW + TEN]
    steady_clock(database, now[0])
    service = RetentionService(database, load(), PSEUDONYMS, tmp_path / "erasures.jsonl", lambda: now[0])
    counts = service.look()
    assert counts is not None
    assert counts["hand_overs"] == 9
    assert service.look() is None
    now[0] += timedelta(days=1)
    steady_clock(database, now[0])
    (tmp_path / "erasures.jsonl").write_text("no ledger")
    assert service.look() is None
    (tmp_path / "erasures.jsonl").unlink()
    assert service.look() is not None, "it is tried again"


@pytest.mark.parametrize(
    ("last", "today", "due"),
    [
        (None, date(2026, 6, 1), True),
        (date(2026, 6, 1), date(2026, 6, 1), False),
        (date(2026, 6, 1), date(2026, 6, 2), True),
        (date(2026, 6, 2), date(2026, 6, 1), False),
    ],
)
def test_a_run_is_owed_once_a_day(last: date | None, today: date, due: bool) -> None:
    assert is_due(last, today) is due
