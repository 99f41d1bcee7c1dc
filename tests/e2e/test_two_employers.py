"""A card of two employers, with issuer, fleet server, broker and a station's link as programs of their own, once."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleet.agent import outbox, sync
from fleet.agent.identity import Identity
from fleet.agent.link import Link, Timing
from fleet.agent.store import StationStore
from kiosk.clock import SystemClock
from kiosk.issuer.gateway import SCHEMAS, IssuerGateway
from kiosk.issuer.ports import CardBlocked, CardWord, Found
from sim.demo.issuer import SEED
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.stories.patience import LIMIT_S
from tests.fakes.fleet.region import Region
from tests.fakes.issuers.proving import person_proof

pytestmark = pytest.mark.broker

HOLDER = person(1)
NUMBER = HOLDER.old.card_number
ELSEWHERE = "TEST000001-0009"


def also_elsewhere(seed: Path) -> None:
    """The register knows that the card names its holder at another employer too; the first one they have left."""
    content = json.loads(seed.read_bytes())
    next(card for card in content["cards"] if card["card_number"] == NUMBER)["also"] = [ELSEWHERE]
    next(one for one in content["people"] if one["hsa_id"] == HOLDER.hsa_id)["left"] = "2026-01-01"
    content["people"].append({"hsa_id": ELSEWHERE, "name": HOLDER.name})
    seed.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


async def test_the_holder_acts_for_either_employer_and_blocks_the_card_for_both(region: Region, tmp_path: Path) -> None:
    also_elsewhere(region.places.issuer / SEED)
    identity = Identity.load(region.places.config.parent / "identity")
    store = StationStore.open(tmp_path / "s.sqlite", schemas=[outbox.SCHEMA, sync.SCHEMA, *SCHEMAS])
    link = Link(identity, store, "boot-1", Timing(first_s=0.05))
    gateway = IssuerGateway(identity, store, link, SystemClock())
    ports = gateway.ports(None, None)  # type: ignore[arg-type]  # nobody logs in
    now = datetime.now(UTC)
    issuer = TestAuthority.load_or_create(region.places.folder / "card-authority", now)
    card = VirtualCard.create(replace(HOLDER.old, key_algorithm="EC-P256", hsa_id=ELSEWHERE), issuer, now)

    async def told() -> tuple[list[str], object, object]:
        directory, blocking = ports["directory"], ports["blocking"]
        async with link, asyncio.timeout(LIMIT_S):
            while not isinstance(word := await directory.state(NUMBER, hsa_id=ELSEWHERE), CardWord):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            of_both = [word, await directory.state(NUMBER, hsa_id=HOLDER.hsa_id), await directory.state(NUMBER)]
            means = (f"card.block {NUMBER}", f"directory.find {NUMBER}", f"directory.find {ELSEWHERE}")
            own = await person_proof(identity.station, card, *means, nonce=word.nonce)
            found = await directory.find(card_number=NUMBER, people=(own,))
            return [each.holder for each in of_both], found, await blocking.block(NUMBER, "lost", by=own, errand="e")

    tasks = gateway.start()
    try:
        with region.issuer(), region.serve():
            holders, found, blocked = await told()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        store.close()
    assert holders == ["here", "left", "here"]
    assert isinstance(found, Found)
    assert found.person is not None
    assert found.person.hsa_id == ELSEWHERE
    assert isinstance(blocked, CardBlocked)
