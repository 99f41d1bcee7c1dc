"""`verify-receipt --evidence`: what an evidence file adds to a receipt, and what is no use as one."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fleet.server.evidence.signature import Seal
from kiosk.cli import main
from tests.fakes.server.databases import new_store
from tests.fakes.server.stolen_station import NOW, REVOKED, Fleet, StolenStation
from tests.fakes.server.time_stamping import Tsa

BEFORE = REVOKED - timedelta(hours=23)


@pytest.fixture
def region(tmp_path: Path) -> Any:
    stolen = StolenStation.revoked(tmp_path)
    database = new_store(tmp_path / "fleet.sqlite")
    yield Fleet(stolen, database, Seal.load(stolen.authority.directory))
    database.close()


def test_evidence_is_of_this_receipt_and_holds(region: Fleet, tmp_path: Path, capsys: Any) -> None:
    made, other = (region.stolen.receipt(REVOKED - timedelta(days=1)) for _ in range(2))
    region.hand_over(made)
    region.held(BEFORE)
    (tmp_path / "evidence.zip").write_bytes(raw := region.evidence(NOW))
    (tmp_path / "made.json").write_bytes(made.document)
    (tmp_path / "other.json").write_bytes(other.document)
    tsa = Tsa(tmp_path / "tsa")
    ca, crl = region.stolen.option("ca.pem"), region.stolen.option("crl.pem")
    evidence = ["--evidence", str(tmp_path / "evidence.zip")]

    def verdict(name: str, *words: str) -> tuple[int, str]:
        code = main(["verify-receipt", str(tmp_path / name), "--ca", ca, *words, "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out)["verdict"] if said.out else said.err

    assert verdict("made.json", *evidence) == (0, "genuine")
    assert verdict("made.json", *evidence, "--crl", crl) == (0, "genuine")
    assert verdict("made.json", "--crl", crl) == (3, "undecided")
    assert verdict("other.json", *evidence) == (3, "undecided"), "the evidence is about another receipt"
    assert verdict("made.json", *evidence, "--tsa-ca", str(tsa.root_file)) == (3, "undecided"), "it has no time stamp"
    for word in ("--ca", "--tsa-ca"):
        code, said = verdict("made.json", *evidence, word, str(tmp_path / "evidence.zip"))
        assert (code, "there is no certificate in PEM in it" in said) == (2, True), "it must not vouch for itself"
    code, said = verdict("made.json", "--tsa-ca", str(tsa.root_file))
    assert (code, "give --evidence too" in said) == (2, True)
    (tmp_path / "evidence.zip").write_bytes(raw[:-1])
    code, said = verdict("made.json", *evidence)
    assert (code, "this evidence proves nothing: altered: byte" in said) == (2, True)
    code, said = verdict("made.json", "--evidence", str(tmp_path / "none.zip"))
    assert (code, "none.zip: No such file" in said) == (2, True)
    assert main(["verify-receipt", str(tmp_path / "made.json"), "--ca", ca, "--crl", crl]) == 3
    assert capsys.readouterr().out.startswith("Cannot be told: station lasa-1 was revoked")
