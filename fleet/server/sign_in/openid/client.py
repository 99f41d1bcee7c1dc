"""OpenID Connect client: the region's own sign-in, code flow (Core 1.0, 3.1) with PKCE (RFC 7636, S256). Alone imports authlib.

Rules: state, nonce and verifier lie in the store for ten minutes, are bound to the browser by a cookie, and work once. The ID
token is believed only with the issuer's signature by an algorithm named here, our own client id as audience, our nonce, a level
(`acr`) that the settings name, and a proof of the person (`auth_time`) that is as young as we asked. A step-up asks for one that
is made now (`prompt=login`, `max_age=0`). Roles follow from groups at each sign-in; without one nobody is let in.

>>> noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
>>> proved_at({"acr": "loa3", "auth_time": noon.timestamp()}, ("loa3",), noon - timedelta(minutes=5), noon) == noon
True

Of a logout token (Back-Channel Logout 1.0, 2.6) signature, `iss`, `aud`, `iat` and `exp` are checked as an ID token's; then
follow `events`, `sub` or `sid`, `jti`, and that there is no `nonce`, so that no ID token is a logout token. It is good once
(`Access.is_new`).

>>> issuer_session("https://login.example", None) is None
True
"""

import asyncio
import contextlib
import hmac
import secrets
import unicodedata
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from authlib.deprecate import AuthlibDeprecationWarning
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet
from sqlalchemy import delete, insert, select

from fleet.server.accounts.tables import logins
from fleet.server.audit_log.log import without_numbers
from fleet.server.database.database import Database
from fleet.server.files.import_files import HSA_ID
from fleet.server.keys.random_tokens import digest, random_token
from fleet.server.web.roles import Grants
from fleet.server.web.settings import OpenIdSettings

with warnings.catch_warnings():  # it would rather have a successor of httpx, which nothing else here needs
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.base_client import OAuthError
    from authlib.integrations.httpx_client import AsyncOAuth2Client

ALGORITHMS = ["RS256", "PS256", "ES256", "ES384"]
TIMEOUT_S = 10.0
WAITS = timedelta(minutes=10)
_MOST_SUBJECT, _MOST_NAME = 255, 64
_KEEP = timedelta(hours=1)
"""How long addresses and keys of the issuer are kept; a key that is not known is asked for at once."""


LEEWAY_S = 60
"""So much the issuer's clock and ours may differ."""


EVENT = "http://schemas.openid.net/event/backchannel-logout"
TYPES = (None, "JWT", "logout+jwt")
OLDEST = timedelta(days=1)
"""A token that was made before is refused, whatever its own end: so long is remembered which came."""


class LogoutTokenError(ValueError):
    """It is no logout token of today. The text says which part is wrong."""


@dataclass(frozen=True, slots=True)
class LogoutToken:
    """`subject` and `issuer_session` as accounts and sessions keep them; at least one is there."""

    subject: str | None
    issuer_session: str | None
    id: str
    ends: datetime


def issuer_session(issuer: str, sid: object) -> str | None:
    """Return the hash of the issuer's `sid`, as it is kept; None where it has none."""
    return digest(f"{issuer} {sid}") if isinstance(sid, str) and sid else None


def logout_of(header: Mapping[str, Any], claims: Mapping[str, Any], issuer: str, now: datetime) -> LogoutToken:
    """From a token whose signature, issuer, audience and times hold. Raises LogoutTokenError."""
    events, jti, subject = claims.get("events"), claims.get("jti"), claims.get("sub")
    session = issuer_session(issuer, claims.get("sid"))
    if header.get("typ") not in TYPES:
        raise LogoutTokenError("the header typ is another kind's")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise LogoutTokenError("the claim events does not say so")
    if "nonce" in claims:
        raise LogoutTokenError("the claim nonce is prohibited")
    if not isinstance(jti, str) or not jti:
        raise LogoutTokenError("the claim jti is missing")
    if not (isinstance(subject, str) and subject) and session is None:
        raise LogoutTokenError("the claims sub and sid are both missing")
    made = datetime.fromtimestamp(claims["iat"], UTC)
    if made < now - OLDEST:
        raise LogoutTokenError("the claim iat is of more than a day ago")
    whose = f"{issuer} {subject}" if isinstance(subject, str) and subject else None
    return LogoutToken(whose, session, f"{issuer} {jti}", made + OLDEST + timedelta(hours=1))


