"""Rogue parts against what is to prove something years later: a stolen station key, and a dishonest server."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.checkpoints import Checkpoint, content_of
from fleet.messages.events import Event, Facts, seal
from fleet.messages.revocations import read_revocations
from fleet.messages.vocabulary import EventType
from fleet.server.checkpoints.countersigning import Countersigner
from fleet.server.checkpoints.service import judge
from fleet.server.checkpoints.timestamp_tokens import make_request, read_response
from fleet.server.evidence import model as contents
from fleet.server.evidence.export import export
from fleet.server.evidence.model import Asked
from fleet.server.evidence.signature import Seal
from fleet.server.evidence.verification.verify import Anchors, Report, check
from fleet.server.ingest.parse import taken
from fleet.server.ingest.write import Writer
from fleet.server.platform.database.database import Database
from kiosk.cli import main
from kiosk.receipts import Person, Receipt, ReceiptFacts, draft, finish
from provisioning import pki
from provisioning.authority import Authority
from tests.fakes.server.databases import new_store
from tests.fakes.server.time_stamping import Tsa
from tests.fleet.server.evidence.conftest import members as unpacked
from tests.fleet.server.evidence.conftest import resealed

REVOKED = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
"""When station lasa-1 was revoked; the programs judge lists by the real clock."""
STATION = "lasa-1"


@dataclass
class StolenStation:
    """A station whose key somebody has copied, and which has been revoked since."""

    authority: Authority
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def revoked(cls, folder: Path) -> "StolenStation":
        authority = Authority.init(folder / "authority", [], REVOKED - timedelta(days=30))
        key = pki.new_key()
        began = REVOKED - timedelta(days=20)
        made = authority.enrol(authority.claim(STATION, began), pki.make_request(key), began)
        authority.revoke(STATION, REVOKED)
        return cls(authority, key, x509.load_pem_x509_certificate(made.certificate))

    def receipt(self, time: datetime) -> Receipt:
        """A hand-over that an administrator is said to have attested, of any time."""
        facts = ReceiptFacts(
            "pickup", time, STATION, "Lasarettet", "A-17", "9999000020260001",
            Person("TEST000000-0001", "Tove Test"), "administrator",
            Person("TEST000000-0009", "Ada Test"), "passport", "2026-1",
        )  # fmt: skip
        chain = (self.certificate.public_bytes(Encoding.DER), self.ca.public_bytes(Encoding.DER))
        return finish(draft(facts), self.key, chain, None)

    @property
    def ca(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(Path(self.option("ca.pem")).read_bytes())

    def option(self, name: str) -> str:
        return str(self.authority.directory / "ca" / name)


@pytest.fixture
def stolen(tmp_path: Path) -> StolenStation:
    return StolenStation.revoked(tmp_path)


@pytest.mark.parametrize("form", ["receipt", "qr"])
def test_a_stolen_key_signs_a_backdated_hand_over(
    stolen: StolenStation, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    """A revoked station's stolen key signs a hand-over of the day before."""
    made = stolen.receipt(REVOKED - timedelta(days=1))
    (tmp_path / "receipt.json").write_bytes(made.document)
    (tmp_path / "station.pem").write_bytes(stolen.certificate.public_bytes(Encoding.PEM))
    item = str(tmp_path / "receipt.json") if form == "receipt" else made.qr
    trusted = ["--ca", stolen.option("ca.pem"), "--certificate", str(tmp_path / "station.pem")]

    code = main(["verify-receipt", item, *trusted, "--crl", stolen.option("crl.pem"), "--json"])

    said = json.loads(capsys.readouterr().out)
    assert (code, said["verdict"]) == (3, "undecided"), said
    assert datetime.fromisoformat(said["revoked"]) == REVOKED


@dataclass
class Fleet:
    """The server of the region, which holds what station lasa-1 and the stolen key have told."""

    stolen: StolenStation
    database: Database
    seal: Seal
    sealed: list[Event] = field(default_factory=list)

    def tell(self, kind: str, content: dict[str, object], **facts: str) -> None:
        prev = {"prev": self.sealed[-1].hash} if self.sealed else {}
        time = (REVOKED - timedelta(days=1)).isoformat()
        place = Facts(STATION, 1, len(self.sealed) + 1, "boot-1", kind, time, **prev, **facts)
        self.sealed.append(seal(place, content))

    def hand_over(self, made: Receipt) -> None:
        """The receipt goes into the chain, and a checkpoint of the day before its revocation after it."""
        about = {"errand": "errand-1", "order": "A-17", "card_number": "9999000020260001"}
        document = msgspec.json.decode(made.document)
        self.tell(EventType.ERRAND_STARTED, {"errand": "errand-1", "kind": "pickup"})
        receipt = {**about, "number": made.number, "receipt": document, "signed": "attested"}
        self.tell(EventType.RECEIPT_ISSUED, receipt)
        before = self.sealed[-1]
        time = (REVOKED - timedelta(days=1)).isoformat()
        said = Checkpoint(STATION, 1, before.sequence, before.hash, time)
        self.tell(EventType.CHAIN_CHECKPOINT, content_of(said, self.stolen.key, self.stolen.certificate))  # type: ignore[arg-type]

    def held(self, now: datetime) -> None:
        """The server has got all of it, and judged it then."""
        arrived = [taken(one.station, one, one.wire) for one in self.sealed]
        Writer(self.database).commit(arrived, now)
        judge(self.database, self.seal.authorities, now, Countersigner(self.seal))

    def evidence(self, now: datetime) -> bytes:
        file = BytesIO()
        export(self.database, self.seal, Asked("errand", "errand-1"), now, file)
        return file.getvalue()

    def check(self, raw: bytes, **anchors: object) -> Report:
        return check(BytesIO(raw), Anchors(self.seal.authorities, **anchors))  # type: ignore[arg-type]


