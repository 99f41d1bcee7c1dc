"""S1, S5, S8, S9 and S10: what one person at the dashboard, one program, or one stolen session makes of roots of trust."""

import json
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.attacks.running.acts import LISTED, Claim, attends, hold
from tests.attacks.running.browser import Browser, SoftKey
from tests.attacks.running.cards import Card
from tests.attacks.running.station import NoAnswerError
from tests.attacks.running.wire import b64, now_text
from tests.attacks.running.world import ABROAD, HOME, Account, World, eventually


def link_in(answer: httpx.Response) -> str:
    found = re.search(r"/set-up/[A-Za-z0-9_-]+", answer.text)
    return found[0] if found else ""


@pytest.mark.parametrize("stepped_up", [False, True], ids=["never stepped up", "stepped up"])
def test_a_puppet_makes_an_id_administrator(world: World, stepped_up: bool) -> None:
    """S1: one administrator makes an account, gives it a key in software, and lists his own card as ID administrator"""
    insider, own, puppet, key = world.account(stepped_up=stepped_up), world.person(), Browser(world.http), SoftKey()
    made = insider.browser.api("POST", "/users", {"name": f"puppet{stepped_up:d}.test", "roles": [{"role": "admin"}]})
    link = link_in(made)
    if link and puppet.set_up(link) and puppet.add_key(key) and puppet.step_up(key):
        puppet.api("PUT", f"/administrators/{own.hsa_id}", LISTED)
    for browser in (puppet, insider.browser):
        browser.api("PUT", f"/administrators/{own.hsa_id}", LISTED)
    assert not attends(world, own)


def test_somebody_lists_himself(world: World) -> None:
    """S1: an administrator whose account is bound to his HSA-id puts himself on the list of ID administrators"""
    own = world.person()
    insider = world.account(stepped_up=True, hsa_id=own.hsa_id)
    insider.browser.api("PUT", f"/administrators/{own.hsa_id}", LISTED)
    assert not attends(world, own)


CONFIRMING = (
    "himself",
    "not stepped up",
    "his puppet",
    "his puppet's puppet",
    "a new account",
    "the proposed",
    "a token",
)


def _proposed(world: World, card: Card, first: Account) -> int:
    """The proposal to list that card's holder."""
    first.browser.api("PUT", f"/administrators/{card.hsa_id}", {**LISTED, "decision": "dnr 1"})
    return int(world.store("SELECT id FROM proposals WHERE target = ?", card.hsa_id)[0][0])


@pytest.mark.parametrize("who", CONFIRMING)
def test_who_confirms(world: World, who: str) -> None:
    """S1: a new ID administrator is confirmed by who is not another person, or not proved, or the one who gets it"""
    friend, first, puppet = world.person(), world.account(stepped_up=True), world.account(stepped_up=True)
    proposal, now = _proposed(world, friend, first), now_text().replace("T", " ").replace("Z", "000")
    if "puppet" in who:
        world.add_row("account_acts", user=puppet.number, by=first.number, at=now, act="granted")
    if who == "his puppet's puppet":
        above, puppet = puppet, world.account(stepped_up=True)
        world.add_row("account_acts", user=puppet.number, by=above.number, at=now, act="granted")
    browser = {
        "himself": lambda: first.browser,
        "not stepped up": lambda: world.account().browser,
        "a new account": lambda: world.account(stepped_up=True, ago=timedelta(hours=23)).browser,
        "the proposed": lambda: world.account(stepped_up=True, hsa_id=friend.hsa_id).browser,
        "a token": lambda: world.token("id-administrator"),
    }.get(who, lambda: puppet.browser)()
    answer = browser.api("POST", f"/proposals/{proposal}/confirm")
    assert world.store("SELECT state FROM proposals WHERE id = ?", proposal) == [("waiting",)], answer.text[:200]


def test_a_program_proposes(world: World) -> None:
    """S1: one person confirms what a program has proposed, and so makes an ID administrator alone"""
    friend, now = world.person(), now_text().replace("T", " ").replace("Z", "000")
    world.add_row("proposals", kind="administrator", target=friend.hsa_id, content=json.dumps({**LISTED, "decision": "dnr 1",
                  "valid_from": None, "valid_until": None}), reason="dnr 1", by="token:robot", asked=now,
                  decide_by="2099-01-01 00:00:00.000000", state="waiting")  # fmt: skip
    (proposal,) = world.store("SELECT id FROM proposals WHERE target = ?", friend.hsa_id)[0]
    world.account(stepped_up=True).browser.api("POST", f"/proposals/{proposal}/confirm")
    assert world.store("SELECT state FROM proposals WHERE id = ?", proposal) == [("waiting",)]


def test_somebody_proposes_himself(world: World) -> None:
    """S1: somebody proposes himself as ID administrator, for a friend to confirm"""
    own = world.person()
    insider = world.account(stepped_up=True, hsa_id=own.hsa_id)
    insider.browser.api("PUT", f"/administrators/{own.hsa_id}", {**LISTED, "decision": "dnr 1"})
    assert world.store("SELECT id FROM proposals WHERE target = ?", own.hsa_id) == []


