"""Routes of sign-in, account set-up by a link, and sign-out.

Rules: an answer never says which part of a sign-in was wrong. A link is opened by a page with a button and used by the button, so
that a browser that loads pages ahead does not use it up.

Example: `app.include_router(sign_in_router(web))`
"""

import qrcode
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from fleet.server.pages.rendering import Web
from fleet.server.sign_in import one_time_codes as codes
from fleet.server.sign_in.dependencies import access_of, relying_party_for
from fleet.server.sign_in.passwords import LEAST
from fleet.server.sign_in.service import Chosen, Offer, Refused, SignedIn
from fleet.server.web.authorization import address_of, caller_of, field, form_of, needs, site_of
from fleet.server.web.roles import Right

_STATUS = {Refused.TOO_MANY: 429, Refused.LINK: 404, Refused.NO_ROLE: 403, Refused.AWAY: 502}


def sign_in_router(web: Web) -> APIRouter:
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    _add_sign_in(router, web)
    _add_links(router, web)
    _add_set_up(router, web)
    _add_sign_out(router, web)
    return router


def onward_of(text: str) -> str:
    """A path of ours to go on to; anything else leads to the overview."""
    ours = text.startswith("/") and not text.startswith(("//", "/\\")) and "\\" not in text and text.isprintable()
    return text if ours and len(text) <= 500 else "/"


def let_in(request: Request, came: SignedIn, onward: str) -> Response:
    """Go on with the new session."""
    response = RedirectResponse(onward, 303)
    site_of(request).keep(response, came.value)
    return response


def sign_in_page(request: Request, web: Web, onward: str, why: Refused | None = None) -> Response:
    """The page that asks; `why` is said above the fields."""
    t = web.texts_for(request)
    return web.render(
        request,
        "sign_in/sign_in.html",
        status=_STATUS.get(why, 400) if why else 200,
        page="",
        title=t("door.sign_in"),
        onward=onward,
        why=why,
        issuer=web.issuer,
        keys_work=relying_party_for(request) is not None,
    )


def _add_sign_in(router: APIRouter, web: Web) -> None:
    @router.get("/sign-in", dependencies=needs(Right.PUBLIC))
    def ask(request: Request, onward: str = "/") -> Response:
        return sign_in_page(request, web, onward_of(onward))

    @router.post("/sign-in", dependencies=needs(Right.PUBLIC))
    async def sign_in(request: Request) -> Response:
        form = await form_of(request)
        typed = (field(form, "name"), field(form, "password"), field(form, "code"))
        came = await run_in_threadpool(access_of(request).sign_in, *typed, address_of(request))
        onward = onward_of(field(form, "onward", 500))
        return let_in(request, came, onward) if isinstance(came, SignedIn) else sign_in_page(request, web, onward, came)


def _add_links(router: APIRouter, web: Web) -> None:
    @router.get("/sign-in/link/{value}", dependencies=needs(Right.PUBLIC))
    def show(request: Request, value: str) -> Response:
        return web.render(
            request, "sign_in/sign_in_link.html", page="", title=web.texts_for(request)("door.sign_in"), value=value
        )

    @router.post("/sign-in/link", dependencies=needs(Right.PUBLIC))
    async def use(request: Request) -> Response:
        value = field(await form_of(request), "value")
        came = await run_in_threadpool(access_of(request).sign_in_by_link, value, address_of(request))
        return let_in(request, came, "/") if isinstance(came, SignedIn) else sign_in_page(request, web, "/", came)


def _add_set_up(router: APIRouter, web: Web) -> None:
    @router.get("/set-up/{value}", dependencies=needs(Right.PUBLIC))
    def show(request: Request, value: str) -> Response:
        return _set_up_page(request, web, value, access_of(request).offered(value))

    @router.post("/set-up/halves", dependencies=needs(Right.PUBLIC))
    async def join(request: Request) -> Response:
        form = await form_of(request)
        value = ".".join("".join(field(form, name, 40).split()).upper() for name in ("first", "second"))
        return await run_in_threadpool(_set_up_page, request, web, value, access_of(request).offered(value))

    @router.post("/set-up", dependencies=needs(Right.PUBLIC))
    async def finish(request: Request) -> Response:
        form = await form_of(request)
        value = field(form, "value")
        chosen = Chosen(field(form, "name"), field(form, "password"), field(form, "code"))
        if chosen.password != field(form, "again"):
            came: SignedIn | Refused = Refused.PASSWORD
        else:
            came = await run_in_threadpool(access_of(request).set_up, value, chosen, address_of(request))
        if isinstance(came, SignedIn):
            return let_in(request, came, "/")
        offer = await run_in_threadpool(access_of(request).offered, value)
        return _set_up_page(request, web, value, offer, came)


def _set_up_page(request: Request, web: Web, value: str, offer: Offer | None, why: Refused | None = None) -> Response:
    if offer is None:
        return sign_in_page(request, web, "/", Refused.LINK)
    return web.render(
        request,
        "sign_in/set_up.html",
        status=_STATUS.get(why, 400) if why else 200,
        page="",
        title=web.texts_for(request)("door.set_up"),
        value=value,
        account=offer.name,
        secret=offer.secret,
        drawn=qr_path(codes.address(offer.secret, offer.name or "admin")),
        why=why,
        least=LEAST,
    )


def qr_path(text: str) -> tuple[int, str]:
    """A QR code as the side in modules and an SVG path."""
    code = qrcode.QRCode(border=2)
    code.add_data(text)
    code.make()
    rows = code.get_matrix()
    squares = (f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    return len(rows), "".join(squares)


def _add_sign_out(router: APIRouter, web: Web) -> None:
    @router.post("/sign-out", dependencies=needs(Right.SIGNED_IN))
    async def sign_out(request: Request) -> Response:
        """Field `key`: the session to end; `all` for every one; without it, this one."""
        caller, session_key = caller_of(request), field(await form_of(request), "key")
        key = None if session_key == "all" else session_key or caller.key
        ended = await run_in_threadpool(access_of(request).end, caller, address_of(request), key)
        for each in ended:
            web.hub.end(each)
        if session_key and not ended:
            raise HTTPException(404)
        response = RedirectResponse("/sign-in" if caller.key in ended else "/me", 303)
        if caller.key in ended:
            site_of(request).forget(response)
        return response
