"""The desk of asks: who is believed, what is answered, and what a flood costs."""

import asyncio
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from fleet.messages.link import EnvelopeAsk, OrderAsk
from fleet.messages.pacing import ASK_BURST
from fleet.messages.signed import CLOCK_SLACK
from fleet.messages.topics import Topics
from fleet.server.asks import refusals as refusing
from fleet.server.asks.fair_queue import MOST_WAITING, FairQueue
from fleet.server.asks.guard import read_authorities
from fleet.server.asks.rate_limits import A_DAY, AskLimits
from fleet.server.asks.refusals import ALARM_EVERY
from fleet.server.asks.revocation_list import AuthorityFileError, RevocationList, RevocationLists
from fleet.server.asks.verification import REMEMBERED
from fleet.server.broker.transport import Incoming
from fleet.server.database.database import Database
from fleet.server.stations.tables import alarms, stations
from fleet.server.verifier.model import EnvelopeVerdict
from provisioning.authority import Authority
from tests.fakes.server.asking import Desk
from tests.fakes.server.scripted_verifier import ScriptedVerifier
from tests.fleet.server.conftest import hold_orders, record

WHO = "TEST000000-0001"


@pytest.fixture
def desk(authority: Authority, database: Database, tmp_path: Path) -> Desk:
    hold_orders(database, record())
    return Desk(authority, database, tmp_path, ScriptedVerifier())


async def test_a_signed_ask_gets_a_signed_answer_on_its_own_topic(desk: Desk) -> None:
    nonce, payload = desk.signatures("entre-a").sign(OrderAsk(WHO), datetime.now(UTC))
    ((station, said),) = await desk.deliver([("entre-a", payload)])
    assert (station, said.station, said.nonce, said.answer.ok) == ("entre-a", "entre-a", nonce, True)
    ((topic, _, correlation),) = desk.transport.published
    assert (topic, correlation) == (Topics("entre-a").answer, bytes(16))
    assert desk.counts == {"believed": 1}


async def test_a_verdict_and_an_error_are_signed_too(desk: Desk) -> None:
    ask = EnvelopeAsk(order="O-1", nonce="0" * 32, sealed="AAAA")
    verifier = desk.answers.verifier
    for says, wanted in ((EnvelopeVerdict(1, "match"), (True, "match", None)), (None, (False, None, "verifier_away"))):
        verifier.says = says
        ((_, said),) = await desk.deliver([("entre-a", desk.ask("entre-a", ask))])
        assert (said.answer.ok, said.answer.verdict, said.answer.error) == wanted


async def test_what_has_no_correlation_is_dropped(desk: Desk) -> None:
    (said,) = await desk.deliver([("entre-a", desk.ask("entre-a"))])
    assert said[1].answer.ok
    await desk.deliver_raw(Incoming(Topics("entre-a").ask, desk.ask("entre-a")))
    await desk.deliver_raw(Incoming("kortkiosk/v1/no station/ask", b"", correlation=b"1"))
    assert desk.counts["no_correlation"] == 2


async def test_a_clock_that_is_off_is_told_the_time_and_the_nonce_stays_free(desk: Desk) -> None:
    for off in (CLOCK_SLACK + timedelta(seconds=5), -CLOCK_SLACK - timedelta(seconds=5)):
        ((_, said),) = await desk.deliver([("entre-a", desk.ask("entre-a", at=datetime.now(UTC) + off))])
        assert said.answer.error == "clock"
        assert abs(datetime.fromisoformat(said.issued) - datetime.now(UTC)) < CLOCK_SLACK
    near = desk.ask("entre-a", at=datetime.now(UTC) + CLOCK_SLACK - timedelta(seconds=30))
    ((_, said),) = await desk.deliver([("entre-a", near)])
    assert said.answer.ok


async def test_a_nonce_is_taken_as_long_as_its_time_could_pass(desk: Desk) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    desk.clock = lambda: now
    payload = desk.ask("entre-a", at=now + CLOCK_SLACK)
    assert len(await desk.deliver([("entre-a", payload)])) == 1
    desk.clock = lambda: now + REMEMBERED
    assert await desk.deliver([("entre-a", payload)]) == []
    assert desk.counts["replayed"] == 1
    desk.clock = lambda: now + REMEMBERED + timedelta(seconds=1)
    ((_, said),) = await desk.deliver([("entre-a", payload)])
    assert said.answer.error == "clock", "then its own time keeps it out"


async def test_a_certificate_counts_while_it_is_valid(desk: Desk) -> None:
    now = datetime.now(UTC)
    for days in (-1, 800):
        desk.clock = lambda days=days: now + timedelta(days=days)  # type: ignore[misc]
        assert await desk.deliver([("entre-a", desk.ask("entre-a"))]) == []
    assert desk.counts == {"not_valid": 2}


