"""Claims, certificates and renewals over a store, with a clock that the test moves: each rule on both of its sides."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import delete, insert, select, true, update

from fleet.server.audit_log.tables import audit
from fleet.server.database.database import Database
from fleet.server.enrolment import queries
from fleet.server.enrolment.judging import EnrolmentJudge, _RightCodes
from fleet.server.enrolment.model import (
    EnrolmentRefused,
    EnrolmentRefusedError,
    IssuedChain,
    Outcome,
    Refusal,
    Revoked,
    WaitsForApproval,
)
from fleet.server.enrolment.service import ClaimTerms, EnrolmentService, let_in, make_claim
from fleet.server.enrolment.tables import issued_certificates, station_claims
from fleet.server.events.tables import chains
from fleet.server.stations.service import add_stations
from fleet.server.stations.tables import stations
from provisioning.authority import Authority
from provisioning.est.claim_codes import Claim, ClaimCode
from provisioning.issuing import Issuing, issue_issuing
from provisioning.registry import CertificateRecord
from tests.fleet.server.conftest import NOW, KeptChanges

HOUR, DAY, TICK = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
AT, ELSEWHERE = "entre-a", "annex-a"
TOVE = ("tove", "192.0.2.1")
FROM = "192.0.2.7"


@pytest.fixture(scope="module")
def issuing(tmp_path_factory: pytest.TempPathFactory) -> Issuing:
    folder = tmp_path_factory.mktemp("judging") / "authority"
    issue_issuing(Authority.init(folder, [], NOW), NOW)
    loaded = Issuing.load(folder)
    assert loaded is not None
    return loaded


@dataclass
class Key:
    """A station's key, and its request."""

    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def request(self, *names: str) -> x509.CertificateSigningRequest:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
        return x509.CertificateSigningRequestBuilder().subject_name(subject).sign(self.private, hashes.SHA256())


class Office:
    """People who let stations in, and the judge of what stations ask."""

    def __init__(self, database: Database, issuing: Issuing) -> None:
        self.now = NOW
        self.database, self.issuing, self.changes = database, issuing, KeptChanges()
        terms = ClaimTerms("https://fleet.example", issuing.issuers[0].certificate)
        self.people = EnrolmentService(database, self.changes, lambda: self.now, terms)
        self.judge = EnrolmentJudge(database, issuing, self.changes, lambda: self.now, list)

    def claim(self, station: str = AT, hours: float = 24) -> str:
        return str(Claim.parse(self.people.make_claim(station, hours, TOVE)).code)

    def asks(self, code: str, key: Key, station: str = AT) -> Outcome:
        return self.judge.enrol(station, code, key.request(), FROM)

    def decides(self, *, approves: bool = True, station: str = AT) -> None:
        row = next(row for row in self.people.claims() if row.station == station and row.state(self.now) == "waiting")
        self.people.decide(row.id, row.key, TOVE, approves=approves)

    def enrolled(self, key: Key, station: str = AT) -> x509.Certificate:
        code = self.claim(station)
        assert self.asks(code, key, station) == WaitsForApproval()
        self.decides(station=station)
        return leaf(self.asks(code, key, station))

    def acts(self) -> list[tuple[str, str, str]]:
        with self.database.reading.begin() as connection:
            rows = connection.execute(select(audit).order_by(audit.c.sequence)).all()
        return [(row.who, row.action, json.loads(row.entry)["target"]) for row in rows]


def leaf(outcome: Outcome) -> x509.Certificate:
    assert isinstance(outcome, IssuedChain), outcome
    return outcome.chain[0]


def refused(why: Refusal) -> EnrolmentRefused:
    return EnrolmentRefused(why)


@pytest.fixture
def office(database: Database, issuing: Issuing) -> Iterator[Office]:
    return Office(database, issuing)


