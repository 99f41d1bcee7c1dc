"""What a simulated station does with a command: as a real one, each once, told of, answered."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.jwk import ECKey

from fleet.messages.asking import SYNC_TYP
from fleet.messages.command_verification import KEPT
from fleet.messages.commands import COMMAND_TYP, CommandResult, digest_of
from fleet.messages.link import Answer, Ask, SyncAsk, SyncPage, encode
from fleet.messages.vocabulary import EventType
from sim.fleet.command_handling import CommandHandler
from sim.fleet.command_verification import CommandVerifier
from sim.fleet.device_state import SimulatedDevices
from sim.fleet.order_sync import OrderSync
from sim.stories.clock import NOW
from sim.stories.patience import LIMIT_S

STATION = "sim-00001"
SIGNING, STRANGER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
FACTS: dict[str, Any] = {
    "station": STATION, "sequence": 7, "command": "log_bundle", "issued": NOW.isoformat(),
    "not_after": (NOW + timedelta(hours=1)).isoformat(), "reason": "a test", "by": "tove.test",
}  # fmt: skip


def signed(key: ec.EllipticCurvePrivateKey = SIGNING, **facts: Any) -> bytes:
    content = msgspec.json.encode({**FACTS, **facts})
    return jws.serialize_compact({"alg": "ES256", "typ": COMMAND_TYP}, content, ECKey.import_key(key)).encode()


class Body:
    """A station without outbox and line."""

    pace = 1000.0

    def __init__(self) -> None:
        self.twin = SimulatedDevices(STATION)
        self.counter = asyncio.Lock()
        self.asked: list[Ask] = []
        self.answers: list[Answer] = []
        self.syncing = OrderSync(STATION, ECKey.import_key(SIGNING), self.ask)
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.results: list[CommandResult] = []
        self.states = 0
        self.heard = asyncio.Event()

    def tell(self, kind: str, subject: str | None, content: dict[str, Any]) -> None:
        self.told.append((kind, content))

    def ask(self, ask: Ask) -> bool:
        self.asked.append(ask)
        if not self.answers:
            return False
        asyncio.get_running_loop().call_soon(self.syncing.take, self.answers.pop(0))
        return True

    def say_state(self) -> None:
        self.states += 1

    def say_result(self, result: CommandResult) -> None:
        self.results.append(result)
        self.heard.set()

    def cut_power(self) -> None:
        self.told.append((EventType.STATION_STARTED, {}))

    def log_lines(self) -> tuple[str, ...]:
        return ("2026-01-01T00:00:00.000Z station.started",)

    async def answered(self, count: int = 1) -> CommandResult:
        async with asyncio.timeout(LIMIT_S):
            while len(self.results) < count:
                self.heard.clear()
                await self.heard.wait()
        return self.results[-1]


@pytest.fixture
def body() -> Body:
    return Body()


@pytest.fixture
def commanded(body: Body) -> CommandHandler:
    return CommandHandler(CommandVerifier(STATION, ECKey.import_key(SIGNING)), body, lambda: NOW)


OPEN: dict[str, Any] = {"command": "open_slot", "second": "sam.test"}


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ({}, ("done", "")),
        ({"command": "out_of_service", "message": "repair"}, ("done", "")),
        ({"command": "in_service"}, ("done", "")),
        ({"command": "restart"}, ("done", "")),
        ({"command": "self_test"}, ("done", "")),
        ({**OPEN, "slot": 24}, ("done", "")),
        ({**OPEN, "slot": 25}, ("refused", "no_such_slot")),
        ({"not_after": NOW.isoformat()}, ("refused", "expired")),
    ],
)
async def test_each_command_is_answered_for_its_exact_bytes(
    body: Body, commanded: CommandHandler, facts: dict[str, Any], outcome: tuple[str, str]
) -> None:
    payload = signed(**facts)
    commanded.take(payload)
    result = await body.answered()
    assert (result.outcome, result.reason, result.digest) == (*outcome, digest_of(payload))
    assert commanded.results == [result]
    await commanded.stop()


async def test_what_is_taken_and_what_came_of_it_are_events_around_the_work(
    body: Body, commanded: CommandHandler
) -> None:
    commanded.take(signed(command="restart"))
    await body.answered()
    assert [kind for kind, _ in body.told] == [
        EventType.COMMAND_TAKEN,
        EventType.STATION_STARTED,
        EventType.COMMAND_ENDED,
    ]
    assert body.told[0][1] == {"sequence": 7, "command": "restart", "by": "tove.test", "why": "a test"}
    assert body.told[2][1] == {"sequence": 7, "command": "restart", "outcome": "done"}


@pytest.mark.parametrize(
    "payload", [signed(STRANGER), signed(station="sim-00002"), signed(sequence=6), b"", signed(sequence=7, reason="x")]
)
async def test_nobody_is_answered_what_is_forged_foreign_or_old(
    body: Body, commanded: CommandHandler, payload: bytes
) -> None:
    commanded.take(signed())
    first = await body.answered()
    commanded.take(payload)
    await asyncio.sleep(0)
    assert body.results == [first]


async def test_the_same_bytes_are_done_once_and_answered_again(body: Body, commanded: CommandHandler) -> None:
    payload = signed()
    commanded.take(payload)
    first = await body.answered()
    commanded.take(payload)
    assert await body.answered(2) == first
    assert commanded.results == [first]
    assert len(body.told) == 2


async def test_a_new_connection_hears_the_latest_results_again(body: Body, commanded: CommandHandler) -> None:
    for number in range(1, KEPT + 3):
        commanded.take(signed(sequence=number))
        await body.answered(number)
    body.results.clear()
    commanded.tell_again()
    assert [one.sequence for one in body.results] == list(range(3, KEPT + 3))


async def test_a_self_test_waits_for_the_errand_at_the_station_and_says_what_it_found(
    body: Body, commanded: CommandHandler
) -> None:
    body.twin.paper = False
    async with body.counter:
        commanded.take(signed(command="self_test"))
        for _ in range(5):
            await asyncio.sleep(0)
        assert body.results == []
    devices = (await body.answered()).devices
    assert [(one.kind, one.ok) for one in devices] == [("reader", True), ("printer", False), ("cabinet", True)]


def page(following: str | None, typ: str = SYNC_TYP, key: ec.EllipticCurvePrivateKey = SIGNING) -> Answer:
    content = encode(SyncPage(STATION, NOW.isoformat(), NOW.isoformat(), next=following))
    text = jws.serialize_compact({"alg": "ES256", "typ": typ}, content, ECKey.import_key(key))
    return Answer(ok=True, jws=text)


async def test_orders_are_fetched_page_by_page(body: Body, commanded: CommandHandler) -> None:
    body.answers = [page("two"), page(None)]
    commanded.take(signed(command="sync"))
    result = await body.answered()
    assert (result.outcome, result.reason) == ("done", "")
    assert body.asked == [SyncAsk(), SyncAsk("two")]


@pytest.mark.parametrize("answer", [page(None, key=STRANGER), page(None, COMMAND_TYP), Answer(ok=False, error="busy")])
async def test_a_list_that_is_not_the_servers_is_not_taken(
    body: Body, commanded: CommandHandler, answer: Answer
) -> None:
    body.answers = [answer]
    commanded.take(signed(command="sync"))
    result = await body.answered()
    assert (result.outcome, result.reason) == ("failed", "forged")


async def test_without_a_line_no_orders_are_fetched(body: Body, commanded: CommandHandler) -> None:
    commanded.take(signed(command="sync"))
    result = await body.answered()
    assert (result.outcome, result.reason) == ("failed", "offline")


async def test_a_station_that_is_never_free_in_time_says_that_it_is_busy(body: Body, commanded: CommandHandler) -> None:
    async with body.counter:
        commanded.take(signed(command="restart", not_after=(NOW + timedelta(milliseconds=1)).isoformat()))
        result = await body.answered()
    assert (result.outcome, result.reason) == ("refused", "busy")


async def test_out_of_service_and_an_open_door_are_in_the_state(body: Body, commanded: CommandHandler) -> None:
    commanded.take(signed(command="out_of_service", message="moving"))
    commanded.take(signed(sequence=8, slot=3, **OPEN))
    await body.answered(2)
    state = body.twin.state("boot", "2026-01-01T00:00:00Z", 0)
    assert (state.out_of_service, [slot.number for slot in state.slots if slot.door == "open"]) == ("moving", [3])
    assert (state.firmware, state.image) == ("simulator", "simulator"), "the page of updates counts it"
    assert body.states == 2


async def test_the_end_of_the_simulation_concludes_what_is_under_way_and_takes_no_more(
    body: Body, commanded: CommandHandler
) -> None:
    async with body.counter:
        commanded.take(signed(command="restart"))
        await asyncio.sleep(0)
        await commanded.stop()
    assert [(one.outcome, one.reason) for one in body.results] == [("failed", "interrupted")]
    commanded.take(signed(sequence=8))
    await asyncio.sleep(0)
    assert len(body.results) == 1