async def test_somebody_who_asks_without_the_stations_signature_is_one_alarm_an_hour(
    desk: Desk, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(refusing, "LINES_AT_ONCE", 3)
    desk = Desk(desk.authority, database, desk.folder)
    with database.writing.begin() as connection:
        connection.execute(stations.update().values(online=True))
    for number in range(10):
        await desk.deliver([("entre-a", b"made up %d" % number), ("made-up", b"made up")])
    now = datetime.now(UTC)
    desk.clock = lambda: now + ALARM_EVERY + timedelta(minutes=1)
    await desk.deliver([("entre-a", desk.ask("entre-b"))])
    with database.reading.begin() as connection:
        rows = [(row.station, row.code, row.argument, row.times) for row in connection.execute(select(alarms))]
    assert rows == [("entre-a", "unsigned_ask", "other_station", 2)], "and none for a name that nobody knows"
    assert len(caplog.records) == 3, "a flood fills no log"
    assert desk.counts == {"unsigned": 20, "other_station": 1}


async def test_what_is_over_the_rate_is_told_so_and_then_nothing(desk: Desk) -> None:
    said = await desk.deliver([("entre-a", desk.ask("entre-a")) for _ in range(5 * ASK_BURST)])
    refused = [answer for _, answer in said if answer.answer.error == "too_many"]
    assert ASK_BURST <= len(refused) < 2 * ASK_BURST
    assert len({answer.nonce for _, answer in said}) == len(said), "each by its own nonce"
    assert await desk.deliver([("entre-a", b"no JWS at all")] * 3) == []


def test_a_station_has_a_days_amount_of_asks_that_comes_back_over_the_day() -> None:
    """However slowly it asks; and another station has its own."""
    now = 0.0
    limits = AskLimits(burst=100, per_s=20.0, monotonic=lambda: now, a_day=200)
    judged = Counter[str]()
    for _ in range(1000):
        now += 1.0
        judged[limits.judge("entre-a")] += 1
    assert judged == {"go": 202, "spent": 798}
    assert limits.judge("entre-b") == "go"
    now += 43_200.0
    assert [limits.judge("entre-a") for _ in range(100)] == ["go"] * 100
    assert A_DAY == 50_000, "as docs/operations.md says"


async def test_who_has_asked_enough_for_the_day_is_told_so_with_one_alarm(
    desk: Desk, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AskLimits, "judge", lambda _self, station: "spent" if station == "entre-a" else "go")
    said = await desk.deliver([("entre-a", desk.ask("entre-a")) for _ in range(5)])
    assert [answer.answer.error for _, answer in said] == ["too_many"] * 5
    with database.reading.begin() as connection:
        rows = [(row.station, row.code, row.times) for row in connection.execute(select(alarms))]
    assert rows == [("entre-a", "too_many_asks", 1)]


def test_a_station_waits_at_most_so_often_and_the_others_take_turns() -> None:
    queue: FairQueue[int] = FairQueue(at_once=6, share=2)
    assert [queue.put("flood", number) for number in range(MOST_WAITING + 1)] == [True] * MOST_WAITING + [False]
    assert [queue.put(name, 0) for name in ("a", "b", "c")] == [True] * 3
    taken = [queue.take_now() for _ in range(7)]
    assert [one[0] for one in taken if one] == ["flood", "a", "b", "c", "flood"]
    queue.done("flood")
    assert queue.take_now() == ("flood", 2)
    for name in ("a", "b", "c"):
        queue.done(name)
    assert queue.take_now() is None, "it has its share"
    queue.put("a", 1)
    assert queue.take_now() == ("a", 1)


async def test_who_takes_waits_for_an_ask_and_for_a_place() -> None:
    queue: FairQueue[int] = FairQueue(at_once=1)
    taking = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    queue.put("a", 1)
    assert await taking == ("a", 1)
    queue.put("b", 2)
    taking = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    assert not taking.done()
    queue.done("a")
    assert await taking == ("b", 2)


def test_the_list_of_revoked_stations_is_followed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    authority = Authority.init(tmp_path / "authority", [], datetime.now(UTC))
    folder = authority.directory / "ca"
    authorities, crl = read_authorities(folder / "ca.pem"), folder / "crl.pem"
    desk = Desk(authority, None, tmp_path)  # type: ignore[arg-type]
    certificate = desk.signatures("entre-a").own[1]
    revoked = RevocationLists(
        (RevocationList(crl, authorities), RevocationList(folder / "issuing-crl.pem", authorities))
    )
    assert not revoked.has(certificate)
    authority.revoke("entre-a", datetime.now(UTC))
    assert revoked.has(certificate)
    crl.write_text("damaged")
    assert revoked.has(certificate)
    crl.unlink()
    assert revoked.has(certificate), "a file that is gone lets nobody back in"
    assert len(caplog.records) == 2
    crl.write_text("damaged")
    os.utime(crl, ns=(1, 1))
    with pytest.raises(AuthorityFileError, match=r"crl\.pem"):
        RevocationList(crl, authorities)
    with pytest.raises(AuthorityFileError, match="no certificate in PEM"):
        read_authorities(crl)
    with pytest.raises(AuthorityFileError, match=r"gone\.pem"):
        read_authorities(folder / "gone.pem")
