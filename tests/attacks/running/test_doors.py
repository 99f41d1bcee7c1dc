"""Who is let in, and for what: cards at stations, stations at the broker, accounts at the pages. One defence each."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.attacks.running.acts import LISTED, Claim, attends, block, hold, reply_key
from tests.attacks.running.browser import Browser, SoftKey
from tests.attacks.running.cards import Card, CardAuthority, own_nonce
from tests.attacks.running.station import NoAnswerError, Station
from tests.attacks.running.wire import EventChain, now_text
from tests.attacks.running.world import ABROAD, HOME, World, eventually

ATTENDING: dict[str, Callable[[World, Card], Card]] = {
    "of another organisation": lambda world, card: world.administrator(ABROAD),
    "not listed": lambda world, card: card,
    "of level 2": lambda world, card: world.enlist(_another(world, card, level=2)),
    "for signatures alone": lambda world, card: world.enlist(_another(world, card, signs_contents=True)),
    "expired": lambda world, card: world.enlist(_another(world, card, days=399)),
    "of an issuer of his own": lambda world, card: world.enlist(_own_issuer(world, card)),
    "revoked": lambda world, card: world.enlist(_revoked(world, card)),
    "on hold": lambda world, card: world.enlist(
        world.issued(card, state="held", held_from="active", hold_reason="lost")
    ),
    "blocked": lambda world, card: world.enlist(world.issued(card, state="blocked")),
    "of a leaver": lambda world, card: world.enlist(_leaver(world, card)),
    "waiting in its slot": lambda world, card: world.enlist(world.issued(card, state="waiting")),
    "ordered": lambda world, card: world.enlist(world.issued(card, state="ordered")),
}


def _another(world: World, card: Card, **how: Any) -> Card:
    """Another certificate for that card."""
    return Card.made(world.cards, card.hsa_id, card.number, **how)


def _own_issuer(world: World, card: Card) -> Card:
    return Card.made(CardAuthority(world.folder / f"rogue-issuer-{next(world.counter)}"), card.hsa_id, card.number)


def _revoked(world: World, card: Card) -> Card:
    """The register still calls the card active."""
    world.at_issuer("UPDATE certificate SET revoked = ? WHERE card = ?", now_text()[:19] + "Z", card.number)
    return card


def _leaver(world: World, card: Card) -> Card:
    person = {"hsa_id": card.hsa_id, "name": "Somebody Gone", "left": "2026-01-01"}
    world.at_issuer("UPDATE person SET content = ? WHERE hsa_id = ?", json.dumps(person).encode(), card.hsa_id)
    return card


@pytest.mark.parametrize("which", ATTENDING)
def test_who_attends(world: World, which: str) -> None:
    """A card that is no ID administrator's logs in"""
    assert not attends(world, ATTENDING[which](world, world.person()))


def test_an_administrator_attends(world: World) -> None:
    """Control: an ID administrator logs in, a station is told its lists, and an administrator closes an account"""
    assert attends(world, world.enlist(world.person()))
    victim = world.account().name
    _close(world.account(stepped_up=True).browser, victim)
    assert world.store("SELECT disabled FROM users WHERE name = ?", victim) == [(1,)]
    with world.station() as station:
        assert _answered(station, station.signed(SYNC))


@pytest.mark.parametrize("what", ["PUK", "lift"])
def test_an_administrator_serves_himself(world: World, what: str) -> None:
    """An ID administrator releases the PUK of his own other card, or lifts the hold for theft of the one that signs"""
    administrator = world.administrator()
    other = world.issued(Card.made(world.cards, administrator.hsa_id, f"77770000{administrator.number[-8:]}"))
    with world.station() as station:
        if what == "PUK":
            mandate = station.mandate(administrator, f"card.puk {other.number}", about=other.number)
            station.want("card.puk", mandate, card_number=other.number, reply_key=reply_key())
            assert world.card(other.number)["puk"] is not None
        else:
            world.issued(administrator, state="held", held_from="active", hold_reason="stolen")
            mandate = station.mandate(administrator, f"card.lift {administrator.number}")
            station.want("card.lift", mandate, card_number=administrator.number)
            assert world.card(administrator.number)["state"] == "held"


