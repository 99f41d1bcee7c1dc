"""`kortkiosk-fleet station claim`: the same code as the page's, for who sits at the server's machine."""

import json
from pathlib import Path

import pytest

from fleet.server.cli import main
from fleet.server.database.database import open_database
from fleet.server.enrolment.judging import EnrolmentJudge
from fleet.server.enrolment.model import EnrolmentRefused, Refusal, WaitsForApproval
from fleet.server.live_feed.hub import Hub
from provisioning.authority import Authority
from provisioning.est.claim_codes import Claim
from provisioning.est.client import FileKey
from provisioning.issuing import Issuing, issue_issuing
from tests.fakes.server.databases import new_store
from tests.fakes.server.enrolling import wall_clock


def test_a_code_made_by_command_opens_once_and_names_the_authority(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = Authority.init(tmp_path / "authority", [], wall_clock())
    issue_issuing(authority, wall_clock())
    place = tmp_path / "fleet.sqlite"
    new_store(place).close()
    where = ["--data", str(tmp_path), "--authority", str(authority.directory), "--server", "https://fleet.example:8443"]
    assert main(["station", "claim", "entre-a", *where, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    claim = Claim.parse(told["text"])
    assert (told["code"], claim.server, claim.station) == (str(claim.code), "https://fleet.example:8443", "entre-a")
    assert claim.code.names(authority.issuer().certificate)
    issuing = Issuing.load(authority.directory)
    assert issuing is not None
    with open_database(place) as database:
        judge = EnrolmentJudge(database, issuing, Hub(), wall_clock, list)
        request = FileKey.load_or_make(tmp_path).request("entre-a")
        assert judge.enrol("entre-a", told["code"], request, "") == WaitsForApproval()
        assert judge.enrol("entre-b", told["code"], request, "") == EnrolmentRefused(Refusal.WRONG_CODE)
    assert main(["station", "claim", "fleet-server", *where]) == 3
    assert "a name of the server's own" in capsys.readouterr().err
    assert main(["station", "claim", "entre-a", *where[:2], "--authority", str(tmp_path), *where[4:]]) == 2
    with pytest.raises(SystemExit):
        main(["station", "claim", "entre-a", *where[:5], "http://fleet.example:8443"])
