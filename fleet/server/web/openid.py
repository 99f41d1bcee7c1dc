"""The way to the region's own sign-in and back.

Example: `app.include_router(openid_router(web, openid))`
"""

import logging

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from fleet.server.access.access import Refused, SignedIn
from fleet.server.access.oidc import WAITS, OpenId, OpenIdError
from fleet.server.access.roles import Right
from fleet.server.web.doors import let_in, onward_of, sign_in_page
from fleet.server.web.gate import access_of, address_of, needs, pace_of, site_of
from fleet.server.web.rendering import Web

PATH = "/sign-in/openid"
BACK = f"{PATH}/back"
COOKIE = "kortkiosk-openid"
"""Over TLS with the prefix `__Host-`: no other host of the region's domain can put its own there."""

_log = logging.getLogger(__name__)


def openid_router(web: Web, openid: OpenId) -> APIRouter:
    """Two routes."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get(PATH, dependencies=needs(Right.PUBLIC))
    async def go(request: Request, onward: str = "/") -> Response:
        pace_of(request).knock(request)
        try:
            begun = await openid.begin(onward_of(onward))
        except OpenIdError as error:
            return _away(request, web, error)
        response = RedirectResponse(begun.url, 303)
        age, secure = int(WAITS.total_seconds()), site_of(request).secure
        response.set_cookie(_cookie(secure), begun.browser, age, path="/", secure=secure, httponly=True, samesite="lax")
        return response

    @router.get(BACK, dependencies=needs(Right.PUBLIC))
    async def back(request: Request) -> Response:
        try:
            who = await openid.finish(request.query_params, request.cookies.get(_cookie(site_of(request).secure), ""))
        except OpenIdError as error:
            return _away(request, web, error)
        access = access_of(request)
        came = await run_in_threadpool(access.sign_in_by_issuer, who.subject, who.name, who.grants, address_of(request))
        if isinstance(came, SignedIn):
            response = let_in(request, came, who.onward)
            secure = site_of(request).secure
            response.delete_cookie(_cookie(secure), path="/", secure=secure, httponly=True, samesite="lax")
            return response
        return sign_in_page(request, web, "/", came)

    return router


def _cookie(secure: bool) -> str:
    return f"__Host-{COOKIE}" if secure else COOKIE


def _away(request: Request, web: Web, error: OpenIdError) -> Response:
    _log.warning("sign-in by OpenID Connect: %s", error)
    return sign_in_page(request, web, "/", Refused.AWAY)
