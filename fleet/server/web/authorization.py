"""Authorization and CSRF protection of routes: which right each needs. A route that declares none
keeps the application from starting.

Rules: pages know a person by the session's cookie, `/api/` also a program by `Authorization: Bearer`. A request that changes
something also shows the form's token, in the field `form_token` or the header `X-Form-Token`, unless it came with a bearer token,
which no browser sends by itself. Who manages has stepped up (`roles.STEP_UP_LASTS`). What is read is narrowed to the stations
that the right was granted for.

>>> RequireRight(Right.VIEW).right
<Right.VIEW: 'view'>
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlencode

from fastapi import Depends, HTTPException, Request
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.routing import BaseRoute, Mount, compile_path

from fleet.server.audit_log.log import AuditEvent
from fleet.server.keys.random_tokens import form_token
from fleet.server.web.pagination import ROWS
from fleet.server.web.problem_details import API
from fleet.server.web.rate_limits import RateLimiter
from fleet.server.web.roles import Caller, Right
from fleet.server.web.site import Site

MOST_FIELDS = 20 + ROWS
"""Of a form; a list's page lets its rows be chosen."""
BY_ITSELF = "x-live"
"""Header of what a page asks for by itself; it keeps no session open."""

NO_STEP_UP = "a proof of who is there, at most five minutes old, is missing: step up at /step-up"

ORDERING = frozenset({Right.COMMAND, Right.CARDS})
"""A change by one of these is a command, or a decision about one."""

SAFE = ("GET", "HEAD")
"""Methods that change nothing."""


class Authenticator(Protocol):
    """Identification of who asks, by session or token; and the audit of what they do. `fleet.server.sign_in` implements it."""

    clock: Callable[[], datetime]

    def by_session(self, value: str, *, present: bool) -> Caller | None:
        """Return the caller whose session it is; `present`: a person asks, not a page by itself."""

    def by_token(self, value: str) -> Caller | None:
        """Return the caller whose API token it is."""

    def by_key(self, key: str) -> Caller | None:
        """The caller of that session or token, as it stands now."""

    def record(self, caller: Caller, address: str, event: AuditEvent) -> None: ...

    def is_looking(self, caller: Caller, event: AuditEvent) -> bool:
        """Return whether the audit has this look at a person already: the same again is no new look."""

    def record_look(self, caller: Caller, address: str, event: AuditEvent) -> None:
        """Tell the audit of a look at a person."""


class RequireRight:
    """A dependency of a route: lets in, or refuses with 401, 403 or, where somebody asks for too much, 429."""

    def __init__(self, right: Right, *, person: bool = False, orders: bool = True) -> None:
        self.right = right
        self.orders = orders
        """Counts towards the limit of commands, where the right is one to give them."""
        self.person = person
        """Tokens are refused: for what touches cards, or cannot be taken back."""

    async def __call__(self, request: Request) -> None:
        """Leaves `caller` and `form_token` in the request's state. Asked again for the same request, it says nothing new."""
        if getattr(request.state, "gate", None) is self:
            return
        await self._ask(request)
        request.state.gate = self

    async def _ask(self, request: Request) -> None:
        if self.right is Right.HOOK:  # the route checks the message's own signature
            rate_limiter_of(request).count(request, None)
            return
        changes, bearer = request.method not in SAFE, _bearer(request)
        if changes and bearer is None and not site_of(request).is_ours(request):
            raise HTTPException(403, "the request does not come from a page of this server")
        if self.right is Right.PUBLIC:
            return
        caller = await (_counted(request) if request.url.path.startswith(API) else identify_caller(request))
        if caller is None:
            raise HTTPException(401, "sign in, or send a token")
        request.state.right = self.right
        if not caller.may(self.right):
            raise HTTPException(403, "your role does not allow this")
        if self.person and caller.program:
            raise HTTPException(403, "a token does not do this: a person does, signed in")
        if changes and bearer is None and await _shown_token(request) != request.state.form_token:
            raise HTTPException(403, "the form is out of date: load the page again")
        if changes and self.right is Right.MANAGE:
            _require_step_up(request, caller)
        if changes and self.orders and self.right in ORDERING:
            await run_in_threadpool(rate_limiter_of(request).command, caller, address_of(request))


def _require_step_up(request: Request, caller: Caller) -> None:
    """Raises HTTPException: on a page, one that leads to the step-up and back to where its form is."""
    if caller.has_stepped_up(authenticator_of(request).clock()):
        return
    if request.url.path.startswith(API):
        raise HTTPException(403, NO_STEP_UP)
    place = f"/{request.url.path.split('/')[1]}"
    onward = place if "GET" in methods_at(request.app.routes, place) else "/"
    raise HTTPException(303, headers={"Location": f"/step-up?{urlencode({'onward': onward})}"})


async def identify_caller(request: Request) -> Caller | None:
    """Return the caller, if the session or token is good; leave it in the request's state with the token of forms."""
    bearer, value = _bearer(request), _shown(request)
    caller = await run_in_threadpool(_caller, request, bearer, value)
    if caller is not None and value is not None:
        request.state.caller, request.state.form_token = caller, form_token(value)
    return caller


