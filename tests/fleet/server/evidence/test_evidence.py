"""An auditor asks for one errand, takes the file home, and checks it with nothing but the authority's certificate."""

import json
import zipfile
from datetime import date, datetime
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, update

from fleet.messages.vocabulary import EventType
from fleet.server.audit_log import log as audit
from fleet.server.audit_log.log import AuditEvent
from fleet.server.checkpoints.tables import NOTHING_LEFT, erasures
from fleet.server.cli import main
from fleet.server.database.database import Database, open_database
from fleet.server.events.tables import events
from fleet.server.evidence import model as contents
from fleet.server.evidence.export import PAGE
from fleet.server.evidence.model import EvidenceRequest
from fleet.server.evidence.request import EvidenceRequestError, evidence_request
from fleet.server.evidence.selection import NothingHeldError, merge_parts
from fleet.server.evidence.service import BusyError, EvidenceService
from fleet.server.evidence.verification.report import as_text
from fleet.server.evidence.verification.verify import TrustAnchors, check
from fleet.server.ingest.parse import UnreadableMessage
from fleet.server.ingest.write import Writer
from provisioning import pki
from tests.fleet.server.conftest import NOW, SealingStation, arrived
from tests.fleet.server.evidence.conftest import (
    ERRAND,
    Fleet,
    SigningStation,
    a_week,
    checked,
    exported,
    lines_of,
    members,
    resealed,
    taken,
)


def test_the_file_of_an_errand_proves_it_and_tells_nothing_of_other_people(
    either: Database, fleet: Fleet, signing: SigningStation
) -> None:
    a_week(signing)
    taken(either, signing, fleet.station("entre-b"), fleet=fleet)
    raw = exported(either, fleet, ERRAND)
    report = checked(raw, fleet)
    assert (report.verdict, report.where, report.why, report.whole) == ("genuine", "", "", True)
    (stretch,) = report.stretches
    assert (stretch.first, stretch.last, stretch.with_content, stretch.unsigned) == (2, 8, 5, 0)
    assert report.receipts == ("R-O-1",)
    assert b"9752269876" not in raw
    assert b"errand-2" not in raw
    assert [line["sequence"] for line in lines_of(raw) if "data" in line] == [2, 3, 4, 5, 6, 7, 8]
    assert members(raw)[contents.README].decode().startswith("BEVISFIL")


