"""Step-up authentication: a fresh proof of who is there, for what touches cards.

Rules: a step-up is good for five minutes (`roles.STEP_UP_LASTS`), in the session that made it. An account of the region's own
sign-in proves it there, at the level that the settings name; a local one by a security key that verifies its user. Password and
one-time code are no step-up: both can be told to somebody else.

Example: `app.include_router(step_up_pages(web))`
"""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from fleet.server.access.roles import Right
from fleet.server.web.doors import onward_of
from fleet.server.web.gate import access_of, caller_of, needs
from fleet.server.web.rendering import Web

STEP_UP = "/step-up"
STEP_UP_BY_ISSUER = f"{STEP_UP}/openid"


def step_up_pages(web: Web) -> APIRouter:
    """One page; its way over the region's sign-in is a route of `openid`."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get(STEP_UP, dependencies=needs(Right.SIGNED_IN))
    def ask(request: Request, onward: str = "/") -> Response:
        return step_up_page(request, web, onward_of(onward))

    return router


def step_up_page(request: Request, web: Web, onward: str, why: str = "") -> Response:
    """How the account at hand can step up; `why` says what went wrong before."""
    local = access_of(request).is_local(caller_of(request))
    return web.render(
        request,
        "step_up.html",
        status=403 if why else 200,
        page="me",
        title=web.texts_for(request)("step_up.title"),
        onward=onward,
        why=why,
        by_issuer=bool(web.issuer) and not local,
        issuer=web.issuer,
        local=local,
    )
