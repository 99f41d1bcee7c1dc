"""Attacks on key rotation: by who holds a key of yesterday, and by who would hand keys over that are not the server's."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from fleet.agent import key_book, sync
from fleet.agent.answer_verification import SyncRefused
from fleet.agent.identity import Broker, Identity
from fleet.agent.key_book import KeyBook
from fleet.agent.store import StationStore
from fleet.agent.sync import OrderBook
from fleet.messages.asking import SYNC_TYP
from fleet.messages.key_rotation import KeysAsk, KeyStatement, sign_statement
from fleet.messages.link import Answer, Ask, SyncPage
from fleet.server.keys.signing import Signer
from provisioning.authority import Authority, public_jwk
from provisioning.enrol import enrol
from provisioning.rotation import PARTS, finish_rotation, rotate
from sim.stories.administrators import administrator

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
THIEF = "TEST000000-6666"


@dataclass
class LyingBroker:
    """Answers what the attacker wants. Lists are signed by the key that the attacker has."""

    key: ECKey
    chain: tuple[str, ...] = ()
    clock: datetime = NOW
    online: bool = True
    asked: list[Ask] = field(default_factory=list)

    def on_change(self, listener: Callable[[bool], None]) -> Callable[[], None]:
        return lambda: None

    async def ask(self, message: Ask, timeout_s: float = 10.0) -> Answer:
        if isinstance(message, KeysAsk):
            return Answer(ok=True, keys=self.chain)
        until = (self.clock + timedelta(days=1)).isoformat()
        page = SyncPage("entre-a", self.clock.isoformat(), until, (), (administrator(THIEF, "Made Up Thief"),))
        header = {"alg": "ES256", "typ": SYNC_TYP, "kid": self.key.thumbprint()}
        return Answer(ok=True, jws=jws.serialize_compact(header, msgspec.json.encode(page), self.key))


@dataclass
class Station:
    """An enrolled station that listens to that broker, and its server's authority."""

    authority: Authority
    identity: Identity
    store: StationStore
    broker: LyingBroker

    def at(self, now: datetime) -> None:
        self.broker.clock = now
        self.identity.server_keys.clock = lambda: now

    @property
    def chain(self) -> tuple[str, ...]:
        return Signer.load(self.authority.directory / "server/signing.key").chain

    async def learns(self, chain: Sequence[str]) -> None:
        self.broker.chain = tuple(chain)
        await KeyBook(self.store, self.broker, self.identity.server_keys).refresh()

    async def lists_the_thief(self) -> bool:
        """Whether the attacker's list makes an administrator of the attacker."""
        book = OrderBook(self.identity, self.store, self.broker, lambda: self.broker.clock)
        with suppress(SyncRefused):
            await book.refresh()
        return THIEF in [one.hsa_id for one in book.administrators()]


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    authority = Authority.init(tmp_path / "authority", [], NOW)
    address = Broker("localhost", 8883)
    identity = enrol(authority, tmp_path / "identity", address, authority.claim("entre-a", NOW), NOW)
    stolen = ECKey.import_key((authority.directory / "server/signing.key").read_bytes())
    with closing(StationStore.open(tmp_path / "s.sqlite", schemas=[sync.SCHEMA, key_book.SCHEMA])) as store:
        yield Station(authority, identity, store, LyingBroker(stolen))


async def test_a_key_that_was_rotated_away_signs_a_list(station: Station) -> None:
    """Who has stolen a signing key that was rotated away makes themselves an ID administrator."""
    station.at(NOW)
    assert await station.lists_the_thief(), "before the rotation the key is the server's"
    rotate(station.authority, PARTS, NOW, 30)
    await station.learns(station.chain)
    after = NOW + timedelta(days=30)
    finish_rotation(station.authority, after)
    station.at(after)
    station.store.transact_now(lambda cx: cx.execute("DELETE FROM sync_sealed"))
    assert not await station.lists_the_thief()
    again = Identity.load(station.identity.key_file.parent)
    station.identity = again
    KeyBook(station.store, station.broker, again.server_keys)
    station.at(after)
    assert not await station.lists_the_thief(), "nor after the station has started anew"


def forged(old: ECKey, new: ECKey, sequence: int = 1, **changes: object) -> str:
    """A statement that hands over to the attacker's key."""
    jwk = {name: str(value) for name, value in new.as_dict(private=False).items()}
    at = NOW.isoformat()
    later = (NOW + timedelta(days=9999)).isoformat()
    statement = KeyStatement(sequence, at, at, at, later, jwk, "A" * 43 + "=", ())
    return sign_statement(msgspec.structs.replace(statement, **changes), old, new)


@pytest.mark.parametrize("by", ["a stranger's key", "the new key alone", "the key before, again", "a spliced chain"])
async def test_a_forged_statement_hands_the_stations_over(by: str, station: Station) -> None:
    """Who runs the broker tells stations that the server's key is now theirs."""
    own, stranger = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
    stolen = station.broker.key
    station.at(NOW)
    chain: tuple[str, ...] = ()
    if by in ("the key before, again", "a spliced chain"):
        rotate(station.authority, PARTS, NOW, 30)
        chain = station.chain
        await station.learns(chain)
    statements = {
        "a stranger's key": [forged(stranger, own)],
        "the new key alone": [forged(own, own)],
        "the key before, again": [forged(stolen, own, 2)],
        "a spliced chain": [*chain, forged(stolen, own, 2)],
    }[by]
    held = station.identity.server_keys.newest.thumbprint()
    with suppress(SyncRefused):
        await station.learns(statements)
    assert station.identity.server_keys.newest.thumbprint() == held
    station.broker.key = own
    assert not await station.lists_the_thief()


async def test_a_row_of_the_station_s_file_is_a_key_of_the_server(station: Station) -> None:
    """Who writes into the SD card gives the station another server's key."""
    own = ECKey.generate_key("P-256")
    row = (1, forged(own, own))
    station.store.transact_now(lambda cx: cx.execute("INSERT INTO server_key VALUES (?, ?)", row))
    KeyBook(station.store, station.broker, station.identity.server_keys)
    station.at(NOW)
    station.broker.key = own
    assert not await station.lists_the_thief()


async def test_a_key_that_somebody_does_not_hold_is_handed_to(station: Station) -> None:
    """Who can have one statement signed names somebody else's key, and so cuts every station off."""
    own = ECKey.generate_key("P-256")
    other = public_jwk(ECKey.generate_key("P-256").private_key)  # type: ignore[arg-type]
    station.at(NOW)
    held = station.identity.server_keys.newest.thumbprint()
    with pytest.raises(SyncRefused):
        await station.learns([forged(station.broker.key, own, signing_key=other)])
    assert station.identity.server_keys.newest.thumbprint() == held
