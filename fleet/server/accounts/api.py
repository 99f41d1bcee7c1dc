"""API of accounts and tokens, under /api/v1. Rules as on the pages: `fleet.server.accounts.pages`.

Example: `app.include_router(accounts_api(web))`
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel, Field

from fleet.server.accounts.api_tokens import MOST_DAYS
from fleet.server.accounts.api_tokens import ApiToken as TokenRow
from fleet.server.accounts.hsa_bindings import MOST_REASON
from fleet.server.accounts.pages import account_content, account_service, link_of
from fleet.server.accounts.queries import AccountError, NoSuchAccountError, gives_more
from fleet.server.accounts.service import Account
from fleet.server.pages.rendering import Web
from fleet.server.proposals.dependencies import PROPOSED, accepted, propose
from fleet.server.proposals.model import Kind
from fleet.server.proposals.service import Proposed
from fleet.server.web.authorization import needs
from fleet.server.web.idempotency import SHOWN_ONCE, api_group
from fleet.server.web.pagination import CountedRows, Limit, Offset, next_offset
from fleet.server.web.request_bodies import WHOLE, Body
from fleet.server.web.roles import Grants, Right, Role

NAME = r"^[a-z][a-z0-9._-]{1,39}$"
STATIONS = r"^(\*|[a-z0-9][a-z0-9-]{0,38}\*?)$"
Why = Annotated[str, Query(max_length=MOST_REASON)]
UserName = Annotated[str, Path(min_length=1, max_length=64)]


class Grant(Body):
    """A role for some stations: a name, or the beginning of names and `*`."""

    role: Annotated[Role, Field(strict=False)]
    stations: Annotated[str, Field(pattern=STATIONS)] = "*"


class Roles(Body):
    """All that is granted. `reason`: why, for the second person."""

    roles: Annotated[list[Grant], Field(max_length=50)]
    reason: Annotated[str, Field(max_length=MOST_REASON)] = ""


class Invitation(Roles):
    """A new local account. `mail`: the person's own address, to which the set-up link goes."""

    name: Annotated[str, Field(pattern=NAME)]
    mail: Annotated[str, Field(max_length=200, pattern=r"^([^@\s]+@[^@\s]+)?$")] = ""


class NewToken(Grant):
    """A token for a program, for 90 days at most. It is never an administrator's."""

    name: Annotated[str, Field(pattern=NAME)]
    days: Annotated[int, Field(strict=False, ge=1, le=MOST_DAYS), WHOLE] = MOST_DAYS
    organisations: Annotated[str, Field(max_length=640)] = ""
    """People's organisations, as their HSA-ids begin, with spaces between; empty: all."""


class BindingWish(Body):
    """HSA-id that a local account is to have, and why."""

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
    """A link that works once, for a day, and is shown here and never again: only to who sets a region up alone. Else it is null,
    and the person has it by e-mail, or as a code in two halves from two people."""

    name: str
    set_up: str | None


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
    _add_actions(router, web)
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

    @router.post(
        "/users", status_code=201, openapi_extra=SHOWN_ONCE, responses=PROPOSED, response_model=SetUp,
        dependencies=needs(Right.MANAGE),
    )  # fmt: skip
    def invite_user(request: Request, wish: Invitation) -> SetUp | Response:
        """A new local account: proposed, for another person to confirm."""
        content = account_content(_grants(wish.roles), wish.mail)
        return _set_up(request, propose(request, Kind.ACCOUNT, wish.name, content, wish.reason))


def _add_actions(router: APIRouter, web: Web) -> None:
    def after(request: Request, user: str, ended: list[str]) -> User:
        for key in ended:
            web.hub.end(key)
        return _user(account_service(request).account(user))

    @router.put("/users/{user}/roles", responses=PROPOSED, response_model=User, dependencies=needs(Right.MANAGE))
    def grant_roles(request: Request, user: UserName, wish: Roles) -> User | Response:
        """These roles and no others: less at once, more proposed."""
        granted = _grants(wish.roles)
        with _said():
            if not gives_more(granted, account_service(request).account(user).person.grants):
                return after(request, user, account_service(request).take(user, granted))
        row = propose(request, Kind.ROLES, user, account_content(granted), wish.reason).row
        return after(request, user, []) if row.state == "done" else accepted(row)

    @router.post("/users/{user}/close", dependencies=needs(Right.MANAGE))
    def close_user(request: Request, user: UserName) -> User:
        """Nobody signs in with it; open sessions end."""
        with _said():
            return after(request, user, account_service(request).close(user))

    @router.post("/users/{user}/open", responses=PROPOSED, response_model=User, dependencies=needs(Right.MANAGE))
    def open_user(request: Request, user: UserName, reason: Why = "") -> User | Response:
        """It can be signed in with again: proposed."""
        with _said():
            account_service(request).account(user)
        row = propose(request, Kind.OPEN, user, {}, reason).row
        return after(request, user, []) if row.state == "done" else accepted(row)

    @router.delete("/users/{user}/sessions", dependencies=needs(Right.MANAGE))
    def end_sessions(request: Request, user: UserName) -> User:
        """All of them end."""
        with _said():
            return after(request, user, account_service(request).end_sessions(user))

    @router.post(
        "/users/{user}/reset", openapi_extra=SHOWN_ONCE, responses=PROPOSED, response_model=SetUp,
        dependencies=needs(Right.MANAGE),
    )  # fmt: skip
    def reset_user(request: Request, user: UserName, reason: Why = "") -> SetUp | Response:
        """Forget password and one-time codes, and end sessions: at once. The new link goes to the person by e-mail; where none
        can be mailed, a code is proposed."""
        with _said():
            after(request, user, account_service(request).reset(user))
        return _set_up(request, propose(request, Kind.SET_UP, user, {}, reason or "reset"))


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


def _set_up(request: Request, done: Proposed) -> SetUp | Response:
    if done.row.state != "done":
        return accepted(done.row)
    return SetUp(name=done.row.target, set_up=link_of(request, done.link) if done.link else None)


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