def test_a_key_waits_until_a_person_lets_it_in_and_has_its_certificate_again_for_a_day(office: Office) -> None:
    code, key = office.claim(), Key()
    assert office.asks(code, key) == office.asks(code.lower(), key) == WaitsForApproval()
    office.changes.topics.clear()
    office.decides()
    assert office.changes.topics == {"stations", f"station/{AT}"}
    given = leaf(office.asks(code, key))
    assert given.public_key() == key.private.public_key()
    with office.database.reading.begin() as connection:
        (row,) = queries.list_certificates(connection)
    assert (row.station, row.epoch, row.issued, row.serial) == (AT, 1, NOW, given.serial_number)
    assert row.not_after == given.not_valid_after_utc
    office.now += DAY - TICK
    assert leaf(office.asks(code, key)) == given
    office.now += TICK
    assert office.asks(code, key) == refused(Refusal.USED)
    assert [(who, what) for who, what, _ in office.acts()] == [
        ("tove", "enrolment.claim"), ("server", "enrolment.ask"), ("tove", "enrolment.approve"),
        ("server", "enrolment.issue"),
    ]  # fmt: skip


def test_a_station_that_asks_is_seen_at_once(office: Office) -> None:
    code = office.claim()
    office.changes.topics.clear()
    office.asks(code, Key())
    assert office.changes.topics == {"stations", f"station/{AT}"}


def test_a_code_is_good_until_it_ends_and_for_ten_guesses(office: Office) -> None:
    code = office.claim(hours=1)
    office.now += HOUR
    assert office.asks(code, Key()) == refused(Refusal.EXPIRED)
    other = office.claim(hours=1)
    office.now += HOUR - TICK
    wrong = other[:-25] + "0" * 25 if len(other) > 25 else "0" * len(other)
    for _ in range(9):
        assert office.asks(wrong, Key()) == refused(Refusal.WRONG_CODE)
    assert office.asks("no code", Key()) == refused(Refusal.WRONG_CODE)
    assert office.asks(other, Key()) == WaitsForApproval()


def test_a_code_that_was_guessed_at_too_often_is_void(office: Office) -> None:
    code = office.claim()
    for _ in range(10):
        assert office.asks(office.claim(ELSEWHERE), Key()) == refused(Refusal.WRONG_CODE)
    assert office.asks(code, Key()) == refused(Refusal.TRIED_TOO_OFTEN)


def test_another_key_with_the_code_is_told_and_gets_nothing(office: Office) -> None:
    code, key, thief = office.claim(), Key(), Key()
    office.asks(code, key)
    assert office.asks(code, thief) == refused(Refusal.OTHER_KEY)
    with office.database.reading.begin() as connection:
        assert queries.waiting_stations(connection) == [queries.WaitingStation(AT, NOW, is_in_conflict=True)]
    office.decides(approves=False)
    assert office.asks(code, key) == refused(Refusal.REFUSED)
    assert ("server", "enrolment.other_key", AT) in office.acts()
    assert office.acts()[-1] == ("tove", "enrolment.refuse", AT)


def test_a_claim_that_is_decided_is_no_rival_and_two_hundred_are_shown(office: Office) -> None:
    for _ in range(2):
        office.asks(office.claim(), Key())
    office.decides(approves=False)
    assert [row.rivals for row in office.people.claims()] == [0, 1], "of the two, one waits"
    row = {"station": AT, "salt": "", "digest": "", "made": NOW, "made_by": "tove", "expires": NOW, "wrong": 0}
    with office.database.writing.begin() as connection:
        connection.execute(insert(station_claims), [row] * 200)
    assert len(office.people.claims()) == 200


@pytest.mark.parametrize(
    ("names", "why"), [((), None), ((AT,), None), ((ELSEWHERE,), Refusal.OTHER_NAME), ((AT, AT), Refusal.OTHER_NAME)]
)
def test_a_request_is_for_the_stations_own_name(office: Office, names: tuple[str, ...], why: Refusal | None) -> None:
    outcome = office.judge.enrol(AT, office.claim(), Key().request(*names), FROM)
    assert outcome == (WaitsForApproval() if why is None else refused(why))


def test_a_request_of_another_kind_of_key_or_with_more_in_its_name_is_none(office: Office) -> None:
    builder = x509.CertificateSigningRequestBuilder()
    weak = builder.subject_name(x509.Name([])).sign(ec.generate_private_key(ec.SECP192R1()), hashes.SHA256())
    assert office.judge.enrol(AT, office.claim(), weak, FROM) == refused(Refusal.BAD_KEY)
    more = x509.Name([
        x509.NameAttribute(NameOID.COMMON_NAME, AT), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "made up"),
    ])  # fmt: skip
    named = builder.subject_name(more).sign(Key().private, hashes.SHA256())
    assert office.judge.enrol(AT, office.claim(), named, FROM) == refused(Refusal.OTHER_NAME)