def test_any_program_opens_the_file_and_the_same_store_gives_the_same_bytes(
    database: Database, fleet: Fleet, signing: SigningStation
) -> None:
    a_week(signing)
    taken(database, signing, fleet=fleet)
    raw = exported(database, fleet, ERRAND)
    with zipfile.ZipFile(BytesIO(raw)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert names[:4] == ["README.txt", "ca.pem", "crl.pem", "certificates/entre-a.1.1.pem"]
    again = members(exported(database, fleet, ERRAND))
    assert again.pop(contents.SEAL) != b""
    assert again == {name: one for name, one in members(raw).items() if name != contents.SEAL}


@pytest.mark.parametrize(
    ("asked", "content"),
    [
        (EvidenceRequest("card", "9752269875"), [3, 4, 5, 6, 7, 10]),
        (EvidenceRequest("order", "O-2"), [11, 12, 13, 14, 15]),
        (
            EvidenceRequest("station", "entre-a", "2026-06-01", "2026-06-01"),
            [*range(3, 8), *range(9, 11), *range(11, 16)],
        ),
    ],
    ids=["card", "order", "station"],
)
def test_a_card_an_order_or_days_are_found_in_all_that_names_them(
    either: Database, fleet: Fleet, signing: SigningStation, asked: EvidenceRequest, content: list[int]
) -> None:
    signing.seal(EventType.STATION_STARTED, time="2026-05-31T23:59:59Z")
    signing.sign()
    signing.pickup("O-1", card="9752269875", errand="errand-1")
    signing.sign()
    signing.seal(EventType.DOOR_OPENED)
    signing.seal(EventType.STOCK_COUNTED, {"errand": "count", "numbers": ["9752269875"]})
    signing.pickup("O-2", card="9752269876", errand="errand-2")
    signing.sign()
    taken(either, signing, fleet=fleet)
    raw = exported(either, fleet, asked)
    assert checked(raw, fleet).verdict == "genuine"
    found = [int(str(line["sequence"])) for line in lines_of(raw) if "data" in line]
    assert [number for number in found if signing.sealed[number - 1].type != EventType.CHAIN_CHECKPOINT] == content


def test_of_what_nothing_is_held_there_is_no_file(database: Database, fleet: Fleet) -> None:
    with pytest.raises(NothingHeldError, match="nothing is held of card 1"):
        exported(database, fleet, EvidenceRequest("card", "1"))


def test_what_comes_after_the_last_signature_is_said_to_rest_on_the_server(
    database: Database, fleet: Fleet, signing: SigningStation
) -> None:
    a_week(signing)
    signing.pickup("O-3", errand="errand-3")
    taken(database, signing, fleet=fleet)
    report = checked(exported(database, fleet, EvidenceRequest("errand", "errand-3")), fleet)
    assert (report.verdict, report.whole, report.stretches[0].unsigned) == ("genuine", False, 5)
    assert "5 events have no later signature of the station" in as_text(report)


def test_a_station_without_signatures_is_exported_all_the_same(database: Database, fleet: Fleet) -> None:
    station = SealingStation()
    station.pickup(errand="errand-1")
    taken(database, station, fleet=fleet)
    report = checked(exported(database, fleet, ERRAND), fleet)
    assert (report.verdict, report.stretches[0].unsigned) == ("genuine", 5)


def test_holes_spoilt_and_erased_places_are_named_as_such(
    database: Database, fleet: Fleet, signing: SigningStation
) -> None:
    a_week(signing)
    spoilt = UnreadableMessage("entre-a", (1, 5), "events", b"{", "not an event")
    kept = [event for event in signing.sealed if event.sequence not in (5, 6)]
    Writer(database).commit([*arrived(*kept), spoilt], NOW)
    with database.writing.begin() as connection:
        connection.execute(update(events).where(events.c.sequence == 3).values(data=None, salt=None))
        place = {"station": 1, "epoch": 1, "sequence": 3}
        connection.execute(insert(erasures).values(**place, residue=NOTHING_LEFT, erased=NOW))
    raw = exported(database, fleet, ERRAND)
    assert [line.get("withheld") for line in lines_of(raw)] == [None, "erased", None, "spoilt", "missing", None, None]
    (stretch,) = checked(raw, fleet).stretches
    assert (stretch.erased, stretch.absent, stretch.with_content, stretch.unsigned) == (1, 2, 2, 1)


@pytest.mark.parametrize(("asked", "lost"), [("errand-1", 1), ("errand-1", 2), ("errand-2", 15)])
def test_a_place_beside_what_is_asked_for_is_missed_too(
    database: Database, fleet: Fleet, signing: SigningStation, asked: str, lost: int
) -> None:
    """Where no checkpoint stands between, up to the chain's own end."""
    for number in (1, 2):
        signing.seals(2)
        signing.pickup(f"O-{number}", errand=f"errand-{number}")
    signing.seals(1)
    taken(database, signing, fleet=fleet)
    assert checked(exported(database, fleet, EvidenceRequest("errand", asked)), fleet).verdict == "genuine"
    with database.writing.begin() as connection:
        connection.execute(delete(events).where(events.c.sequence == lost))
    report = checked(exported(database, fleet, EvidenceRequest("errand", asked)), fleet)
    assert report.verdict == "contradicts"
    assert f"(entre-a 1:{lost})" in report.where


def test_a_file_of_the_version_before_is_believed_for_what_it_says(
    database: Database, fleet: Fleet, signing: SigningStation
) -> None:
    a_week(signing)
    taken(database, signing, fleet=fleet)
    whole = members(exported(database, fleet, ERRAND))
    assert whole.pop(contents.DIFFERENCES) == b""
    manifest = whole[contents.MANIFEST]
    for version, verdict in (("2", "genuine"), ("1", "altered"), ("3", "altered"), ("4", "altered")):
        said = manifest.replace(b'"version":3', f'"version":{version}'.encode())
        assert checked(resealed({**whole, contents.MANIFEST: said}, fleet.seal)).verdict == verdict, version


def test_a_long_chain_lies_in_several_members(database: Database, fleet: Fleet, signing: SigningStation) -> None:
    signing.seals(PAGE + 10)
    signing.sign()
    taken(database, signing, fleet=fleet)
    raw = exported(database, fleet, EvidenceRequest("station", "entre-a", "2026-06-01", "2026-06-01"))
    assert [name for name in members(raw) if name.startswith("chain/")] == [
        contents.chain_name("entre-a", 1, 1),
        contents.chain_name("entre-a", 1, PAGE + 1),
    ]
    (stretch,) = checked(raw, fleet).stretches
    assert (stretch.with_content, stretch.unsigned) == (PAGE + 10, 0)


def test_the_audit_of_looks_at_the_errand_goes_with_it(
    database: Database, fleet: Fleet, signing: SigningStation
) -> None:
    a_week(signing)
    taken(database, signing, fleet=fleet)
    with database.writing.begin() as connection:
        for target in ("errand-1", "errand-2", "R-O-1"):
            audit.append(connection, NOW, "tove", "192.0.2.1", AuditEvent("people.errand", target))
        audit.append(connection, NOW, "tove", "192.0.2.1", AuditEvent("user.add", "errand-1"))
    raw = exported(database, fleet, ERRAND)
    told = [json.loads(json.loads(line)["entry"])["target"] for line in members(raw)[contents.AUDIT].splitlines()]
    assert told == ["errand-1", "R-O-1"]
    assert checked(raw, fleet).audit_entries == 2
    whole = members(raw)
    changed = resealed({**whole, contents.AUDIT: whole[contents.AUDIT].replace(b"tove", b"nils")}, fleet.seal)
    assert checked(changed).where == "audit.jsonl line 1"


@pytest.mark.parametrize(
    ("chosen", "signed", "expected"),
    [
        ([5], [], [(5, 5)]),
        ([3, 4, 30], [2, 10, 20, 40], [(2, 10), (20, 40)]),
        ([3, 12], [2, 10, 20], [(2, 20)]),
        ([1], [2, 10], [(1, 2)]),
        ([25], [2, 10, 20], [(20, 25)]),
        ([10], [2, 10, 20], [(10, 20)]),
        ([10], [2, 10], [(10, 10)]),
        ([5, 6, 9], [2], [(2, 9)]),
    ],
)  # fmt: skip
def test_a_part_reaches_from_checkpoint_to_checkpoint(
    chosen: list[int], signed: list[int], expected: list[tuple[int, int]]
) -> None:
    assert merge_parts(chosen, signed) == expected


@pytest.mark.parametrize("value", ["", 'a"b', "a\\b", "a\nb", "1" * 65])
def test_what_is_not_said_well_is_refused(value: str) -> None:
    with pytest.raises(EvidenceRequestError):
        evidence_request("card", value, None, None)


def test_days_narrow_what_is_asked_for(database: Database, fleet: Fleet, signing: SigningStation) -> None:
    for day in ("2026-05-31T23:59:59.999Z", "2026-06-01T00:00:00Z", "2026-06-01T23:59:59Z", "2026-06-02T00:00:00Z"):
        signing.seal(EventType.DOOR_OPENED, time=day)
    taken(database, signing, fleet=fleet)
    day = date(2026, 6, 1)
    for first, last, found in (
        (day, day, [2, 3]),
        (day, None, [2, 3, 4]),
        (None, day, [1, 2, 3]),
        (None, None, [1, 2, 3, 4]),
    ):
        raw = exported(database, fleet, evidence_request("station", "entre-a", first, last))
        assert [line["sequence"] for line in lines_of(raw) if "data" in line] == found


def test_one_file_is_written_at_a_time(database: Database, fleet: Fleet, signing: SigningStation) -> None:
    a_week(signing)
    taken(database, signing, fleet=fleet)
    inner: list[str] = []

    def clock() -> datetime:
        with pytest.raises(BusyError):
            desk.written(ERRAND)
        inner.append("busy")
        return NOW

    desk = EvidenceService(database, fleet.seal, clock)
    with desk.written(ERRAND) as file:
        assert check(file, TrustAnchors(fleet.seal.authorities)).verdict == "genuine"
    assert inner == ["busy"]
    with pytest.raises(NothingHeldError):
        EvidenceService(database, fleet.seal, lambda: NOW).written(EvidenceRequest("card", "1"))


def test_the_program_writes_a_file_once_tells_the_audit_and_checks_it(
    fleet: Fleet, signing: SigningStation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_week(signing)
    with open_database(tmp_path / "fleet.sqlite") as database:
        taken(database, signing, fleet=fleet)
    into, ca = tmp_path / "errand.zip", str(fleet.directory / "ca" / "ca.pem")
    command = ["export-evidence", "--errand", "errand-1", "--into", str(into), "--authority", str(fleet.directory)]
    assert main([*command, "--data", str(tmp_path)]) == 0
    assert "5 events, in 7 places of chains" in capsys.readouterr().out
    assert into.stat().st_mode & 0o777 == 0o600
    assert main([*command, "--data", str(tmp_path)]) == 2, "it is there already"
    with open_database(tmp_path / "fleet.sqlite") as database, database.reading.begin() as connection:
        (entry, *_), _ = audit.entries(connection, action="evidence.export")
    assert (entry.target, entry.detail) == ("errand-1", "errand")
    capsys.readouterr()
    assert main(["verify-evidence", str(into), "--ca", ca, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["verdict"], said["authority_given"], said["receipts"]) == ("genuine", True, ["R-O-1"])
    assert said["chains"][0]["signed_to"]["sequence"] == 7
    assert (said["revocations_of"], said["tsa_given"]) == ((NOW - pki.CLOCK_SLACK).isoformat(), False)
    assert said["chains"][0]["trusted_to"]["by"] == "server"
    for more, reason in (
        (["--crl", str(fleet.directory / "ca" / "crl.pem")], "give --ca"),
        (["--ca", ca, "--crl", ca], "there is no list of revocations"),
        (["--ca", ca, "--crl", "none.pem"], "none.pem: No such file"),
        (["--ca", ca, "--tsa-ca", str(into)], "no certificate in PEM"),
    ):
        assert main(["verify-evidence", str(into), *more]) == 2
        assert reason in capsys.readouterr().err
    assert main(["verify-evidence", str(into), "--ca", ca, "--tsa-ca", ca]) == 0, "nobody of it is revoked"
    assert "5 events with content" in capsys.readouterr().out
    assert main(["verify-evidence", str(into), "--ca", str(into)]) == 2, "it must not vouch for itself"
    assert "no certificate in PEM" in capsys.readouterr().err
    into.write_bytes(into.read_bytes()[:-1])
    assert main(["verify-evidence", str(into)]) == 3
    assert capsys.readouterr().out.startswith("altered: byte ")
    assert main(["verify-evidence", str(tmp_path / "none.zip")]) == 2
    assert main(["verify-evidence", str(into), "--ca", str(fleet.directory / "public.json")]) == 2
    assert [path.name for path in tmp_path.glob(".*")] == []
