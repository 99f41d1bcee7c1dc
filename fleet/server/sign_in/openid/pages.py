"""Routes of OpenID Connect: to the region's sign-in and back, for a sign-in and for a step-up; and its back-channel log-out.

Example: `app.include_router(openid_router(web, openid))`
"""

import logging

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from fleet.server.accounts.sessions import Proof
from fleet.server.pages.rendering import Web
from fleet.server.sign_in.dependencies import access_of
from fleet.server.sign_in.openid import sessions as issuer
from fleet.server.sign_in.openid.client import WAITS, Identified, OpenId, OpenIdError
from fleet.server.sign_in.pages import let_in, onward_of, sign_in_page
from fleet.server.sign_in.service import Refused, SignedIn
from fleet.server.sign_in.step_up_pages import STEP_UP_BY_ISSUER, step_up_page
from fleet.server.web.authorization import (
    address_of,
    caller_of,
    field,
    form_of,
    identify_caller,
    needs,
    rate_limiter_of,
    site_of,
)
from fleet.server.web.roles import Right

PATH = "/sign-in/openid"
BACK = f"{PATH}/back"
LOG_OUT = f"{PATH}/log-out"
"""What an issuer is told as `backchannel_logout_uri`."""
MOST_TOKEN = 8192
COOKIE = "kortkiosk-openid"
"""Over TLS with the prefix `__Host-`: no other host of the region's domain can put its own there."""

_log = logging.getLogger(__name__)


def openid_router(web: Web, openid: OpenId) -> APIRouter:
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get(PATH, dependencies=needs(Right.PUBLIC))
    async def go(request: Request, onward: str = "/") -> Response:
        rate_limiter_of(request).knock(request)
        return await _begin(request, web, openid, onward, None)

    @router.get(STEP_UP_BY_ISSUER, dependencies=needs(Right.SIGNED_IN))
    async def go_again(request: Request, onward: str = "/") -> Response:
        rate_limiter_of(request).knock(request)
        return await _begin(request, web, openid, onward, caller_of(request).key)

    @router.get(BACK, dependencies=needs(Right.PUBLIC))
    async def back(request: Request) -> Response:
        secure = site_of(request).secure
        try:
            person = await openid.finish(request.query_params, request.cookies.get(_cookie(secure), ""))
        except OpenIdError as error:
            return _away(request, web, error)
        response = await (_step_up(request, web, person) if person.step_up else _sign_in(request, web, openid, person))
        response.delete_cookie(_cookie(secure), path="/", secure=secure, httponly=True, samesite="lax")
        return response

    @router.post(LOG_OUT, dependencies=needs(Right.HOOK))
    async def log_out(request: Request) -> Response:
        return await _log_out(request, web, openid)

    return router


async def _begin(request: Request, web: Web, openid: OpenId, onward: str, step_up: str | None) -> Response:
    try:
        begun = await openid.begin(onward_of(onward), step_up)
    except OpenIdError as error:
        return _away(request, web, error)
    response = RedirectResponse(begun.url, 303)
    age, secure = int(WAITS.total_seconds()), site_of(request).secure
    response.set_cookie(_cookie(secure), begun.browser, age, path="/", secure=secure, httponly=True, samesite="lax")
    return response


async def _sign_in(request: Request, web: Web, openid: OpenId, person: Identified) -> Response:
    access, proof = access_of(request), Proof(person.proved, person.issuer_session, openid.lasts)
    arguments = (person.subject, person.name, person.grants, address_of(request), proof, person.hsa_id)
    came = await run_in_threadpool(access.sign_in_by_issuer, *arguments)
    return let_in(request, came, person.onward) if isinstance(came, SignedIn) else sign_in_page(request, web, "/", came)


async def _step_up(request: Request, web: Web, person: Identified) -> Response:
    """Of the session that began it, which the browser still has, by the same person."""
    caller, access = await identify_caller(request), access_of(request)
    if caller is None or caller.key != person.step_up:
        return sign_in_page(request, web, "/", Refused.AWAY)
    again = (caller, (person.subject, person.grants, person.hsa_id), person.proved, address_of(request))
    if await run_in_threadpool(issuer.step_up, access, *again):
        return RedirectResponse(person.onward, 303)
    web.hub.end(caller.key)
    return await run_in_threadpool(step_up_page, request, web, person.onward, "other")


async def _log_out(request: Request, web: Web, openid: OpenId) -> Response:
    """OpenID Connect Back-Channel Logout 1.0, 2.5 to 2.8."""
    access, headers = access_of(request), {"cache-control": "no-store"}
    try:
        logout = await openid.read_logout(field(await form_of(request), "logout_token", MOST_TOKEN))
    except OpenIdError as error:
        _log.warning("log-out by OpenID Connect: %s", error)
        return JSONResponse({"error": "invalid_request", "error_description": str(error)}, 400, headers)
    if not await run_in_threadpool(issuer.is_new, access, logout.id, logout.ends):
        return JSONResponse({"error": "invalid_request", "error_description": "it came before"}, 400, headers)
    for key in await run_in_threadpool(issuer.log_out, access, logout.subject, logout.issuer_session):
        web.hub.end(key)
    return PlainTextResponse("", 200, headers)


def _cookie(secure: bool) -> str:
    return f"__Host-{COOKIE}" if secure else COOKIE


def _away(request: Request, web: Web, error: OpenIdError) -> Response:
    _log.warning("sign-in by OpenID Connect: %s", error)
    return sign_in_page(request, web, "/", Refused.AWAY)
