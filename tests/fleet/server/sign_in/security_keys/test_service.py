"""Security keys of local accounts, by a key in software with real signatures: what they prove, and what they do not."""

import json

import pytest

from fleet.server.accounts import queries as people
from fleet.server.accounts.service import give_account, give_link
from fleet.server.sign_in import one_time_codes as codes
from fleet.server.sign_in.security_keys.service import MOST_KEYS, SecurityKeys
from fleet.server.sign_in.security_keys.webauthn import Asked, RelyingParty
from fleet.server.sign_in.service import Chosen, Refused, SignedIn
from fleet.server.web.roles import Caller, Role
from tests.fakes.server.security_key import SoftKey
from tests.fleet.server.sign_in.conftest import PASSWORD, Admin

HERE = RelyingParty("localhost", "http://localhost")
AT = "192.0.2.7"


class Owner:
    """Somebody with an account and a key."""

    def __init__(self, admin: Admin) -> None:
        self.admin, self.clock = admin, admin.clock
        self.access = admin.access
        self.keys = SecurityKeys(self.access)
        self.key = SoftKey()
        self.value = admin.first.value

    @property
    def caller(self) -> Caller:
        found = self.access.by_session(self.value, present=True)
        assert found is not None
        return found

    def asks_to_add(self, name: str = "blue", password: str = PASSWORD) -> Asked | Refused:
        self.clock.on(seconds=30)
        return self.keys.begin_to_add(self.caller, HERE, name, (password, self.admin.code()), AT)

    def adds(self, key: SoftKey, name: str = "blue") -> Refused | None:
        asked = self.asks_to_add(name)
        assert isinstance(asked, Asked)
        return self.keys.add(self.caller, HERE, name, key.create(asked.options), AT)

    def asked_to_step_up(self) -> Asked:
        asked = self.keys.begin_step_up(self.caller, HERE)
        assert isinstance(asked, Asked)
        return asked

    def steps_up(self, key: SoftKey | None = None) -> bool:
        asked = self.asked_to_step_up()
        return self.keys.step_up(self.caller, HERE, (key or self.key).get(asked.options), AT)

    def signs_in(self, key: SoftKey | None = None) -> SignedIn | Refused:
        asked = self.keys.begin_sign_in("tove", PASSWORD, HERE, AT)
        assert isinstance(asked, Asked)
        return self.keys.sign_in(HERE, (key or self.key).get(asked.options), AT)

    def told(self, action: str) -> list[str]:
        return [one.detail for one in self.access.entries(action=action)[0]]


@pytest.fixture
def owner(admin: Admin) -> Owner:
    owner = Owner(admin)
    assert owner.adds(owner.key) is None
    return owner


def test_a_key_steps_up_the_session_for_five_minutes(owner: Owner) -> None:
    assert not owner.caller.has_stepped_up(owner.clock())
    assert owner.steps_up()
    assert owner.caller.has_stepped_up(owner.clock())
    owner.clock.on(minutes=5, seconds=1)
    assert not owner.caller.has_stepped_up(owner.clock())
    assert owner.told("step-up") == ["key"]


def test_a_key_signs_in_after_the_password_and_has_stepped_up(owner: Owner) -> None:
    came = owner.signs_in()
    assert isinstance(came, SignedIn)
    owner.value = came.value
    assert owner.caller.has_stepped_up(owner.clock())
    assert owner.told("sign-in")[0] == "key"


def test_a_key_that_did_not_verify_its_user_signs_in_and_does_not_step_up(owner: Owner) -> None:
    owner.key.verifies_user = False
    came = owner.signs_in()
    assert isinstance(came, SignedIn)
    owner.value = came.value
    assert not owner.caller.has_stepped_up(owner.clock())
    assert not owner.steps_up()
    assert not owner.caller.has_stepped_up(owner.clock())
    assert "verification is required" in owner.told("step-up.refused")[0]


def test_password_and_code_are_no_step_up(owner: Owner) -> None:
    came = owner.admin.sign_in()
    assert isinstance(came, SignedIn)
    owner.value = came.value
    assert not owner.caller.has_stepped_up(owner.clock())


