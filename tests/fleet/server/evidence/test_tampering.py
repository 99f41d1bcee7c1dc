"""Whatever is changed in an evidence file is found, and it is said where."""

import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from fleet.messages.events import Facts, seal
from fleet.messages.vocabulary import EventType
from fleet.server.database.database import Database
from fleet.server.evidence import model as contents
from fleet.server.evidence.container import Archive
from fleet.server.evidence.verification.verify import TrustAnchors, check
from provisioning import pki
from tests.fleet.server.conftest import NOW
from tests.fleet.server.evidence.conftest import (
    ERRAND,
    Fleet,
    SigningStation,
    a_week,
    checked,
    exported,
    members,
    packed,
    resealed,
    taken,
)


def test_every_byte_that_is_changed_is_found(database: Database, fleet: Fleet, signing: SigningStation) -> None:
    """All of headers, names, directory and list; every seventh of what is only content."""
    a_week(signing)
    taken(database, signing, fleet=fleet)
    raw = exported(database, fleet, ERRAND)
    assert checked(raw, fleet).verdict == "genuine"
    places = Archive(BytesIO(raw)).members.values()
    inner = {at for one in places for at in range(one.start + 40, one.start + one.size - 40) if at % 7}
    for at in sorted(set(range(len(raw))) - inner):
        for bit in (0x01, 0x80) if at % 3 == 0 else (0x20,):
            report = checked(raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :], fleet)
            assert report.verdict == "altered", at
            assert report.where.startswith("byte "), at
    for cut in (0, 1, 30, len(raw) // 2, len(raw) - 1):
        assert checked(raw[:cut]).verdict == "altered"
    assert checked(raw + b"\0").verdict == "altered"


def test_a_file_that_would_unpack_to_a_thousand_times_its_size_is_not_unpacked(fleet: Fleet) -> None:
    for method, name in ((zipfile.ZIP_DEFLATED, "manifest.json"), (zipfile.ZIP_STORED, "../manifest.json")):
        bomb = BytesIO()
        with zipfile.ZipFile(bomb, "w", method) as archive:
            archive.writestr(name, b"0" * 1_000_000)
        report = checked(bomb.getvalue(), fleet)
        assert (report.verdict, report.where) == ("altered", "byte 0")


def test_who_also_mends_the_checksums_is_found_by_the_servers_list(
    database: Database, fleet: Fleet, signing: SigningStation
) -> None:
    a_week(signing)
    taken(database, signing, fleet=fleet)
    whole = members(exported(database, fleet, ERRAND))
    for name, content in whole.items():
        for at in (0, len(content) // 3, len(content) - 1):
            if not content:
                continue
            changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
            report = checked(packed({**whole, name: changed}), fleet)
            assert (report.verdict, report.why != "") == ("altered", True), name
            assert report.where.startswith(("manifest.", name)), (name, report.where)
        left = {other: one for other, one in whole.items() if other != name}
        assert checked(packed(left), fleet).verdict == "altered", name
    backwards = dict(reversed(whole.items()))
    assert checked(packed(backwards), fleet).where == contents.MANIFEST
    assert checked(packed({**whole, "more.txt": b""}), fleet).where == contents.MANIFEST


def test_a_dishonest_server_cannot_make_a_station_have_said_something_else(
    database: Database, fleet: Fleet, signing: SigningStation
) -> None:
    a_week(signing)
    taken(database, signing, fleet=fleet)
    whole = members(exported(database, fleet, ERRAND))
    (chain,) = (name for name in whole if name.startswith("chain/"))
    lines = whole[chain].splitlines(keepends=True)
    for number, line in enumerate(lines):
        other = {"envelope": line.replace(b"boot-1", b"boot-2"), "data": line.replace(b"9752269875", b"9752269000")}
        for what, changed in other.items():
            if changed == line or (what == "envelope" and number == len(lines) - 1):
                continue
            report = checked(
                resealed({**whole, chain: b"".join([*lines[:number], changed, *lines[number + 1 :]])}, fleet.seal)
            )
            assert report.verdict == "contradicts", (number, what)
            assert "entre-a 1:" in report.where
        left = b"".join([*lines[:number], *lines[number + 1 :]])
        if 0 < number < len(lines) - 1:
            assert checked(resealed({**whole, chain: left}, fleet.seal)).verdict == "contradicts"


def test_a_receipt_that_no_event_holds_is_found(database: Database, fleet: Fleet, signing: SigningStation) -> None:
    a_week(signing)
    taken(database, signing, fleet=fleet)
    whole = members(exported(database, fleet, ERRAND))
    report = checked(resealed({**whole, "receipts/R-O-1.json": b"{}"}, fleet.seal))
    assert (report.verdict, report.where) == ("contradicts", "receipts/R-O-1.json")


def test_a_file_of_another_fleet_or_signed_by_a_station_is_not_believed(
    database: Database, fleet: Fleet, signing: SigningStation, tmp_path: Path
) -> None:
    a_week(signing)
    taken(database, signing, fleet=fleet)
    raw = exported(database, fleet, ERRAND)
    other = pki.make_ca(NOW)
    assert check(BytesIO(raw), TrustAnchors((other.certificate,))).verdict == "unknown_signer"
    assert signing.certificate is not None
    by_station = replace(fleet.seal, key=signing.key, certificate=signing.certificate)
    report = checked(resealed(members(raw), by_station), fleet)
    assert (report.verdict, report.where) == ("unknown_signer", contents.SEAL)
    stranger = pki.new_key()
    certificate = pki.issue_client(other, "fleet-server", stranger.public_key(), NOW)
    forged = replace(fleet.seal, key=stranger, certificate=certificate)
    assert checked(resealed(members(raw), forged), fleet).verdict == "unknown_signer"


def test_a_chain_that_was_broken_when_it_came_is_not_called_genuine(
    database: Database, fleet: Fleet, signing: SigningStation
) -> None:
    signing.seal(EventType.STATION_STARTED)
    signing.sign()
    signing.pickup(errand="errand-1")
    stranger = seal(Facts("entre-a", 1, 8, "boot-1", "se.kortkiosk.test", "2026-06-01T09:59:00Z", prev="f" * 64), {})
    signing.sealed.append(stranger)
    signing.sign()
    taken(database, signing, fleet=fleet)
    report = checked(exported(database, fleet, ERRAND), fleet)
    assert (report.verdict, report.why) == ("contradicts", "does not follow the event before it: the chain is broken")
