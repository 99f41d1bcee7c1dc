"""Step-up authentication: a fresh proof of who is there, for what touches cards.

Rules: a step-up is good for five minutes (`roles.STEP_UP_LASTS`), in the session that made it. An account of the region's own
sign-in proves it there, at the level that the settings name; a local one by a security key that verifies its user. Password and
one-time code are no step-up: both can be told to somebody else.

Example: `app.include_router(step_up_pages(web))`
"""

from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from fleet.server.pages.rendering import Web
from fleet.server.sign_in.dependencies import access_of, relying_party_for
from fleet.server.sign_in.pages import onward_of
from fleet.server.sign_in.security_keys.pages import keys_of
from fleet.server.sign_in.security_keys.webauthn import MOST_CREDENTIAL, Asked
from fleet.server.web.authorization import address_of, caller_of, field, form_of, needs, site_of
from fleet.server.web.roles import Right

STEP_UP = "/step-up"
STEP_UP_BY_ISSUER = f"{STEP_UP}/openid"


def step_up_pages(web: Web) -> APIRouter:
    """The page and its button; the way over the region's sign-in is a route of `openid`."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get(STEP_UP, dependencies=needs(Right.SIGNED_IN))
    def ask(request: Request, onward: str = "/") -> Response:
        return step_up_page(request, web, onward_of(onward))

    @router.post(STEP_UP, dependencies=needs(Right.SIGNED_IN))
    async def by_key(request: Request) -> Response:
        form, party = await form_of(request), relying_party_for(request)
        onward, credential = onward_of(field(form, "onward", 500)), field(form, "credential", MOST_CREDENTIAL)
        if party is not None:
            arguments = (caller_of(request), party, credential, address_of(request))
            if await run_in_threadpool(keys_of(request).step_up, *arguments):
                return RedirectResponse(onward, 303)
        return await run_in_threadpool(step_up_page, request, web, onward, "key")

    return router


def step_up_page(request: Request, web: Web, onward: str, why: str = "") -> Response:
    """Return the page by which the account at hand can step up; `why` says what went wrong before."""
    caller, site = caller_of(request), site_of(request)
    local, party = access_of(request).is_local(caller), relying_party_for(request)
    ceremony = keys_of(request).begin_step_up(caller, party) if local and party is not None else None
    return web.render(
        request,
        "sign_in/step_up.html",
        status=400 if why else 200,
        page="me",
        title=web.texts_for(request)("step_up.title"),
        onward=onward,
        why=why,
        by_issuer=bool(web.issuer) and not local,
        issuer=web.issuer,
        local=local,
        works=party is not None,
        works_at=site.keys_at(request),
        options=ceremony.options if isinstance(ceremony, Asked) else "",
        ripe_from=ceremony if isinstance(ceremony, datetime) else None,
    )
