"""Which lists can be taken along as files: `/exports/LIST?format=csv`, with the same filter as the list's page.

Rules: a list needs the same right as its page; people are in a file only where they are on the page.

Example: `app.include_router(exports_router(web, alerts))`
"""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from fleet.server.accounts import labels as access_words
from fleet.server.accounts.pages import desk_of
from fleet.server.alerts import labels as alert_words
from fleet.server.alerts.model import Alerts
from fleet.server.alerts.pages import IS_OPEN
from fleet.server.platform.pages.file_exports import Cell, Format, Table, sent
from fleet.server.platform.pages.i18n import Texts
from fleet.server.platform.pages.rendering import Web
from fleet.server.platform.roles import Right
from fleet.server.platform.web.authorization import access_of, needs
from fleet.server.stations import labels as words
from fleet.server.stations.list_filter import Wish, chosen
from fleet.server.stations.search import stations_meant
from fleet.server.stations.version_pages import PARTS, asked
from fleet.server.stations.version_pages import Wish as Updated

_BATCH = 1000
Search = Annotated[str, Query(max_length=100)]
Word = Annotated[str, Query(max_length=64)]


def exports_router(web: Web, alerts: Alerts) -> APIRouter:
    """All lists."""
    router = APIRouter(prefix="/exports", include_in_schema=False)
    _add_stations(router, web)
    _add_updates(router, web)
    _add_orders(router, web)
    _add_alerts(router, web, alerts)
    _add_audit(router, web)
    _add_accounts(router, web)
    return router


def in_batches(read: Any) -> Iterator[Any]:
    """Rows of a list that is read page by page: `read(limit, offset)` gives rows and how many there are."""
    offset, total = 0, 1
    while offset < total:
        rows, total = read(_BATCH, offset)
        yield from rows
        offset += _BATCH


def _add_stations(router: APIRouter, web: Web) -> None:
    @router.get("/stations", dependencies=needs(Right.VIEW))
    def stations(request: Request, q: Search = "", level: Word = "", sort: Word = "", form: Format = "csv") -> Response:
        t = web.texts_for(request)
        rows: Iterator[tuple[Cell, ...]] = (
            (
                row.name,
                row.title,
                words.station_mark(row).text(t),
                row.state.outbox_depth if row.state else None,
                row.errands_today,
                row.heard,
                row.state.version if row.state else None,
            )
            for row in chosen(web.read(request).stations(web.clock()), Wish.of(q, level, sort))
        )
        return sent(
            request,
            Table(
                "stations",
                (
                    t("col.station"),
                    t("col.title"),
                    t("col.state"),
                    t("col.unsent"),
                    t("col.today"),
                    t("col.heard"),
                    t("col.version"),
                ),
                rows,
                t.zone,
            ),
            form,
        )


def _add_updates(router: APIRouter, web: Web) -> None:
    @router.get("/updates", dependencies=needs(Right.VIEW))
    def updates(
        request: Request,
        stations: Word = "",
        show: Word = "",
        part: Word = "",
        version: Search = "",
        form: Format = "csv",
    ) -> Response:
        t, wish = web.texts_for(request), Updated.of(stations, show, part, version)
        _, runs = asked(request, web, wish.stations)
        rows: Iterator[tuple[Cell, ...]] = (
            (one.row.name, one.row.title, *(one.parts[part] for part in PARTS), one.row.heard)
            for one in runs
            if wish.fits(one)
        )
        parts = [t("updates_part." + one) for one in PARTS]
        headings = (t("col.station"), t("col.title"), *parts, t("col.heard"))
        return sent(request, Table("updates", headings, rows, t.zone), form, " ".join(wish.query.values()))


def _add_orders(router: APIRouter, web: Web) -> None:
    @router.get("/orders", dependencies=needs(Right.PEOPLE))
    def orders(request: Request, q: Search = "", state: Word = "", form: Format = "csv") -> Response:
        t, readings = web.texts_for(request), web.read(request)
        state = state if state in words.ORDER_STATES else ""
        found = in_batches(
            lambda limit, offset: readings.orders(search=q.strip(), state=state, limit=limit, offset=offset)
        )
        rows: Iterator[tuple[Cell, ...]] = (
            (
                row.order,
                words.order_mark(row.state).text(t),
                None if row.protected else row.name,
                row.hsa_id,
                row.card_number,
                row.product,
                row.loa,
                row.station,
                row.slot or None,
                row.last_day,
                row.changed,
            )
            for row in found
        )
        headings = (
            t("col.order"),
            t("col.state"),
            t("col.holder"),
            t("col.hsa_id"),
            t("col.card"),
            t("col.product"),
            t("col.loa"),
            t("col.station"),
            t("col.slot"),
            t("col.last_day"),
            t("col.changed"),
        )
        return sent(request, Table("orders", headings, rows, t.zone), form, f"{q.strip()} {state}")


