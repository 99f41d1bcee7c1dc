"""The station's side of signatures on the link: clocks that are off, rotated keys, words of yesterday, a flood of lies."""

import base64
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from joserfc.jwk import ECKey

from fleet.agent.identity import Identity
from fleet.agent.keeping import LinkDown
from fleet.agent.link import Link, Timing
from fleet.agent.signatures import LOG_EVERY_S, DroppedMessages, Signatures
from fleet.agent.store import StationStore
from fleet.messages.key_rotation import KeyStatement, sign_statement
from fleet.messages.link import Acked, Answer, OrderAsk, encode
from fleet.messages.signed import ANSWER_TYP, CLOCK_SLACK, SignedAnswer, SignedError, format_time, open_ask, sign_acked
from fleet.server.keys.signing import Signer
from provisioning.authority import Authority
from tests.fakes.brokers.mosquitto import Broker
from tests.fakes.fleet.server_peer import FleetPeer
from tests.fleet.agent.conftest import Enrol, becomes

NONCE = "0" * 32


@pytest.fixture
def identity(enrolled: Enrol) -> Identity:
    return enrolled("entre-a")


@pytest.fixture
def signer(authority: Authority) -> Signer:
    return Signer.load(authority.directory / "server" / "signing.key")


def sealed(signer: Signer, answer: Answer, nonce: str = NONCE) -> bytes:
    return signer.sign(
        encode(SignedAnswer("entre-a", nonce, format_time(datetime.now(UTC)), answer)), ANSWER_TYP
    ).encode()


@pytest.mark.broker
@pytest.mark.parametrize("off", [timedelta(days=-3650), timedelta(hours=2)], ids=["a dead battery", "ahead"])
async def test_a_clock_that_is_off_is_set_right_by_the_servers_word_and_stays_so(
    off: timedelta, enrolled: Enrol, broker: Broker, peer: FleetPeer, store: StationStore
) -> None:
    identity = enrolled("entre-a", broker.port)
    times: list[timedelta] = []

    def judge(payload: bytes) -> Answer:
        times.append(open_ask(payload).time - datetime.now(UTC))
        return Answer(ok=False, error="clock") if abs(times[-1]) > CLOCK_SLACK else Answer(ok=True, jws="right")

    peer.judge = judge
    timing = Timing(first_s=0.05, clock=lambda: datetime.now(UTC) + off)
    async with Link(identity, store, "boot-1", timing) as link:
        await becomes(link, online=True)
        assert (await link.ask(OrderAsk("TEST000000-0001"))).jws == "right"
        assert (await link.ask(OrderAsk("TEST000000-0001"))).jws == "right"
    assert [abs(one) > CLOCK_SLACK for one in times] == [True, False, False]


async def test_without_connection_an_ask_fails_at_once_however_many_there_were(
    identity: Identity, store: StationStore
) -> None:
    link = Link(identity, store, "boot-1")
    for _ in range(100):
        with pytest.raises(LinkDown):
            await link.ask(OrderAsk("TEST000000-0001"))


def test_an_answer_to_the_keys_may_be_signed_by_a_key_that_it_leads_to(
    identity: Identity, authority: Authority
) -> None:
    pinned = ECKey.import_key((authority.directory / "server" / "signing.key").read_bytes())
    chain, newest = rotated_twice(pinned, (authority.directory / "ca" / "ca.pem").read_text())
    signatures = Signatures(identity)
    payload = sealed(Signer(newest), Answer(ok=True, keys=tuple(chain)))
    with pytest.raises(SignedError):
        signatures.open_answer(payload, NONCE)
    assert signatures.open_answer(payload, NONCE, with_keys=True).answer.keys == tuple(chain)
    stranger = ECKey.generate_key("P-256")
    for bad in (
        sealed(Signer(stranger), Answer(ok=True, keys=tuple(chain))),
        sealed(Signer(newest), Answer(ok=True)),
        sealed(Signer(newest), Answer(ok=True, keys=tuple(chain)), "1" * 32),
        b"x",
    ):
        with pytest.raises(SignedError):
            signatures.open_answer(bad, NONCE, with_keys=True)


def rotated_twice(pinned: ECKey, authority: str) -> tuple[Sequence[str], ECKey]:
    """The chain of two rotations, and the key at its end."""
    time = [f"2026-01-0{day}T00:00:00Z" for day in range(1, 5)]
    key, chain = pinned, []
    for sequence in (1, 2):
        new = ECKey.generate_key("P-256")
        public = {name: str(value) for name, value in new.as_dict(private=False).items()}
        statement = KeyStatement(sequence, *time, public, base64.b64encode(bytes(32)).decode(), (authority,))  # type: ignore[arg-type]
        chain.append(sign_statement(statement, key, new))
        key = new
    return chain, key


def test_a_word_of_long_before_the_last_one_is_a_replay(identity: Identity, signer: Signer) -> None:
    now = datetime.now(UTC)

    def word(through: int, at: datetime) -> bytes:
        return sign_acked([("entre-a", Acked(1, through))], at, signer.sign)[0]

    signatures = Signatures(identity)
    assert signatures.open_acked(word(9, now - timedelta(days=2))).through == 9, "what waited while we were away"
    assert signatures.open_acked(word(3, now)).through == 3, "a server that was restored"
    with pytest.raises(SignedError, match="long before"):
        signatures.open_acked(word(9, now - timedelta(days=2)))
    assert signatures.open_acked(word(4, now - timedelta(minutes=1))).through == 4, "another worker's clock"


def test_what_is_dropped_is_counted_and_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    dropped = DroppedMessages(lambda: now)
    for _ in range(1000):
        dropped.note("answer", SignedError("it is not signed by the server"))
    dropped.note("acked", SignedError("it is not signed by the server"))
    now = LOG_EVERY_S
    dropped.note("answer", SignedError("it answers another ask"))
    assert dropped.counts == {"answer": 1001, "acked": 1}
    assert [record.getMessage() for record in caplog.records] == [
        "dropped a message on answer (1 so far): it is not signed by the server",
        "dropped a message on acked (1 so far): it is not signed by the server",
        "dropped a message on answer (1001 so far): it answers another ask",
    ]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