def test_a_proposal_without_a_step_up(world: World) -> None:
    """S9: a session that never stepped up proposes an ID administrator"""
    friend = world.person()
    world.account().browser.api("PUT", f"/administrators/{friend.hsa_id}", {**LISTED, "decision": "dnr 1"})
    assert world.store("SELECT id FROM proposals WHERE target = ?", friend.hsa_id) == []


def test_two_people_list_a_third(world: World) -> None:
    """Control: two people make a third one an ID administrator, a day later"""
    friend, first, second = world.person(), world.account(stepped_up=True), world.account(stepped_up=True)
    proposal = _proposed(world, friend, first)
    second.browser.api("POST", f"/proposals/{proposal}/confirm")
    assert not attends(world, friend)
    world.at_server("UPDATE proposals SET due = '2026-01-01 00:00:00.000000' WHERE id = ?", proposal)
    assert eventually(lambda: attends(world, friend), 30)


def test_a_list_without_a_step_up(world: World) -> None:
    """A session that somebody left open puts a card on the list of ID administrators"""
    own = world.person()
    world.account().browser.api("PUT", f"/administrators/{own.hsa_id}", LISTED)
    world.account().browser.press("/administrators", hsa_id=own.hsa_id, name="Me", roles="KRA", level="3", scope="*")
    world.token("id-administrator").api("PUT", f"/administrators/{own.hsa_id}", LISTED)
    assert not attends(world, own)


def test_an_account_named_as_an_hsa_id(world: World) -> None:
    """An account that is called as its owner's HSA-id puts itself on the list of ID administrators"""
    own = world.person()
    named = world.account(stepped_up=True, name=own.hsa_id.lower())
    named.browser.api("PUT", f"/administrators/{own.hsa_id}", LISTED)
    assert not attends(world, own)


@pytest.mark.parametrize("stepped_up", [False, True], ids=["without a step-up", "stepped up"])
def test_one_operator_makes_a_station(world: World, stepped_up: bool) -> None:
    """S5: one operator claims the name of a station that exists, approves his own key, and is that station"""
    with world.station("entre-taken" + ("-b" if stepped_up else "-a")) as true:
        operator = world.account("operator", stepped_up=stepped_up)
        claim = Claim(world, operator.browser, true.name)
        claim.enrol()
        claim.approve(operator.browser)
        claim.enrol()
    assert not claim.chain, "a certificate in the name of a station that exists"


def test_a_new_station_has_the_register(world: World) -> None:
    """S5: a scoped operator makes a station alone, and puts another organisation's card on hold with it"""
    operator, victim = world.account("operator", "annex-*", stepped_up=True), world.person()
    claim = Claim(world, operator.browser, "annex-zz59")
    claim.enrol()
    claim.approve(operator.browser)
    if claim.enrol() and (station := claim.station()).connect():
        hold(station, victim.number)
        station.close()
    assert world.card(victim.number)["state"] == "active"


def test_another_key_with_the_same_claim(world: World) -> None:
    """Who has overheard a claim code gets a certificate for a key of his own, once the true one is approved"""
    first, second = world.account("operator", stepped_up=True), world.account("admin", stepped_up=True)
    claim, rogue = Claim(world, first.browser, "entre-other-key"), ec.generate_private_key(ec.SECP256R1())
    assert claim.code
    claim.enrol()
    assert not claim.enrol(rogue)
    for each in (first, second):
        claim.approve(each.browser)
    assert not claim.enrol(rogue)
    assert claim.enrol(), "the key that two people have approved"


def test_a_revoked_station_goes_on(world: World) -> None:
    """S8: a station is revoked on the dashboard, and its certificate of the authority goes on"""
    name, authority, sealed = "entre-stolen", world.folder / "authority", world.passphrase
    code = world.provision("claim", authority, name).split()
    (world.folder / "code").write_text(next(word for word in code if len(word) > 8 and "-" in word) + "\n")
    into = world.folder / "stolen"
    world.provision("enrol", "--authority", authority, *sealed, "--into", into, "--broker", f"localhost:{world.mqtt}",
                    "--code-file", world.folder / "code")  # fmt: skip
    world.provision("authority", "export-server", authority, world.folder / "served")
    with world.station(identity=world.read_identity(name, into)) as stolen:
        assert stolen.sync()
        operator = world.account("operator", stepped_up=True)
        said = operator.browser.api("POST", f"/stations/{name}/revoke", {"reason": "it was stolen"})

        def answers() -> bool:
            try:
                return bool(stolen.sync(3))
            except NoAnswerError:
                return False

        assert eventually(lambda: not answers(), 15), f"still told its lists: {said.status_code} {said.text[:200]}"


