"""A station that signs its chain, a fleet's keys, and a store that holds some days of it."""

import hashlib
import json
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from fleet.messages.checkpoints import TYP, Checkpoint, encode_checkpoint
from fleet.messages.events import Event
from fleet.messages.statements import sign
from fleet.messages.vocabulary import EventType
from fleet.server.checkpoints.countersigning import Countersigner
from fleet.server.checkpoints.service import judge
from fleet.server.database.database import Database
from fleet.server.evidence import model as contents
from fleet.server.evidence.container import Archive, ArchiveWriter
from fleet.server.evidence.export import export
from fleet.server.evidence.model import EvidenceRequest
from fleet.server.evidence.signature import Seal
from fleet.server.evidence.verification.verify import TrustAnchors, VerificationReport, check
from fleet.server.ingest.write import Writer
from provisioning import pki
from provisioning.authority import Authority
from tests.fakes.server.databases import either, on_postgres
from tests.fleet.server.conftest import NOW, SealingStation, arrived

__all__ = ["either", "on_postgres"]

ERRAND = EvidenceRequest("errand", "errand-1")


@dataclass
class SigningStation(SealingStation):
    """A station with a key and a certificate of its own."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=pki.new_key)
    certificate: x509.Certificate | None = None

    def sign(self, **said: object) -> Event:
        """A checkpoint of its newest event; `said` is what it states otherwise."""
        newest = self.sealed[-1]
        values: dict[str, object] = {"station": self.name, "epoch": self.epoch, "time": NOW.isoformat()}
        values |= {"sequence": newest.sequence, "hash": newest.hash}
        assert self.certificate is not None
        text = sign(self.key, self.certificate, TYP, encode_checkpoint(Checkpoint(**{**values, **said})))  # type: ignore[arg-type]
        return self.seal(EventType.CHAIN_CHECKPOINT, {"jws": text})


@dataclass
class Fleet:
    """An authority that the fleet's tests may share; each test has a store of its own."""

    directory: Path
    seal: Seal
    issuer: pki.Issuer

    def station(self, name: str = "entre-a") -> SigningStation:
        made = SigningStation(name)
        made.certificate = pki.issue_client(self.issuer, name, made.key.public_key(), NOW)
        return made


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    directory = tmp_path_factory.mktemp("evidence") / "authority"
    Authority.init(directory, [], NOW)
    seal = Seal.load(directory)
    key = Authority(directory).issuer().key
    return Fleet(directory, seal, pki.Issuer(seal.authorities[0], key))


@pytest.fixture
def signing(fleet: Fleet) -> SigningStation:
    return fleet.station()


def a_week(station: SigningStation) -> None:
    """Two pick-ups between three signatures, and an event after the last."""
    station.seal(EventType.STATION_STARTED, {"version": "0.1.0", "found": []})
    station.sign()
    station.pickup("O-1", card="9752269875", errand="errand-1")
    station.sign()
    station.pickup("O-2", card="9752269876", errand="errand-2")
    station.sign()
    station.seal(EventType.DOOR_OPENED)


def taken(database: Database, *stations: SealingStation, fleet: Fleet) -> None:
    """The store holds what they told, and has judged it."""
    for station in stations:
        Writer(database).commit(arrived(*station.sealed), NOW)
    judge(database, fleet.seal.authorities, NOW, Countersigner(fleet.seal))


def exported(database: Database, fleet: Fleet, asked: EvidenceRequest) -> bytes:
    file = BytesIO()
    export(database, fleet.seal, asked, NOW, file)
    return file.getvalue()


def checked(raw: bytes, fleet: Fleet | None = None) -> VerificationReport:
    return check(BytesIO(raw), TrustAnchors(fleet.seal.authorities if fleet else None))


def members(raw: bytes) -> dict[str, bytes]:
    archive = Archive(BytesIO(raw))
    return {name: archive.read(name) for name in archive.members}


def packed(content: dict[str, bytes]) -> bytes:
    file = BytesIO()
    with ArchiveWriter(file) as writer:
        for name, one in content.items():
            writer.add(name, one)
    return file.getvalue()


def resealed(content: dict[str, bytes], by: Seal) -> bytes:
    """As a dishonest server would write it: everything agrees with its list, and the list is signed."""
    manifest = json.loads(content.pop(contents.MANIFEST))
    del content[contents.SEAL]
    manifest["files"] = [
        {"name": name, "size": len(one), "sha256": contents_hash(one)} for name, one in content.items()
    ]
    raw = json.dumps(manifest).encode()
    return packed({**content, contents.MANIFEST: raw, contents.SEAL: by.sign(raw).encode()})


def contents_hash(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def lines_of(raw: bytes) -> list[dict[str, object]]:
    """All places of all chains."""
    return [
        json.loads(line) for name, one in members(raw).items() if name.startswith("chain/") for line in one.splitlines()
    ]
