"""Rogue parts against what is to prove something years later: a stolen station key, and a dishonest server."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.commands import main
from kiosk.receipts import Person, Receipt, ReceiptFacts, draft, finish
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
