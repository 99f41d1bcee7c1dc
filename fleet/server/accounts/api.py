"""API of accounts and tokens, under /api/v1. Rules as on the pages: `fleet.server.accounts.pages`.

Example: `app.include_router(accounts_api(web))`
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request, Response
from pydantic import BaseModel, Field

from fleet.server.accounts.api_tokens import MOST_DAYS
from fleet.server.accounts.api_tokens import ApiToken as TokenRow
from fleet.server.accounts.hsa_bindings import MOST_REASON
from fleet.server.accounts.pages import account_service, link_of
from fleet.server.accounts.queries import AccountError, NoSuchAccountError
from fleet.server.accounts.service import Account
from fleet.server.platform.pages.rendering import Web
from fleet.server.platform.roles import Grants, Right, Role
from fleet.server.platform.web.authorization import needs
from fleet.server.platform.web.idempotency import SHOWN_ONCE, api_group
from fleet.server.platform.web.pagination import CountedRows, Limit, Offset, next_offset
from fleet.server.platform.web.request_bodies import WHOLE, Body

NAME = r"^[a-z][a-z0-9._-]{1,39}$"
STATIONS = r"^(\*|[a-z0-9][a-z0-9-]{0,38}\*?)$"
UserName = Annotated[str, Path(min_length=1, max_length=64)]


class Grant(Body):
    """A role for some stations: a name, or the beginning of names and `*`."""

    role: Annotated[Role, Field(strict=False)]
    stations: Annotated[str, Field(pattern=STATIONS)] = "*"


class Roles(Body):
    """All that is granted."""

    roles: Annotated[list[Grant], Field(max_length=50)]


class Invitation(Roles):
    """A new local account."""

    name: Annotated[str, Field(pattern=NAME)]


class NewToken(Grant):
    """A token for a program, for 90 days at most. It is never an administrator's."""

    name: Annotated[str, Field(pattern=NAME)]
    days: Annotated[int, Field(strict=False, ge=1, le=MOST_DAYS), WHOLE] = MOST_DAYS
    organisations: Annotated[str, Field(max_length=640)] = ""
    """People's organisations, as their HSA-ids begin, with spaces between; empty: all."""


class BindingWish(Body):
    """Whose HSA-id a local account is to have, and why."""

    hsa_id: Annotated[str, Field(min_length=1, max_length=64)]
    reason: Annotated[str, Field(min_length=1, max_length=MOST_REASON)]


class User(BaseModel):
    """One account. `ready`: can sign in; `local`: not of the region's own sign-in; `sessions`: how many are open; `hsa_id`: whose
    it is proved to be, `hsa_until`: so long by the word of two administrators; `hsa_asked`: waits for the second of them."""

    name: str
    local: bool
    ready: bool
    closed: bool
    made: datetime
    roles: list[Grant]
    sessions: int
    hsa_id: str
    hsa_until: datetime | None
    hsa_asked: str


class SetUp(BaseModel):
    """A link that works once, for a day; it is shown here and never again."""

    name: str
    set_up: str


class Token(BaseModel):
    """One token, without its value."""

    name: str
    role: Role
    stations: str
    made: datetime
    ends: datetime
    revoked: bool
    organisations: str


class TokenValue(BaseModel):
    """A token; it is shown here and never again."""

    name: str
    token: str


def accounts_api(web: Web) -> APIRouter:
    router = api_group("access")
    _add_users(router)
    _add_deeds(router, web)
    _add_bindings(router)
    _add_tokens(router)
    return router


def _add_users(router: APIRouter) -> None:
    @router.get("/users", dependencies=needs(Right.MANAGE))
    def list_users(request: Request, limit: Limit = 100, offset: Offset = 0) -> CountedRows[User]:
        """All accounts by name."""
        rows = account_service(request).accounts()
        items = [_user(row) for row in rows[offset : offset + limit]]
        return CountedRows(items=items, next=next_offset(offset, limit, len(rows)), total=len(rows))

    @router.get("/users/{user}", dependencies=needs(Right.MANAGE))
    def read_user(request: Request, user: UserName) -> User:
        """One account."""
        with _said():
            return _user(account_service(request).account(user))

    @router.post("/users", status_code=201, openapi_extra=SHOWN_ONCE, dependencies=needs(Right.MANAGE))
    def invite_user(request: Request, wish: Invitation) -> SetUp:
        """A new local account, and the link by which its person sets it up."""
        with _said():
            value = account_service(request).invite(wish.name, _grants(wish.roles))
        return SetUp(name=wish.name, set_up=link_of(request, value))


