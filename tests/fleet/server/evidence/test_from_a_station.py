"""What a station's own outbox signs and seals is what the server judges, exports, and anyone can check."""

import sqlite3
from contextlib import closing

from fleet.agent import checkpoints, outbox
from fleet.agent.checkpoints import Checkpoints
from fleet.agent.outbox import START, EventChain
from fleet.messages.vocabulary import EventType
from fleet.server.checkpoints.service import judge
from fleet.server.database.database import Database
from fleet.server.evidence.model import EvidenceRequest
from fleet.server.ingest.write import Writer
from fleet.server.readings.queries import StoreReadings
from tests.fleet.server.conftest import NOW, arrived
from tests.fleet.server.evidence.conftest import Fleet, checked, exported

TIME = NOW.isoformat().replace("+00:00", "Z")


def test_a_stations_outbox_ends_up_as_evidence(database: Database, fleet: Fleet) -> None:
    station = fleet.station()
    assert station.certificate is not None
    chain = EventChain("entre-a", 1, "boot-1")
    signing = Checkpoints(station.key, station.certificate, chain)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as cx:
        cx.executescript(outbox.SCHEMA + checkpoints.SCHEMA)
        for number in range(250):
            content = {"errand": f"errand-{number // 10}", "kind": "check_card"}
            outbox.append(cx, chain, EventType.ERRAND_STARTED, TIME, None, content)
            signing.follow(cx, TIME)
        told = outbox.pending_events(cx, "entre-a", START, 1000)
    Writer(database).commit(arrived(*told), NOW)
    judge(database, fleet.seal.authorities, NOW)
    last = StoreReadings(database, lambda: NOW).checkpoint("entre-a")
    assert last is not None
    assert (last.verdict, last.sequence) == ("good", 203)
    report = checked(exported(database, fleet, EvidenceRequest("errand", "errand-12")), fleet)
    assert (report.verdict, report.whole) == ("genuine", True)
    (stretch,) = report.stretches
    assert (stretch.first, stretch.last, stretch.with_content) == (103, 204, 10)
