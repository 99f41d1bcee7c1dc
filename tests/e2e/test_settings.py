"""Settings from the fleet server at a running station: they count at once, are taken back by themselves, and hold when good.

The station's own file says nothing of anchors, as that of one set up at its screen. The station's program really starts anew.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from fleet.messages.vocabulary import EventType
from fleet.server.database.database import FILE_NAME, open_database
from fleet.server.events.tables import events
from fleet.server.station_settings.service import put_layer
from kiosk.fleet_settings import MAX_STARTS, SettingsRecord, read_settings_record
from sim.demo import processes, seed, story
from sim.demo.player import Player
from sim.demo.processes import DemoProcess
from sim.demo.run import virtual_display
from sim.reader.personas import person
from sim.reader.pki import TestAuthority as MadeUpAuthority
from sim.stories.patience import LIMIT_S
from tests.fakes.fleet.region import Region

pytestmark = [pytest.mark.screen, pytest.mark.broker]


@asynccontextmanager
async def station(region: Region) -> AsyncIterator[tuple[DemoProcess, Player]]:
    """The station's program on a virtual screen, and a person in front of it."""
    async with virtual_display() as display:
        program = processes.station(region.places, display)
        await program.start()
        try:
            yield program, Player(display, region.places.bench / "bench.sock")
        finally:
            await program.stop()


def give_anchors(region: Region, authority: MadeUpAuthority, revision: int) -> None:
    """What two persons decided an hour ago: the fleet believes cards of that authority."""
    certificates = [*authority.anchors(), *authority.intermediates()]
    pem = "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)
    document = f'[trust]\nanchors = "fleet:anchors.pem"\n[files]\n"anchors.pem" = """\n{pem}"""\n'
    with open_database(region.places.fleet_data / FILE_NAME) as database, database.writing.begin() as connection:
        author = ("tove.test", "olle.test", "127.0.0.1")
        put_layer(connection, "fleet", document, revision, "made up", author, datetime.now(UTC))


async def until(seen: Callable[[], bool]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(LIMIT_S):
        while not seen():  # noqa: ASYNC110 - another program's file or answer
            await asyncio.sleep(0.05)


def record_of(region: Region) -> SettingsRecord:
    return read_settings_record(region.places.config.parent / "data")


def started_since(region: Region, starts: int) -> bool:
    return record_of(region).starts > starts


def told(region: Region, kind: EventType) -> list[object]:
    """What the server has heard of that kind."""
    with open_database(region.places.fleet_data / FILE_NAME) as database, database.reading.begin() as connection:
        rows = connection.execute(select(events.c.data).where(events.c.type == kind))
        return [json.loads(data) for data in rows.scalars()]


async def test_anchors_come_from_the_fleet_and_bad_ones_go_back_by_themselves(region: Region) -> None:
    """Those of strangers: no card of the region is believed, and a program that is cut off at each start gives them up. Then
    the right ones: a holder collects a card at a station whose own file trusts nobody."""
    own = region.places.config.read_text(encoding="utf-8")
    assert 'anchors = ""\n' in own
    region.places.config.write_text(own.replace('anchors = ""\n', ""), encoding="utf-8")
    now, someone = datetime.now(UTC), person(1)
    give_anchors(region, MadeUpAuthority.create(now), 0)
    async with station(region) as (program, player):
        with region.serve():
            await until(lambda: record_of(region).starts == 1)
        bad = record_of(region).version
        await player.play(story.own_card(someone)[:3])
        await player.await_view("pickup.stop.own_card_untrusted")
        await player.move("remove", reader="holder")
        for _ in range(1, MAX_STARTS):
            await cut(program)
            before = record_of(region).starts
            await program.start()
            await until(partial(started_since, region, before))
        await cut(program)
        give_anchors(region, MadeUpAuthority.load(region.places.bench / "authority"), 1)
        with region.serve():
            await program.start()
            await until(lambda: told(region, EventType.SETTINGS_APPLIED) != [])
            good = json.loads(region.page(f"/api/v1/stations/{seed.STATION}/settings"))["version"]
            assert told(region, EventType.SETTINGS_REFUSED) == [{"version": bad, "reason": "start", "text": ""}]
            assert told(region, EventType.SETTINGS_APPLIED) == [{"version": good}]
            await player.play(story.own_card(someone))
            await player.await_view("home")
    assert (record_of(region).version, record_of(region).step) == (good, "applied")


async def cut(program: DemoProcess) -> None:
    """The station's power goes."""
    program.kill()
    assert program.process is not None
    await program.process.wait()
