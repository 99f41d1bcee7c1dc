"""Level and age of the issuer's proof, step-up and back-channel log-out, at a made-up issuer with real keys."""

from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from fastapi import FastAPI
from joserfc.jwk import RSAKey

from fleet.server.app import create_app
from fleet.server.live_feed.hub import Hub
from fleet.server.process.default_settings import SettingsError
from fleet.server.sign_in.openid.client import OpenId, OpenIdError
from fleet.server.sign_in.openid.pages import BACK, LOG_OUT
from fleet.server.sign_in.service import Access
from fleet.server.web.roles import Caller
from fleet.server.web.settings import WebSettings
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.commands import commands_of
from tests.fakes.server.identity_provider import ISSUER, LEVEL, SECRET, SETTINGS, WHO, IdentityProvider
from tests.fakes.server.readings import FakeReadings
from tests.fakes.server.visitors import COOKIE
from tests.fleet.server.app.asgi import Answer, get, post
from tests.fleet.server.sign_in.conftest import Turned


class Desk:
    """The pages with an issuer, and somebody's browser."""

    def __init__(self, access: Access, clock: Turned) -> None:
        self.provider = IdentityProvider(clock(), dict(WHO))
        where = f"http://127.0.0.1{BACK}"
        self.openid = OpenId(SETTINGS, SECRET, where, (access.database, clock), self.provider.reach())
        self.access, self.clock = access, clock
        desk, alerts = commands_of(access.database, clock), FakeAlerts()
        self.app: FastAPI = create_app(
            FakeReadings(), Hub(), access, alerts, desk, clock=clock, openid=self.openid
        )  # fmt: skip
        self.session = ""
        self.wanted: dict[str, str] = {}

    async def go(self, path: str) -> Answer:
        """By way of the issuer and back; the browser keeps the session that it gets."""
        gone = await get(self.app, path, cookie=self.session)
        assert gone.status == 303, gone.text
        self.provider.now = self.clock()
        self.wanted = {key: values[0] for key, values in parse_qs(urlsplit(gone.header("location")).query).items()}
        query = urlencode(self.provider.authorize(gone.header("location")))
        browser = gone.header("set-cookie").partition(";")[0]
        back = await get(self.app, f"{BACK}?{query}", cookie=f"{browser}; {self.session or f'{COOKIE}=0'}")
        given = [value for name, value in back.headers if name == "set-cookie" and value.startswith(f"{COOKIE}=")]
        self.session = given[0].partition(";")[0] if given else self.session
        return back

    def caller(self) -> Caller | None:
        return self.access.by_session(self.session.partition("=")[2], present=True)

    def told(self, action: str) -> int:
        return self.access.entries(action=action)[1]

    async def log_out(self, token: str) -> Answer:
        """As the issuer's server does: no browser, no cookie, no origin."""
        return await post(self.app, LOG_OUT, {"logout_token": token}, cookie="x=1; kortkiosk=0", origin="")


@pytest.fixture
async def desk(access: Access, clock: Turned) -> Desk:
    desk = Desk(access, clock)
    assert (await desk.go("/sign-in/openid")).status == 303
    return desk


async def test_a_sign_in_asks_for_the_level_and_for_a_young_proof(desk: Desk) -> None:
    assert (desk.wanted["acr_values"], desk.wanted["max_age"]) == (LEVEL, "3600")
    assert "prompt" not in desk.wanted


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"acr": "http://id.example/loa2"}, "acr"),
        ({"acr": None}, "acr"),
        ({"auth_time": None}, "auth_time is missing"),
        ({"auth_time": "now"}, "auth_time is missing"),
    ],
)
async def test_less_than_that_is_refused(desk: Desk, claims: dict[str, object], why: str) -> None:
    desk.provider.claims |= claims
    begun = await desk.openid.begin("/")
    with pytest.raises(OpenIdError, match=why):
        await desk.openid.finish(desk.provider.authorize(begun.url), begun.browser)


@pytest.mark.parametrize(("ago_s", "comes_in"), [(3600, True), (3700, False), (-30, True), (-100, False)])
async def test_a_proof_is_as_young_as_was_asked(desk: Desk, ago_s: int, comes_in: bool) -> None:
    desk.provider.claims["auth_time"] = int(desk.clock().timestamp()) - ago_s
    assert ((await desk.go("/sign-in/openid")).status == 303) is comes_in


