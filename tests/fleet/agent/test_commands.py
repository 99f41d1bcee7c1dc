"""Commands from the fleet: replay, reorder, another station's, expired, flipped bits: none is accepted."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.jwk import ECKey

from fleet.agent import commands
from fleet.agent.commands import CommandGate, LeftOpen
from fleet.agent.identity import Broker, Identity
from fleet.agent.store import StationStore
from fleet.messages.command_verification import KEPT, DeclinedCommand, IgnoredCommand, TakenCommand
from fleet.messages.commands import COMMAND_TYP, COMMANDS, Command, CommandResult, digest_of
from fleet.messages.link import encode
from fleet.messages.vocabulary import CommandOutcome, EventType
from provisioning.authority import public_jwk
from sim.stories.clock import NOW

SIGNING, STRANGER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
PATH = Path()
KNOWN: dict[str, Any] = {
    "station": "entre-a", "sequence": 7, "command": "sync", "issued": NOW.isoformat(),
    "not_after": (NOW + timedelta(hours=1)).isoformat(), "reason": "orders have come", "by": "tove.test",
}  # fmt: skip


def told(**facts: Any) -> bytes:
    return signed(msgspec.json.encode({**KNOWN, **facts}))


def signed(content: bytes, key: ec.EllipticCurvePrivateKey = SIGNING, typ: str = COMMAND_TYP) -> bytes:
    return jws.serialize_compact({"alg": "ES256", "typ": typ}, content, ECKey.import_key(key)).encode()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StationStore]:
    made = StationStore.open(tmp_path / "station.sqlite", schemas=[commands.SCHEMA])
    yield made
    made.close()


Events = list[tuple[str, dict[str, Any]]]


def gate_of(
    store: StationStore, now: datetime = NOW, allowed: frozenset[str] = COMMANDS, events: Events | None = None
) -> CommandGate:
    noted = [] if events is None else events
    pinned = Identity("entre-a", 1, Broker("localhost", 1), PATH, PATH, PATH, public_jwk(SIGNING), bytes(32), NOW)
    return CommandGate(pinned, store, allowed, lambda: now, lambda cx, kind, said: noted.append((kind, said)))


async def test_a_command_of_the_server_is_taken_once(store: StationStore) -> None:
    gate = gate_of(store)
    assert await gate.take(told_once := told()) == TakenCommand(Command(**KNOWN), digest_of(told_once))
    assert await gate.take(told()) == IgnoredCommand("taken before")
    assert await gate_of(store).take(told()) == IgnoredCommand("taken before"), "not after a restart either"


async def test_an_older_one_that_comes_late_is_not_taken(store: StationStore) -> None:
    gate = gate_of(store)
    assert isinstance(await gate.take(told(sequence=9)), TakenCommand)
    assert await gate.take(told(sequence=8)) == IgnoredCommand("taken before")
    assert isinstance(await gate.take(told(sequence=10)), TakenCommand)


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (told(station="entre-b"), "for another station"),
        (signed(encode(Command(**KNOWN)), STRANGER), "not signed by the server"),
        (signed(encode(Command(**KNOWN)), typ="kortkiosk.sync+jws"), "signed for something else"),
        (encode(Command(**KNOWN)), "not signed by the server"),
        (b"\xff", "not signed by the server"),
        (b"", "not signed by the server"),
        (b"." * 9000, "too large"),
        (told(command="open_all_slots"), "no command of ours"),
        (told(extra=1), "no command of ours"),
        (told(sequence=0), "no command of ours"),
        (told(reason=" "), "no command of ours"),
        (told(slot=3), "no command of ours"),
        (told(command="open_slot"), "no command of ours"),
        (told(command="open_slot", slot=3), "no command of ours"),
        (told(command="out_of_service"), "no command of ours"),
        (told(message="repair"), "no command of ours"),
        (told(command="open_slot", slot=3, second="tove.test"), "no command of ours"),
    ],
)
async def test_what_is_no_command_for_this_station_is_ignored(store: StationStore, payload: bytes, why: str) -> None:
    assert await gate_of(store).take(payload) == IgnoredCommand(why)


async def test_every_flipped_bit_is_found(store: StationStore) -> None:
    gate, good = gate_of(store), told()
    for at in range(len(good) - 1):  # the last character's low bits are not part of the signature (RFC 4648 3.5)
        flipped = good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :]
        assert isinstance(await gate.take(flipped), IgnoredCommand), at
    assert isinstance(await gate.take(good), TakenCommand)


@pytest.mark.parametrize(
    ("facts", "late", "why"),
    [
        ({}, timedelta(hours=1), "expired"),
        ({}, timedelta(days=-1), "not_yet"),
        ({"not_after": (NOW + timedelta(days=2)).isoformat()}, timedelta(), "too_long"),
        ({"not_after": "tomorrow"}, timedelta(), "bad_time"),
        ({"issued": "2026-03-02T12:00:00"}, timedelta(), "bad_time"),
    ],
)
async def test_out_of_its_time_a_command_is_declined(
    store: StationStore, facts: dict[str, Any], late: timedelta, why: str
) -> None:
    verdict = await gate_of(store, NOW + late).take(told(**facts))
    assert isinstance(verdict, DeclinedCommand)
    assert (verdict.result.sequence, verdict.result.outcome, verdict.result.reason) == (7, "refused", why)
    assert isinstance(await gate_of(store).take(told()), TakenCommand), "what was declined has used up nothing"


async def test_a_station_does_only_what_its_own_list_allows(store: StationStore) -> None:
    verdict = await gate_of(store, allowed=frozenset({"restart"})).take(told())
    assert isinstance(verdict, DeclinedCommand)
    assert verdict.result.reason == "not_allowed"


async def test_opening_a_slot_takes_two(store: StationStore) -> None:
    verdict = await gate_of(store).take(told(command="open_slot", slot=3, second="other.test"))
    assert isinstance(verdict, TakenCommand)
    assert (verdict.command.slot, verdict.command.second) == (3, "other.test")


async def taken(gate: CommandGate, payload: bytes) -> TakenCommand:
    verdict = await gate.take(payload)
    assert isinstance(verdict, TakenCommand)
    return verdict


async def test_what_is_taken_and_what_came_of_it_are_events_with_both_names(store: StationStore) -> None:
    events: Events = []
    gate = gate_of(store, events=events)
    one = await taken(gate, told(command="open_slot", slot=3, second="other.test", reason="it lies across"))
    await gate.begin(one)
    await gate.conclude(one, CommandResult(7, one.digest, CommandOutcome.FAILED, "jammed"))
    about = {"sequence": 7, "command": "open_slot", "slot": 3}
    assert events == [
        (EventType.COMMAND_TAKEN, {**about, "by": "tove.test", "second": "other.test", "why": "it lies across"}),
        (EventType.COMMAND_ENDED, {**about, "outcome": "failed", "reason": "jammed"}),
    ]


async def test_a_command_that_comes_twice_is_done_once_and_answered_twice(store: StationStore) -> None:
    gate, payload = gate_of(store), told()
    one = await taken(gate, payload)
    assert await gate.take(payload) == IgnoredCommand("taken before"), "it is under way"
    result = CommandResult(7, one.digest, CommandOutcome.DONE)
    await gate.conclude(one, result)
    assert await gate_of(store, NOW + timedelta(hours=2)).take(payload) == DeclinedCommand(result), (
        "also after its time"
    )
    assert await gate.take(told(reason="another one")) == IgnoredCommand("taken before")


async def test_what_a_stop_cut_off_is_found_at_the_next_start(store: StationStore) -> None:
    gate = gate_of(store)
    first, second = await taken(gate, told(command="restart")), await taken(gate, told(sequence=8))
    await gate.begin(first)
    assert await gate_of(store).left_open() == [LeftOpen(first, True), LeftOpen(second, False)]
    for one in (first, second):
        await gate.conclude(one, CommandResult(one.command.sequence, one.digest, CommandOutcome.DONE))
    assert await gate.left_open() == []


async def test_the_latest_results_are_kept_to_be_told_again(store: StationStore) -> None:
    gate = gate_of(store)
    for number in range(1, KEPT + 4):
        one = await taken(gate, told(sequence=number))
        await gate.conclude(one, CommandResult(number, one.digest, CommandOutcome.DONE))
    assert [one.sequence for one in await gate.results()] == list(range(4, KEPT + 4))