def _add_deeds(router: APIRouter, web: Web) -> None:
    def after(request: Request, user: str, ended: list[str]) -> User:
        for key in ended:
            web.hub.end(key)
        return _user(account_service(request).account(user))

    @router.put("/users/{user}/roles", dependencies=needs(Right.MANAGE))
    def grant_roles(request: Request, user: UserName, wish: Roles) -> User:
        """These roles and no others."""
        with _said():
            return after(request, user, account_service(request).grant(user, _grants(wish.roles)))

    @router.post("/users/{user}/close", dependencies=needs(Right.MANAGE))
    def close_user(request: Request, user: UserName) -> User:
        """Nobody signs in with it; open sessions end."""
        with _said():
            return after(request, user, account_service(request).close(user))

    @router.post("/users/{user}/open", dependencies=needs(Right.MANAGE))
    def open_user(request: Request, user: UserName) -> User:
        """It can be signed in with again."""
        with _said():
            account_service(request).open(user)
            return after(request, user, [])

    @router.delete("/users/{user}/sessions", dependencies=needs(Right.MANAGE))
    def end_sessions(request: Request, user: UserName) -> User:
        """All of them end."""
        with _said():
            return after(request, user, account_service(request).end_sessions(user))

    @router.post("/users/{user}/reset", openapi_extra=SHOWN_ONCE, dependencies=needs(Right.MANAGE))
    def reset_user(request: Request, user: UserName) -> SetUp:
        """Forget password and one-time codes; sessions end, and a new link is given."""
        with _said():
            value, ended = account_service(request).reset(user)
            after(request, user, ended)
        return SetUp(name=user, set_up=link_of(request, value))


def _add_bindings(router: APIRouter) -> None:
    @router.post("/users/{user}/hsa-id", dependencies=needs(Right.MANAGE, person=True))
    def ask_for_hsa_id(request: Request, user: UserName, wish: BindingWish) -> User:
        """Ask that a local account is that person's; a second administrator agrees within a day. With a step-up."""
        with _said():
            account_service(request).ask_binding(user, wish.hsa_id, wish.reason)
            return _user(account_service(request).account(user))

    @router.post("/users/{user}/hsa-id/agree", dependencies=needs(Right.MANAGE, person=True))
    def agree_to_hsa_id(request: Request, user: UserName) -> User:
        """The second person's word; it counts for a year. With a step-up."""
        with _said():
            account_service(request).agree_binding(user)
            return _user(account_service(request).account(user))

    @router.delete("/users/{user}/hsa-id", dependencies=needs(Right.MANAGE))
    def drop_hsa_id(request: Request, user: UserName) -> User:
        """The account is bound to nobody, and nothing waits."""
        with _said():
            account_service(request).unbind(user)
            return _user(account_service(request).account(user))


def _add_tokens(router: APIRouter) -> None:
    @router.get("/tokens", dependencies=needs(Right.MANAGE))
    def list_tokens(request: Request, limit: Limit = 100, offset: Offset = 0) -> CountedRows[Token]:
        """All tokens by name, revoked ones too."""
        rows = account_service(request).tokens()
        items = [_token(row) for row in rows[offset : offset + limit]]
        return CountedRows(items=items, next=next_offset(offset, limit, len(rows)), total=len(rows))

    @router.post("/tokens", status_code=201, openapi_extra=SHOWN_ONCE, dependencies=needs(Right.MANAGE))
    def make_token(request: Request, wish: NewToken) -> TokenValue:
        """A new token."""
        with _said():
            value = account_service(request).make_token(
                wish.name, wish.role, wish.stations, wish.days, wish.organisations
            )
        return TokenValue(name=wish.name, token=value)

    @router.delete("/tokens/{token}", status_code=204, dependencies=needs(Right.MANAGE))
    def revoke_token(request: Request, token: UserName) -> Response:
        """It works no more."""
        with _said():
            account_service(request).revoke_token(token)
        return Response(status_code=204)


@contextmanager
def _said() -> Iterator[None]:
    """A refusal as its status: 404 for no such name, 409 for the rest."""
    try:
        yield
    except NoSuchAccountError as error:
        raise HTTPException(404, str(error)) from None
    except AccountError as error:
        raise HTTPException(409, str(error)) from None


def _grants(roles: list[Grant]) -> Grants:
    return tuple((grant.role, grant.stations) for grant in roles)


def _user(account: Account) -> User:
    person = account.person
    return User(
        name=person.name,
        local=person.local,
        ready=person.ready,
        closed=person.disabled,
        made=person.made,
        roles=[Grant(role=role, stations=stations) for role, stations in person.grants],
        sessions=len(account.sessions),
        hsa_id=account.binding.hsa_id,
        hsa_until=account.binding.until,
        hsa_asked=account.binding.asked,
    )


def _token(row: TokenRow) -> Token:
    return Token.model_validate(row, from_attributes=True)
