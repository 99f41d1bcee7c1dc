"""Page of a receipt, for whoever has scanned its QR code with a phone.

Rules: nobody signs in. What the QR code says is the fragment of the address, which no browser sends: the page's script checks it
with the stations' keys, and the server keeps and logs nothing of it. Each address may ask as often as of the API.

Example: `app.include_router(receipt_pages(web, keys))`
"""

import base64
import json

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from fleet.messages.errand_catalog import catalog
from fleet.server.pages.rendering import Web
from fleet.server.receipts.model import StationKey, StationKeys
from fleet.server.web.authorization import needs, rate_limiter_of
from fleet.server.web.roles import Right


def receipt_pages(web: Web, keys: StationKeys) -> APIRouter:
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/r/", dependencies=needs(Right.PUBLIC))
    def page(request: Request) -> Response:
        rate_limiter_of(request).count(request, None)
        t = web.texts_for(request)
        kinds = {entry.id: t(f"kind.{entry.id}") for entry in catalog() if entry.receipt}
        months = [t.day(f"2026-{month:02}-01").split()[1] for month in range(1, 13)]
        return web.render(
            request,
            "receipts/receipt.html",
            page="",
            title=t("receipt.title"),
            words=json.dumps({"kinds": kinds, "months": months}, ensure_ascii=False),
        )

    @router.get("/r/keys.json", dependencies=needs(Right.PUBLIC))
    def all_keys(request: Request) -> Response:
        rate_limiter_of(request).count(request, None)
        return JSONResponse({"keys": [_key(key) for key in keys.list_keys()]})

    return router


def _key(key: StationKey) -> dict[str, str | bool]:
    return {
        "station": key.station,
        "place": key.place,
        "key": base64.urlsafe_b64encode(key.key).rstrip(b"=").decode("ascii"),
        "since": key.since.isoformat(),
        "until": key.until.isoformat(),
        "revoked": key.revoked,
    }
