"""One station's key, and six made-up events: a posted card is as dead as before, at the issuer too."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet.agent import outbox, sync
from fleet.agent.identity import Identity
from fleet.agent.link import Link
from fleet.agent.outbox import EventChain
from fleet.agent.store import StationStore
from fleet.messages.vocabulary import EventType
from kiosk.clock import SystemClock
from kiosk.issuer.gateway import SCHEMAS, IssuerGateway
from kiosk.issuer.ports import CardWord
from sim.reader.personas import person
from sim.stories.patience import LIMIT_S
from tests.fakes.fleet.linked_station import PROMPT
from tests.fakes.fleet.region import Region

pytestmark = pytest.mark.broker
ROGUE = "annex-zz59"
NUMBER, ORDER, ADMINISTRATOR = person(9).new.card_number, "2026-0009", person(13).hsa_id


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Region]:
    made = Region(tmp_path / "region", posted=(9,))
    with made.issuer(), made.serve():
        yield made


def made_up() -> list[tuple[str, dict[str, Any]]]:
    """A hand-over that never was, attested by somebody who was not there."""
    about = {"errand": "e-1", "order": ORDER}
    card = {**about, "card_number": NUMBER}
    attested = {**about, "administrator": ADMINISTRATOR, "logged_in_by": "server", "document": "passport"}
    return [
        (EventType.ERRAND_STARTED, {"errand": "e-1", "kind": "activate"}),
        (EventType.IDENTITY_ATTESTED, {**attested, "document_digits": "4711"}),
        (EventType.EFFECT_DONE, {**card, "effect": "slot.take", "outcome": "taken", "slot": 1}),
        (EventType.CARD_ACTIVATED, card),
        (EventType.RECEIPT_ISSUED, {**card, "number": "AAAA-BBBB-C0001", "receipt": {"made": "up"}, "signed": "card"}),
        (EventType.ERRAND_ENDED, {**card, "kind": "activate", "outcome": "done", "seconds": 60}),
    ]


def told_to_the_issuer(region: Region) -> list[str]:
    """What has come of hand-overs that the issuer is told: `done` is its own word."""
    return [row["state"] for row in region.api("requests")["items"] if row["ask"] == "card.received"]


async def test_a_stations_key_alone_activates_no_posted_card(region: Region, tmp_path: Path) -> None:
    identity = Identity.load(region.another_station(ROGUE).parent / "identity")
    store = StationStore.open(tmp_path / "rogue.sqlite", schemas=[outbox.SCHEMA, sync.SCHEMA, *SCHEMAS])
    link, chain = Link(identity, store, "boot-1", PROMPT), EventChain(ROGUE, 1, "boot-1")
    directory = IssuerGateway(identity, store, link, SystemClock()).ports(None, None)["directory"]  # type: ignore[arg-type]

    def tell(cx: Any) -> None:
        for kind, content in made_up():
            outbox.append(cx, chain, kind, "2026-06-01T10:00:00Z", f"order/{ORDER}", content)

    async def state() -> str:
        word = await directory.state(NUMBER)
        assert isinstance(word, CardWord), word
        return word.state

    async with link, asyncio.timeout(LIMIT_S):
        await store.transact(tell)
        link.notify()
        while await store.transact(lambda cx: outbox.depth(cx, ROGUE)):  # noqa: ASYNC110  # a file: no event
            await asyncio.sleep(0.05)
        while "waiting" in (told := told_to_the_issuer(region)):  # noqa: ASYNC110  # another program
            await asyncio.sleep(0.5)
        found = await state()
    store.close()
    (order,) = (row for row in region.api("orders")["items"] if row["order"] == ORDER)
    assert (found, order["state"], told) == ("handed_out", "coming", [])
