"""A station that is left alone signs its chain and forgets who came; one whose clock runs ahead forgets nobody."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drivers.cabinet.port import NotOpened, SlotFault
from drivers.reader.outcomes import Accepted
from fleet.agent import checkpoints, outbox, sync
from fleet.agent.checkpoints import Checkpoints
from fleet.agent.outbox import START, EventChain
from fleet.agent.store import StationStore
from fleet.messages.vocabulary import EventType
from kiosk.ports import Ended
from kiosk.station import journal as journal_module
from kiosk.station.housekeeping import EVERY_S, KEPT, delete_expired, run_housekeeping
from kiosk.station.journal import Journal
from provisioning import pki
from sim.stories.clock import HandClock
from sim.stories.devices import STATION, order_of
from sim.stories.room import quick_folder

CHAIN = EventChain(STATION, 1, "boot-1")
SCHEMAS = [outbox.SCHEMA, checkpoints.SCHEMA, sync.SCHEMA, journal_module.SCHEMA]


class Quiet:
    """A station's file with a journal that signs."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        self.store = StationStore.open(folder / "station.sqlite", schemas=SCHEMAS)
        key, ca = pki.new_key(), pki.make_ca(self.clock.now())
        certificate = pki.issue_client(ca, STATION, key.public_key(), self.clock.now())
        follow = Checkpoints(key, certificate, CHAIN).follow
        self.journal = Journal(self.store, CHAIN, self.clock, follow=follow)
        self.signed: datetime | None = None

    async def errand(self) -> None:
        """One that set a code and found a slot jammed."""
        log = await self.journal.start("pickup")
        await log.about(order_of(1))
        await log.effect("slot.open", _done(NotOpened(SlotFault.JAMMED)), slot=14, fault="jammed")
        await log.effect("card.unblock", _done(Accepted()))
        await log.end(Ended("done"))

    async def pass_hours(self, hours: int) -> None:
        """Let the hourly work be done that often."""
        task = asyncio.create_task(run_housekeeping(self.journal, self.clock, lambda: self.signed))
        for _ in range(hours):
            for _ in range(3):
                await asyncio.sleep(0)
            self.clock.advance(EVERY_S)
            await self.store.transact(lambda cx: None)
            await asyncio.sleep(0)
        for _ in range(8):
            await self.store.transact(lambda cx: None)
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        return await self.store.transact(lambda cx: cx.execute(query).fetchall())

    async def told(self) -> list[str]:
        found = await self.store.transact(lambda cx: outbox.pending_events(cx, STATION, START, 1000))
        return [event.type for event in found]


async def _done(result: object) -> object:
    return result


@pytest.fixture
async def quiet(tmp_path: Path) -> AsyncIterator[Quiet]:
    with quick_folder(tmp_path) as folder:
        quiet = Quiet(folder)
        yield quiet
        quiet.store.close()


async def test_a_quiet_station_signs_its_chain_within_a_day(quiet: Quiet) -> None:
    await quiet.journal.boot("0.1.0")
    await quiet.errand()
    before = (await quiet.told()).count(EventType.CHAIN_CHECKPOINT)
    await quiet.pass_hours(26)
    assert (await quiet.told()).count(EventType.CHAIN_CHECKPOINT) == before + 1


async def test_who_came_is_forgotten_when_the_server_says_that_it_is_late(quiet: Quiet) -> None:
    await quiet.errand()
    await quiet.journal.start("check_card")
    quiet.signed = quiet.clock.now() + KEPT - timedelta(hours=1)
    await quiet.pass_hours(1)
    assert len(await quiet.rows("SELECT * FROM effect")) == 2
    quiet.signed = quiet.clock.now() + KEPT + timedelta(days=1)
    await quiet.pass_hours(1)
    assert await quiet.rows("SELECT name, order_no FROM effect") == [("slot.open", None)], "whether it jammed is kept"
    assert await quiet.rows(
        "SELECT kind, hsa_id, order_content, card_number, order_no FROM errand ORDER BY started"
    ) == [
        ("pickup", None, None, None, None),
        ("check_card", None, None, None, None),
    ]
    assert await quiet.rows("SELECT count(*) FROM errand WHERE ended IS NULL") == [(1,)], "what goes on is not touched"


async def test_a_clock_that_runs_ahead_makes_nobody_forget(quiet: Quiet) -> None:
    await quiet.errand()
    quiet.signed = quiet.clock.now()
    quiet.clock.advance(10 * 365 * 24 * 3600)
    await quiet.pass_hours(1)
    assert len(await quiet.rows("SELECT * FROM effect")) == 2


async def test_old_receipts_go_and_new_ones_stay(quiet: Quiet) -> None:
    now = datetime(2027, 6, 1, tzinfo=UTC)
    for number, issued in (("old", "2026-04-26T23:59:59.999Z"), ("new", "2026-04-27T00:00:00.001Z")):
        row = (number, "O-1", b"{}", "KK1", issued)
        await quiet.store.transact(lambda cx, row=row: cx.execute("INSERT INTO receipt VALUES (?, ?, ?, ?, ?)", row))  # type: ignore[misc]
    assert await quiet.store.transact(lambda cx: delete_expired(cx, now)) == 1
    assert await quiet.rows("SELECT number FROM receipt") == [("new",)]
