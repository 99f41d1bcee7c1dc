"""ASGI application of the fleet server: routers, middleware and pages, put together.

Every route says what it needs (`gate.needs`), or the application does not start. More pages come as further routers; a page is a
route, a template and a place in `rendering.MENU`.

Example: `app = create_app(readings, hub, access, alerts, commands, clock=lambda: datetime.now(UTC))`
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, tzinfo
from functools import partial

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from fastapi.telemetry import TelemetryConfig
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from fleet.server.accounts.api import accounts_api
from fleet.server.accounts.exports import account_exports
from fleet.server.accounts.pages import accounts_pages
from fleet.server.alerts.exports import alert_exports
from fleet.server.alerts.model import Alerts
from fleet.server.alerts.pages import alert_api, alert_pages
from fleet.server.audit.api import own_api_router
from fleet.server.audit.exports import audit_exports
from fleet.server.audit.pages import records_router
from fleet.server.cards.api import cards_api
from fleet.server.cards.dependencies import CardServices
from fleet.server.cards.exports import request_exports
from fleet.server.cards.model import Cards
from fleet.server.cards.pages import card_pages
from fleet.server.cards.stock.exports import stock_exports
from fleet.server.cards.stock.pages import stock_pages
from fleet.server.commands.api import command_api
from fleet.server.commands.dependencies import count_for
from fleet.server.commands.exports import command_exports
from fleet.server.commands.pages import command_pages
from fleet.server.commands.roll_out_pages import roll_out_pages
from fleet.server.commands.service import CommandService
from fleet.server.deadlines.exports import deadline_exports
from fleet.server.deadlines.pages import deadline_pages
from fleet.server.deadlines.settings import load as load_deadlines
from fleet.server.diagnosis.health import Health
from fleet.server.diagnosis.metrics import Counting, FleetCollector, add_metrics
from fleet.server.enrolment.api import enrolment_api
from fleet.server.enrolment.join_key_api import join_key_api
from fleet.server.enrolment.pages import enrolment_pages
from fleet.server.enrolment.service import EnrolmentService
from fleet.server.envelope_resets.api import envelope_resets_api
from fleet.server.envelope_resets.pages import envelope_reset_pages
from fleet.server.errands.exports import errand_exports
from fleet.server.errands.pages import errand_pages
from fleet.server.evidence.api import checkpoint_api, evidence_api
from fleet.server.evidence.service import Evidence
from fleet.server.guards.api import guard_pages, guards_api
from fleet.server.live_feed.hub import Hub
from fleet.server.live_feed.server_sent_events import live_router
from fleet.server.maintenance.api import maintenance_api
from fleet.server.maintenance.pages import maintenance_pages
from fleet.server.orders.api import orders_api, people_api
from fleet.server.orders.exports import order_exports
from fleet.server.orders.webhook import hooks_router
from fleet.server.pages.assets import Assets
from fleet.server.pages.i18n import load
from fleet.server.pages.rendering import Web, environment, with_query
from fleet.server.people.api import administrators_api
from fleet.server.people.pages import administrator_pages
from fleet.server.proposals.api import proposals_api
from fleet.server.proposals.dependencies import waiting_for
from fleet.server.proposals.exports import proposal_exports
from fleet.server.proposals.pages import proposal_pages
from fleet.server.proposals.service import ProposalService
from fleet.server.readings.model import Readings
from fleet.server.receipts.model import StationKeys
from fleet.server.receipts.pages import receipt_pages
from fleet.server.receipts.service import StationKeyService
from fleet.server.retirement.api import retirement_api
from fleet.server.retirement.pages import retirement_pages
from fleet.server.retirement.service import RetirementService
from fleet.server.sign_in.openid.client import OpenId
from fleet.server.sign_in.openid.pages import openid_router
from fleet.server.sign_in.pages import sign_in_router
from fleet.server.sign_in.security_keys.pages import key_pages
from fleet.server.sign_in.service import Access
from fleet.server.sign_in.step_up_pages import step_up_pages
from fleet.server.station_settings.api import station_settings_api
from fleet.server.station_settings.pages import station_settings_pages
from fleet.server.station_settings.service import StationSettingsService
from fleet.server.stations.api import api_router
from fleet.server.stations.exports import station_exports
from fleet.server.stations.pages import pages_router
from fleet.server.stations.version_pages import updates_pages
from fleet.server.timeline.api import timeline_api
from fleet.server.timeline.pages import timeline_pages
from fleet.server.timeline.service import TimelineService
from fleet.server.updates.model import Bundles, NoBundles
from fleet.server.web.authorization import caller_of, check_all, identify_caller, methods_at
from fleet.server.web.idempotency_store import ReplyStore
from fleet.server.web.middleware import HEADERS, Guard, WholeBodies
from fleet.server.web.problem_details import API, problem
from fleet.server.web.rate_limits import RateLimiter, remaining_headers
from fleet.server.web.roles import Right
from fleet.server.web.settings import LimitSettings
from fleet.server.web.site import Site
from fleet.server.worklist.api import worklist_api
from fleet.server.worklist.model import Worklist
from fleet.server.worklist.pages import worklist_pages
from fleet.server.worklist.service import WorklistService
from fleet.server.worklist.settings import load as load_worklist

log = logging.getLogger(__name__)
_GZIP_FROM_BYTES = 1000
_UNTOLD: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""FastAPI's own telemetry tells addresses with their queries, and exceptions with their texts."""
_SHOWN_AS_THEY_ARE = (403, 404, 429)
"""Refusals with a page of their own; any other is the address's fault."""


