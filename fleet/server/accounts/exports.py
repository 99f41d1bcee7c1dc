"""Exports of accounts and of tokens as files: `/exports/users`, `/exports/tokens`."""

from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response

from fleet.server.accounts import labels
from fleet.server.accounts.api_tokens import ApiToken
from fleet.server.accounts.pages import account_service
from fleet.server.accounts.service import Account
from fleet.server.files.file_exports import ExportColumn, FileExport, Format, send_file
from fleet.server.pages.i18n import Localization
from fleet.server.pages.rendering import Web
from fleet.server.web.authorization import needs
from fleet.server.web.roles import Right

USERS = FileExport[Account](
    "users",
    (
        ExportColumn("col.name", lambda account, t: account.person.name),
        ExportColumn("col.state", lambda account, t: labels.account_label(account.person).text(t)),
        ExportColumn("col.roles", lambda account, t: _grants(account, t)),
        ExportColumn("col.sessions", lambda account, t: len(account.sessions)),
        ExportColumn("col.made", lambda account, t: account.person.made, shows=("users.made",)),
    ),
    left_out=("col.sign_in",),
)

TOKENS = FileExport[tuple[ApiToken, datetime]](
    "tokens",
    (
        ExportColumn("col.name", lambda row, t: row[0].name),
        ExportColumn("col.state", lambda row, t: labels.token_label(*row).text(t)),
        ExportColumn("col.role", lambda row, t: t("role." + row[0].role.value), shows=("col.roles",)),
        ExportColumn("col.stations", lambda row, t: row[0].stations),
        ExportColumn("tokens.organisations", lambda row, t: row[0].organisations),
        ExportColumn("col.made", lambda row, t: row[0].made, shows=("users.made",)),
        ExportColumn("col.ends", lambda row, t: row[0].ends, shows=("tokens.ends",)),
    ),
)
"""Each token with the time of asking."""


def account_exports(web: Web) -> APIRouter:
    router = APIRouter(prefix="/exports", include_in_schema=False)

    @router.get("/users", dependencies=needs(Right.MANAGE))
    def users(request: Request, form: Format = "csv") -> Response:
        return send_file(request, USERS.table(account_service(request).accounts(), web.texts_for(request)), form)

    @router.get("/tokens", dependencies=needs(Right.MANAGE))
    def tokens(request: Request, form: Format = "csv") -> Response:
        now = web.clock()
        rows = ((token, now) for token in account_service(request).tokens())
        return send_file(request, TOKENS.table(rows, web.texts_for(request)), form)

    return router


def _grants(account: Account, t: Localization) -> str:
    return ", ".join(f"{t('role.' + role.value)} {stations}" for role, stations in account.person.grants)