@pytest.mark.parametrize("wrong", ["origin", "rp", "key", "id", "counter"])
def test_another_origin_key_or_counter_proves_nothing(owner: Owner, wrong: str) -> None:
    """The counter is that of a copy, which does not know how often the true key was used."""
    assert owner.steps_up()
    owner.clock.on(minutes=6)
    copy = SoftKey(id=owner.key.id, key=owner.key.key, count=owner.key.count)
    if wrong == "origin":
        copy.origin = "https://dash.example.attacker.example"
    elif wrong == "rp":
        copy.rp = "attacker.example"
    elif wrong == "key":
        copy.key = SoftKey().key
    elif wrong == "id":
        copy.id = bytes(16)
    else:
        copy.count -= 2
    assert not owner.steps_up(copy)
    assert not owner.caller.has_stepped_up(owner.clock())
    assert owner.signs_in(copy) is Refused.KEY
    assert len(owner.told("step-up.refused")) == 1
    if wrong == "counter":
        assert owner.told("step-up.refused") == ["the counter of blue did not rise: it may have been copied"]


def test_a_key_without_a_counter_will_do(admin: Admin) -> None:
    owner = Owner(admin)
    owner.key.counts = False
    assert owner.adds(owner.key) is None
    assert owner.steps_up()
    assert owner.steps_up()


def test_what_a_key_signed_works_once_for_what_it_was_asked_and_not_for_long(owner: Owner) -> None:
    keys = owner.keys
    asked = owner.asked_to_step_up()
    said = owner.key.get(asked.options)
    assert keys.sign_in(HERE, said, AT) is Refused.KEY, "it was asked for a step-up"
    assert not keys.step_up(owner.caller, HERE, said, AT), "and is used up"
    late = owner.asked_to_step_up()
    owner.clock.on(minutes=5)
    assert not keys.step_up(owner.caller, HERE, owner.key.get(late.options), AT)
    other = owner.signs_in()
    assert isinstance(other, SignedIn)
    mine = owner.asked_to_step_up()
    said = owner.key.get(mine.options)
    owner.value = other.value
    assert not keys.step_up(owner.caller, HERE, said, AT), "it was asked in another session"


def test_a_sign_in_that_was_asked_for_one_account_is_no_other_ones(owner: Owner) -> None:
    """Maj knows her own password, and has Tove's key before her."""
    access, clock = owner.access, owner.clock
    with access.database.writing.begin() as connection:
        give_account(connection, "maj", ((Role.VIEWER, "*"),), "", ["tove"], clock())
        link = give_link(connection, "maj", clock())
    offer = access.offered(link)
    assert offer is not None
    came = access.set_up(link, Chosen("", PASSWORD, codes.code_at(offer.secret, clock().timestamp())), AT)
    assert isinstance(came, SignedIn)
    caller = access.by_session(came.value, present=True)
    assert caller is not None
    clock.on(seconds=30)
    code = codes.code_at(offer.secret, clock().timestamp())
    asked = owner.keys.begin_to_add(caller, HERE, "red", (PASSWORD, code), AT)
    assert isinstance(asked, Asked)
    assert owner.keys.add(caller, HERE, "red", SoftKey().create(asked.options), AT) is None
    wanted = owner.keys.begin_sign_in("maj", PASSWORD, HERE, AT)
    assert isinstance(wanted, Asked)
    assert owner.keys.sign_in(HERE, owner.key.get(wanted.options), AT) is Refused.KEY


def test_a_session_that_was_left_open_adds_no_key(admin: Admin) -> None:
    owner = Owner(admin)
    assert owner.asks_to_add(password="another-password") is Refused.WRONG
    assert owner.keys.begin_to_add(owner.caller, HERE, "blue", (PASSWORD, "000000"), AT) is Refused.WRONG
    assert owner.adds(owner.key) is None
    assert owner.asks_to_add("red") is Refused.STEP_UP, "password and code are for the first one"
    assert owner.steps_up()
    assert owner.adds(SoftKey(), "red") is None
    assert [one.name for one in owner.keys.listed(owner.caller)] == ["blue", "red"]


def test_the_first_key_of_an_account_that_is_not_new_is_good_for_a_step_up_after_a_day(admin: Admin) -> None:
    """Whoever fished password and codes would add one and step up by it."""
    owner = Owner(admin)
    owner.clock.on(days=2)
    for hours, ripe in ((0, False), (23, False), (2, True)):
        owner.clock.on(hours=hours)
        came = admin.sign_in() if hours == 0 else owner.signs_in()
        assert isinstance(came, SignedIn)
        owner.value = came.value
        assert owner.caller.has_stepped_up(owner.clock()) is ripe
        if hours == 0:
            assert owner.adds(owner.key) is None
        else:
            assert isinstance(owner.keys.begin_step_up(owner.caller, HERE), Asked) is ripe
    owner.clock.on(minutes=6)
    assert owner.steps_up()
    assert owner.adds(SoftKey(), "red") is None
    (_, red) = owner.keys.listed(owner.caller)
    assert isinstance(owner.keys.begin_step_up(owner.caller, HERE), Asked), f"{red.name}: the first has vouched for it"


