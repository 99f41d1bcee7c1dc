"""Pages of security keys (WebAuthn): add and remove one's own, and sign in by one.

Rules: a ceremony is a form whose button asks the browser (`static/keys.js`) and sends what the key has signed; pages and answers
are the server's. An answer of a sign-in never says which part was wrong. Without JavaScript there are one-time codes.

Example: `app.include_router(key_pages(web))`
"""

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from fleet.server.pages.rendering import Web
from fleet.server.sign_in.dependencies import access_of, relying_party_for
from fleet.server.sign_in.pages import let_in, onward_of, sign_in_page
from fleet.server.sign_in.security_keys.service import MOST_NAME, SecurityKeys
from fleet.server.sign_in.security_keys.webauthn import MOST_CREDENTIAL
from fleet.server.sign_in.service import Refused, SignedIn
from fleet.server.web.authorization import address_of, caller_of, field, form_of, needs, site_of
from fleet.server.web.pagination import Number
from fleet.server.web.roles import Right

KEYS = "/me/keys"


def key_pages(web: Web) -> APIRouter:
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    _add_own(router, web)
    _add_sign_in(router, web)
    return router


def keys_of(request: Request) -> SecurityKeys:
    """On the store of the pages."""
    return SecurityKeys(access_of(request))


def keys_page(request: Request, web: Web, why: Refused | None = None, name: str = "") -> Response:
    """The caller's keys, and the form for one more; `why` is said above it."""
    caller, site = caller_of(request), site_of(request)
    keys = keys_of(request).listed(caller)
    return web.render(
        request,
        "sign_in/keys.html",
        status=400 if why else 200,
        page="me",
        title=web.texts_for(request)("keys.title"),
        keys=keys,
        local=access_of(request).is_local(caller),
        works=relying_party_for(request) is not None,
        works_at=site.keys_at(request),
        steps_up=bool(keys) and not caller.has_stepped_up(web.clock()),
        most_name=MOST_NAME,
        key_name=name,
        why=why,
    )


def _add_own(router: APIRouter, web: Web) -> None:
    @router.get(KEYS, dependencies=needs(Right.SIGNED_IN))
    def show(request: Request) -> Response:
        return keys_page(request, web)

    @router.post(KEYS, dependencies=needs(Right.SIGNED_IN))
    async def begin(request: Request) -> Response:
        form, party = await form_of(request), relying_party_for(request)
        name, typed = _name(field(form, "name")), (field(form, "password"), field(form, "code"))
        if party is None:
            return await run_in_threadpool(keys_page, request, web)
        arguments = (caller_of(request), party, name, typed, address_of(request))
        ceremony = await run_in_threadpool(keys_of(request).begin_to_add, *arguments)
        if isinstance(ceremony, Refused):
            return await run_in_threadpool(keys_page, request, web, ceremony, name)
        title = web.texts_for(request)("keys.add_title", name=name)
        return web.render(
            request, "sign_in/key_add.html", page="me", title=title, options=ceremony.options, key_name=name
        )

    @router.post(f"{KEYS}/done", dependencies=needs(Right.SIGNED_IN))
    async def finish(request: Request) -> Response:
        form, party = await form_of(request), relying_party_for(request)
        name, credential = _name(field(form, "name")), field(form, "credential", MOST_CREDENTIAL)
        if party is None:
            return await run_in_threadpool(keys_page, request, web)
        arguments = (caller_of(request), party, name, credential, address_of(request))
        why = await run_in_threadpool(keys_of(request).add, *arguments)
        return (
            RedirectResponse(KEYS, 303) if why is None else await run_in_threadpool(keys_page, request, web, why, name)
        )

    @router.post(f"{KEYS}/{{key}}/remove", dependencies=needs(Right.SIGNED_IN))
    def remove(request: Request, key: Number) -> Response:
        why = keys_of(request).remove(caller_of(request), key, address_of(request))
        if why is Refused.KEY:
            raise HTTPException(404)
        return RedirectResponse(KEYS, 303) if why is None else keys_page(request, web, why)


def _add_sign_in(router: APIRouter, web: Web) -> None:
    @router.post("/sign-in/key", dependencies=needs(Right.PUBLIC))
    async def begin(request: Request) -> Response:
        form, party = await form_of(request), relying_party_for(request)
        onward = onward_of(field(form, "onward", 500))
        if party is None:
            return sign_in_page(request, web, onward, Refused.KEY)
        arguments = (field(form, "name"), field(form, "password"), party, address_of(request))
        ceremony = await run_in_threadpool(keys_of(request).begin_sign_in, *arguments)
        if isinstance(ceremony, Refused):
            return sign_in_page(request, web, onward, ceremony)
        title = web.texts_for(request)("door.sign_in")
        return web.render(
            request, "sign_in/sign_in_key.html", page="", title=title, options=ceremony.options, onward=onward
        )

    @router.post("/sign-in/key/done", dependencies=needs(Right.PUBLIC))
    async def finish(request: Request) -> Response:
        form, party = await form_of(request), relying_party_for(request)
        onward, credential = onward_of(field(form, "onward", 500)), field(form, "credential", MOST_CREDENTIAL)
        if party is None:
            return sign_in_page(request, web, onward, Refused.KEY)
        came = await run_in_threadpool(keys_of(request).sign_in, party, credential, address_of(request))
        return let_in(request, came, onward) if isinstance(came, SignedIn) else sign_in_page(request, web, onward, came)


def _name(typed: str) -> str:
    return " ".join(typed.split())
