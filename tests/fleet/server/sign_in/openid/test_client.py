"""Sign-in at a made-up issuer with real keys: in with a role, and out with every wrong answer."""

from pathlib import Path

import pytest
from joserfc.jwk import RSAKey

from fleet.server.accounts import queries as people
from fleet.server.app import create_app
from fleet.server.commands.model import Refusal, Requester
from fleet.server.live_feed.hub import Hub
from fleet.server.process.default_settings import SettingsError
from fleet.server.sign_in.openid.client import OpenId, OpenIdError
from fleet.server.sign_in.openid.pages import BACK
from fleet.server.sign_in.service import Access, Refused, SignedIn
from fleet.server.web.roles import Role
from fleet.server.web.settings import LimitSettings, WebSettings
from fleet.server.web.site import Site
from tests.docs.pages import DOCS, blocks
from tests.fakes.server.alerts import FakeAlerts, demo_alerts
from tests.fakes.server.commands import OPEN, commands_of
from tests.fakes.server.identity_provider import CLIENT, ISSUER, LEVEL, SECRET, SETTINGS, WHO, IdentityProvider
from tests.fakes.server.readings import FakeReadings
from tests.fleet.server.app.asgi import get
from tests.fleet.server.sign_in.conftest import Turned


@pytest.fixture
def provider(clock: Turned) -> IdentityProvider:
    return IdentityProvider(clock(), dict(WHO))


@pytest.fixture
def openid(access: Access, provider: IdentityProvider, clock: Turned) -> OpenId:
    redirect = f"http://127.0.0.1{BACK}"
    return OpenId(SETTINGS, SECRET, redirect, (access.database, clock), provider.reach())


async def test_a_person_signs_in_by_way_of_the_pages_and_has_the_role_of_the_group(
    access: Access, openid: OpenId, provider: IdentityProvider, clock: Turned
) -> None:
    desk = commands_of(access.database, clock)
    app = create_app(FakeReadings(), Hub(), access, FakeAlerts(demo_alerts()), desk, clock=clock, openid=openid)
    assert "Region Exempel" in (await get(app, "/sign-in")).text
    gone = await get(app, "/sign-in/openid?onward=/orders")
    browser = gone.header("set-cookie").partition(";")[0]
    query = "&".join(f"{name}={value}" for name, value in provider.authorize(gone.header("location")).items())
    back = await get(app, f"{BACK}?{query}", cookie=browser)
    assert (back.status, back.header("location")) == (303, "/orders")
    me = (await get(app, "/api/v1/me", cookie=back.header("set-cookie").partition(";")[0])).json
    assert (me["name"], me["roles"]) == ("SE2321000999-7K01", [{"role": "operator", "stations": "lasarettet-*"}])
    assert (await get(app, f"{BACK}?{query}", cookie=browser)).status == 502, "the Back button is not a new sign-in"


async def test_over_tls_no_other_host_of_the_domain_can_put_its_own_state_there(
    access: Access, openid: OpenId, clock: Turned
) -> None:
    desk, site = commands_of(access.database, clock), Site("https://dash.example", loopback=False)
    alerts = FakeAlerts(demo_alerts())
    app = create_app(FakeReadings(), Hub(), access, alerts, desk, clock=clock, openid=openid, site=site)
    gone = await get(app, "/sign-in/openid", host="dash.example", scheme="https")
    cookie = gone.header("set-cookie")
    assert cookie.startswith("__Host-kortkiosk-openid=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))


async def test_sign_ins_that_are_begun_and_never_ended_fill_no_store(
    access: Access, openid: OpenId, clock: Turned
) -> None:
    desk, alerts, few = commands_of(access.database, clock), FakeAlerts(demo_alerts()), LimitSettings(refused=2)
    app = create_app(FakeReadings(), Hub(), access, alerts, desk, clock=clock, openid=openid, limits=few)
    begun = [(await get(app, "/sign-in/openid", client="192.0.2.7")).status for _ in range(4)]
    assert begun == [303, 303, 429, 429]
    assert (await get(app, "/sign-in/openid", client="192.0.2.8")).status == 303


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"aud": "another-client"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"azp": "another-client"},
        {"preferred_username": None},
        {"preferred_username": "191212121212"},
        {"preferred_username": " "},
        {"preferred_username": "tove\u202e"},
        {"sub": 5},
        {"sub": "a\0b"},
        {"aud": [CLIENT, "another-client"]},
        {"iat": 4102444800},
        {"acr": None},
        {"acr": "http://id.example/loa2"},
        {"acr": [LEVEL]},
        {"auth_time": None},
        {"auth_time": "yesterday"},
        {"auth_time": 1e300},
        {"auth_time": 1},
        {"auth_time": 4102444800},
    ],
    ids=str,
)
async def test_an_id_token_that_is_not_ours_is_refused(
    openid: OpenId, provider: IdentityProvider, claims: dict[str, object]
) -> None:
    provider.claims |= claims
    begun = await openid.begin("/")
    with pytest.raises(OpenIdError):
        await openid.finish(provider.authorize(begun.url), begun.browser)