async def _counted(request: Request) -> Caller | None:
    """The same for a request to the API, unless too many came. Raises HTTPException."""
    pace = rate_limiter_of(request)
    pace.admit(request, _shown(request))
    caller = await identify_caller(request)
    if caller is None:
        pace.refuse(request)
    else:
        pace.count(request, caller)
    return caller


def needs(right: Right, *, person: bool = False, orders: bool = True) -> list[Any]:
    """For a route's `dependencies`. `person`: no token does it, whatever its role. `orders`: false where it is no command, though
    it takes the right to give them."""
    return [Depends(RequireRight(right, person=person, orders=orders))]


def rights(routes: Sequence[BaseRoute]) -> Iterator[tuple[str, frozenset[str], Right | None]]:
    """Path, methods and right of every route; None where it declares nothing."""
    for context in iter_route_contexts(routes):
        yield (
            context.path or str(context.original_route),
            frozenset(context.methods or ()),
            _right_of(context.original_route),
        )


def _right_of(route: BaseRoute) -> Right | None:
    if isinstance(route, APIRoute):
        gate = requirement_of(route)
        return gate.right if gate is not None else None
    return Right.PUBLIC if isinstance(route, Mount) and route.path == "/static" else None


def requirement_of(route: APIRoute) -> RequireRight | None:
    """Return the right that the route declares; None where it was forgotten."""
    gates = (each.dependency for each in route.dependencies)
    return next((gate for gate in gates if isinstance(gate, RequireRight)), None)


def methods_at(routes: Sequence[BaseRoute], path: str) -> frozenset[str]:
    """Return the methods that may be asked of that path, over all routes that fit."""
    contexts = (context for context in iter_route_contexts(routes) if context.path)
    fits = (context.methods or () for context in contexts if compile_path(str(context.path))[0].match(path))
    return frozenset(method for methods in fits for method in methods)


def check_all(routes: Sequence[BaseRoute]) -> None:
    """Raises ValueError for a route that does not say what it needs: forgotten is refused, not open."""
    open_ones = [path for path, _, right in rights(routes) if right is None]
    if open_ones:
        raise ValueError(f"routes that do not say what they need: {open_ones}")


def caller_of(request: Request) -> Caller:
    """Return the caller that came through the gate."""
    caller: Caller = request.state.caller
    return caller


def audit_change(request: Request, event: AuditEvent) -> None:
    """Tell the audit what is ordered, before it is done."""
    authenticator_of(request).record(caller_of(request), address_of(request), event)


def require_station(request: Request, station: str) -> None:
    """Raises HTTPException where the route's right was not granted for that station: to this caller there is none."""
    if not caller_of(request).scope(request.state.right).allows(station):
        raise HTTPException(404, "no station of that name")


def audit_lookup(request: Request, event: AuditEvent) -> None:
    """Tell the audit what of a person is looked at, before it is shown. Raises HTTPException where that is too much."""
    access, caller, address = authenticator_of(request), caller_of(request), address_of(request)
    if not access.is_looking(caller, event):
        rate_limiter_of(request).look(caller, address)
        access.record_look(caller, address, event)


def authenticator_of(request: Request) -> Authenticator:
    """Return the authenticator of this application."""
    authenticator: Authenticator = request.app.state.access
    return authenticator


def rate_limiter_of(request: Request) -> RateLimiter:
    pace: RateLimiter = request.app.state.pace
    return pace


def site_of(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def address_of(request: Request) -> str:
    """Return the address that the request came from; behind a trusted proxy, the one that the proxy names."""
    return request.client.host if request.client else ""


async def form_of(request: Request) -> FormData:
    """The fields of a form, bounded."""
    return await request.form(max_files=1, max_fields=MOST_FIELDS)


def field(form: FormData, name: str, most: int = 200) -> str:
    """One field as text, without NUL, as queries are; empty where it is missing or too long to be meant."""
    value = form.get(name)
    return value.replace("\0", "") if isinstance(value, str) and len(value) <= most else ""


async def file_of(request: Request, name: str) -> bytes:
    """The file of one field; empty where none was chosen. A whole request has its limit before."""
    value = (await form_of(request)).get(name)
    if not isinstance(value, UploadFile):
        return b""
    content = await value.read()
    await value.close()
    return content


def _bearer(request: Request) -> str | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" and request.url.path.startswith("/api/") else None


def _shown(request: Request) -> str | None:
    """The token or session that came along."""
    bearer = _bearer(request)
    return bearer if bearer is not None else request.cookies.get(site_of(request).cookie)


def _caller(request: Request, bearer: str | None, value: str | None) -> Caller | None:
    access = authenticator_of(request)
    if bearer is not None:
        return access.by_token(bearer)
    present = BY_ITSELF not in request.headers and request.url.path != "/events"
    return access.by_session(value, present=present) if value else None


async def _shown_token(request: Request) -> str:
    header = request.headers.get("x-form-token")
    return header if header is not None else field(await form_of(request), "form_token")
