"""S1, S5, S8, S9 and S10: what one person at the dashboard, one program, or one stolen session makes of roots of trust."""

import re
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.attacks.running.acts import LISTED, Claim, attends, hold
from tests.attacks.running.browser import Browser, SoftKey
from tests.attacks.running.station import NoAnswerError
from tests.attacks.running.wire import b64
from tests.attacks.running.world import ABROAD, HOME, World, eventually


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
    claim.approve(second.browser)
    assert not claim.enrol(rogue)


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
    }


@pytest.mark.parametrize("what", ["makes an account", "grants a role", "resets a colleague", "makes a token"])
def test_a_stolen_session_manages(world: World, what: str) -> None:
    """S9: a session that never stepped up makes an account, grants a role, resets a colleague, makes a token"""
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
    assert gone[0][0] <= 4, gone


@pytest.mark.parametrize("what", ["new ID administrator", "role", "station"])
def test_nobody_hears_of_a_root_of_trust(world: World, what: str) -> None:
    """S12: somebody becomes an ID administrator, is granted a role, or approves a station, and nobody is told"""
    insider, before = world.account(stepped_up=True), world.alarms()
    victim = world.account("viewer")
    match what:
        case "new ID administrator":
            insider.browser.api("PUT", f"/administrators/{HOME}-9Z001", LISTED)
        case "role":
            insider.browser.api("PUT", f"/users/{victim.name}/roles", {"roles": [{"role": "admin"}]})
        case "station":
            claim = Claim(world, insider.browser, "entre-unseen")
            claim.enrol()
            claim.approve(insider.browser)
    assert eventually(lambda: bool(world.alarms() - before), 6), "no alarm"


def test_the_audit_is_read_unseen(world: World) -> None:
    """Somebody reads who did what, and nobody can tell that they did"""
    reader = world.account("auditor")
    assert reader.browser.api("GET", "/audit?who=somebody.test").status_code == 200
    assert reader.browser.get("/audit?who=another.test").status_code == 200
    looks = world.store("SELECT count(*) FROM audit WHERE who = ? AND action = 'audit.read'", reader.name)
    assert looks == [(2,)], "each look is an entry"