def _add_alerts(router: APIRouter, web: Web, alerts: Alerts) -> None:
    @router.get("/alerts", dependencies=needs(Right.VIEW))
    def listed(request: Request, state: Word = "open", station: Word = "", form: Format = "csv") -> Response:
        t, desk = web.texts_for(request), alerts.within(stations_meant(request, web, station))
        found = in_batches(lambda limit, offset: desk.listed(is_open=IS_OPEN.get(state), limit=limit, offset=offset))
        rows: Iterator[tuple[Cell, ...]] = (_alert(row, t) for row in found)
        headings = (
            t("col.number"),
            t("col.severity"),
            t("col.alert"),
            t("col.detail"),
            t("col.station"),
            t("col.first"),
            t("col.last"),
            t("col.times"),
            t("col.by"),
            t("col.note"),
            t("col.closed"),
        )
        return sent(request, Table("alerts", headings, rows, t.zone), form, f"{state} {station}")


def _alert(row: Any, t: Texts) -> tuple[Cell, ...]:
    mark = alert_words.alert_mark(row)
    said = (row.id, t.code("severity", row.severity), mark.text(t), alert_words.alert_detail(row, t), row.station)
    return (*said, row.first, row.last, row.times, row.by, row.note, row.closed)


def _add_audit(router: APIRouter, web: Web) -> None:
    @router.get("/audit", dependencies=needs(Right.AUDIT))
    def audit(request: Request, who: Word = "", action: Word = "", form: Format = "csv") -> Response:
        t, access = web.texts_for(request), access_of(request)
        found = in_batches(lambda limit, offset: access.entries(who=who, action=action, limit=limit, offset=offset))
        rows: Iterator[tuple[Cell, ...]] = (
            (
                one.sequence,
                one.at,
                one.who,
                access_words.deed_mark(one.action, one.detail).text(t),
                one.target,
                one.detail,
                one.address,
                one.hash,
            )
            for one in found
        )
        headings = (
            t("col.number"),
            t("col.time"),
            t("col.who"),
            t("col.deed"),
            t("col.target"),
            t("col.detail"),
            t("col.from"),
            t("col.hash"),
        )
        return sent(request, Table("audit", headings, rows, t.zone), form, f"{who} {action}")


def _add_accounts(router: APIRouter, web: Web) -> None:
    @router.get("/users", dependencies=needs(Right.MANAGE))
    def users(request: Request, form: Format = "csv") -> Response:
        t = web.texts_for(request)
        rows: Iterator[tuple[Cell, ...]] = (
            (
                one.person.name,
                access_words.account_mark(one.person).text(t),
                ", ".join(f"{t('role.' + role.value)} {stations}" for role, stations in one.person.grants),
                len(one.sessions),
                one.person.made,
            )
            for one in desk_of(request).accounts()
        )
        return sent(
            request,
            Table(
                "users", (t("col.name"), t("col.state"), t("col.roles"), t("col.sessions"), t("col.made")), rows, t.zone
            ),
            form,
        )

    @router.get("/tokens", dependencies=needs(Right.MANAGE))
    def tokens(request: Request, form: Format = "csv") -> Response:
        t, now = web.texts_for(request), web.clock()
        rows: Iterator[tuple[Cell, ...]] = (
            (
                one.name,
                access_words.token_mark(one, now).text(t),
                t("role." + one.role.value),
                one.stations,
                one.made,
                one.ends,
            )
            for one in desk_of(request).tokens()
        )
        return sent(
            request,
            Table(
                "tokens",
                (t("col.name"), t("col.state"), t("col.role"), t("col.stations"), t("col.made"), t("col.ends")),
                rows,
                t.zone,
            ),
            form,
        )
