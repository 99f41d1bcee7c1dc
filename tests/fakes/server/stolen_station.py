"""A revoked station whose key was stolen, and the server that holds what it told."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.checkpoints import Checkpoint, content_of
from fleet.messages.events import Event, Facts, seal
from fleet.messages.vocabulary import EventType
from fleet.server.checkpoints.countersigning import Countersigner
from fleet.server.checkpoints.service import judge
from fleet.server.database.database import Database
from fleet.server.evidence.export import export
from fleet.server.evidence.model import EvidenceRequest
from fleet.server.evidence.signature import Seal
from fleet.server.evidence.verification.verify import TrustAnchors, VerificationReport, check
from fleet.server.ingest.parse import arrived_event
from fleet.server.ingest.write import Writer
from kiosk.receipts import Receipt, ReceiptFacts, ReceiptPerson, draft_receipt, finish_receipt
from provisioning import pki
from provisioning.authority import Authority

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

    def receipt(self, time: datetime, station: str = STATION) -> Receipt:
        """A hand-over that an administrator is said to have attested, of any time."""
        facts = ReceiptFacts(
            "pickup", time, station, "Lasarettet", "A-17", "9999000020260001",
            ReceiptPerson("TEST000000-0001", "Tove Test"), "administrator",
            ReceiptPerson("TEST000000-0009", "Ada Test"), "passport", "2026-1",
        )  # fmt: skip
        chain = (self.certificate.public_bytes(Encoding.DER), self.ca.public_bytes(Encoding.DER))
        return finish_receipt(draft_receipt(facts), self.key, chain, None)

    @property
    def ca(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(Path(self.option("ca.pem")).read_bytes())

    def option(self, name: str) -> str:
        return str(self.authority.directory / "ca" / name)


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
        arrived = [arrived_event(one.station, one, one.wire) for one in self.sealed]
        Writer(self.database).commit(arrived, now)
        judge(self.database, self.seal.authorities, now, Countersigner(self.seal))

    def evidence(self, now: datetime) -> bytes:
        file = BytesIO()
        export(self.database, self.seal, EvidenceRequest("errand", "errand-1"), now, file)
        return file.getvalue()

    def check(self, raw: bytes, **anchors: object) -> VerificationReport:
        return check(BytesIO(raw), TrustAnchors(self.seal.authorities, **anchors))  # type: ignore[arg-type]


NOW = REVOKED + timedelta(hours=1)
