"""What the stations' listener answers: the statuses of RFC 7030, and a line of words, for each wrong request."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from sqlalchemy import insert, select

from fleet.agent.identity import Broker
from fleet.messages.vocabulary import EventType
from fleet.server.enrolment.model import EnrolmentRefusedError, Revoked
from fleet.server.enrolment.tables import station_claims
from fleet.server.events.tables import chains, events
from fleet.server.live_feed.hub import Hub
from fleet.server.retirement.service import RetirementService
from fleet.server.stations.tables import alarms, stations
from provisioning import pki
from provisioning.authority import ISSUING_CRL_FILE, Authority
from provisioning.enrol import enrol as enrol_at_authority
from provisioning.est import wire
from provisioning.est.claim_codes import Claim, ClaimCode
from tests.fakes.server.enrolling import TOVE, Answer, EnrolmentSite, MovedClock, enrolment_site, wall_clock

ENROL, RENEW = f"{wire.ROOT}/simpleenroll", f"{wire.ROOT}/simplereenroll"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


CLOCK = MovedClock()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnrolmentSite]:
    with enrolment_site(tmp_path_factory.mktemp("site"), CLOCK) as site:
        CLOCK.moved = timedelta()
        yield site


@pytest.fixture
def site(running: EnrolmentSite) -> Iterator[EnrolmentSite]:
    """Each test begins a minute before the one before it: what was counted of the address is over."""
    before = CLOCK.moved
    yield running
    CLOCK.moved = before - timedelta(minutes=1)


def request_of(
    name: str | None = "", *, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None, extra: str = ""
) -> bytes:
    names = [x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else []
    names += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, extra)] if extra else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    return wire.write_request(builder.sign(key or pki.new_key(), hashes.SHA256()))


def enrol(site: EnrolmentSite, claim: Claim, body: bytes, code: str = "") -> Answer:
    return site.ask(ENROL, body, basic=(claim.station, code or str(claim.code)))


@dataclass
class Enrolled:
    key: ec.EllipticCurvePrivateKey
    chain: list[x509.Certificate]
    files: tuple[Path, Path]


def enrolled(site: EnrolmentSite, station: str, folder: Path) -> Enrolled:
    claim, key = site.claim(station), pki.new_key()
    body = request_of(station, key=key)
    assert enrol(site, claim, body).status == 202
    site.approve(station)
    answer = enrol(site, claim, body)
    assert answer.status == 200, answer
    chain = list(wire.read_certificates(answer.body))
    chain.sort(key=lambda one: one.subject.rfc4514_string() != f"CN={station}")
    pem, private = folder / f"{station}.pem", folder / f"{station}.key"
    pem.write_bytes(b"".join(map(pki.certificate_pem, chain)))
    private.write_bytes(pki.key_pem(key))
    return Enrolled(key, chain, (pem, private))


def test_a_station_waits_until_a_person_has_seen_its_key_and_then_has_90_days(
    site: EnrolmentSite, tmp_path: Path
) -> None:
    claim, key = site.claim("entre-a"), pki.new_key()
    first = enrol(site, claim, request_of(key=key))
    assert (first.status, first.headers["retry-after"], first.reason) == (202, "10", "waiting")
    (row,) = [row for row in site.people.claims() if row.station == "entre-a"]
    assert row.key == wire.short_fingerprint(wire.key_digest(key.public_key()))
    with pytest.raises(EnrolmentRefusedError, match="another key waits"):
        site.people.decide(row.id, "0000 0000 0000 0000 0000", TOVE, approves=True)
    for _ in range(2):  # pressed twice
        site.people.decide(row.id, row.key, TOVE, approves=True)
    answer = enrol(site, claim, request_of(key=key))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/pkcs7-mime; smime-type=certs-only")
    assert answer.headers["content-transfer-encoding"] == "base64"
    leaf, above = wire.read_certificates(answer.body)
    assert leaf.subject.rfc4514_string() == "CN=entre-a"
    assert leaf.not_valid_after_utc - CLOCK() == 90 * DAY
    assert above.subject.rfc4514_string() == "CN=kortkiosk fleet issuing 1"
    assert enrol(site, claim, request_of(key=key)).body == answer.body, "the same again, as after a power cut"
    assert enrol(site, claim, request_of()).reason == "other_key"


@pytest.mark.parametrize(
    ("gaps", "last", "end"),
    [
        ("[]", EventType.STATION_STARTED, "1:9"),
        ("[[5,6]]", EventType.STATION_STARTED, "1:4, +3"),
        ("[[5,6]]", EventType.STATION_RESET, "1:4, +3"),
        ("[]", EventType.STATION_RESET, None),
    ],
)
def test_a_station_in_the_place_of_one_whose_events_broke_off_has_the_last_one_named(
    gaps: str, last: EventType, end: str | None, site: EnrolmentSite, tmp_path: Path
) -> None:
    station = f"lived-{'reset' if last is EventType.STATION_RESET else 'lost'}-{len(gaps)}"
    enrolled(site, station, tmp_path)
    assert former_life(site, station) is None, "it had none"
    with site.database.writing.begin() as connection:
        number = connection.execute(select(stations.c.id).where(stations.c.name == station)).scalar_one()
        connection.execute(insert(chains).values(station=number, epoch=1, highest=9, gaps=gaps, intact=True))
        told = {"type": last, "time": "", "envelope": b"", "received": CLOCK()}
        connection.execute(insert(events).values(station=number, epoch=1, sequence=9, **told))
    enrolled(site, station, tmp_path)
    assert former_life(site, station) == end


def former_life(site: EnrolmentSite, station: str) -> str | None:
    mine = alarms.c.station == station, alarms.c.code == "former_life"
    with site.database.reading.begin() as connection:
        return connection.execute(select(alarms.c.argument).where(*mine)).scalar()


def test_everybody_learns_the_authorities_and_what_a_request_is_to_hold(site: EnrolmentSite) -> None:
    answer = site.ask(f"{wire.ROOT}/cacerts")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/pkcs7-mime")
    names = {one.subject.rfc4514_string() for one in wire.read_certificates(answer.body)}
    assert names == {"CN=kortkiosk fleet authority", "CN=kortkiosk fleet issuing 1"}
    attributes = site.ask(f"{wire.ROOT}/csrattrs")
    assert (attributes.status, attributes.headers["content-type"]) == (200, "application/csrattrs")
    assert site.ask(f"{wire.ROOT}/another-label/cacerts").status == 404
    assert site.ask(ENROL).status == 405


WRONG_BODIES = [
    (request_of("entre-z"), 400, "other_name"),
    (request_of("entre-b", extra="Elsewhere"), 400, "other_name"),
    (request_of("entre-b", key=rsa.generate_private_key(65537, 2048)), 400, "bad_key"),
    (request_of("entre-b", key=ec.generate_private_key(ec.SECP384R1())), 400, "bad_key"),
    (b"", 400, "bad_request"),
    (b"not base64 at all!", 400, "bad_request"),
    (base64.encodebytes(b"\x30\x03\x02\x01\x01"), 400, "bad_request"),
    (b"A" * 70_000, 400, "bad_request"),
]


def test_a_request_that_is_wrong_uses_no_code_up(site: EnrolmentSite) -> None:
    claim = site.claim("entre-b")
    for body, status, reason in WRONG_BODIES:
        answer = enrol(site, claim, body)
        assert (answer.status, answer.reason) == (status, reason), body[:40]
    assert enrol(site, claim, request_of("entre-b")).status == 202


def test_a_request_is_signed_by_its_own_key_and_said_to_be_one(site: EnrolmentSite) -> None:
    claim = site.claim("entre-c")
    der = bytearray(base64.b64decode(request_of("entre-c")))
    der[-1] ^= 1
    assert enrol(site, claim, base64.encodebytes(bytes(der))).reason == "bad_key"
    other = site.ask(ENROL, request_of("entre-c"), basic=("entre-c", str(claim.code)), content_type="text/plain")
    assert (other.status, other.reason) == (400, "bad_request")


def test_without_a_code_that_is_right_nobody_is_told_more(site: EnrolmentSite) -> None:
    claim = site.claim("entre-d")
    for basic in (None, ("entre-d", ""), ("entre-d", "0000-0000-0000-0000-0000"), ("nobody", str(claim.code))):
        answer = site.ask(ENROL, request_of(), basic=basic)
        assert (answer.status, answer.reason) == (401, "wrong_code")
        assert answer.headers["www-authenticate"].startswith("Basic ")


def test_five_wrong_codes_end_a_claim_that_nobody_has_used(site: EnrolmentSite) -> None:
    claim = site.claim("entre-e")
    for _ in range(5):
        assert enrol(site, claim, request_of(), str(ClaimCode("0" * 8, claim.code.authority))).status == 401
    answer = enrol(site, claim, request_of())
    assert (answer.status, answer.reason) == (403, "tried_too_often")


def test_guesses_harm_no_station_that_waits_and_are_slowed_by_address(site: EnrolmentSite) -> None:
    claim, key = site.claim("entre-f"), pki.new_key()
    assert enrol(site, claim, request_of(key=key)).status == 202
    guesses = [enrol(site, claim, request_of(), "0000-0000-0000-0000-0000") for _ in range(11)]
    assert [one.status for one in guesses] == [401] * 10 + [429]
    assert int(guesses[-1].headers["retry-after"]) > 0
    CLOCK.moved += timedelta(minutes=2)
    assert enrol(site, claim, request_of(key=key)).status == 202


def test_a_code_ends_after_its_time_unless_a_station_waits_on_it(site: EnrolmentSite) -> None:
    unused, used, key = site.claim("entre-g"), site.claim("entre-h"), pki.new_key()
    assert enrol(site, used, request_of(key=key)).status == 202
    CLOCK.moved += 24 * HOUR
    answer = enrol(site, unused, request_of())
    assert (answer.status, answer.reason) == (403, "expired")
    site.approve("entre-h")
    assert enrol(site, used, request_of(key=key)).status == 200
    CLOCK.moved += 25 * HOUR
    answer = enrol(site, used, request_of(key=key))
    assert (answer.status, answer.reason) == (403, "used")


def test_a_refused_station_is_told_so(site: EnrolmentSite) -> None:
    claim, key = site.claim("entre-i"), pki.new_key()
    enrol(site, claim, request_of(key=key))
    (row,) = [row for row in site.people.claims() if row.station == "entre-i"]
    site.people.decide(row.id, row.key, TOVE, approves=False)
    answer = enrol(site, claim, request_of(key=key))
    assert (answer.status, answer.reason) == (403, "refused")
    with pytest.raises(EnrolmentRefusedError, match="nothing waits"):
        site.people.decide(row.id, row.key, TOVE, approves=True)


def test_two_keys_that_want_one_name_are_a_conflict_that_people_see(site: EnrolmentSite) -> None:
    first, second, thief, keeper = site.claim("entre-j"), site.claim("entre-j"), pki.new_key(), pki.new_key()
    assert enrol(site, first, request_of(key=thief)).status == 202
    stolen = enrol(site, first, request_of(key=keeper))
    assert (stolen.status, stolen.reason) == (409, "other_key")
    assert enrol(site, second, request_of(key=keeper)).status == 202
    rows = [row for row in site.people.claims() if row.station == "entre-j"]
    assert [(row.is_in_conflict, row.rivals, bool(row.other_key)) for row in rows] == [
        (True, 1, False),
        (True, 1, True),
    ]
    site.people.decide(rows[0].id, rows[0].key, TOVE, approves=True)
    assert enrol(site, first, request_of(key=thief)).reason == "refused"
    assert enrol(site, second, request_of(key=keeper)).status == 200


def test_each_enrolment_has_the_next_epoch_also_after_the_authority_s_own(site: EnrolmentSite, tmp_path: Path) -> None:
    own = pki.new_key()
    site.authority.enrol_all({"entre-k": own.public_key()}, CLOCK())
    epochs = []
    for _ in range(2):
        station = enrolled(site, "entre-k", tmp_path)
        answer = site.ask(wire.IDENTITY, shown=station.files)
        epochs.append(json.loads(answer.body)["epoch"])
    assert epochs == [2, 3]


def test_a_station_learns_its_epoch_broker_and_keys_by_its_new_certificate(site: EnrolmentSite, tmp_path: Path) -> None:
    station = enrolled(site, "entre-l", tmp_path)
    answer = site.ask(wire.IDENTITY, shown=station.files)
    told = json.loads(answer.body)
    assert (told["station"], told["epoch"], told["broker"]) == ("entre-l", 1, {"host": "", "port": 8883})
    assert told["signing_key"] == site.authority.signing_key
    assert site.ask(wire.IDENTITY).reason == "no_certificate"


def test_a_station_renews_by_its_certificate_with_a_key_of_its_choice(site: EnrolmentSite, tmp_path: Path) -> None:
    station = enrolled(site, "entre-m", tmp_path)
    CLOCK.moved += 60 * DAY
    answer = site.ask(RENEW, request_of("entre-m"), shown=station.files)
    leaf, _ = wire.read_certificates(answer.body)
    assert (answer.status, leaf.not_valid_after_utc - CLOCK()) == (200, 90 * DAY)
    assert leaf.public_key() != station.key.public_key()
    assert site.ask(RENEW, request_of("entre-a"), shown=station.files).reason == "other_name"
    assert site.ask(RENEW, request_of("entre-m")).status == 401
    renewals = [site.ask(RENEW, request_of("entre-m"), shown=station.files).status for _ in range(10)]
    assert renewals == [200] * 9 + [429]


def test_a_certificate_of_the_server_or_of_a_stranger_renews_nothing(site: EnrolmentSite, tmp_path: Path) -> None:
    server = site.authority.directory / "server"
    own = (server / "fleet-server.pem", server / "fleet-server.key")
    answer = site.ask(RENEW, request_of("fleet-server"), shown=own)
    assert (answer.status, answer.reason) == (401, "no_certificate")
    stranger = Authority.init(tmp_path / "stranger", [], wall_clock())
    theirs = stranger.directory / "server"
    with pytest.raises(OSError):  # noqa: PT011 TLS 1.3 tells it as an alert, or as a connection that is gone
        site.ask(RENEW, request_of("entre-a"), shown=(theirs / "fleet-server.pem", theirs / "fleet-server.key"))


def test_a_revoked_station_is_on_the_list_and_renews_no_more(site: EnrolmentSite, tmp_path: Path) -> None:
    station = enrolled(site, "entre-n", tmp_path)
    assert site.people.revoke("entre-n", "stolen", TOVE) == Revoked(1)
    answer = site.ask(RENEW, request_of("entre-n"), shown=station.files)
    assert (answer.status, answer.reason) == (403, "revoked")
    site.parts.files.write()
    crl = x509.load_pem_x509_crl((site.authority.directory / ISSUING_CRL_FILE).read_bytes())
    assert crl.get_revoked_certificate_by_serial_number(station.chain[0].serial_number) is not None
    with pytest.raises(EnrolmentRefusedError, match="no certificate that is not revoked"):
        site.people.revoke("entre-n", "again", TOVE)


def test_one_that_the_authority_has_enrolled_renews_no_more_once_revoked_and_the_next_of_its_name_does(
    site: EnrolmentSite, tmp_path: Path
) -> None:
    station = enrolled(site, "entre-q", tmp_path)
    identity = enrol_at_authority(
        site.authority, tmp_path / "own", Broker("localhost", 1), site.authority.claim("entre-q", CLOCK()), CLOCK()
    )
    own = (identity.certificate_file, identity.key_file)
    assert site.ask(RENEW, request_of("entre-q"), shown=own).status == 200
    CLOCK.moved += timedelta(seconds=2)
    done = site.people.revoke("entre-q", "stolen", TOVE)
    assert (done.certificates, len(done.left)) == (2, 0), "the fake's people do not read the authority's list"
    for shown in (station.files, own):
        answer = site.ask(RENEW, request_of("entre-q"), shown=shown)
        assert (answer.status, answer.reason) == (403, "revoked")
    again = enrolled(site, "entre-q", tmp_path)
    assert site.ask(RENEW, request_of("entre-q"), shown=again.files).status == 200


def test_guesses_at_one_address_stop_no_renewal_there(site: EnrolmentSite, tmp_path: Path) -> None:
    station = enrolled(site, "entre-r", tmp_path)
    site.claim("entre-s")
    guesses = [site.ask(ENROL, request_of(), basic=("entre-s", "0000-0000-0000-0000-0000")).status for _ in range(11)]
    assert guesses == [401] * 10 + [429]
    assert site.ask(RENEW, request_of("entre-r"), shown=station.files).status == 200


def test_a_retired_station_gets_neither_claim_nor_certificate(site: EnrolmentSite, tmp_path: Path) -> None:
    station = enrolled(site, "entre-o", tmp_path)
    claim = site.claim("entre-o")
    RetirementService(site.database, Hub(), CLOCK).retire("entre-o", "closed", TOVE)
    assert enrol(site, claim, request_of()).reason == "retired"
    assert site.ask(RENEW, request_of("entre-o"), shown=station.files).reason == "retired"
    with pytest.raises(EnrolmentRefusedError, match="is retired"):
        site.claim("entre-o")


@pytest.mark.parametrize("name", ["fleet-server", "fleet-server-2", "Entré", "a/b", ""])
def test_a_claim_is_for_a_name_that_a_station_may_have(site: EnrolmentSite, name: str) -> None:
    with pytest.raises(EnrolmentRefusedError):
        site.people.make_claim(name, 24, TOVE)


def test_only_a_hash_of_the_secret_is_kept(site: EnrolmentSite) -> None:
    claim = site.claim("entre-p")
    with site.database.reading.begin() as connection:
        row = connection.execute(select(station_claims).where(station_claims.c.station == "entre-p")).one()
    assert all(claim.code.secret not in str(value).upper() for value in row)