@pytest.fixture
def region(stolen: StolenStation, tmp_path: Path) -> Iterator[Fleet]:
    database = new_store(tmp_path / "fleet.sqlite")
    yield Fleet(stolen, database, Seal.load(stolen.authority.directory))
    database.close()


NOW = REVOKED + timedelta(hours=1)


def test_a_stolen_key_signs_a_backdated_chain(region: Fleet, tmp_path: Path, capsys: Any) -> None:
    """A revoked station's stolen key signs a chain of the day before, and the server's queue still holds it."""
    made = region.stolen.receipt(REVOKED - timedelta(days=1))
    region.hand_over(made)
    region.held(NOW)
    raw = region.evidence(NOW)
    report = region.check(raw)
    assert (report.verdict, report.stretches[0].signed_to) == ("revoked", None), report
    assert "signed after its station was revoked" in report.why
    assert receipt_verdict(region, made, raw, tmp_path, capsys) == (3, "undecided")


def test_what_was_there_before_the_revocation_stays_proved(region: Fleet, tmp_path: Path, capsys: Any) -> None:
    """A revoked station denies what it signed while it was in good standing."""
    made = region.stolen.receipt(REVOKED - timedelta(days=1))
    region.hand_over(made)
    region.held(REVOKED - timedelta(hours=23))
    raw = region.evidence(NOW)
    assert region.check(raw).verdict == "genuine"
    assert receipt_verdict(region, made, raw, tmp_path, capsys) == (0, "genuine")
    capsys.readouterr()


def receipt_verdict(region: Fleet, made: Receipt, raw: bytes, folder: Path, capsys: Any) -> tuple[int, str]:
    (folder / "receipt.json").write_bytes(made.document)
    (folder / "evidence.zip").write_bytes(raw)
    words = ["--ca", region.stolen.option("ca.pem"), "--evidence", str(folder / "evidence.zip"), "--json"]
    code = main(["verify-receipt", str(folder / "receipt.json"), *words])
    return code, json.loads(capsys.readouterr().out)["verdict"]


@pytest.mark.parametrize("how", ["left_out", "of_before", "empty", "of_a_stranger"])
def test_a_server_leaves_its_revocations_out(region: Fleet, how: str) -> None:
    """A dishonest server exports a chain of a stolen key without the station's revocation."""
    region.hand_over(region.stolen.receipt(REVOKED - timedelta(days=1)))
    region.held(NOW)
    members = unpacked(region.evidence(NOW))
    issuer = pki.Issuer(region.seal.authorities[0], region.stolen.authority.issuer().key)
    instead = {
        "left_out": None,
        "of_before": pki.make_crl(issuer, [], REVOKED - timedelta(days=2)),
        "empty": b"",
        "of_a_stranger": pki.make_crl(pki.make_ca(NOW), [], NOW),
    }[how]
    newest = read_revocations(Path(region.stolen.option("crl.pem")).read_bytes(), region.seal.authorities, NOW)
    members = {name: one for name, one in members.items() if name != contents.REVOCATIONS or instead is not None}
    if instead is not None:
        members[contents.REVOCATIONS] = instead
    raw = resealed(members, region.seal)
    report = region.check(raw, revocations=newest)
    assert report.verdict in ("revoked", "altered", "unknown_signer"), report
    if how != "of_before":
        assert region.check(raw).verdict != "genuine", "an older list alone can be told only by a newer one"


@pytest.mark.parametrize("how", ["with_the_stamp", "without_it", "with_another_stamp"])
def test_a_server_backdates_its_countersignature(region: Fleet, tmp_path: Path, how: str) -> None:
    """A dishonest server countersigns a stolen key's checkpoint as of the day before its revocation."""
    tsa = Tsa(tmp_path / "tsa")
    region.hand_over(region.stolen.receipt(REVOKED - timedelta(days=1)))
    region.held(REVOKED - timedelta(hours=23))
    members = unpacked(region.evidence(NOW))
    line = json.loads(members[contents.COUNTERSIGNATURES])
    stamped = b"something older" if how == "with_another_stamp" else line["jws"].encode()
    if how != "without_it":
        token = read_response(tsa.answer(make_request(stamped, 5)), stamped, 5, [tsa.root])
        line["token"] = base64.b64encode(token).decode()
    members[contents.COUNTERSIGNATURES] = json.dumps(line).encode() + b"\n"
    raw = resealed(members, region.seal)
    report = region.check(raw, tsa=(tsa.root,))
    assert (report.verdict, report.witnessed) == ("contradicts" if how == "with_another_stamp" else "revoked", ()), (
        report
    )
    if how != "without_it":
        assert region.check(raw).verdict != "genuine", "a stamp that is not checked speaks against as well"