def _without_step_up(world: World, browser: Browser) -> dict[str, Any]:
    """What a session that never stepped up may want to change, and whether it has."""
    victim = world.account("operator")
    number = world.store("SELECT id FROM users WHERE name = ?", victim.name)[0][0]
    count = lambda query, *values: world.store(query, *values)[0][0]  # noqa: E731
    return {
        "makes an account": (
            lambda: browser.api("POST", "/users", {"name": "thief.test", "roles": [{"role": "admin"}]}),
            lambda: count("SELECT count(*) FROM users WHERE name = 'thief.test'"),
        ),
        "grants a role": (
            lambda: browser.api("PUT", f"/users/{victim.name}/roles", {"roles": [{"role": "admin"}]}),
            lambda: count('SELECT count(*) FROM grants WHERE role = ? AND "user" = ?', "admin", number),
        ),
        "resets a colleague": (
            lambda: browser.api("POST", f"/users/{victim.name}/reset"),
            lambda: count('SELECT count(*) FROM links WHERE "user" = ?', number),
        ),
        "makes a token": (
            lambda: browser.api("POST", "/tokens", {"name": "thief", "role": "id-administrator", "days": 90}),
            lambda: count("SELECT count(*) FROM tokens WHERE name = 'thief'"),
        ),
        "makes a token on the page": (
            lambda: browser.press("/tokens", name="page-thief", role="id-administrator", stations="*", days="90"),
            lambda: count("SELECT count(*) FROM tokens WHERE name = 'page-thief'"),
        ),
        "ends a colleague on the page": (
            lambda: browser.press(f"/users/{victim.name}/close"),
            lambda: count("SELECT count(*) FROM users WHERE id = ? AND disabled", number),
        ),
    }


@pytest.mark.parametrize(
    "what",
    [
        "makes an account",
        "grants a role",
        "resets a colleague",
        "makes a token",
        "makes a token on the page",
        "ends a colleague on the page",
    ],
)
def test_a_stolen_session_manages(world: World, what: str) -> None:
    """S9: a session that never stepped up makes an account or a token, grants a role, resets or ends a colleague"""
    act, count = _without_step_up(world, world.account().browser)[what]
    answer = act()
    assert count() == 0, answer.text[:200]


def test_a_stolen_session_removes_the_key(world: World) -> None:
    """S9: a session that never stepped up removes its account's own security key"""
    account = world.account()
    (number,) = world.store("SELECT id FROM users WHERE name = ?", account.name)[0]
    world.add_row("webauthn_keys", id=number, user=number, name="true", credential=f"made-up-{number}",
                  public_key=b64(b"made up"), sign_count=0, made="2025-01-01 00:00:00.000000")  # fmt: skip
    account.browser.press(f"/me/keys/{number}/remove")
    assert world.store("SELECT count(*) FROM webauthn_keys WHERE id = ?", number)[0][0] == 1


def test_an_integrators_token_says_that_all_have_left(world: World) -> None:
    """S10: an integrator's token says of forty people, and of an ID administrator, that they have left"""
    robot, administrator = world.token("id-administrator"), world.administrator()
    staff = [f"{ABROAD}-7X{number:03d}" for number in range(200)]
    for hsa_id in staff:
        robot.api("PUT", f"/people/{hsa_id}", {"name": "Somebody Here"})
    assert attends(world, administrator)
    for hsa_id in (*staff[:40], administrator.hsa_id):
        robot.api("PUT", f"/people/{hsa_id}", {"name": "Somebody Gone", "left": "2026-01-01"})
        robot.api("PATCH", f"/people/{hsa_id}", {"left": "2026-01-01"})
    marks = ", ".join("?" * 40)
    gone = world.store(f'SELECT count(*) FROM people WHERE "left" IS NOT NULL AND hsa_id IN ({marks})', *staff[:40])  # noqa: S608
    assert attends(world, administrator), "an ID administrator is shut out by a program"
    assert gone[0][0] <= 20, "2 % of the region in a day, 20 at least"


@pytest.mark.parametrize("what", ["new ID administrator", "role", "station"])
def test_nobody_hears_of_a_root_of_trust(world: World, what: str) -> None:
    """S12: two people make an ID administrator, grant a role, or let a station in, and nobody is told"""
    first, second = (world.account(stepped_up=True).browser for _ in range(2))
    victim, before, number = world.account("viewer"), world.alarms(), next(world.counter)
    for each in (first, second):
        match what:
            case "new ID administrator":
                listed = {**LISTED, "decision": "dnr 1", "reason": "made up"}
                each.api("PUT", f"/administrators/{HOME}-9Z{number:03d}", listed)
            case "role":
                each.api("PUT", f"/users/{victim.name}/roles", {"roles": [{"role": "admin"}], "reason": "made up"})
            case "station":
                claim = Claim(world, first, f"entre-seen-{number}")
                claim.enrol()
                claim.approve(first)
                claim.approve(second)
    world.at_server("UPDATE proposals SET due = '2026-01-01 00:00:00.000000' WHERE state = 'confirmed'")
    assert eventually(lambda: bool(world.alarms() - before), 40), "no alarm"


def test_the_audit_is_read_unseen(world: World) -> None:
    """Somebody reads who did what, and nobody can tell that they did"""
    reader = world.account("auditor")
    assert reader.browser.api("GET", "/audit?who=somebody.test").status_code == 200
    assert reader.browser.get("/audit?who=another.test").status_code == 200
    looks = world.store("SELECT count(*) FROM audit WHERE who = ? AND action = 'audit.read'", reader.name)
    assert looks == [(2,)], "each look is an entry"
