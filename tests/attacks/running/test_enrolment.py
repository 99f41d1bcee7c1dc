"""Who is given a station's certificate, and for how long (EST, RFC 7030). Each attack has the right way beside it."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tests.attacks.running.acts import Claim, Est, station_request
from tests.attacks.running.station import Station
from tests.attacks.running.world import Account, World, eventually

YESTERDAY = (datetime.now(UTC) - timedelta(hours=25)).strftime("%Y-%m-%d %H:%M:%S.%f")


def two_people(world: World) -> tuple[Account, Account]:
    return world.account("operator", stepped_up=True), world.account(stepped_up=True)


def claimed(world: World, name: str = "") -> tuple[Claim, Callable[[], None]]:
    """A claim that nobody has used, and what two people do to let its key in."""
    people = two_people(world)
    claim = Claim(world, people[0].browser, name or f"entre-claim-{next(world.counter)}")
    assert claim.code

    def approve() -> None:
        for one in people:
            claim.approve(one.browser)

    return claim, approve


def let_in(world: World, name: str = "") -> Claim:
    claim, approve = claimed(world, name)
    assert not claim.enrol(), "nobody has approved"
    approve()
    assert claim.enrol()
    return claim


def audited(world: World, action: str, station: str) -> list[dict[str, Any]]:
    """Entries of the audit about that station."""
    entries = (json.loads(entry) for (entry,) in world.store("SELECT entry FROM audit WHERE action = ?", action))
    return [entry for entry in entries if station in entry.values()]


def serials(chain: list[x509.Certificate]) -> list[int]:
    return [one.serial_number for one in chain[:1]]


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize("wrong", [4, 5, 6])
def test_a_claim_code_is_guessed(world: World, wrong: int) -> None:
    """Somebody guesses a claim code: five wrong ones end it; one that a station waits on already takes no harm"""
    claim, approve = claimed(world)
    if wrong == 6:
        claim.enrol()
    guess = claimed(world)[0].code
    for _ in range(wrong):
        assert not claim.est.ask(station_request(new_key()), (claim.name, guess))
    claim.enrol()
    approve()
    assert claim.enrol() == (wrong != 5)


def test_a_code_for_no_name(world: World) -> None:
    """A claim code is shown under a name that nobody claimed, or without one"""
    claim = claimed(world)[0]
    for name in (f"{claim.name}x", "x" * 41, ""):
        assert not claim.est.ask(station_request(claim.key), (name, claim.code))
    assert world.store("SELECT asked FROM station_claims WHERE station = ?", claim.name) == [(None,)]


@pytest.mark.parametrize("why", ["its time is over", "refused", "the name has left the fleet"])
def test_a_claim_that_is_over(world: World, why: str) -> None:
    """A claim code is used when its time is over, after a person's no, or for a station that has left the fleet"""
    claim, approve = claimed(world)
    match why:
        case "its time is over":
            world.at_server("UPDATE station_claims SET expires = ? WHERE station = ?", YESTERDAY, claim.name)
        case "the name has left the fleet":
            world.add_row("stations", name=claim.name, online=0, retired=YESTERDAY, retired_by="x", retired_why="x")
    claim.enrol()
    if why == "refused":
        world.at_server("UPDATE station_claims SET approved = 0 WHERE station = ?", claim.name)
    approve()
    assert not claim.enrol()
    assert world.store("SELECT serial FROM issued_certificates WHERE station = ?", claim.name) == []


REQUESTS: dict[str, Callable[[Claim], bytes]] = {
    "names another station": lambda claim: station_request(claim.key, "entre-other"),
    "names an organisation": lambda claim: station_request(
        claim.key, claim.name, x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Made up")
    ),
    "is for another curve": lambda claim: station_request(ec.generate_private_key(ec.SECP384R1())),
    "is for RSA": lambda claim: station_request(rsa.generate_private_key(65537, 2048)),
    "is signed by nobody": lambda claim: station_request(claim.key)[:-1] + b"x",
    "is none": lambda claim: b"made up",
}


@pytest.mark.parametrize("what", REQUESTS)
def test_a_request_for_more(world: World, what: str) -> None:
    """A request names somebody else, holds another kind of key, or is signed by nobody; a claim's and a renewal's"""
    claim, approve = claimed(world)
    claim.enrol(request=REQUESTS[what](claim))
    assert world.store("SELECT asked FROM station_claims WHERE station = ?", claim.name) == [(None,)]
    claim.enrol(request=station_request(claim.key, claim.name))
    approve()
    assert claim.enrol()
    est = Est(world, claim.identity())
    assert not est.ask(REQUESTS[what](claim))
    assert est.ask(station_request(claim.key, claim.name))


def test_another_key_is_seen(world: World) -> None:
    """Who has overheard a claim code asks for a key of his own, and nobody sees that or from where"""
    claim, _approve = claimed(world)
    rogue, thief = new_key(), Est(world)
    claim.enrol()
    assert not thief.ask(station_request(rogue), (claim.name, claim.code))
    ((key, other, address),) = world.store(
        "SELECT key, other_key, address FROM station_claims WHERE station = ?", claim.name
    )
    assert (bool(other), other != key, address) == (True, True, claim.est.address)
    ((asked,), (seen,)) = audited(world, "enrolment.ask", claim.name), audited(world, "enrolment.other_key", claim.name)
    assert (claim.est.address in asked.values(), thief.address in seen.values()) == (True, True), (asked, seen)


def test_a_used_code(world: World) -> None:
    """A claim code that has been used gives a certificate a day later, or another certificate the same day"""
    claim = let_in(world)
    first = serials(claim.chain)
    assert claim.enrol()
    assert serials(claim.chain) == first, "as after a power cut"
    assert len(audited(world, "enrolment.issue", claim.name)) == 1
    world.at_server("UPDATE issued_certificates SET issued = ? WHERE station = ?", YESTERDAY, claim.name)
    assert not claim.enrol()


