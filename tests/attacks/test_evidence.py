"""Rogue parts against what is to prove something years later: a stolen station key, and a dishonest server."""

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.revocations import read_revocations
from fleet.server.evidence import model as contents
from fleet.server.evidence.signature import Seal
from fleet.server.evidence.timestamp_tokens import make_request, read_response
from kiosk.cli import main
from kiosk.receipts import Receipt
from provisioning import pki
from tests.fakes.server.databases import new_store
from tests.fakes.server.stolen_station import NOW, REVOKED, Fleet, StolenStation
from tests.fakes.server.time_stamping import Tsa
from tests.fleet.server.evidence.conftest import members as unpacked
from tests.fleet.server.evidence.conftest import resealed


@pytest.fixture
def stolen(tmp_path: Path) -> StolenStation:
    return StolenStation.revoked(tmp_path)


@pytest.mark.parametrize("listed", [True, False], ids=["with the list", "without a list"])
@pytest.mark.parametrize("form", ["receipt", "qr"])
def test_a_stolen_key_signs_a_backdated_hand_over(
    stolen: StolenStation, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str, *, listed: bool
) -> None:
    """A revoked station's stolen key signs a hand-over of the day before."""
    made = stolen.receipt(REVOKED - timedelta(days=1))
    (tmp_path / "receipt.json").write_bytes(made.document)
    (tmp_path / "station.pem").write_bytes(stolen.certificate.public_bytes(Encoding.PEM))
    item = str(tmp_path / "receipt.json") if form == "receipt" else made.qr
    trusted = ["--ca", stolen.option("ca.pem"), "--certificate", str(tmp_path / "station.pem")]

    trusted += ["--crl", stolen.option("crl.pem")] if listed else []
    code = main(["verify-receipt", item, *trusted, "--json"])

    said = json.loads(capsys.readouterr().out)
    assert (code, said["verdict"]) == (3, "undecided"), said
    assert not listed or datetime.fromisoformat(said["revoked"]) == REVOKED
    assert main(["verify-receipt", item, *trusted]) == 3
    assert capsys.readouterr().out.startswith("Cannot be told")


@pytest.fixture
def region(stolen: StolenStation, tmp_path: Path) -> Iterator[Fleet]:
    database = new_store(tmp_path / "fleet.sqlite")
    yield Fleet(stolen, database, Seal.load(stolen.authority.directory))
    database.close()


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
