"""Pages of accounts and API tokens, for the administrator. What is shown once (a link, a token) is in the answer to its button.

Rules: only for who may do everything, everywhere. What takes away is done at once; what gives (an account, a role, an account
opened again, a new set-up link) is a proposal. Each button is a form of its own, so that all of it works without JavaScript.
Who is closed, or granted otherwise, has the streams of open pages end at once.

Example: `app.include_router(accounts_pages(web))`
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from fleet.server.accounts.api_tokens import MOST_DAYS, ROLES
from fleet.server.accounts.hsa_bindings import MOST_REASON
from fleet.server.accounts.queries import AccountError, NoSuchAccountError
from fleet.server.accounts.service import Account, AccountService, Actor
from fleet.server.pages.rendering import Web
from fleet.server.proposals.dependencies import proposals_of, propose
from fleet.server.proposals.model import Kind
from fleet.server.sign_in.dependencies import access_of
from fleet.server.web.authorization import address_of, caller_of, form_of, needs, site_of
from fleet.server.web.authorization import field as field_of
from fleet.server.web.roles import STATIONS, Grants, Right, Role

Name = Annotated[str, Path(max_length=64)]


@dataclass(frozen=True, slots=True)
class OneTimeSecret:
    """Secret that is shown now and never again."""

    kind: str
    name: str
    value: str = field(repr=False)


def account_service(request: Request) -> AccountService:
    """In the name of who asks."""
    access, caller = access_of(request), caller_of(request)
    actor = Actor(caller.name, address_of(request), caller.has_stepped_up(access.clock()))
    return AccountService(access.database, access.clock, actor)


def link_of(request: Request, value: str) -> str:
    """The whole address of a set-up link."""
    return f"{site_of(request).public or str(request.base_url).rstrip('/')}/set-up/{value}"


def accounts_pages(web: Web) -> APIRouter:
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    _add_lists(router, web)
    _add_one(router, web)
    _add_tokens(router, web)
    return router


def _add_lists(router: APIRouter, web: Web) -> None:
    @router.get("/users", dependencies=needs(Right.MANAGE))
    def show_users(request: Request) -> Response:
        return _users(request, web)

    @router.post("/users", dependencies=needs(Right.MANAGE))
    async def invite(request: Request) -> Response:
        form = await form_of(request)
        name, reason = field_of(form, "name"), field_of(form, "reason")
        content = account_content((_grant_in(form),), field_of(form, "mail").strip())
        return await run_in_threadpool(_propose, request, web, (Kind.ACCOUNT, name, content, reason), _users)


def _add_one(router: APIRouter, web: Web) -> None:
    @router.get("/users/{user}", dependencies=needs(Right.MANAGE))
    def show_user(request: Request, user: Name) -> Response:
        return _user(request, web, user)

    @router.post("/users/{user}/{action}", dependencies=needs(Right.MANAGE))
    async def change(request: Request, user: Name, action: Annotated[str, Path(max_length=16)]) -> Response:
        if action not in (*ACTIONS, *GIVES, "add-role"):
            raise HTTPException(404)
        form, service = await form_of(request), account_service(request)
        reason = field_of(form, "reason")
        show = partial(_user, name=user)
        try:
            if action == "add-role":
                granted = (*await run_in_threadpool(_granted, service, user), _grant_in(form))
                wish = (Kind.ROLES, user, account_content(granted), reason)
                return await run_in_threadpool(_propose, request, web, wish, show)
            if action != "open":
                for key in await run_in_threadpool(ACTIONS[action], service, user, form):
                    web.hub.end(key)
        except AccountError as error:
            return await run_in_threadpool(_user, request, web, user, None, _reason(error))
        if action in GIVES:
            return await run_in_threadpool(_propose, request, web, (GIVES[action], user, {}, reason or action), show)
        return RedirectResponse(f"/users/{user}", 303)


Wish = tuple[Kind, str, dict[str, Any], str]


def account_content(granted: Grants, mail: str | None = None) -> dict[str, Any]:
    """Roles, and of a new account the person's address, as a proposal says them."""
    roles = {"roles": [[role.value, stations] for role, stations in granted]}
    return roles if mail is None else {**roles, "mail": mail}


def _propose(request: Request, web: Web, wish: Wish, show: Callable[..., Response]) -> Response:
    """Propose it; then the page of the proposal, or this one with what went wrong or is shown once."""
    try:
        done = propose(request, *wish)
    except HTTPException as error:
        if error.status_code == 404:
            raise
        return show(request, web, why=str(error.detail))
    if done.link:
        return show(request, web, once=OneTimeSecret("set_up", wish[1], link_of(request, done.link)))
    return RedirectResponse(f"/users/{wish[1]}" if done.row.state == "done" else f"/proposals/{done.row.id}", 303)


