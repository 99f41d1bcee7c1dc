"""The supply-chain audit finds what it is for, on small inputs; the tools themselves run in `make audit`."""

import importlib.metadata
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from scripts import audit

ROOT = Path(__file__).parents[2]
KNOWN = tomllib.loads((ROOT / "scripts/audit.toml").read_text("utf-8"))


def _report(*rows: tuple[str, str, int]) -> str:
    return json.dumps({
        "results": [
            {"test_id": test, "filename": file, "line_number": line, "issue_text": "why"} for test, file, line in rows
        ]
    })  # fmt: skip


def test_a_finding_that_is_not_accepted_is_told_with_its_place() -> None:
    found = audit.static_findings(_report(("B102", "kiosk/station/app.py", 7)), [])
    assert found == ["kiosk/station/app.py:7: B102 why"]


def test_one_more_of_an_accepted_kind_in_the_same_file_is_told() -> None:
    accepted = [{"test": "B102", "file": "kiosk/station/app.py", "count": 1}]
    assert audit.static_findings(_report(("B102", "./kiosk/station/app.py", 7)), accepted) == []
    assert (
        len(
            audit.static_findings(
                _report(("B102", "kiosk/station/app.py", 7), ("B102", "kiosk/station/app.py", 9)), accepted
            )
        )
        == 2
    )


def test_an_acceptance_that_nothing_needs_is_told() -> None:
    found = audit.static_findings(_report(), [{"test": "B102", "file": "kiosk/station/app.py", "count": 1}])
    assert found == ["scripts/audit.toml: B102 in kiosk/station/app.py is accepted 1 times and found 0"]


def test_every_acceptance_has_its_reason_and_its_file() -> None:
    assert [one for one in KNOWN["accepted"] if not one["why"] or not (ROOT / one["file"]).is_file()] == []


def test_what_is_delivered_has_a_licence_of_the_list() -> None:
    packages = audit.closure("kortkiosk", ("server",))
    assert {"cryptography", "kivy", "fastapi"} <= set(packages)
    assert "pytest" not in packages
    assert audit.unlicensed(packages, KNOWN["licences"]) == []


@pytest.mark.parametrize("stated", ["GPL-3.0-only", ""])
def test_another_licence_or_none_is_told(stated: str, tmp_path: Path) -> None:
    folder = tmp_path / "strange-1.dist-info"
    folder.mkdir()
    line = f"License-Expression: {stated}\n" if stated else ""
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: strange\nVersion: 1\n{line}")
    strange = importlib.metadata.PathDistribution(folder)
    assert audit.unlicensed({"strange": strange}, KNOWN["licences"]) == [
        f"strange 1: licence '{stated}' is not in scripts/audit.toml"
    ]


def test_a_bill_holds_what_is_delivered_and_nothing_else() -> None:
    whole: dict[str, Any] = {
        "metadata": {"tools": {}},
        "components": [
            {"bom-ref": "a", "name": "Msg_Spec"},
            {"bom-ref": "b", "name": "pytest"},
            {"bom-ref": "c", "name": "six"},
        ],
        "dependencies": [{"ref": "a", "dependsOn": ["b", "c"]}, {"ref": "b"}],
    }
    bill = audit.bill(whole, ["msg-spec", "six"], "kortkiosk-station", "1.2")
    assert [one["name"] for one in bill["components"]] == ["Msg_Spec", "six"]
    assert bill["dependencies"] == [
        {"ref": "kortkiosk-station", "dependsOn": ["a", "c"]},
        {"ref": "a", "dependsOn": ["c"]},
    ]
    assert bill["metadata"]["component"]["version"] == "1.2"


def test_a_package_that_no_source_has_data_of_is_told_apart_from_one_without_faults() -> None:
    report = json.dumps({
        "dependencies": [
            {"name": "old", "version": "1", "vulns": [{"id": "TEST-1", "fix_versions": ["2"]}]},
            {"name": "dark", "skip_reason": "no data"},
            {"name": "clean", "version": "1", "vulns": []},
        ]
    })  # fmt: skip
    assert audit.vulnerabilities(report) == (["old 1: TEST-1, mended in 2"], ["dark"])