@pytest.mark.parametrize("what", ["PUK", "block"])
def test_a_leavers_card(world: World, what: str) -> None:
    """An ID administrator releases the PUK of the card of somebody who has left, or cannot block that card any more"""
    administrator, card = world.administrator(), _leaver(world, world.person())
    with world.station() as station:
        world.waits(card, station.name)
        mandate = station.mandate(administrator, f"card.{what.lower()} {card.number}", about=card.number)
        if what == "PUK":
            station.want("card.puk", mandate, card_number=card.number, reply_key=reply_key())
        else:
            block(station, mandate, card.number)
    expected = ("active", False) if what == "PUK" else ("blocked", False)
    assert (world.card(card.number)["state"], world.card(card.number)["puk"] is None) == expected


def test_a_thief_lifts_the_hold(world: World) -> None:
    """Who stole a card, and knows its code, lifts the hold for theft"""
    card = world.issued(world.person(), state="held", held_from="active", hold_reason="stolen")
    with world.station() as station:
        station.want("card.lift", station.mandate(card, f"card.lift {card.number}"), card_number=card.number)
    assert world.card(card.number)["state"] == "held"


def test_an_administrators_card_is_held_by_number(world: World) -> None:
    """Somebody types the number of an ID administrator's card, and it is on hold"""
    administrator = world.administrator()
    with world.station() as station:
        hold(station, administrator.number, "lost")
    assert world.card(administrator.number)["state"] == "active"


@pytest.mark.parametrize("what", ["PUK", "again", "old"])
def test_a_nonce_of_the_stations_own(world: World, what: str) -> None:
    """A nonce that the station made releases a PUK, holds a card twice, or after two months"""
    card, administrator = world.person(), world.administrator()
    with world.station() as station:
        means, made = [f"card.hold {card.number}"], datetime.now(UTC) - timedelta(days=60 if what == "old" else 0)
        mandate = card.mandate(station.name, own_nonce(), means, made)
        held = lambda: station.want("card.hold", mandate, card_number=card.number, reason="lost", wanted=now_text())  # noqa: E731
        match what:
            case "PUK":
                mandate = administrator.mandate(station.name, own_nonce(), [f"card.puk {card.number}", "card.puk *"])
                station.want("card.puk", mandate, card_number=card.number, reply_key=reply_key())
            case "again":
                held()
                assert world.card(card.number)["state"] == "held"
                world.issued(card)
                held()
            case "old":
                held()
    assert (world.card(card.number)["state"], world.card(card.number)["puk"] is None) == ("active", False)


SYNC = {"ask": "sync", "cursor": None, "leavers": True}


def _answered(station: Station, payload: bytes) -> bool:
    try:
        return bool(station.send(payload, 3).get("ok"))
    except NoAnswerError:
        return False


@pytest.mark.parametrize("what", ["in another's name", "replayed", "of an hour ago", "by no station"])
def test_who_is_answered(world: World, what: str) -> None:
    """An ask in another station's name, of an earlier time, replayed, or signed by nobody of the fleet, is answered"""
    with world.station() as station, world.station() as other:
        payload = station.signed(SYNC)
        match what:
            case "in another's name":
                payload = station.signed(SYNC, other.name)
            case "replayed":
                assert _answered(station, payload)
            case "of an hour ago":
                payload = station.signed(SYNC, moment=datetime.now(UTC) - timedelta(hours=1))
            case "by no station":
                payload = other.signed(SYNC, station.name)
        assert not _answered(station, payload)


def test_an_event_of_another_station(world: World) -> None:
    """A station tells events in another station's name, below its own topic and below the other's"""
    with world.station() as station, world.station() as other:
        chain = EventChain(other.name)
        for topic in (station.name, other.name):
            payload = chain.seal("door.opened", {})
            station.client.publish(f"kortkiosk/v1/{topic}/events", payload, 1)
        station.tell("door.opened", {})
        assert station.is_held()
        query = "SELECT count(*) FROM events WHERE CAST(envelope AS TEXT) LIKE ?"
        assert not eventually(lambda: world.store(query, f'%stations/{other.name}"%')[0][0] > 0, 1)


