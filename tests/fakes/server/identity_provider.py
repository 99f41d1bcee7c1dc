"""A made-up issuer of identities (OpenID Connect) with real keys: it checks PKCE and client, and signs ID tokens."""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from fleet.server.web.settings import OpenIdSettings

ISSUER = "https://login.example/realms/made-up"
LEVEL = "http://id.example/loa3"
"""What it calls level 3."""
CLIENT, SECRET = "kortkiosk", "made-up-client-secret"


@cache
def first_key() -> RSAKey:
    """Made once: it takes a while."""
    return RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


@dataclass
class IdentityProvider:
    """`claims` are added to each ID token, over the right ones: a test makes them wrong."""

    now: datetime
    claims: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: first_key())
    signs_with: RSAKey | None = None
    """Another key than the published one."""
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "one"})
    published: str = ISSUER
    beside: list[Any] = field(default_factory=list)
    """More that stands among its keys."""
    asked: dict[str, dict[str, str]] = field(default_factory=dict)

    def reach(self) -> dict[str, Any]:
        """How a client gets here without a network."""
        routes = [
            Route("/realms/made-up/.well-known/openid-configuration", self._discover),
            Route("/keys", self._keys),
            Route("/token", self._token, methods=["POST"]),
        ]
        return {"transport": httpx.ASGITransport(Starlette(routes=routes))}

    def authorize(self, url: str) -> dict[str, str]:
        """A person signs in there: what their browser comes back with."""
        wanted = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert wanted["response_type"] == "code"
        assert wanted["code_challenge_method"] == "S256"
        assert "openid" in wanted["scope"].split()
        code = f"code-{len(self.asked)}"
        self.asked[code] = wanted
        return {"code": code, "state": wanted["state"], "iss": ISSUER}

    async def _discover(self, _request: Request) -> JSONResponse:
        base = "https://login.example"
        endpoints = {"authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/token"}
        return JSONResponse({"issuer": self.published, "jwks_uri": f"{base}/keys", **endpoints})

    async def _keys(self, _request: Request) -> JSONResponse:
        return JSONResponse({"keys": [*self.beside, *KeySet([self.key]).as_dict(private=False)["keys"]]})

    async def _token(self, request: Request) -> JSONResponse:
        form = await request.form()
        asked = self.asked.pop(str(form["code"]), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(str(form["code_verifier"]).encode()).digest()).rstrip(b"=")
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        right = asked is not None and challenge.decode() == asked["code_challenge"]
        if not right or asked is None or request.headers["authorization"] != f"Basic {basic}":
            return JSONResponse({"error": "invalid_grant"}, 400)
        assert form["redirect_uri"] == asked["redirect_uri"]
        return JSONResponse(
            {"access_token": "made-up", "token_type": "Bearer", "id_token": self._signed(asked["nonce"])}
        )

    def logout_token(self, **claims: Any) -> str:
        """What it posts where it logs somebody out (OpenID Connect Back-Channel Logout 1.0); `claims` over the right ones."""
        at = int(self.now.timestamp())
        right = {"iss": ISSUER, "aud": CLIENT, "iat": at, "exp": at + 120, "jti": "made-up-1", "sid": "session-1"}
        right |= {"sub": "subject-1", "events": {"http://schemas.openid.net/event/backchannel-logout": {}}}
        wanted = {name: value for name, value in (right | claims).items() if value is not None}
        header = {**self.header, "typ": "logout+jwt"}
        return jwt.encode(header, wanted, self.signs_with or self.key, algorithms=["RS256", "PS256"])

    def _signed(self, nonce: str) -> str:
        at = int(self.now.timestamp())
        right = {"iss": ISSUER, "sub": "subject-1", "aud": CLIENT, "iat": at, "exp": at + 300, "nonce": nonce}
        right |= {"acr": LEVEL, "auth_time": at, "sid": "session-1"}
        wanted = {name: value for name, value in (right | self.claims).items() if value is not None}
        return jwt.encode(self.header, wanted, self.signs_with or self.key, algorithms=["RS256", "PS256"])


SETTINGS = OpenIdSettings.model_validate(
    {
        "issuer": ISSUER,
        "client_id": CLIENT,
        "title": "Region Exempel",
        "acr": [LEVEL],
        "name_claim": "preferred_username",
        "hsa_id_claim": "employee_hsa_id",
        "grants": [{"group": "kk-drift", "role": "operator", "stations": "lasarettet-*"}],
    }
)


WHO = {"preferred_username": "SE2321000999-7K01", "groups": ["kk-drift", "others"]}