def _granted(service: AccountService, name: str) -> Grants:
    return service.account(name).person.grants


def _reason(error: AccountError) -> str:
    if isinstance(error, NoSuchAccountError):
        raise HTTPException(404) from None
    return str(error)


AccountAction = Callable[[AccountService, str, FormData], list[str]]
"""Does it; gives the keys of sessions whose streams end."""


def _grant_in(form: FormData) -> tuple[Role, str]:
    role, stations = field_of(form, "role"), field_of(form, "stations").strip() or "*"
    if role not in [known_role.value for known_role in Role] or not STATIONS.match(stations):
        raise HTTPException(400)
    return Role(role), stations


def _take_role(service: AccountService, name: str, form: FormData) -> list[str]:
    gone = _grant_in(form)
    return service.take(name, tuple(grant for grant in _granted(service, name) if grant != gone))


def _bind(service: AccountService, name: str, form: FormData) -> list[str]:
    service.ask_binding(name, field_of(form, "hsa_id").strip(), field_of(form, "reason"))
    return []


def _agree(service: AccountService, name: str, _form: FormData) -> list[str]:
    service.agree_binding(name)
    return []


def _unbind(service: AccountService, name: str, _form: FormData) -> list[str]:
    service.unbind(name)
    return []


ACTIONS: dict[str, AccountAction] = {
    "take-role": _take_role,
    "close": lambda service, name, _form: service.close(name),
    "end-sessions": lambda service, name, _form: service.end_sessions(name),
    "reset": lambda service, name, _form: service.reset(name),
    "bind": _bind,
    "agree": _agree,
    "unbind": _unbind,
}
GIVES = {"open": Kind.OPEN, "reset": Kind.SET_UP}
"""What is proposed, after the action of that name where there is one."""


def _add_tokens(router: APIRouter, web: Web) -> None:
    @router.get("/tokens", dependencies=needs(Right.MANAGE))
    def show_tokens(request: Request) -> Response:
        return _tokens(request, web)

    @router.post("/tokens", dependencies=needs(Right.MANAGE))
    async def make(request: Request) -> Response:
        form = await form_of(request)
        name, (role, stations), days = field_of(form, "name"), _grant_in(form), field_of(form, "days")
        try:
            count = int(days) if days.isascii() and days.isdigit() else 0
            wish = name, role, stations, count, field_of(form, "organisations")
            value = await run_in_threadpool(account_service(request).make_token, *wish)
        except AccountError as error:
            return await run_in_threadpool(_tokens, request, web, None, str(error))
        return await run_in_threadpool(_tokens, request, web, OneTimeSecret("token", name, value))

    @router.post("/tokens/{token}/revoke", dependencies=needs(Right.MANAGE))
    def revoke(request: Request, token: Name) -> Response:
        try:
            account_service(request).revoke_token(token)
        except NoSuchAccountError:
            raise HTTPException(404) from None
        return RedirectResponse("/tokens", 303)


def _users(request: Request, web: Web, once: OneTimeSecret | None = None, why: str = "") -> Response:
    accounts, t = account_service(request).accounts(), web.texts_for(request)
    return web.render(
        request,
        "accounts/users.html",
        status=400 if why else 200,
        page="users",
        title=t.many("users.title", len(accounts)) if accounts else t("users.title.none"),
        accounts=accounts,
        roles=tuple(Role),
        mails=proposals_of(request).mails,
        once=once,
        why=why,
    )


def _user(request: Request, web: Web, name: str, once: OneTimeSecret | None = None, why: str = "") -> Response:
    try:
        account: Account = account_service(request).account(name)
    except NoSuchAccountError:
        raise HTTPException(404) from None
    return web.render(
        request,
        "accounts/user.html",
        status=409 if why else 200,
        page="users",
        title=name,
        account=account,
        roles=tuple(Role),
        me=caller_of(request).name,
        stepped_up=caller_of(request).has_stepped_up(web.clock()),
        most_reason=MOST_REASON,
        once=once,
        why=why,
    )


def _tokens(request: Request, web: Web, once: OneTimeSecret | None = None, why: str = "") -> Response:
    rows, t = account_service(request).tokens(), web.texts_for(request)
    working = sum(1 for row in rows if not row.revoked and row.ends > web.clock())
    return web.render(
        request,
        "accounts/tokens.html",
        status=400 if why else 200,
        page="users",
        title=t.many("tokens.title", working) if working else t("tokens.title.none"),
        tokens=rows,
        roles=ROLES,
        most_days=MOST_DAYS,
        once=once,
        why=why,
    )