async def test_another_key_or_no_signature_is_refused(openid: OpenId, provider: IdentityProvider) -> None:
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "one"})
    begun = await openid.begin("/")
    with pytest.raises(OpenIdError, match="ID token"):
        await openid.finish(provider.authorize(begun.url), begun.browser)


async def test_a_new_key_of_the_issuer_is_fetched(openid: OpenId, provider: IdentityProvider) -> None:
    begun = await openid.begin("/")
    provider.key, provider.header = RSAKey.generate_key(2048, {"kid": "two"}), {"alg": "PS256", "kid": "two"}
    assert (await openid.finish(provider.authorize(begun.url), begun.browser)).subject == f"{ISSUER} subject-1"


async def test_keys_that_we_cannot_use_are_no_reason_to_let_nobody_in(
    openid: OpenId, provider: IdentityProvider
) -> None:
    """RFC 7517, 5: keys of other kinds stand beside those that sign."""
    provider.beside = [{"kty": "AKP", "kid": "two"}, {"kty": "EC", "crv": "brainpoolP256r1", "x": "AA", "y": "AA"}, 5]
    begun = await openid.begin("/")
    assert (await openid.finish(provider.authorize(begun.url), begun.browser)).name == WHO["preferred_username"]


@pytest.mark.parametrize(
    ("groups", "granted"),
    [("kk-drift", 1), (["others", 5, "kk-drift"], 1), (["KK-drift"], 0), ({"kk-drift": 1}, 0), (None, 0), ("kk", 0)],
)
async def test_groups_as_issuers_write_them(
    openid: OpenId, provider: IdentityProvider, groups: object, granted: int
) -> None:
    provider.claims["groups"] = groups
    begun = await openid.begin("/")
    assert len((await openid.finish(provider.authorize(begun.url), begun.browser)).grants) == granted


async def test_names_that_look_alike_are_one(openid: OpenId, provider: IdentityProvider) -> None:
    provider.claims["preferred_username"] = " A\u030asa   Test "
    begun = await openid.begin("/")
    assert (await openid.finish(provider.authorize(begun.url), begun.browser)).name == "\u00c5sa Test"


@pytest.mark.parametrize(
    ("told", "hsa_id"),
    [
        ("SE2321000999-7K02", "SE2321000999-7K02"), (None, ""), ("se2321000999-7k02", ""), (["SE2321000999-7K02"], ""),
        ("SE2321000999-7K02 ", ""),
    ],
)  # fmt: skip
async def test_an_hsa_id_comes_from_its_own_claim_and_never_from_a_name(
    openid: OpenId, provider: IdentityProvider, told: object, hsa_id: str
) -> None:
    provider.claims["employee_hsa_id"] = told
    begun = await openid.begin("/")
    identified = await openid.finish(provider.authorize(begun.url), begun.browser)
    assert (identified.name, identified.hsa_id) == ("SE2321000999-7K01", hsa_id)


def test_an_hsa_id_is_one_accounts_and_is_what_the_issuer_says_now(access: Access) -> None:
    def signed_in(subject: str, name: str, hsa_id: str) -> str:
        came = access.sign_in_by_issuer(subject, name, ((Role.OPERATOR, "*"),), "192.0.2.7", hsa_id=hsa_id)
        assert isinstance(came, SignedIn)
        return came.value

    def proved(session: str) -> str:
        caller = access.by_session(session, present=True)
        assert caller is not None
        return caller.hsa_id

    first = signed_in("s 1", "SE2321000999-7K01", "SE2321000999-7K02")
    assert proved(first) == "SE2321000999-7K02"
    second = signed_in("s 2", "nils.test", "SE2321000999-7K02")
    assert (proved(first), proved(second)) == ("", "SE2321000999-7K02")
    signed_in("s 2", "nils.test", "")
    assert proved(second) == "", "in sessions that are open too"


