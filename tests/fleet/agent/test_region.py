"""The region's data at the station: whole, signed, in order of time, or not at all."""

import asyncio
import base64
import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.jwk import ECKey

from fleet.agent import region
from fleet.agent.answer_verification import AnswerVerifier, SyncRefused
from fleet.agent.identity import Broker, Identity
from fleet.agent.region import RegionFile, SyncedRegion
from fleet.agent.store import StationStore
from fleet.messages.asking import REGION_TYP, SYNC_TYP
from fleet.messages.issuing import SwitchOff
from fleet.messages.link import Answer, Ask
from fleet.messages.region import FilePart, RegionAsk, RegionPage
from provisioning.authority import public_jwk
from sim.stories.clock import NOW
from sim.stories.patience import LIMIT_S

SIGNING, STRANGER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
PATH = Path()
OFF = (SwitchOff("errand", "clean_up"),)


def part(content: bytes, start: int = 0, end: int | None = None, **facts: str) -> FilePart:
    data = base64.b64encode(content[start:end]).decode()
    known = {"kind": "crl", "name": "a", "digest": hashlib.sha256(content).hexdigest(), "data": data}
    return FilePart(**known | facts)  # type: ignore[arg-type]


def page(*files: FilePart, issued: datetime = NOW, **facts: Any) -> RegionPage:
    known = {
        "station": "entre-a", "issued": issued.isoformat(), "not_after": (issued + timedelta(days=7)).isoformat(),
        "set": "one", "switch_offs": OFF, "files": files,
    }  # fmt: skip
    return RegionPage(**known | facts)


def signed(content: RegionPage, key: ec.EllipticCurvePrivateKey = SIGNING, typ: str = REGION_TYP) -> Answer:
    header = {"alg": "ES256", "typ": typ}
    return Answer(ok=True, jws=jws.serialize_compact(header, msgspec.json.encode(content), ECKey.import_key(key)))


class Wire:
    """The link: answers from a script."""

    def __init__(self) -> None:
        self.online = True
        self.answers: list[Answer] = []
        self.asked: list[Ask] = []
        self.listeners: list[Callable[[bool], None]] = []

    def on_change(self, listener: Callable[[bool], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    async def ask(self, message: Ask, timeout_s: float = 10.0) -> Answer:
        self.asked.append(message)
        return self.answers.pop(0)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StationStore]:
    made = StationStore.open(tmp_path / "station.sqlite", schemas=[region.SCHEMA])
    yield made
    made.close()


@pytest.fixture
def taken() -> list[RegionFile]:
    """Files that came."""
    return []


@pytest.fixture
def times() -> list[datetime]:
    """Signed times that came."""
    return []


@pytest.fixture
def held(store: StationStore, wire: Wire, taken: list[RegionFile], times: list[datetime]) -> SyncedRegion:
    pinned = Identity("entre-a", 1, Broker("localhost", 1), PATH, PATH, PATH, public_jwk(SIGNING), bytes(32), NOW)
    return SyncedRegion(
        store, wire, AnswerVerifier(pinned), lambda: NOW, on_files=taken.extend,
        on_signed_time=lambda issued, took_s: times.append(issued),
    )  # fmt: skip


async def test_a_file_in_parts_is_put_together(
    held: SyncedRegion, wire: Wire, taken: list[RegionFile], times: list[datetime]
) -> None:
    content = bytes(range(250))
    wire.answers = [
        signed(page(part(content, 0, 100), next="2")),
        signed(page(part(content, 100), part(b"text", kind="profile", name="b.toml"), switch_offs=())),
    ]
    await held.refresh()
    assert taken == [RegionFile("crl", "a", content), RegionFile("profile", "b.toml", b"text")]
    assert held.files() == tuple(taken)
    assert held.off(errand="clean_up") == OFF[0]
    assert times == [NOW, NOW]
    assert wire.asked == [RegionAsk(settings=True), RegionAsk(cursor="2", settings=True)]


async def test_signed_time_measures_also_a_clock_that_is_too_far_ahead_to_take_the_set(
    held: SyncedRegion, wire: Wire, times: list[datetime]
) -> None:
    issued = NOW - timedelta(days=30)
    wire.answers = [signed(page(issued=issued))]
    with pytest.raises(SyncRefused):
        await held.refresh()
    assert times == [issued]


async def test_a_set_that_is_held_is_not_sent_again_but_its_time_counts(held: SyncedRegion, wire: Wire) -> None:
    later = NOW + timedelta(hours=1)
    wire.answers = [
        signed(page()),
        signed(page(issued=later, unchanged=True, switch_offs=())),
        signed(page(issued=NOW)),
    ]
    await held.refresh()
    await held.refresh()
    assert wire.asked[1] == RegionAsk(have="one", settings=True)
    assert held.off(errand="clean_up") is not None
    assert held.digest == "one"
    with pytest.raises(SyncRefused, match="older"):
        await held.refresh()


CONTENT = b"a list"
REFUSED: dict[str, list[Answer]] = {
    "forged": [signed(page(), STRANGER)],
    "another question's": [signed(page(), typ=SYNC_TYP)],
    "another station's": [signed(page(station="entre-b"))],
    "replayed": [signed(page(issued=NOW - timedelta(seconds=1)))],
    "expired": [signed(page(not_after=(NOW - timedelta(seconds=1)).isoformat()))],
    "a time without a zone": [signed(page(issued=NOW.replace(tzinfo=None)))],
    "of two sets": [signed(page(next="2")), signed(page(set="two"))],
    "a part is missing": [signed(page(part(CONTENT, 0, 3)))],
    "a file is another": [signed(page(part(CONTENT, data="AAAA")))],
    "no base64": [signed(page(part(CONTENT, data="!")))],
    "a file comes twice": [signed(page(part(CONTENT), part(b"another")))],
    "without end": [signed(page(next="again"))] * (region.MAX_PAGES + 1),
    "the server says no": [Answer(ok=False, error="bad_ask", text="no")],
}


@pytest.mark.parametrize("story", REFUSED)
async def test_what_cannot_be_trusted_leaves_the_old_set_in_force(held: SyncedRegion, wire: Wire, story: str) -> None:
    wire.answers = [signed(page(part(b"old")))]
    await held.refresh()
    wire.answers = list(REFUSED[story])
    with pytest.raises(SyncRefused):
        await held.refresh()
    assert held.files() == (RegionFile("crl", "a", b"old"),)
    assert held.off(errand="clean_up") is not None


async def test_it_asks_at_each_connection(held: SyncedRegion, wire: Wire) -> None:
    wire.online = False
    wire.answers = [signed(page(), STRANGER), signed(page())]
    running = asyncio.create_task(held.run(every_s=3600))
    async with asyncio.timeout(LIMIT_S):
        while not wire.listeners:  # noqa: ASYNC110  # each turn is the loop's own
            await asyncio.sleep(0)
        wire.online = True
        for count in (1, 2):
            wire.listeners[0](True)
            while len(wire.asked) < count:  # noqa: ASYNC110
                await asyncio.sleep(0)
        while held.off(errand="clean_up") is None:  # noqa: ASYNC110
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert wire.listeners == []
