"""The web application of the fleet server, put together.

It listens on loopback only (see `serving`) and has no sign-in yet: it reads, and changes nothing. More pages come as
further routers; a page is a route, a template and a place in `rendering.MENU`.

Example: `app = create_app(readings, hub, clock=lambda: datetime.now(UTC))`
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from fleet.server.hub import Hub
from fleet.server.readings import Readings
from fleet.server.web.api import Problem, api_router
from fleet.server.web.live import live_router
from fleet.server.web.middleware import HEADERS, LOOPBACK_HOSTS, Guard
from fleet.server.web.pages import pages_router
from fleet.server.web.rendering import STATIC, Web, environment
from fleet.server.web.texts import load

log = logging.getLogger(__name__)
_GZIP_FROM_BYTES = 1000


def create_app(
    readings: Readings,
    hub: Hub,
    *,
    clock: Callable[[], datetime],
    zone: tzinfo | None = None,
    hosts: Iterable[str] = LOOPBACK_HOSTS,
) -> FastAPI:
    """The application. `clock` gives aware times; `zone` is the zone that pages write (None: the server's own).

    `hosts` are the names it may be asked by. Raises OSError or ValueError where its own texts are missing or incomplete.
    """
    web = Web(readings, hub, clock, load(zone), environment())
    app = FastAPI(
        title="kortkiosk fleet server",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    app.include_router(pages_router(web))
    app.include_router(api_router(web))
    app.include_router(live_router(hub))
    _add_health(app, web)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _add_errors(app, web)
    app.add_middleware(GZipMiddleware, minimum_size=_GZIP_FROM_BYTES)
    app.add_middleware(Guard, hosts=hosts)
    return app


def _add_health(app: FastAPI, web: Web) -> None:
    @app.get("/healthz", include_in_schema=False)
    def alive() -> Response:
        return PlainTextResponse("ok")

    @app.get("/readyz", include_in_schema=False)
    def ready() -> Response:
        try:
            web.readings.orders(limit=1)
        except Exception:
            log.exception("the store cannot be read")
            return PlainTextResponse("the store cannot be read", status_code=503)
        return PlainTextResponse("ready")


def _add_errors(app: FastAPI, web: Web) -> None:
    def answer(request: Request, status: int, detail: str | None = None) -> Response:
        if request.url.path.startswith("/api/"):
            title = {404: "Not found", 422: "Not a valid request"}.get(status, "Error")
            problem = Problem(title=title, status=status, detail=detail)
            return JSONResponse(problem.model_dump(exclude_none=True), status, media_type="application/problem+json")
        shown = 404 if status in (404, 405) else 500 if status >= 500 else 400
        return web.render(
            request,
            "error.html",
            status=status,
            page="",
            title=web.texts_for(request)(f"error.{shown}.title"),
            shown=shown,
        )

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        return answer(request, error.status_code, error.detail)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        places = ", ".join(".".join(str(part) for part in item["loc"]) + f": {item['msg']}" for item in error.errors())
        return answer(request, 422, places)

    @app.exception_handler(Exception)
    async def broken(request: Request, _error: Exception) -> Response:
        response = answer(request, 500)  # the server's log has the whole of it; nothing of it leaves here
        response.headers.update(HEADERS | {"cache-control": "no-store"})  # this answer is made outside the guard
        return response
