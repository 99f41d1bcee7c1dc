"""The server states when it held a checkpoint: once, of the good ones, and never about another one."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO

import pytest
from sqlalchemy import select

from fleet.messages import statements
from fleet.messages.countersignatures import TYP, Countersignature, encode_countersignature, read_countersignature
from fleet.messages.revocations import read_revocations
from fleet.messages.vocabulary import EventType
from fleet.server.checkpoints.countersigning import Countersigner, countersign_missing
from fleet.server.checkpoints.service import judge
from fleet.server.checkpoints.tables import countersignatures
from fleet.server.database.database import Database
from fleet.server.evidence import model as contents
from fleet.server.evidence.verification.verify import TrustAnchors, check
from fleet.server.ingest.rebuild import rebuild
from fleet.server.ingest.write import Writer
from fleet.server.readings.queries import StoreReadings
from provisioning import pki
from tests.fleet.server.conftest import NOW, arrived
from tests.fleet.server.evidence.conftest import (
    ERRAND,
    Fleet,
    SigningStation,
    a_week,
    checked,
    exported,
    members,
    resealed,
    taken,
)

LATER = NOW + timedelta(days=3)


def words(database: Database) -> list[Countersignature]:
    with database.reading.begin() as connection:
        rows = connection.execute(select(countersignatures).order_by(countersignatures.c.sequence)).all()
    return [read_countersignature(statements.verify_statement(row.jws, TYP).payload) for row in rows]


def test_each_good_checkpoint_is_countersigned_once_and_keeps_its_time(
    either: Database, fleet: Fleet, signing: SigningStation
) -> None:
    a_week(signing)
    taken(either, signing, fleet=fleet)
    before = words(either)
    assert [word.sequence for word in before] == [1, 7, 13]
    assert {word.at for word in before} == {NOW}
    shown = StoreReadings(either, lambda: NOW).checkpoint("entre-a")
    assert shown is not None
    assert (shown.verdict, shown.countersigned, shown.stamped) == ("good", NOW, None)
    rebuild(either)
    assert judge(either, fleet.seal.authorities, LATER, Countersigner(fleet.seal)) == {"entre-a"}
    assert words(either) == before, "a rebuild judges anew, and cannot know a better time"


def test_a_bad_checkpoint_is_not_countersigned(database: Database, fleet: Fleet, signing: SigningStation) -> None:
    signing.seal(EventType.STATION_STARTED)
    signing.sign(hash="0" * 64)
    taken(database, signing, fleet=fleet)
    assert words(database) == []


def test_what_was_judged_before_gets_its_word_at_the_next_start(
    either: Database, fleet: Fleet, signing: SigningStation
) -> None:
    a_week(signing)
    Writer(either).commit(arrived(*signing.sealed), NOW)
    judge(either, fleet.seal.authorities, NOW)
    assert words(either) == []
    assert countersign_missing(either, Countersigner(fleet.seal), LATER) == 3
    assert {word.at for word in words(either)} == {LATER}
    assert countersign_missing(either, Countersigner(fleet.seal), LATER) == 0


def test_a_file_says_until_when_it_was_there(database: Database, fleet: Fleet, signing: SigningStation) -> None:
    a_week(signing)
    taken(database, signing, fleet=fleet)
    report = checked(exported(database, fleet, ERRAND), fleet)
    (stretch,) = report.stretches
    assert stretch.trusted_to is not None
    assert (stretch.countersigned, stretch.trusted_to.at, stretch.trusted_to.by) == (2, NOW, "server")
    assert [(one.number, one.at) for one in report.witnessed] == [("R-O-1", NOW)]


def _rewritten(**changes: object) -> Callable[[Fleet, dict[str, object]], list[dict[str, object]]]:
    def change(fleet: Fleet, line: dict[str, object]) -> list[dict[str, object]]:
        word = read_countersignature(statements.verify_statement(str(line["jws"]), TYP).payload)
        changed = Countersignature(**{**{name: getattr(word, name) for name in word.__struct_fields__}, **changes})
        jws = statements.sign(fleet.seal.key, fleet.seal.certificate, TYP, encode_countersignature(changed))
        return [{**line, "jws": jws}]

    return change


def _by_a_stranger(fleet: Fleet, line: dict[str, object]) -> list[dict[str, object]]:
    key = pki.new_key()
    certificate = pki.issue_client(pki.make_ca(NOW), "fleet-server", key.public_key(), NOW)
    payload = statements.verify_statement(str(line["jws"]), TYP).payload
    return [{**line, "jws": statements.sign(key, certificate, TYP, payload)}]


def _by_a_station(fleet: Fleet, line: dict[str, object]) -> list[dict[str, object]]:
    key = pki.new_key()
    certificate = pki.issue_client(fleet.issuer, "entre-a", key.public_key(), NOW)
    payload = statements.verify_statement(str(line["jws"]), TYP).payload
    return [{**line, "jws": statements.sign(key, certificate, TYP, payload)}]


@pytest.mark.parametrize(
    ("change", "verdict", "why"),
    [
        (_rewritten(checkpoint="0" * 64), "contradicts", "about another checkpoint"),
        (_rewritten(hash="0" * 64), "contradicts", "about another checkpoint"),
        (_rewritten(station="entre-b"), "contradicts", "about another checkpoint"),
        (_rewritten(epoch=2), "contradicts", "about another checkpoint"),
        (_rewritten(sequence=2), "contradicts", "about another checkpoint"),
        (_rewritten(received="yesterday"), "contradicts", "does not hold"),
        (_rewritten(received="2026-06-01T10:00:00"), "contradicts", "does not hold"),
        (_rewritten(received="2056-06-01T10:00:00Z"), "unknown_signer", "was not valid at"),
        (_by_a_stranger, "unknown_signer", "was not issued by"),
        (_by_a_station, "unknown_signer", "which is no fleet server"),
        (lambda _, line: [line, line], "contradicts", "a second countersignature"),
        (lambda _, line: [{**line, "sequence": 3}], "contradicts", "about no checkpoint of this file"),
        (lambda _, line: [{**line, "token": "bm8gdG9rZW4="}], "contradicts", "the time stamp does not hold"),
        (lambda _, line: [{**line, "token": "?"}], "contradicts", "the time stamp does not hold"),
        (lambda _, line: [{**line, "more": 1}], "contradicts", "cannot be read"),
        (lambda _, line: [{**line, "jws": "a.b.c"}], "contradicts", "the countersignature does not hold"),
    ],
)
def test_a_countersignature_that_a_server_has_changed_is_found(
    database: Database, fleet: Fleet, signing: SigningStation, change: object, verdict: str, why: str
) -> None:
    a_week(signing)
    taken(database, signing, fleet=fleet)
    whole = members(exported(database, fleet, ERRAND))
    first, *others = [json.loads(line) for line in whole[contents.COUNTERSIGNATURES].splitlines()]
    lines = [*change(fleet, first), *others]  # type: ignore[operator]
    whole[contents.COUNTERSIGNATURES] = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    report = checked(resealed(whole, fleet.seal), fleet)
    assert report.verdict == verdict, report.why
    assert why in report.why
    assert report.where.startswith(contents.COUNTERSIGNATURES)


def test_a_countersignature_that_is_missing_proves_no_time(
    database: Database, fleet: Fleet, signing: SigningStation
) -> None:
    """Nothing is wrong with that while the station is in good standing; of a revoked one nothing can be told."""
    a_week(signing)
    taken(database, signing, fleet=fleet)
    whole = members(exported(database, fleet, ERRAND))
    whole[contents.COUNTERSIGNATURES] = b""
    raw = resealed(whole, fleet.seal)
    report = checked(raw, fleet)
    assert (report.verdict, report.witnessed) == ("genuine", ())
    assert signing.certificate is not None
    revoked = pki.make_crl(fleet.issuer, [(signing.certificate.serial_number, LATER)], LATER)
    report = checked(resealed({**members(raw), contents.REVOCATIONS: revoked}, fleet.seal), fleet)
    assert report.verdict == "revoked"
    assert report.why.startswith("cannot be told: station entre-a was revoked")


def test_what_a_server_signs_whose_certificate_was_revoked_counts_only_before(
    database: Database, fleet: Fleet, signing: SigningStation
) -> None:
    a_week(signing)
    taken(database, signing, fleet=fleet)
    raw = exported(database, fleet, ERRAND)
    revoked = pki.make_crl(fleet.issuer, [(fleet.seal.certificate.serial_number, LATER)], LATER)
    newest = TrustAnchors(fleet.seal.authorities, read_revocations(revoked, fleet.seal.authorities, LATER))
    report = check(BytesIO(raw), newest)
    assert (report.verdict, report.where) == ("unknown_signer", contents.SEAL)


def test_an_authority_without_a_list_of_revocations_vouches_for_nobody(
    database: Database, fleet: Fleet, signing: SigningStation
) -> None:
    """As while an authority is rotated: a list of the new one says nothing of whom the old one enrolled."""
    a_week(signing)
    taken(database, signing, fleet=fleet)
    whole = members(exported(database, fleet, ERRAND))
    other = pki.make_ca(NOW)
    whole[contents.CA] += pki.certificate_pem(other.certificate)
    own = whole[contents.REVOCATIONS]
    whole[contents.REVOCATIONS] = pki.make_crl(other, [], NOW)
    report = checked(resealed(dict(whole), fleet.seal))
    assert report.verdict == "revoked"
    assert report.why.startswith(
        "cannot be told: there is no list of revocations of the authority that issued entre-a's"
    )
    exported_again = members(exported(database, fleet, ERRAND))
    exported_again[contents.CA] = whole[contents.CA]
    exported_again[contents.REVOCATIONS] = own + pki.make_crl(other, [], NOW)
    assert checked(resealed(exported_again, fleet.seal)).verdict == "genuine"
