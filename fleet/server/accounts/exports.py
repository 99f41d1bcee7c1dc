"""The lists of accounts and of tokens as files: `/exports/users`, `/exports/tokens`."""

from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response

from fleet.server.accounts import labels
from fleet.server.accounts.api_tokens import Token
from fleet.server.accounts.pages import desk_of
from fleet.server.accounts.service import Account
from fleet.server.platform.pages.file_exports import Column, FileExport, Format, sent
from fleet.server.platform.pages.i18n import Texts
from fleet.server.platform.pages.rendering import Web
from fleet.server.platform.roles import Right
from fleet.server.platform.web.authorization import needs

USERS = FileExport[Account](
    "users",
    (
        Column("col.name", lambda account, t: account.person.name),
        Column("col.state", lambda account, t: labels.account_label(account.person).text(t)),
        Column("col.roles", lambda account, t: _grants(account, t)),
        Column("col.sessions", lambda account, t: len(account.sessions)),
        Column("col.made", lambda account, t: account.person.made, shows=("users.made",)),
    ),
    left_out=("col.sign_in",),
)

TOKENS = FileExport[tuple[Token, datetime]](
    "tokens",
    (
        Column("col.name", lambda row, t: row[0].name),
        Column("col.state", lambda row, t: labels.token_label(*row).text(t)),
        Column("col.role", lambda row, t: t("role." + row[0].role.value), shows=("col.roles",)),
        Column("col.stations", lambda row, t: row[0].stations),
        Column("col.made", lambda row, t: row[0].made, shows=("users.made",)),
        Column("col.ends", lambda row, t: row[0].ends, shows=("tokens.ends",)),
    ),
)
"""Each token with the time of asking."""


def account_exports(web: Web) -> APIRouter:
    """Both lists."""
    router = APIRouter(prefix="/exports", include_in_schema=False)

    @router.get("/users", dependencies=needs(Right.MANAGE))
    def users(request: Request, form: Format = "csv") -> Response:
        return sent(request, USERS.table(desk_of(request).accounts(), web.texts_for(request)), form)

    @router.get("/tokens", dependencies=needs(Right.MANAGE))
    def tokens(request: Request, form: Format = "csv") -> Response:
        now = web.clock()
        rows = ((token, now) for token in desk_of(request).tokens())
        return sent(request, TOKENS.table(rows, web.texts_for(request)), form)

    return router


def _grants(account: Account, t: Texts) -> str:
    return ", ".join(f"{t('role.' + role.value)} {stations}" for role, stations in account.person.grants)