def test_the_dashboard_sees_who_asks(world: World) -> None:
    """A station asks under a claim, and a list that stands open on a screen does not show it"""
    claim, _approve = claimed(world)
    watching = world.account("operator").browser
    with watching.client.stream("GET", "/events?topics=stations", headers={"Accept": "text/event-stream"}) as feed:
        assert feed.status_code == 200
        lines = feed.iter_lines()
        next(lines)
        claim.enrol()
        until = time.monotonic() + 20
        assert any("stations" in line for line in lines if time.monotonic() < until)


def test_a_name_is_taken_from_a_station(world: World) -> None:
    """A key is let in under the name of a station that had not ended by a reset, and nobody is told, or the old one goes on"""
    former = let_in(world)
    old = Est(world, former.identity())
    with _speaking(former) as station:
        station.tell("door.opened", {})
        assert station.is_held()
    before = world.alarms()
    later = let_in(world, former.name)
    assert eventually(lambda: any(code == "former_life" for _station, code, _about in world.alarms() - before))
    assert (old.epoch(), Est(world, later.identity()).epoch()) == (0, 2)
    assert not old.ask(station_request(former.key))


class _speaking:
    def __init__(self, claim: Claim) -> None:
        self.station = claim.station()

    def __enter__(self) -> Station:
        assert self.station.connect()
        return self.station

    def __exit__(self, *_: object) -> None:
        self.station.close()


def test_a_certificate_is_renewed(world: World) -> None:
    """Control: a station renews; the same key within the day is given the same; its life goes on, and people can read of it"""
    claim = let_in(world)
    est, key = Est(world, claim.identity()), new_key()
    first = est.ask(station_request(key))
    assert first
    assert first[0].public_key() == key.public_key()
    assert serials(est.ask(station_request(key))) == serials(first) != serials(est.ask(station_request(new_key())))
    renewed = world.keep_identity(claim.name, key, first)
    assert Est(world, renewed).epoch() == est.epoch() == 1
    assert len(audited(world, "enrolment.renew", claim.name)) == 2
    world.at_server("UPDATE issued_certificates SET issued = ? WHERE station = ?", YESTERDAY, claim.name)
    assert serials(est.ask(station_request(key))) != serials(first), "a day later it is another"


STOLEN = (
    "revoked",
    "revoked by name",
    "its name has left the fleet",
    "another life's key",
    "of another authority",
    "none",
)


@pytest.mark.parametrize("what", STOLEN)
def test_a_renewal_of_a_stolen_certificate(world: World, what: str) -> None:
    """A certificate that was revoked, of a name that left, of an authority of one's own, or none at all, is renewed"""
    claim = let_in(world)
    identity = claim.identity()
    assert Est(world, identity).epoch() == 1
    match what:
        case "revoked":
            world.at_server("UPDATE issued_certificates SET revoked = ? WHERE station = ?", YESTERDAY, claim.name)
        case "revoked by name":
            later = (datetime.now(UTC) + timedelta(minutes=10)).strftime("%Y-%m-%d %H:%M:%S.%f")
            world.add_row("denied_stations", station=claim.name, since=later)
        case "its name has left the fleet":
            world.at_server("DELETE FROM stations WHERE name = ?", claim.name)
            world.add_row("stations", name=claim.name, online=0, retired=YESTERDAY, retired_by="x", retired_why="x")
        case "another life's key":
            assert Est(world, identity).ask(station_request(claim.key))
            let_in(world, claim.name)
    count = "SELECT count(*) FROM issued_certificates WHERE station = ?"
    before = world.store(count, claim.name)
    if what in ("none", "of another authority"):
        if what == "none":
            assert not Est(world).ask(station_request(claim.key))
        else:
            with pytest.raises((httpx.TransportError, OSError)):
                Est(world, _home_made(world, claim.name)).ask(station_request(claim.key))
    else:
        assert not Est(world, identity).ask(station_request(claim.key))
        assert Est(world, identity).epoch() == 0
    assert world.store(count, claim.name) == before


def _home_made(world: World, name: str) -> Any:
    """A certificate of that name that an authority of one's own has made."""
    key = new_key()
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kortkiosk issuing")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=9))
        .sign(key, hashes.SHA256())
    )
    return world.keep_identity(name, key, [certificate])


def test_a_stolen_key_is_renewed_without_end(world: World) -> None:
    """A stolen station's key asks for certificates for eleven keys in a day; another station's are not counted with them"""
    claim, other = let_in(world), let_in(world)
    est = Est(world, claim.identity())
    assert all(est.ask(station_request(new_key())) for _ in range(10))
    assert not est.ask(station_request(new_key()))
    assert Est(world, other.identity()).ask(station_request(new_key()))


def test_a_store_that_was_restored(world: World) -> None:
    """A certificate that the store lost with a back-up is renewed, and then no revocation reaches it"""
    claim = let_in(world)
    world.at_server("DELETE FROM issued_certificates WHERE station = ?", claim.name)
    est = Est(world, claim.identity())
    assert est.ask(station_request(new_key()))
    held = world.store("SELECT serial, epoch FROM issued_certificates WHERE station = ?", claim.name)
    assert (f"{claim.chain[0].serial_number:x}", 1) in [(serial, max(epoch, 1)) for serial, epoch in held]
    operator = world.account("operator", stepped_up=True)
    assert operator.browser.api("POST", f"/stations/{claim.name}/revoke", {"reason": "stolen"}).status_code == 200
    assert not est.ask(station_request(new_key()))
    assert est.epoch() == 0