FIRST_TEMPLATES = (
    "sign_in/sign_in.html",
    "pages/signed_out.html",
    "pages/base.html",
    "pages/macros.html",
    "pages/as_of.html",
    "pages/fragment.html",
    "stations/overview.html",
    "stations/chart.html",
    "stations/stations.html",
    "stations/station.html",
    "errands/errands.html",
    "alerts/alerts.html",
)
_log = logging.getLogger(__name__)


def warmed(web: Web, read: Callable[[], object]) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """For as long as the application runs (ASGI lifespan)."""

    @asynccontextmanager
    async def during(_app: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(asyncio.to_thread(warm, web, read), name="warming")
        warming.add_done_callback(_tell)
        yield
        await asyncio.wait([warming])

    return during


def warm(web: Web, read: Callable[[], object]) -> None:
    """Blocks for some tenths of a second. Raises what the store raises."""
    for name in FIRST_TEMPLATES:
        web.templates.get_template(name)
    read()


def _tell(warming: "asyncio.Task[None]") -> None:
    error = None if warming.cancelled() else warming.exception()
    if error is not None:
        _log.warning("the first pages could not be prepared (%s)", type(error).__name__)


def counts_for(
    request: Request,
    commands: CommandService,
    alerts: Alerts,
    cards: Cards,
    worklist: Worklist,
    enrolments: EnrolmentService,
) -> dict[str, int]:
    """By the id of the place: alerts that nobody has taken, commands that the caller may agree to, what waits for the issuer,
    rows of the worklist, stations that the caller may let in, and proposals that wait for a second person."""
    people, commanded = (caller_of(request).scope(right).patterns for right in (Right.PEOPLE, Right.COMMAND))
    patterns = caller_of(request).scope(Right.VIEW).patterns
    _, untaken = alerts.within(patterns).list_unacknowledged(1)
    _, waiting = cards.within(patterns).requests(state="waiting", limit=1)
    return {
        "alerts": untaken,
        "commands": count_for(request, commands),
        "requests": waiting,
        "worklist": len(worklist.within(people).rows()) if people else 0,
        "new-stations": enrolments.within(commanded).count_waiting() if commanded else 0,
        "proposals": waiting_for(request),
    }


def create_app(
    readings: Readings,
    hub: Hub,
    access: Access,
    alerts: Alerts,
    commands: CommandService,
    *,
    clock: Callable[[], datetime],
    zone: tzinfo | None = None,
    site: Site = Site(),  # noqa: B008 frozen
    openid: OpenId | None = None,
    health: Health | None = None,
    evidence: Evidence | None = None,
    cards: CardServices | None = None,
    worklist: Worklist | None = None,
    limits: LimitSettings = LimitSettings(),  # noqa: B008 frozen
    asks: Mapping[str, int] | None = None,
    enrolments: EnrolmentService | None = None,
    bundles: Bundles = NoBundles(),  # noqa: B008 it holds nothing
    station_keys: StationKeys | None = None,
    mails: bool = False,
) -> FastAPI:
    """The application. `clock` gives aware times; `zone` is the zone that pages write (None: the server's own).

    `site` is where browsers find it, `openid` the region's own sign-in, `health` the parts that `/health/ready` asks, `evidence`
    who writes evidence files, `limits` how much is answered, `asks` the stations' asks as they are counted, `bundles` what
    stations can be updated from, `mails` whether people can be mailed; `cards`, `worklist`, `enrolments`, `station_keys` None: on
    the store of `access`, by the rules that ship. Raises OSError or ValueError where its own texts are missing or incomplete,
    ValueError where a route does not say what it needs.
    """
    deadlines = load_deadlines()
    card_services = cards or CardServices.of(access.database, hub, clock, deadlines)
    tasks = worklist or WorklistService(access.database, card_services.cards, hub, clock, load_worklist(), deadlines)
    title = openid.title if openid else ""
    enrolment_service = enrolments or EnrolmentService(access.database, hub, clock)
    counts = partial(
        counts_for,
        commands=commands,
        alerts=alerts,
        cards=card_services.cards,
        worklist=tasks,
        enrolments=enrolment_service,
    )
    assets = Assets.read()
    web = Web(hub, clock, load(zone), environment(assets), title, counts, evidence is not None)
    health = health or Health()
    app = FastAPI(
        title="kortkiosk fleet server",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        telemetry=_UNTOLD,
        lifespan=warmed(web, lambda: readings.summary(clock())),
    )
    app.state.readings, app.state.replies = readings, ReplyStore(access.database, clock)
    app.state.access, app.state.site, app.state.pace = access, site, RateLimiter(access.record, clock, limits)
    # As they are: `include_router` makes each route a second time, which takes longer than all else here.
    take = app.router.routes.extend
    take(pages_router(web, commands, alerts).routes)
    take(errand_pages(web).routes)
    take(api_router(web).routes)
    take(own_api_router().routes)
    take(stock_pages(web, card_services.cards).routes)
    take(card_pages(web, card_services.cards).routes)
    timelines = TimelineService(access.database, card_services.cards)
    take(timeline_pages(web, timelines).routes)
    take(timeline_api(timelines).routes)
    take(deadline_pages(web, card_services.deadlines, card_services.guards).routes)
    take(worklist_pages(web, tasks, card_services.cards).routes)
    take(worklist_api(tasks, card_services.cards).routes)
    take(guard_pages().routes)
    take(guards_api(card_services.guards).routes)
    take(cards_api(card_services).routes)
    take(orders_api(card_services.cards).routes)
    take(envelope_reset_pages(web, card_services.resets).routes)
    take(envelope_resets_api(card_services.resets).routes)
    take(people_api(card_services.cards).routes)
    take(administrators_api(card_services.cards).routes)
    take(administrator_pages(web, card_services.cards).routes)
    if card_services.hook is not None:
        take(hooks_router(card_services.cards, card_services.hook, clock).routes)
    take(alert_pages(web, alerts).routes)
    take(alert_api(alerts).routes)
    take(maintenance_api(alerts).routes)
    take(maintenance_pages(web, alerts).routes)
    take(command_pages(web, commands, bundles).routes)
    take(roll_out_pages(web, commands, bundles).routes)
    take(command_api(web, commands, bundles).routes)
    take(receipt_pages(web, station_keys or StationKeyService(access.database, clock)).routes)
    take(live_router(hub).routes)
    take(sign_in_router(web).routes)
    take(records_router(web).routes)
    take(step_up_pages(web).routes)
    take(key_pages(web).routes)
    take(updates_pages(web).routes)
    retirements = RetirementService(access.database, hub, clock)
    take(retirement_pages(web, retirements).routes)
    take(retirement_api(web, retirements).routes)
    take(enrolment_pages(web, enrolment_service).routes)
    take(join_key_api(enrolment_service).routes)
    take(enrolment_api(enrolment_service).routes)
    app.state.proposals = ProposalService(access.database, hub, clock, mails=mails)
    take(proposal_pages(web).routes)
    take(proposals_api().routes)
    take(proposal_exports(web).routes)
    settings = StationSettingsService(access.database, hub, clock)
    take(station_settings_pages(web, settings).routes)
    take(station_settings_api(settings).routes)
    take(accounts_pages(web).routes)
    take(accounts_api(web).routes)
    take(station_exports(web).routes)
    take(errand_exports(web).routes)
    take(order_exports(web).routes)
    take(stock_exports(web, card_services.cards).routes)
    take(request_exports(web, card_services.cards).routes)
    take(deadline_exports(web, card_services.deadlines).routes)
    take(alert_exports(web, alerts).routes)
    take(command_exports(web, commands).routes)
    take(audit_exports(web).routes)
    take(account_exports(web).routes)
    take(checkpoint_api(web).routes)
    if evidence is not None:
        take(evidence_api(evidence).routes)
    if openid is not None:
        take(openid_router(web, openid).routes)
    metrics = add_metrics(app, FleetCollector(readings, alerts, hub, health, clock, asks), health)
    app.mount("/static", assets, name="static")
    _add_errors(app, web)
    app.add_middleware(GZipMiddleware, minimum_size=_GZIP_FROM_BYTES)
    app.add_middleware(Counting, metrics=metrics)
    app.add_middleware(WholeBodies)
    app.add_middleware(Guard, hosts=site.hosts, secure=site.secure)
    check_all(app.routes)
    return app


def redirect_to_sign_in(request: Request, headers: Mapping[str, str] | None) -> Response:
    """Redirect a person who is not signed in, or has not stepped up, to a page: by way of htmx where a part of a page
    was asked for."""
    if headers is not None and "Location" in headers:
        return RedirectResponse(headers["Location"], 303)
    if request.url.path == "/events":
        return PlainTextResponse("sign in", 401)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.headers.get("hx-request") == "true":
        return PlainTextResponse("sign in", 401, {"HX-Redirect": "/sign-in"})
    return RedirectResponse(with_query("/sign-in", onward=here if request.method == "GET" else "/"), 303)


def _add_errors(app: FastAPI, web: Web) -> None:
    def answer(
        request: Request, status: int, detail: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        if request.url.path.startswith(API):
            there = {"allow": ", ".join(sorted(methods_at(app.routes, request.url.path)))} if status == 405 else {}
            return problem(status, detail, {**there, **remaining_headers(request), **(headers or {})})
        if status in (303, 401):
            return redirect_to_sign_in(request, headers)
        shown = 404 if status == 405 else 500 if status >= 500 else status if status in _SHOWN_AS_THEY_ARE else 400
        title = web.texts_for(request)(f"error.{shown}.title")
        page = web.render(request, "pages/error.html", status=status, page="", title=title, shown=shown)
        page.headers.update({"retry-after": headers["Retry-After"]} if headers and status in (429, 503) else {})
        return page

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        # A page without a route, or one for everybody, has the look of who is signed in all the same.
        if not (hasattr(request.state, "caller") or request.url.path.startswith(API)):
            await identify_caller(request)
        return answer(request, error.status_code, error.detail, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        if any(item["type"] == "json_invalid" for item in error.errors()):
            return answer(request, 400, "the body is not JSON")
        places = ", ".join(".".join(str(part) for part in item["loc"]) + f": {item['msg']}" for item in error.errors())
        return answer(request, 422, places)

    @app.exception_handler(OperationalError)
    async def away(request: Request, error: OperationalError) -> Response:
        log.error("the store cannot be used for %s: %s", request.method, type(error.orig).__name__)
        return answer(request, 503, "the store cannot be used just now: try again", {"Retry-After": "5"})

    @app.exception_handler(Exception)
    async def broken(request: Request, _error: Exception) -> Response:
        response = answer(request, 500)  # the server's log has the whole of it; nothing of it leaves here
        response.headers.update(HEADERS | {"cache-control": "no-store"})  # this answer is made outside the guard
        return response