def test_a_renewal_is_for_the_same_life_and_comes_again_for_the_same_key(office: Office) -> None:
    shown, fresh = office.enrolled(Key()), Key()
    office.now += 45 * DAY
    given = leaf(office.judge.renew(shown, fresh.request(), FROM))
    assert leaf(office.judge.renew(shown, fresh.request(), FROM)) == given, "the first answer may have been lost"
    office.now += DAY
    later = leaf(office.judge.renew(shown, fresh.request(AT), FROM))
    assert later != given
    assert leaf(office.judge.renew(given, fresh.request(), FROM)) == later, "the newest of them"
    with office.database.reading.begin() as connection:
        assert {one.epoch for one in queries.list_certificates(connection)} == {1}
    assert office.judge.renew(shown, Key().request(ELSEWHERE), FROM) == refused(Refusal.OTHER_NAME)
    assert office.acts()[-1] == ("server", "enrolment.renew", AT)


def test_ten_renewals_a_day_and_no_more_and_one_key_of_two_lives_is_two(office: Office) -> None:
    key = Key()
    shown = office.enrolled(Key())
    for _ in range(10):
        leaf(office.judge.renew(shown, Key().request(), FROM))
    assert office.judge.renew(shown, key.request(), FROM) == refused(Refusal.TOO_MANY)
    office.enrolled(Key(), ELSEWHERE)
    office.now += DAY
    first = leaf(office.judge.renew(shown, key.request(), FROM))
    office.now += HOUR
    again = office.enrolled(Key())
    assert leaf(office.judge.renew(again, key.request(), FROM)) != first


def test_a_certificate_that_the_store_lost_is_learnt_again_as_it_was(office: Office) -> None:
    key, fresh = Key(), Key()
    shown = office.enrolled(key)
    with office.database.writing.begin() as connection:
        before = connection.execute(select(issued_certificates)).one()
        connection.execute(delete(issued_certificates))
    assert office.judge.identity(shown) is Refusal.NO_CERTIFICATE
    office.now += 45 * DAY
    leaf(office.judge.renew(shown, fresh.request(), FROM))
    with office.database.reading.begin() as connection:
        learnt = connection.execute(select(issued_certificates).order_by(issued_certificates.c.issued)).first()
    assert learnt is not None
    assert (learnt.serial, learnt.station, learnt.key, learnt.chain) == (before.serial, AT, before.key, before.chain)
    assert (learnt.issued, learnt.claim, learnt.epoch) == (shown.not_valid_before_utc, None, 0)


def test_a_certificate_of_another_authority_is_never_learnt(office: Office, tmp_path: Path) -> None:
    issue_issuing(Authority.init(tmp_path / "other", [], NOW), NOW)
    other = Issuing.load(tmp_path / "other")
    assert other is not None
    strange = other.issue(AT, Key().private.public_key(), NOW)
    assert office.judge.renew(strange, Key().request(), FROM) == refused(Refusal.NO_CERTIFICATE)


def test_a_revocation_ends_all_that_a_name_holds_and_nothing_of_another(office: Office) -> None:
    shown, other = office.enrolled(Key()), office.enrolled(Key(), ELSEWHERE)
    office.changes.topics.clear()
    assert office.people.revoke(AT, "stolen", TOVE) == Revoked(1, ())
    assert office.changes.topics == {"stations", f"station/{AT}"}
    assert office.judge.identity(shown) is Refusal.REVOKED
    assert office.judge.renew(shown, Key().request(), FROM) == refused(Refusal.REVOKED)
    assert leaf(office.judge.renew(other, Key().request(), FROM))
    with pytest.raises(EnrolmentRefusedError, match="no certificate that is not revoked"):
        office.people.revoke(AT, "stolen", TOVE)


