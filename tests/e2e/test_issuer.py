"""Issuer simulator, fleet server, broker and a station's link as programs of their own, once: a block from queue to register."""

import asyncio
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleet.agent import outbox, sync
from fleet.agent.identity import Identity
from fleet.agent.link import Link, Timing
from fleet.agent.store import StationStore
from fleet.messages.issuing import SwitchOff
from kiosk.clock import SystemClock
from kiosk.issuer.gateway import SCHEMAS, IssuerGateway
from kiosk.issuer.ports import CardBlocked, CardWord, RequestQueued
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.stories.patience import LIMIT_S
from tests.fakes.fleet.region import SERVER, Region
from tests.fakes.issuers.proving import person_proof

pytestmark = pytest.mark.broker

HOLDER = person(1)
NUMBER = HOLDER.old.card_number


async def test_a_block_goes_from_the_stations_queue_to_the_register(region: Region, tmp_path: Path) -> None:
    (region.places.issuer / "region" / "switch-offs.json").write_text('[{"kind": "errand", "what": "clean_up"}]')
    identity = Identity.load(region.places.config.parent / "identity")
    store = StationStore.open(tmp_path / "s.sqlite", schemas=[outbox.SCHEMA, sync.SCHEMA, *SCHEMAS])
    link = Link(identity, store, "boot-1", Timing(first_s=0.05))
    gateway = IssuerGateway(identity, store, link, SystemClock())
    ports = gateway.ports(None, None)  # type: ignore[arg-type]  # nobody logs in
    blocking, directory = ports["blocking"], ports["directory"]
    now = datetime.now(UTC)
    issuer = TestAuthority.load_or_create(region.places.folder / "card-authority", now)
    card = VirtualCard.create(replace(HOLDER.old, key_algorithm="EC-P256"), issuer, now)
    own = await person_proof(identity.station, card, f"card.block {NUMBER}")

    async def told_and_found() -> tuple[object, object]:
        async with link, asyncio.timeout(LIMIT_S):
            while await blocking.waiting() or gateway.region.off(errand="clean_up") is None:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            told = await blocking.block(NUMBER, "lost", by=own, errand="e")
            return told, await directory.state(NUMBER)

    tasks = gateway.start()
    try:
        assert isinstance(await blocking.block(NUMBER, "lost", by=own, errand="e"), RequestQueued)
        with region.issuer():
            done = await asyncio.to_thread(imported, region)
            assert (done.returncode, done.stdout) == (0, "imported 0, unchanged 12\n"), done.stderr
            with region.serve():
                told, found = await told_and_found()
        away = await asyncio.to_thread(imported, region)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        store.close()
    assert isinstance(told, CardBlocked)
    assert told.at <= datetime.now(UTC)
    assert isinstance(found, CardWord)
    assert found.state == "blocked"
    assert gateway.region.off(errand="clean_up") == SwitchOff("errand", "clean_up")
    assert away.returncode == 4
    assert "the issuer cannot be asked" in away.stderr


def imported(region: Region) -> "subprocess.CompletedProcess[str]":
    """The orders of the issuer, taken as an office would."""
    settings = region.places.issuer / "issuer.toml"
    arguments = ["import-orders", "--issuer", str(settings), "--data", str(region.places.fleet_data)]
    return subprocess.run([*SERVER, *arguments], capture_output=True, text=True)
