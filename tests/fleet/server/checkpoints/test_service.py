"""What the server makes of stations' checkpoints: it believes none that it has not checked, and says so when one is wrong."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from fleet.messages.checkpoints import TYP, Checkpoint, encode_checkpoint
from fleet.messages.events import Event
from fleet.messages.statements import sign
from fleet.messages.vocabulary import EventType
from fleet.server.checkpoints.service import judge
from fleet.server.checkpoints.tables import station_certificates
from fleet.server.database.database import Database
from fleet.server.ingest.rebuild import rebuild
from fleet.server.ingest.write import Writer
from fleet.server.readings.queries import StoreReadings
from fleet.server.stations.tables import alarms
from provisioning import pki
from tests.fleet.server.conftest import NOW, SealingStation, arrived

CA = pki.make_ca(NOW)
KEY = pki.new_key()
CERTIFICATE = pki.issue_client(CA, "entre-a", KEY.public_key(), NOW)
TIME = NOW.isoformat()


def checkpoint(by: SealingStation, key: object = None, **said: object) -> Event:
    """The station signs its newest event; `said` is what it states otherwise."""
    signer, certificate = key or (KEY, CERTIFICATE)  # type: ignore[misc]
    newest = by.sealed[-1]
    values = {"station": "entre-a", "epoch": 1, "sequence": newest.sequence, "hash": newest.hash, "time": TIME}
    text = sign(signer, certificate, TYP, encode_checkpoint(Checkpoint(**{**values, **said})))  # type: ignore[arg-type]
    return by.seal(EventType.CHAIN_CHECKPOINT, {"jws": text})


def taken(database: Database, station: SealingStation) -> None:
    Writer(database).commit(arrived(*station.sealed), NOW)


def found(database: Database) -> tuple[str | None, list[str]]:
    """The verdict on the last checkpoint, and what alarms say."""
    row = StoreReadings(database, lambda: NOW).checkpoint("entre-a")
    assert row is not None
    with database.reading.begin() as connection:
        return row.verdict, list(connection.execute(select(alarms.c.argument)).scalars())


def test_a_good_checkpoint_is_believed_and_its_certificate_kept(database: Database, station: SealingStation) -> None:
    station.seals(2)
    checkpoint(station)
    taken(database, station)
    assert found(database) == (None, []), "it is not judged as it comes"
    assert judge(database, CA.certificate, NOW) == {"entre-a"}
    assert found(database) == ("good", [])
    assert judge(database, CA.certificate, NOW) == frozenset(), "each is judged once"
    with database.reading.begin() as connection:
        kept = connection.execute(select(station_certificates)).one()
    assert (kept.epoch, kept.der) == (1, CERTIFICATE.public_bytes(pki.Encoding.DER))
    rebuild(database)
    assert found(database)[0] is None
    judge(database, CA.certificate, NOW)
    assert found(database) == ("good", [])


def a_stranger(name: str = "entre-a", authority: pki.Issuer = CA) -> object:
    key = pki.new_key()
    return key, pki.issue_client(authority, name, key.public_key(), NOW)


@pytest.mark.parametrize(
    ("tell", "verdict"),
    [
        (lambda s: checkpoint(s, hash="ab" * 32), "other_chain"),
        (lambda s: checkpoint(s, sequence=7), "other_chain"),
        (lambda s: checkpoint(s, epoch=2), "other_chain"),
        (lambda s: checkpoint(s, station="entre-b"), "other_chain"),
        (lambda s: checkpoint(s, a_stranger("entre-b")), "stranger"),
        (lambda s: checkpoint(s, a_stranger(authority=pki.make_ca(NOW))), "stranger"),
        (lambda s: checkpoint(s, time=datetime(2036, 1, 1, tzinfo=UTC).isoformat()), "stranger"),
        (lambda s: checkpoint(s, a_stranger()), "other_key"),
        (lambda s: checkpoint(s, time="2026-06-01T10:00:00"), "unreadable"),
        (lambda s: s.seal(EventType.CHAIN_CHECKPOINT, {"jws": "e30.e30.AA"}), "unreadable"),
    ],
    ids=["hash", "sequence", "epoch", "station", "name", "authority", "time", "key", "zone", "form"],
)
def test_a_checkpoint_that_does_not_agree_is_an_alarm(
    database: Database, station: SealingStation, tell: Callable[[SealingStation], Event], verdict: str
) -> None:
    station.seals(2)
    checkpoint(station)
    event = tell(station)
    taken(database, station)
    judge(database, CA.certificate, NOW)
    assert found(database) == (verdict, [f"1:{event.sequence} {verdict}"])


def test_a_checkpoint_of_a_chain_that_was_made_anew_is_an_alarm(database: Database, station: SealingStation) -> None:
    """Somebody puts other events in front of a checkpoint that they cannot sign themselves."""
    station.seals(2)
    genuine = checkpoint(station)
    forged = SealingStation()
    forged.seals(2)
    forged.seal(EventType.CHAIN_CHECKPOINT, genuine.content())
    taken(database, forged)
    judge(database, CA.certificate, NOW)
    assert found(database) == ("other_chain", ["1:3 other_chain"])