def test_a_revocation_says_what_the_authority_has_to_revoke_of_that_name(office: Office) -> None:
    day = timedelta(days=1)
    of = partial(CertificateRecord, epoch=1, issued=NOW - day)
    records = [
        of(AT, serial=0xA1, not_after=NOW + day),
        of(AT, serial=0xA2, not_after=NOW),
        of(AT, serial=0xA3, not_after=NOW + day, revoked=NOW - day),
        of(ELSEWHERE, serial=0xB1, not_after=NOW + day),
    ]
    people = EnrolmentService(office.database, office.changes, lambda: NOW, None, at_authority=lambda: records)
    assert people.revoke(AT, "stolen", TOVE) == Revoked(0, ("a1",))


def test_an_approval_can_be_taken_back_until_the_certificate_is_fetched(office: Office) -> None:
    code, key = office.claim(), Key()
    office.asks(code, key)
    office.decides()
    (row,) = office.people.claims()
    assert not office.people.decide(row.id, row.key, TOVE, approves=False).approved
    assert office.asks(code, key) == refused(Refusal.REFUSED)


def test_a_station_that_is_retired_neither_enrols_nor_renews(office: Office) -> None:
    code, shown = office.claim(), office.enrolled(Key())
    with office.database.writing.begin() as connection:
        connection.execute(stations.update().where(stations.c.name == AT).values(retired=NOW))
    assert office.asks(code, Key()) == refused(Refusal.RETIRED)
    assert office.judge.identity(shown) is Refusal.RETIRED
    with pytest.raises(EnrolmentRefusedError, match="entre-a is retired"):
        office.claim()


def test_what_waits_is_counted_by_station_and_among_ones_own(office: Office) -> None:
    codes = [office.claim(), office.claim(), office.claim(ELSEWHERE), office.claim("entre-b")]
    for code, station in zip(codes, (AT, AT, ELSEWHERE), strict=False):
        office.asks(code, Key(), station)
        office.now += TICK
    assert office.people.count_waiting() == 2
    assert office.people.within(frozenset({"entre-*"})).count_waiting() == 1
    with office.database.reading.begin() as connection:
        waiting = queries.waiting_stations(connection)
    assert waiting == [
        queries.WaitingStation(ELSEWHERE, NOW + 2 * TICK, is_in_conflict=False),
        queries.WaitingStation(AT, NOW, is_in_conflict=True),
    ]
    shown = office.people.claims()
    assert [row.station for row in shown] == [ELSEWHERE, AT, AT, "entre-b"], "what waits first, then the newest"
    assert [row.rivals for row in shown[1:3]] == [1, 1]
    assert office.people.within(frozenset({ELSEWHERE})).claim(shown[1].id) is None


def test_where_two_keys_want_one_name_the_other_is_refused_with_the_approval(office: Office) -> None:
    codes, keys = [office.claim(), office.claim()], [Key(), Key()]
    for code, key in zip(codes, keys, strict=True):
        office.asks(code, key)
    row = office.people.claims()[0]
    with pytest.raises(EnrolmentRefusedError, match="another key waits"):
        office.people.decide(row.id, "0000 0000", TOVE, approves=True)
    office.people.decide(row.id, row.key.lower(), TOVE, approves=True)
    assert leaf(office.asks(codes[1], keys[1]))
    assert office.asks(codes[0], keys[0]) == refused(Refusal.REFUSED)
    assert office.people.decide(row.id, row.key, TOVE, approves=True).approved, "the same again changes nothing"
    with pytest.raises(EnrolmentRefusedError, match="nothing waits"):
        office.people.decide(office.people.claims()[1].id, office.people.claims()[1].key, TOVE, approves=True)
    with pytest.raises(EnrolmentRefusedError, match="no such claim"):
        office.people.decide(10**6, "", TOVE, approves=True)


def test_who_is_let_in_again_ends_the_certificates_of_the_earlier_life(office: Office) -> None:
    shown = office.enrolled(Key())
    code, key = office.claim(), Key()
    office.asks(code, key)
    row = office.people.claims()[0]
    for _ in range(2):
        with office.database.writing.begin() as connection:
            let_in(connection, row.id, row.key, TOVE, office.now)
    assert office.judge.identity(shown) is Refusal.REVOKED
    assert office.acts()[-2:] == [("tove", "enrolment.revoke", AT), ("tove", "enrolment.approve", AT)]
    given = leaf(office.asks(code, key))
    with office.database.reading.begin() as connection:
        found = queries.find_certificate(connection, given.serial_number)
        assert queries.awaits_self_test(connection, AT)
        assert not queries.awaits_self_test(connection, ELSEWHERE)
    assert found is not None
    assert found.epoch == 2


