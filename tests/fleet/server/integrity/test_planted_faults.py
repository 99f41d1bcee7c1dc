"""A store with one thing wrong: the check finds it and names the place. A store that has lived has no differences."""

import re
from pathlib import Path

import pytest

from fleet.server.database.database import Database
from fleet.server.evidence.model import EvidenceRequest
from fleet.server.integrity.service import StoreCheck, check_store
from tests.fakes.server.planted_faults import PLANTED, PlantedFault
from tests.fleet.server.evidence.conftest import ERRAND, Fleet, checked, exported

IN_EVIDENCE = [fault for fault in PLANTED if fault.in_evidence]


def found(check: StoreCheck) -> set[tuple[str, ...]]:
    return {(one.fault, one.station, one.table, one.key, one.column) for one in check.differences}


@pytest.mark.parametrize("fault", PLANTED, ids=[fault.what for fault in PLANTED])
def test_each_planted_fault_is_found_at_its_place(store: Database, fault: PlantedFault) -> None:
    with store.writing.begin() as connection:
        fault.plant(connection)
    check = check_store(store)
    assert fault.expected in found(check), "\n".join(map(str, check.differences))


@pytest.mark.parametrize("fault", IN_EVIDENCE, ids=[fault.what for fault in IN_EVIDENCE])
def test_a_file_of_evidence_of_such_a_store_contradicts(store: Database, fleet: Fleet, fault: PlantedFault) -> None:
    with store.writing.begin() as connection:
        fault.plant(connection)
    report = checked(exported(store, fleet, ERRAND), fleet)
    assert report.verdict == "contradicts", report.why


def test_the_file_of_a_store_that_has_lived_is_genuine(store: Database, fleet: Fleet) -> None:
    for asked in (ERRAND, EvidenceRequest("station", "entre-a"), EvidenceRequest("station", "entre-b")):
        report = checked(exported(store, fleet, asked), fleet)
        assert (report.verdict, report.why) == ("genuine", "")


def test_a_store_that_has_lived_has_no_differences(store: Database) -> None:
    check = check_store(store)
    assert check.differences == []
    assert (check.whole, check.events, check.chains, check.audit_entries) == (True, 38, 3, 7)


def test_the_table_in_the_documents_has_every_kind_of_difference_and_the_number_of_faults() -> None:
    page = (Path(__file__).parents[4] / "docs" / "reliability.md").read_text()
    table = page.split("| found as | what was planted |\n|---|---|\n")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == {fault.expected[0] for fault in PLANTED}
    assert f"all {len(PLANTED)} faults" in " ".join(page.split())