def test_a_station_takes_the_servers_place(world: World) -> None:
    """A station connects under the server's client id, and hears what stations ask"""
    with world.station() as station, world.station() as other:
        rogue = Station(station.identity, world.mqtt, client_id="fleet-server")
        rogue.client.username_pw_set("fleet-server", "made up")
        rogue.name = other.name
        heard: list[str] = []
        rogue.connect(2)
        rogue.client.on_message = lambda _client, _data, message: heard.append(message.topic)
        rogue.client.subscribe("kortkiosk/v1/+/ask", 1)
        answers = [other.state(world.cards_of(HOME)[30].number)["outcome"] for _ in range(3)]
        rogue.close()
    assert (heard, answers) == ([], ["card_state"] * 3)


ROGUE_WEB: dict[str, Callable[[World, str], None]] = {
    "a viewer": lambda world, user: _close(world.account("viewer", stepped_up=True).browser, user),
    "an operator": lambda world, user: _close(world.account("operator", stepped_up=True).browser, user),
    "an administrator of some stations": lambda world, user: _close(
        world.account("admin", "annex-*", stepped_up=True).browser, user
    ),
    "a page elsewhere": lambda world, user: _close(
        _with(world.account(stepped_up=True).browser, {"Origin": "https://evil.example"}), user
    ),
    "a page elsewhere, as a new browser says it": lambda world, user: _close(
        _with(world.account(stepped_up=True).browser, {"Sec-Fetch-Site": "cross-site"}), user
    ),
    "a form without its token": lambda world, user: _close(
        _with(world.account(stepped_up=True).browser, {"X-Form-Token": "0" * 64}), user
    ),
    "a token": lambda world, user: _close(world.token("id-administrator"), user),
    "nobody": lambda world, user: _close(Browser(world.http), user),
    "a session of nobody": lambda world, user: _close(Browser(world.http, "A" * 43), user),
}


def _with(browser: Browser, headers: dict[str, str]) -> Browser:
    browser.client.headers.update(headers)
    return browser


def _close(browser: Browser, user: str) -> None:
    browser.api("POST", f"/users/{user}/close")


@pytest.mark.parametrize("who", ROGUE_WEB)
def test_who_closes_an_account(world: World, who: str) -> None:
    """Somebody who may not, or a page of somebody else's, closes an administrator's account"""
    victim = world.account().name
    ROGUE_WEB[who](world, victim)
    assert world.store("SELECT disabled FROM users WHERE name = ?", victim) == [(0,)]


@pytest.mark.parametrize("who", ["an operator of elsewhere", "a step-up of six minutes ago", "a token"])
def test_who_revokes_a_station(world: World, who: str) -> None:
    """An operator of other stations, a stale step-up, or a program puts a station out"""
    operator = world.account("operator", stepped_up=True)
    browser = {
        "an operator of elsewhere": lambda: world.account("operator", "annex-*", stepped_up=True).browser,
        "a step-up of six minutes ago": lambda: world.account("operator", stepped_up=7).browser,
        "a token": lambda: world.token("operator"),
    }[who]()
    with world.station() as station:
        world.knows_certificate(station)
        browser.api("POST", f"/stations/{station.name}/revoke", {"reason": "made up"})
        assert _answered(station, station.signed(SYNC)), "its certificate is revoked"
        answer = operator.browser.api("POST", f"/stations/{station.name}/revoke", {"reason": "made up"})
        assert answer.status_code == 200, "Control: an operator does it"