class ProofError(Exception):
    """The person has not proved who they are as was asked. The text names the claim."""


def proved_at(claims: Mapping[str, Any], levels: Collection[str], oldest: datetime, now: datetime) -> datetime:
    """Return when the person proved who they are, at one of these levels and not before `oldest`. Raises ProofError."""
    if not isinstance(claims.get("acr"), str) or claims["acr"] not in levels:
        raise ProofError("the claim acr is none of the levels in openid.acr")
    try:
        proved = datetime.fromtimestamp(claims["auth_time"], UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        raise ProofError("the claim auth_time is missing, or no time") from None
    leeway = timedelta(seconds=LEEWAY_S)
    if not oldest - leeway <= proved <= now + leeway:
        raise ProofError("the claim auth_time is older than was asked, or still to come")
    return min(proved, now)


class OpenIdError(Exception):
    """The sign-in did not go as the standard says, or the issuer is away. The text has no secret, and is for the log."""


@dataclass(frozen=True, slots=True)
class Begun:
    """Start of a sign-in: where the browser goes, and the cookie that it takes along."""

    url: str
    browser: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Identified:
    """Person who signs in, by the issuer's word."""

    subject: str
    name: str
    grants: Grants
    onward: str
    proved: datetime
    """When the issuer had the proof of who it is (`auth_time`)."""
    issuer_session: str | None
    """Hash of the issuer's session, by which it logs out (`sid`)."""
    step_up: str | None
    """The session that steps up; None: a sign-in."""
    hsa_id: str = ""
    """The person's; empty where the issuer says none, or the settings name no claim of it."""


@dataclass(frozen=True, slots=True)
class _Issuer:
    """Metadata that the issuer publishes (OpenID Connect Discovery 1.0)."""

    authorize: str
    token: str
    keys: KeySet
    read: datetime


def _known(keys: Mapping[str, Any]) -> KeySet:
    """Keys that we can use; others that the issuer has beside them are ignored (RFC 7517, 5). Raises OpenIdError for none."""
    usable = []
    for key in keys["keys"]:
        with contextlib.suppress(JoseError, ValueError, KeyError, TypeError):
            usable.append(JWKRegistry.import_key(key))
    if not usable:
        raise OpenIdError("the issuer publishes no key that we can use")
    return KeySet(usable)


def _address(value: object) -> str:
    """Raises TypeError for what is no text."""
    if not isinstance(value, str):
        raise TypeError("an address is text")
    return value


class OpenId:
    """One issuer. `redirect` is our address that it sends browsers back to; `reach` says how it is reached (for httpx)."""

    def __init__(
        self,
        settings: OpenIdSettings,
        secret: str | None,
        redirect: str,
        access: tuple[Database, Callable[[], datetime]],
        reach: Mapping[str, Any],
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._redirect = redirect
        self._database, self._clock = access
        self._reach = reach
        self._issuer: _Issuer | None = None

    @property
    def lasts(self) -> timedelta:
        """Longest time that a session of this sign-in lasts."""
        return timedelta(hours=self._settings.session_hours)

    @property
    def title(self) -> str:
        """As the button names it."""
        return self._settings.title

    async def begin(self, onward: str, step_up: str | None = None) -> Begun:
        """`step_up`: the key of the session that proves anew who is there; without, somebody signs in. Raises OpenIdError."""
        issuer = await self._read_issuer()
        state, browser, verifier, nonce = (
            random_token(),
            random_token(),
            secrets.token_urlsafe(64),
            secrets.token_urlsafe(32),
        )
        row: dict[str, str | None] = {
            "hash": digest(state),
            "browser": digest(browser),
            "verifier": verifier,
            "nonce": nonce,
            "onward": onward,
            "step_up": step_up,
        }
        await asyncio.to_thread(self._keep, row)
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                issuer.authorize, state, verifier, nonce=nonce, **self._asked(step_up)
            )
        return Begun(url, browser)

    def _asked(self, step_up: str | None) -> dict[str, str]:
        """OpenID Connect Core 3.1.2.1."""
        age = {"max_age": str(self._settings.max_age_s)} if step_up is None else {"max_age": "0", "prompt": "login"}
        return {"acr_values": " ".join(self._settings.acr), **age}

    def _keep(self, row: dict[str, str | None]) -> None:
        now = self._clock()
        with self._database.writing.begin() as connection:
            connection.execute(delete(logins).where(logins.c.ends < now))
            connection.execute(insert(logins).values(**row, begun=now, ends=now + WAITS))

    async def finish(self, answer: Mapping[str, str], browser: str) -> Identified:
        """From the query that the browser came back with, and its cookie. Raises OpenIdError."""
        login = await asyncio.to_thread(self._take, answer.get("state", ""))
        if login is None or not hmac.compare_digest(login.browser, digest(browser)):
            raise OpenIdError("the state is unknown, used, too old, or another browser's")
        if answer.get("iss", self._settings.issuer) != self._settings.issuer:
            raise OpenIdError("the answer is another issuer's (RFC 9207)")
        if not answer.get("code"):
            raise OpenIdError(f"the issuer refused: {answer.get('error', 'no code')[:40]}")
        issuer = await self._read_issuer()
        tokens = await self._exchange(issuer, answer["code"], login.verifier)
        claims = await self._checked(issuer, str(tokens.get("id_token", "")), login.nonce)
        return self._identified(claims, login, self._proved(claims, login))

    def _proved(self, claims: Mapping[str, Any], login: Any) -> datetime:
        now = self._clock()
        oldest = login.begun if login.step_up else now - timedelta(seconds=self._settings.max_age_s)
        try:
            return proved_at(claims, self._settings.acr, oldest, now)
        except ProofError as error:
            raise OpenIdError(str(error)) from None

    def _take(self, state: str) -> Any:
        mine = logins.c.hash == digest(state)
        with self._database.writing.begin() as connection:
            row = connection.execute(select(logins).where(mine, logins.c.ends > self._clock())).first()
            connection.execute(delete(logins).where(mine))
        return row

    async def _exchange(self, issuer: _Issuer, code: str, verifier: str) -> Mapping[str, Any]:
        try:
            async with self._client() as client:
                tokens: Mapping[str, Any] = await client.fetch_token(issuer.token, code=code, code_verifier=verifier)
                return tokens
        except OAuthError as error:
            raise OpenIdError(f"the code was refused: {error.error}") from None
        except Exception as error:  # authlib passes on what its HTTP client and its parsing raise, of many kinds
            raise OpenIdError(f"the token endpoint: {type(error).__name__}") from None

    async def _checked(self, issuer: _Issuer, token: str, nonce: str) -> Mapping[str, Any]:
        """OpenID Connect Core 3.1.3.7."""
        try:
            read = await self._decoded(issuer, token)
            self._rules({"nonce": nonce}).validate(read.claims)
        except (JoseError, ValueError) as error:
            raise OpenIdError(f"the ID token: {type(error).__name__}") from None
        several = isinstance(read.claims["aud"], list) and len(read.claims["aud"]) > 1
        if read.claims.get("azp", None if several else self._settings.client_id) != self._settings.client_id:
            raise OpenIdError("the ID token is for another client")
        return read.claims

    async def _decoded(self, issuer: _Issuer, token: str) -> jwt.Token:
        """With the issuer's signature. Raises JoseError, ValueError, OpenIdError."""
        try:
            return jwt.decode(token, issuer.keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError):  # the issuer may have changed its keys
            return jwt.decode(token, (await self._read_issuer(anew=True)).keys, algorithms=ALGORITHMS)

    async def read_logout(self, token: str) -> LogoutToken:
        """Return the session or person that the issuer logs out (OpenID Connect Back-Channel Logout 1.0, 2.6). Raises
        OpenIdError."""
        try:
            read = await self._decoded(await self._read_issuer(), token)
            self._rules({}).validate(read.claims)
            return logout_of(read.header, read.claims, self._settings.issuer, self._clock())
        except (JoseError, ValueError) as error:
            reason = str(error) if isinstance(error, LogoutTokenError) else type(error).__name__
            raise OpenIdError(f"the logout token: {reason}") from None

    def _rules(self, more: Mapping[str, str]) -> jwt.JWTClaimsRegistry:
        exact = {"iss": self._settings.issuer, "aud": self._settings.client_id, **more}
        options: dict[str, Any] = {name: {"essential": True, "value": value} for name, value in exact.items()}
        options |= {name: {"essential": True} for name in ("exp", "iat", *(["sub"] if more else []))}
        return jwt.JWTClaimsRegistry(now=int(self._clock().timestamp()), leeway=LEEWAY_S, **options)

    def _identified(self, claims: Mapping[str, Any], login: Any, proved: datetime) -> Identified:
        subject, name, groups = (
            claims["sub"],
            claims.get(self._settings.name_claim),
            claims.get(self._settings.groups_claim),
        )
        if not (subject.isascii() and subject.isprintable() and len(subject) <= _MOST_SUBJECT):
            raise OpenIdError("the claim sub is no subject (Core 2)")
        if not isinstance(name, str) or not name.isprintable():
            raise OpenIdError(f"the claim {self._settings.name_claim} is no name")
        name = unicodedata.normalize("NFC", " ".join(name.split()))  # two that look alike are not two names
        if not 1 <= len(name) <= _MOST_NAME:
            raise OpenIdError(f"the claim {self._settings.name_claim} is no name")
        if without_numbers(name) != name:
            raise OpenIdError(f"the claim {self._settings.name_claim} is a personal identity number: name another one")
        claim = claims.get(self._settings.hsa_id_claim) if self._settings.hsa_id_claim else None
        hsa_id = claim if isinstance(claim, str) and HSA_ID.match(claim) else ""
        listed = [groups] if isinstance(groups, str) else groups  # some issuers write one group so
        member_of = {each for each in listed if isinstance(each, str)} if isinstance(listed, list) else set[str]()
        granted = tuple((each.role, each.stations) for each in self._settings.grants if each.group in member_of)
        return Identified(
            f"{self._settings.issuer} {subject}",
            name,
            granted,
            login.onward,
            proved,
            issuer_session(self._settings.issuer, claims.get("sid")),
            login.step_up,
            hsa_id,
        )

    async def _read_issuer(self, *, anew: bool = False) -> _Issuer:
        kept, now = self._issuer, self._clock()
        if kept is None or anew or now > kept.read + _KEEP:
            kept = self._issuer = await self._fetch_issuer(now)
        return kept

    async def _fetch_issuer(self, now: datetime) -> _Issuer:
        where = self._settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
        try:
            async with self._client() as client:
                metadata = (await client.request("GET", where, withhold_token=True)).raise_for_status().json()
                if metadata["issuer"] != self._settings.issuer:
                    raise OpenIdError("what the issuer publishes is another's (Discovery 4.3)")
                keys = (
                    (await client.request("GET", metadata["jwks_uri"], withhold_token=True)).raise_for_status().json()
                )
            authorize, token = (_address(metadata[f"{endpoint}_endpoint"]) for endpoint in ("authorization", "token"))
            return _Issuer(authorize, token, _known(keys), now)
        except OpenIdError:
            raise
        except Exception as error:  # as above, and what is not as the standard says
            raise OpenIdError(f"{where}: {type(error).__name__}") from None

    def _client(self) -> Any:
        return AsyncOAuth2Client(
            self._settings.client_id,
            self._secret,
            scope="openid profile",
            redirect_uri=self._redirect,
            code_challenge_method="S256",
            timeout=TIMEOUT_S,
            trust_env=False,
            **self._reach,
        )