async def test_state_belongs_to_a_browser_works_once_and_not_for_long(
    openid: OpenId, provider: IdentityProvider, clock: Turned
) -> None:
    for browser_of in ("other", "late"):
        begun = await openid.begin("/")
        answer = provider.authorize(begun.url)
        if browser_of == "late":
            clock.on(minutes=11)
        with pytest.raises(OpenIdError, match="state"):
            await openid.finish(answer, "made-up" if browser_of == "other" else begun.browser)
        with pytest.raises(OpenIdError, match="state"):
            await openid.finish(answer, begun.browser)
    begun = await openid.begin("/")
    with pytest.raises(OpenIdError, match="refused: access_denied"):
        await openid.finish({"state": provider.authorize(begun.url)["state"], "error": "access_denied"}, begun.browser)
    begun = await openid.begin("/")
    with pytest.raises(OpenIdError, match="9207"):
        await openid.finish(provider.authorize(begun.url) | {"iss": "https://other.example"}, begun.browser)


async def test_an_issuer_that_calls_itself_otherwise_is_not_believed(
    openid: OpenId, provider: IdentityProvider
) -> None:
    provider.published = "https://other.example"
    with pytest.raises(OpenIdError, match=r"Discovery 4\.3"):
        await openid.begin("/")


def test_without_a_role_nobody_is_let_in_and_no_local_name_is_taken_over(access: Access) -> None:
    granted = tuple((each.role, each.stations) for each in SETTINGS.grants)
    assert access.sign_in_by_issuer("s 1", "nils.test", (), "192.0.2.7") is Refused.NO_ROLE
    assert isinstance(access.sign_in_by_issuer("s 1", "nils.test", granted, "192.0.2.7"), SignedIn)
    assert access.sign_in_by_issuer("s 2", "nils.test", granted, "192.0.2.7") is Refused.NO_ROLE


def test_who_is_granted_nothing_any_more_loses_it_in_open_sessions_too(access: Access) -> None:
    came = access.sign_in_by_issuer("s 1", "nils.test", ((Role.OPERATOR, "*"),), "192.0.2.7")
    assert isinstance(came, SignedIn)
    assert access.sign_in_by_issuer("s 1", "nils.test", (), "192.0.2.7") is Refused.NO_ROLE
    caller = access.by_session(came.value, present=True)
    assert caller is not None
    assert caller.grants == ()


@pytest.mark.parametrize("name", ["server", "unknown", "order-system", "token:feed"])
def test_nobody_is_called_as_the_audit_calls_what_is_no_person(access: Access, name: str) -> None:
    granted = tuple((each.role, each.stations) for each in SETTINGS.grants)
    assert access.sign_in_by_issuer("s 1", name, granted, "192.0.2.7") is Refused.NO_ROLE
    with access.database.writing.begin() as connection, pytest.raises(people.AccountError):
        people.add(connection, name, granted, access.clock())


def test_who_has_another_name_since_is_no_second_person(access: Access, clock: Turned) -> None:
    """Some issuers let people change what they are called."""
    granted = ((Role.OPERATOR, "*"),)
    access.sign_in_by_issuer("s 1", "tove", granted, "192.0.2.7")
    desk = commands_of(access.database, clock)
    asked = desk.ask(OPEN, Requester("tove", stepped_up=True))
    access.sign_in_by_issuer("s 1", "tova", granted, "192.0.2.7")
    assert desk.approve(asked.id, Requester("tova")) is Refusal.SAME_PERSON
    (told,) = access.entries(action="user.rename")[0]
    assert (told.who, told.detail) == ("tova", "was tove")


def test_the_documented_example_can_be_used(tmp_path: Path) -> None:
    (example,) = blocks("toml web", DOCS / "operations-reference.md")
    (tmp_path / "web.toml").write_text(example)
    assert WebSettings.load(tmp_path / "web.toml").openid is not None


def test_settings_name_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "web.toml"
    for text, said in (
        ("[site]\npublic = 'http://dash.example'", "site.public"),
        ("[site]\npublic = 'https://dash.example'", "certificate and key, or with trusted_proxies"),
        ("[site]\ncertificate = 'a.pem'", "go together"),
        ("[site]\nstray = 1", "site.stray"),
    ):
        path.write_text(text)
        with pytest.raises(SettingsError, match=said):
            WebSettings.load(path)