@pytest.mark.parametrize(("hours", "fits"), [(0, False), (0.5, True), (168, True), (168.5, False), (-1, False)])
def test_for_how_long_a_claim_can_be_made(office: Office, hours: float, fits: bool) -> None:
    if fits:
        office.claim(hours=hours)
        assert office.people.claims()[0].expires == NOW + timedelta(hours=hours)
    else:
        with pytest.raises(EnrolmentRefusedError, match="at most 168 hours"):
            office.claim(hours=hours)


def test_a_claim_is_for_a_name_of_a_station_and_keeps_no_code(office: Office) -> None:
    with pytest.raises(EnrolmentRefusedError):
        office.claim("No Station")
    code = office.claim()
    with office.database.reading.begin() as connection:
        row = connection.execute(select(station_claims)).one()
    assert code.replace("-", "")[:8] not in str(tuple(row))
    assert (row.made_by, row.wrong, row.asked) == ("tove", 0, None)
    off = EnrolmentService(office.database, office.changes, lambda: NOW)
    assert (off.is_on(), office.people.is_on()) == (False, True)
    with pytest.raises(EnrolmentRefusedError, match="--station-http"):
        off.make_claim(AT, 1, TOVE)


def test_the_newest_five_claims_of_a_name_open(office: Office) -> None:
    codes = [office.claim() for _ in range(6)]
    assert office.asks(codes[0], Key()) == refused(Refusal.WRONG_CODE)
    assert office.asks(codes[1], Key()) == WaitsForApproval()


def test_codes_that_were_right_are_known_again_up_to_a_thousand() -> None:
    known = _RightCodes()
    for number in range(1000):
        known.add(f"{number}", "secret")
    assert known.has("0", "secret")
    assert not known.has("0", "other")
    known.add("1000", "secret")
    assert not known.has("0", "secret"), "the oldest goes"
    assert known.has("1", "secret")
    assert known.has("1000", "secret")


def test_a_claim_in_a_transaction_of_somebody_elses(office: Office) -> None:
    terms = ClaimTerms("https://fleet.example", office.issuing.issuers[0].certificate)
    with office.database.writing.begin() as connection:
        add_stations(connection, [AT])
        claim = make_claim(connection, terms, AT, 1, TOVE, NOW)
        (row,) = queries.list_claims(connection, NOW, true())
    assert (claim.server, claim.station) == ("https://fleet.example", AT)
    assert not row.is_known, "it was never heard"


def test_a_code_that_the_station_has_made_is_taken_if_it_has_met_this_fleet(office: Office, tmp_path: Path) -> None:
    between = Authority.init(tmp_path / "between", [], NOW)  # somebody who sits on the station's network
    with pytest.raises(EnrolmentRefusedError, match="has reached another server"):
        office.people.make_claim(AT, 24, TOVE, ClaimCode.make(between.issuer().certificate))
    assert office.people.claims() == []
    own, key = ClaimCode.make(office.issuing.issuers[0].certificate), Key()
    assert office.asks(str(own), key) == refused(Refusal.WRONG_CODE)
    office.people.make_claim(AT, 24, TOVE, own)
    assert office.asks(str(own), key) == WaitsForApproval()


NAMES = ("entre-a", "entre-b", "entre-c")


def test_a_join_key_makes_so_many_stations_wait_and_lets_nobody_in(office: Office) -> None:
    code, keys = str(office.people.make_join_key(2, 7, TOVE).code), {name: Key() for name in NAMES}
    wrong = office.judge.enrol("entre-a", code, keys["entre-a"].request("entre-b"), FROM)
    assert (wrong, office.people.join_keys()[0].used) == (refused(Refusal.OTHER_NAME), 0)
    for name in (*NAMES[:2], *NAMES[:2]):  # who asks again uses nothing up
        assert office.asks(code, keys[name], name) == WaitsForApproval()
    assert office.people.join_keys()[0].used == 2
    assert office.people.join_keys()[0].state(office.now) == "used_up"
    assert office.asks(code, keys["entre-c"], "entre-c") == refused(Refusal.USED)
    assert office.asks(code, Key(), "entre-b") == refused(Refusal.OTHER_KEY)
    assert [row.is_of_batch for row in office.people.claims()] == [False, True]
    office.decides(station="entre-a")
    assert leaf(office.asks(code, keys["entre-a"], "entre-a"))
    assert code not in str(office.acts())