def test_a_key_that_does_not_verify_its_user_is_not_added(admin: Admin) -> None:
    owner = Owner(admin)
    assert owner.adds(SoftKey(verifies_user=False)) is Refused.KEY
    assert owner.adds(SoftKey(origin="http://elsewhere.example")) is Refused.KEY
    assert owner.keys.listed(owner.caller) == []
    assert len(owner.told("key.refused")) == 2


def test_a_name_is_short_readable_and_ones_own(owner: Owner) -> None:
    assert owner.steps_up()
    for name in ("", "x" * 41, "two\nlines", "a\u202eb", "blue", " blue"):
        assert owner.asks_to_add(name) is Refused.NAME, name
    asked = owner.asks_to_add("red")
    assert isinstance(asked, Asked)
    owner.key.count = 0
    assert owner.keys.add(owner.caller, HERE, "red", owner.key.create(asked.options), AT) is Refused.NAME, (
        "twice the same"
    )


def test_there_is_an_end_to_how_many(owner: Owner) -> None:
    assert owner.steps_up()
    for number in range(MOST_KEYS - 1):
        assert owner.adds(SoftKey(), f"key {number}") is None
        assert owner.steps_up()
    assert owner.asks_to_add("one more") is Refused.NAME


def test_a_key_that_was_removed_proves_nothing_any_more(owner: Owner) -> None:
    (held,) = owner.keys.listed(owner.caller)
    assert owner.keys.remove(owner.caller, held.id, AT) is Refused.STEP_UP
    assert owner.steps_up()
    assert owner.keys.remove(owner.caller, held.id, AT) is Refused.LAST_KEY
    assert owner.adds(SoftKey(), "red") is None
    asked = owner.asked_to_step_up()
    assert owner.keys.remove(owner.caller, held.id, AT) is None
    assert not owner.keys.step_up(owner.caller, HERE, owner.key.get(asked.options), AT)
    assert owner.keys.remove(owner.caller, held.id, AT) is Refused.KEY
    assert owner.told("key.remove") == ["blue"]


def test_a_reset_takes_the_keys_too(owner: Owner) -> None:
    with owner.access.database.writing.begin() as connection:
        give_account(connection, "maj", ((Role.ADMIN, "*"),), "", ["tove"], owner.clock())
        people.reset(connection, "tove")
    assert owner.keys.begin_sign_in("tove", PASSWORD, HERE, AT) is Refused.WRONG


def test_only_the_right_password_is_asked_for_a_key_and_tries_are_counted(owner: Owner) -> None:
    for name, password in (("tove", "another-password"), ("nobody", PASSWORD)):
        assert owner.keys.begin_sign_in(name, password, HERE, AT) is Refused.WRONG
    for _ in range(12):
        owner.keys.begin_sign_in("tove", "another-password", HERE, AT)
    assert owner.keys.begin_sign_in("tove", PASSWORD, HERE, AT) is Refused.TOO_MANY


def test_nothing_unreadable_is_a_proof_or_an_accident(owner: Owner) -> None:
    asked = owner.asked_to_step_up()
    whole = json.loads(owner.key.get(asked.options))
    said = [
        "", "{}", "[]", "null", "5", "\ud800", "x" * 9000, json.dumps({**whole, "rawId": "AA"}),
        json.dumps({**whole, "type": "password"}), json.dumps({**whole, "response": None}),
    ]  # fmt: skip
    for part in whole["response"]:
        for value in (None, 5, "", "*", "AAAA", whole["response"][part][:-8]):
            said.append(json.dumps({**whole, "response": {**whole["response"], part: value}}))
    for one in said:
        owner.asked_to_step_up()
        assert not owner.keys.step_up(owner.caller, HERE, one, AT), one
        assert owner.keys.sign_in(HERE, one, AT) is Refused.KEY
        assert owner.keys.add(owner.caller, HERE, "red", one, AT) is Refused.KEY


@pytest.mark.parametrize(
    ("address", "party"),
    [
        ("https://dash.example", ("dash.example", "https://dash.example")),
        ("https://Dash.Example:443", ("dash.example", "https://dash.example")),
        ("https://dash.example:8443", ("dash.example", "https://dash.example:8443")),
        ("http://localhost:8080", ("localhost", "http://localhost:8080")),
        ("http://dash.example", None),
        ("http://127.0.0.1:8080", None),
        ("https://192.0.2.7", None),
        ("https://[2001:db8::1]", None),
    ],
)
def test_whom_keys_are_made_for(address: str, party: tuple[str, str] | None) -> None:
    found = RelyingParty.at(address)
    assert (None if found is None else (found.id, found.origin)) == party