async def test_a_step_up_asks_anew_and_is_good_for_five_minutes(desk: Desk) -> None:
    desk.clock.on(minutes=20)
    caller = desk.caller()
    assert caller is not None
    assert not caller.has_stepped_up(desk.clock())
    assert (
        "/step-up/openid?onward=%2Fcommands"
        in (await get(desk.app, "/step-up?onward=/commands", cookie=desk.session)).text
    )
    back = await desk.go("/step-up/openid?onward=/commands")
    assert (back.status, back.header("location")) == (303, "/commands")
    assert (desk.wanted["prompt"], desk.wanted["max_age"], desk.wanted["acr_values"]) == ("login", "0", LEVEL)
    stepped = desk.caller()
    assert stepped is not None
    assert (stepped.key, stepped.has_stepped_up(desk.clock())) == (caller.key, True)
    desk.clock.on(minutes=5, seconds=1)
    assert not stepped.has_stepped_up(desk.clock())
    assert desk.told("step-up") == 1


async def test_the_issuers_own_session_is_no_step_up(desk: Desk) -> None:
    """An issuer that does not ask its user again says when it last did."""
    desk.clock.on(minutes=20)
    desk.provider.claims["auth_time"] = int(desk.clock().timestamp()) - 300
    assert (await desk.go("/step-up/openid")).status == 502
    assert desk.told("step-up") == 0


async def test_somebody_else_does_not_step_up_for_whose_session_it_is(desk: Desk) -> None:
    desk.clock.on(minutes=20)
    desk.provider.claims["sub"] = "subject-2"
    assert (await desk.go("/step-up/openid")).status == 400
    caller = desk.caller()
    assert caller is not None
    assert not caller.has_stepped_up(desk.clock())
    assert desk.told("step-up.refused") == 1


async def test_who_left_the_group_loses_it_at_the_step_up(desk: Desk) -> None:
    desk.provider.claims["groups"] = []
    assert (await desk.go("/step-up/openid")).status == 400
    caller = desk.caller()
    assert caller is not None
    assert caller.grants == ()


async def test_such_a_session_ends_after_the_hours_that_the_settings_say(desk: Desk) -> None:
    for _ in range(9):
        desk.clock.on(minutes=50)
        assert desk.caller() is not None
    desk.clock.on(minutes=31)
    assert desk.caller() is None, "eight hours, where a local account has twelve"


@pytest.mark.parametrize("claims", [{"sub": None}, {"sid": None}, {}], ids=["by session", "by subject", "both"])
async def test_the_issuer_logs_out_and_the_session_is_over(desk: Desk, claims: dict[str, object]) -> None:
    answer = await desk.log_out(desk.provider.logout_token(**claims))
    assert (answer.status, answer.header("cache-control")) == (200, "no-store")
    assert desk.caller() is None
    assert [(one.who, one.target) for one in desk.access.entries(action="sign-out")[0]] == [
        ("server", WHO["preferred_username"])
    ]
    again = await desk.log_out(desk.provider.logout_token(**claims))
    assert (again.status, again.json["error"]) == (400, "invalid_request"), "a token is good once"


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "made-up"},
        {"events": None},
        {"events": {}},
        {"events": {"http://schemas.openid.net/event/backchannel-logout": 1}},
        {"jti": None},
        {"sub": None, "sid": None},
        {"aud": "another-client"},
        {"iss": "https://other.example"},
        {"exp": 1},
        {"exp": None},
        {"iat": 1},
        {"iat": None},
        {"sid": "session-2"},
        {"sub": "subject-2"},
    ],
    ids=str,
)
async def test_what_is_no_logout_of_ours_ends_nothing(desk: Desk, claims: dict[str, object]) -> None:
    answer = await desk.log_out(desk.provider.logout_token(**claims))
    assert answer.status == (200 if claims in ({"sid": "session-2"}, {"sub": "subject-2"}) else 400)
    assert desk.caller() is not None


async def test_a_logout_token_needs_the_issuers_signature(desk: Desk) -> None:
    desk.provider.signs_with = RSAKey.generate_key(2048, {"kid": "one"})
    for token in (desk.provider.logout_token(), "", "made.up.token", "x" * 9000):
        assert (await desk.log_out(token)).status == 400
    assert desk.caller() is not None


def test_without_levels_the_settings_are_refused_with_what_to_write(tmp_path: Path) -> None:
    path = tmp_path / "web.toml"
    text = f"[openid]\nissuer = '{ISSUER}'\nclient_id = 'x'\ntitle = 'x'\ngrants = []\n"
    for more in ("", "acr = []\n"):
        path.write_text(text + more)
        with pytest.raises(SettingsError, match=r"openid\.acr: list the values that your issuer puts into acr"):
            WebSettings.load(path)