def test_a_join_key_that_ended_opens_no_more_and_who_waits_by_it_waits_on(office: Office) -> None:
    code, early, late = str(office.people.make_join_key(9, 1, TOVE).code), Key(), Key()
    assert office.asks(code, early, "entre-a") == WaitsForApproval()
    office.people.end_join_key(office.people.join_keys()[0].id, TOVE)
    with pytest.raises(EnrolmentRefusedError, match="no such join key"):
        office.people.end_join_key(office.people.join_keys()[0].id, TOVE)
    assert office.asks(code, late, "entre-b") == refused(Refusal.WRONG_CODE)
    assert office.asks(code, early, "entre-a") == WaitsForApproval()
    code = str(office.people.make_join_key(9, 1, TOVE).code)
    office.now += DAY - TICK
    assert office.asks(code, Key(), "entre-c") == WaitsForApproval()
    office.now += TICK
    assert office.asks(code, late, "entre-b") == refused(Refusal.WRONG_CODE)
    assert office.people.join_keys()[0].state(office.now) == "expired"


def test_join_keys_are_five_at_a_time_and_within_their_bounds(office: Office) -> None:
    for most, days in ((0, 7), (501, 7), (1, 0), (1, 31)):
        with pytest.raises(EnrolmentRefusedError, match="1 to 500 stations"):
            office.people.make_join_key(most, days, TOVE)
    codes = [str(office.people.make_join_key(500, 30, TOVE).code) for _ in range(5)]
    with pytest.raises(EnrolmentRefusedError, match="end one first"):
        office.people.make_join_key(1, 1, TOVE)
    assert [office.asks(code, Key(), f"entre-{n}") for n, code in enumerate(codes)] == [WaitsForApproval()] * 5
    assert office.asks(codes[0], Key(), "No name") == refused(Refusal.OTHER_NAME)


def test_a_name_that_a_station_has_is_no_part_of_a_batch(office: Office) -> None:
    office.enrolled(Key())
    code = str(office.people.make_join_key(9, 7, TOVE).code)
    assert office.asks(code, Key()) == WaitsForApproval()
    assert office.asks(code, Key(), "entre-b") == WaitsForApproval()
    waiting = {row.station: row.is_of_batch for row in office.people.claims() if row.state(office.now) == "waiting"}
    assert waiting == {AT: False, "entre-b": True}


def test_a_station_is_known_that_has_spoken_or_has_another_certificate(office: Office) -> None:
    office.claim(), office.claim(ELSEWHERE)
    with office.database.writing.begin() as connection:
        add_stations(connection, [AT, ELSEWHERE])
        connection.execute(update(stations).where(stations.c.name == AT).values(heard=NOW))
    assert {row.station: row.is_known for row in office.people.claims()} == {AT: True, ELSEWHERE: False}


def test_the_next_life_comes_after_any_that_was_heard(office: Office) -> None:
    with office.database.writing.begin() as connection:
        add_stations(connection, [AT, ELSEWHERE])
        number = connection.execute(select(stations.c.id).where(stations.c.name == AT)).scalar_one()
        connection.execute(insert(chains).values(station=number, epoch=4, highest=0, gaps="[]", intact=True))
        assert (queries.next_epoch(connection, AT, 0), queries.next_epoch(connection, ELSEWHERE, 2)) == (5, 3)


def test_who_waits_is_listed_however_long_and_others_for_a_month(office: Office) -> None:
    waiting = office.claim(hours=168)
    office.asks(waiting, Key())
    office.claim(ELSEWHERE)
    for later, listed in ((29, [AT, ELSEWHERE]), (31, [AT])):
        office.now = NOW + later * DAY
        assert [row.station for row in office.people.claims()] == listed
