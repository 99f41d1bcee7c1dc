"""The whole story of a card and of a person, from what stations, issuer, deadlines and alerts have left: on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from fleet.messages.asking import HoldAsk
from fleet.messages.vocabulary import EventType
from fleet.server.alerts.tables import alerts
from fleet.server.cards.service import CardService
from fleet.server.database.database import Database
from fleet.server.deadlines.tables import deeds
from fleet.server.ingest.write import Writer
from fleet.server.issuers import request_queue as requesting
from fleet.server.issuers.model import HandoverReport, RequestKey
from fleet.server.issuers.tables import certificates, wishes
from fleet.server.pages.i18n import load
from fleet.server.timeline.labels import timeline_link, timeline_text
from fleet.server.timeline.service import TimelineService
from fleet.server.worklist.tables import worklist_acts
from tests.fleet.server.conftest import NOW, KeptChanges, SealingStation, arrived, hold_orders, prove_hand_over, record

OLD, NEW, HOLDER = "9752269871", record().card_number, record().hsa_id
HOUR = timedelta(hours=1)


def lived(database: Database) -> None:
    """A card that was ordered, stocked and fetched; the old one returned by its number, held, and asked a letter for."""
    hold_orders(database, record(), now=NOW - 40 * HOUR)
    station = SealingStation()
    writer = Writer(database)
    stored = {"errand": "stock-1", "card_number": NEW, "order": "O-1", "slot": 3, "by": "TEST000000-A001"}
    at_stock = (
        station.seal(EventType.ERRAND_STARTED, {"errand": "stock-1", "kind": "stock"}, time="2026-05-31T09:00:00Z"),
        station.seal(EventType.CARD_STORED, stored, time="2026-05-31T09:01:00Z"),
    )
    writer.commit(arrived(*at_stock), NOW - 24 * HOUR)
    writer.commit(arrived(*station.pickup("O-1", card=NEW, errand="pickup-1")), NOW)
    prove_hand_over(database, now=NOW - HOUR / 60)
    report = HandoverReport(id="c" * 32, card_number=NEW, order="O-1", hsa_id=HOLDER, handed_over="", attested_by=())
    with database.writing.begin() as connection:
        requesting.enqueue(connection, RequestKey("entre-a", report.id), report, HOLDER, NOW)
    back = {"errand": "return-1", "effect": "drop.card", "outcome": "dropped", "old_card": OLD, "by_number": True}
    end = {"errand": "return-1", "kind": "return_card", "outcome": "done", "seconds": 9, "card_number": OLD}
    returned = (
        station.seal(
            EventType.ERRAND_STARTED, {"errand": "return-1", "kind": "return_card"}, time="2026-06-01T11:00:00Z"
        ),
        station.seal(EventType.EFFECT_DONE, back, time="2026-06-01T11:01:00Z"),
        station.seal(EventType.ERRAND_ENDED, {**end, "hsa_id": HOLDER}, time="2026-06-01T11:02:00Z"),
    )
    writer.commit(arrived(*returned), NOW + 2 * HOUR)
    ask = HoldAsk(id="a" * 32, card_number=OLD, reason="returned", wanted="")
    with database.writing.begin() as connection:
        requesting.enqueue(connection, RequestKey("entre-a", ask.id), ask, HOLDER, NOW + 3 * HOUR)
        letter = {"station": "entre-a", "id": "b" * 32, "ask": "card.letter", "digest": "", "people": "[]"}
        said = {"card_number": OLD, "outcome": "declined", "reason": "not_now", "at": NOW + 4 * HOUR}
        connection.execute(insert(wishes).values(**letter, **said))
        issued = {"card_number": NEW, "serial": "01", "hsa_id": HOLDER, "profile": "signature", "loa": 3}
        where = {"last_day": "2028-01-01", "station": "entre-a", "at": NOW + 5 * HOUR}
        connection.execute(insert(certificates).values(**issued, **where))
        done = {"what": "done", "did": "hold", "station": "entre-a", "card_number": OLD, "at": NOW + 6 * HOUR}
        connection.execute(insert(deeds).values(rule="left", subject=OLD, due="2026-06-01", **done))
        act = {
            "kind": "hold",
            "subject": OLD,
            "at": NOW + 8 * HOUR,
            "who": "TEST000000-A001",
            "act": "note",
            "note": "called",
        }
        connection.execute(insert(worklist_acts).values(**act))
        alert = {"station": "entre-a", "code": "card_not_genuine", "subject": "", "severity": "critical", "times": 1}
        when = {"detail": f"{NEW}: other_key", "first": NOW + 7 * HOUR, "last": NOW + 7 * HOUR, "silent": False}
        connection.execute(insert(alerts).values(**alert, **when))
        connection.execute(insert(alerts).values(**{**alert, "code": "bin_full", **when, "detail": "9752"}))


def timelines(database: Database, *patterns: str) -> TimelineService:
    cards = CardService(database, KeptChanges(), lambda: NOW + 9 * HOUR)
    return TimelineService(database, cards).within(frozenset(patterns or ("*",)))


NEW_STORY = [
    ("alert", "card_not_genuine", ""),
    ("certificate", "signature", ""),
    ("request", "card.received", "waiting"),
    ("order", "collected", ""),
    ("receipt", "pickup", "R-O-1"),
    ("errand", "pickup", "done"),
    ("stock", "stored", "3"),
    ("order", "made", ""),
]
OLD_STORY = [
    ("worklist", "note", "hold"),
    ("deadline", "left", "hold"),
    ("ask", "card.letter", "declined"),
    ("request", "card.hold", "waiting"),
    ("dropped", "by_number", ""),
    ("errand", "return_card", "done"),
]


@pytest.mark.parametrize(("number", "told"), [(NEW, NEW_STORY), (OLD, OLD_STORY), ("9999", [])])
def test_a_card_has_one_story_newest_first(database: Database, number: str, told: list[tuple[str, str, str]]) -> None:
    lived(database)
    timeline = timelines(database).card(number)
    assert sorted((row.kind, row.code, row.result) for row in timeline.rows) == sorted(told)
    moments = [row.at for row in timeline.rows]
    assert moments == sorted(moments, reverse=True)
    assert [row.kind for row in timeline.rows][:2] == [kind for kind, _, _ in told][:2]
    texts = load()["en"]
    assert all(timeline_text(row, texts) for row in timeline.rows)
    said = [timeline_text(row, texts) for row in timeline.rows if row.kind == "worklist"]
    assert said == (["TEST000000-A001 wrote: called"] if number == OLD else [])


def test_a_person_has_the_stories_of_all_their_cards(database: Database) -> None:
    lived(database)
    timeline = timelines(database).person(HOLDER)
    assert timeline.cards == (OLD, NEW)
    told = [(row.kind, row.code, row.result) for row in timeline.rows]
    assert sorted(told) == sorted(NEW_STORY + OLD_STORY)
    assert timelines(database).person("TEST000000-9999").rows == ()


def test_who_may_not_see_the_station_sees_nothing(database: Database) -> None:
    lived(database)
    assert timelines(database, "entre-b").card(NEW).rows == timelines(database, "entre-b").person(HOLDER).rows == ()


def test_each_moment_leads_to_more(database: Database) -> None:
    lived(database)
    links = {row.kind: timeline_link(row) for row in timelines(database).person(HOLDER).rows}
    assert links == {
        "worklist": "/worklist",
        "alert": "/alerts/1",
        "certificate": "/stations/entre-a",
        "deadline": "/stations/entre-a",
        "ask": "/stations/entre-a",
        "request": "/stations/entre-a",
        "dropped": "/bins/entre-a",
        "errand": "/errands/pickup-1",
        "receipt": "/errands/pickup-1",
        "stock": "/errands/stock-1",
        "order": "/orders?q=O-1",
    }