@pytest.mark.parametrize("what", ["another key", "another origin", "twice", "not verified"])
def test_a_step_up_that_is_none(world: World, what: str) -> None:
    """A security key that is not the account's, of another site, replayed, or without a PIN, makes a step-up"""
    account, own, key = world.account("operator"), SoftKey(), SoftKey()
    (number,) = world.store("SELECT id FROM users WHERE name = ?", account.name)[0]
    world.add_row("webauthn_keys", id=number, user=number, name="true", credential=own.credential,
                  public_key=own.cose, sign_count=0, made="2025-01-01 00:00:00.000000")  # fmt: skip
    key.id = own.id
    match what:
        case "another key":
            account.browser.step_up(key)
        case "another origin":
            account.browser.step_up(own, "https://evil.example")
        case "not verified":
            own.verified = 0x01
            account.browser.step_up(own)
        case "twice":
            own.counts = False
            said = account.browser.step_up(own)
            assert said, "the true key makes one"
            world.at_server("UPDATE sessions SET stepped_up = NULL WHERE user = ?", number)
            account.browser.press("/step-up", onward="/", credential=account.browser.last)
    assert world.store("SELECT stepped_up FROM sessions WHERE user = ?", number) == [(None,)]


INSIDERS = ("operator", "administrator", "integrator", "ID administrator", "technician", "cleaner")


def _insider(world: World, who: str) -> Browser:
    """As far as that person comes alone; all have just shown who they are. A technician and a cleaner have no account."""
    roles = {"operator": "operator", "administrator": "admin", "ID administrator": "id-administrator"}
    if who in roles:
        return world.account(roles[who], stepped_up=True).browser
    return world.token("id-administrator") if who == "integrator" else Browser(world.http)


@pytest.mark.parametrize("root", ["list", "account", "role", "closed account", "station", "reset"])
@pytest.mark.parametrize("who", INSIDERS)
def test_one_insider(world: World, who: str, root: str) -> None:
    """One insider alone changes a root of trust: list, account, role, closed account, station, reset"""
    browser, friend, victim = _insider(world, who), world.person(), world.account("viewer")
    count = lambda query, *values: world.store(query, *values)[0][0]  # noqa: E731
    (number,) = world.store("SELECT id FROM users WHERE name = ?", victim.name)[0]
    for more in ({}, {"reason": "made up"}):
        match root:
            case "list":
                browser.api("PUT", f"/administrators/{friend.hsa_id}", {**LISTED, **more})
                browser.api("PUT", f"/administrators/{friend.hsa_id}", {**LISTED, **more, "decision": "made up"})
                assert not attends(world, friend)
            case "account":
                browser.api("POST", "/users", {"name": f"friend.{friend.number}", "roles": [{"role": "admin"}], **more})
                assert count("SELECT count(*) FROM users WHERE name = ?", f"friend.{friend.number}") == 0
            case "role":
                browser.api("PUT", f"/users/{victim.name}/roles", {"roles": [{"role": "admin"}], **more})
                assert count('SELECT count(*) FROM grants WHERE role = ? AND "user" = ?', "admin", number) == 0
            case "closed account":
                world.at_server("UPDATE users SET disabled = 1 WHERE id = ?", number)
                browser.api("POST", f"/users/{victim.name}/open", more)
                assert count("SELECT disabled FROM users WHERE id = ?", number) == 1
            case "station":
                claim = Claim(world, browser, f"entre-{friend.number[-6:]}")
                claim.enrol()
                claim.approve(browser)
                assert not claim.enrol()
            case "reset":
                browser.api("POST", f"/users/{victim.name}/reset", more)
                assert count('SELECT count(*) FROM links WHERE "user" = ?', number) == 0


def test_a_technician_with_a_stations_key(world: World) -> None:
    """A technician with a station's key blocks, lifts and looks up in the name of a card that was there yesterday"""
    card = world.person()
    with world.station() as station:
        yesterday = datetime.now(UTC) - timedelta(days=1)
        old = card.mandate(station.name, station.nonce(card.number), [f"directory.find {card.hsa_id}"], yesterday)
        question = {"hsa_id": card.hsa_id, "card_number": ""}
        assert station.want("directory.find", old, **question)["outcome"] == "found"
        world.at_server("UPDATE login_nonces SET made = '2026-01-01 00:00:00.000000' WHERE station = ?", station.name)
        told = [station.want("directory.find", old, **question), block(station, old, card.number)]
    assert [one["outcome"] for one in told if one["outcome"] in ("found", "blocked")] == []
