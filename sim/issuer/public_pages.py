"""Public endpoints of the simulated issuer, over plain HTTP as such things are published: CRLs, OCSP answers, pages to look at.

No PUK is on any page but once on the portal's, and no name of a protected identity on any.
"""

import html
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse

from sim.issuer import BANNER, HEADER
from sim.issuer.core import Simulator
from sim.issuer.portal import portal_router

MAX_QUESTION = 4096
ROWS = 200
_STYLE = """body{font:16px/1.5 sans-serif;margin:2rem;color:#1d2b36}strong{background:#ffe08a;padding:.3rem .6rem}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .8rem;text-align:left;border-bottom:1px solid #cdd6dc}"""


def public_app(simulator: Simulator) -> FastAPI:
    """Application for CRLs, OCSP and the issuer's pages."""
    app = FastAPI(title=BANNER, docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def say_so(request: Request, following: Any) -> Response:
        response: Response = await following(request)
        response.headers[HEADER] = BANNER
        return response

    @app.get("/crl/{name}")
    def crl(name: str) -> Response:
        loa = {"root.crl": 0, **{f"{loa}.crl": loa for loa in simulator.hierarchy.issuers}}.get(name)
        if loa is None:
            return PlainTextResponse(f"{BANNER}: no such list", status_code=404)
        return Response(simulator.crl(loa), media_type="application/pkix-crl")

    @app.post("/ocsp")
    async def ocsp(request: Request) -> Response:
        question = await request.body() if int(request.headers.get("content-length", "0")) <= MAX_QUESTION else b""
        return Response(simulator.ocsp_answer(question), media_type="application/ocsp-response")

    @app.get("/")
    def cards() -> Response:
        return HTMLResponse(_page("Cards", ("number", "holder", "product", "state", "held from"), _cards(simulator)))

    @app.get("/audit")
    def audit() -> Response:
        return HTMLResponse(_page("What was done", ("at", "what", "card", "people", "outcome"), _audit(simulator)))

    app.include_router(portal_router(simulator, _whole_page))
    return app


def _cards(simulator: Simulator) -> list[tuple[str, ...]]:
    with simulator.state.change() as cx:
        return cx.execute(
            "SELECT number, hsa_id, content ->> 'product', content ->> 'state', coalesce(content ->> 'held_from', '')"
            " FROM (SELECT number, hsa_id, CAST(content AS TEXT) AS content FROM card) ORDER BY number LIMIT ?",
            (ROWS,),
        ).fetchall()


def _audit(simulator: Simulator) -> list[tuple[str, ...]]:
    with simulator.state.change() as cx:
        return cx.execute(
            "SELECT at, what, card, people, outcome FROM audit ORDER BY id DESC LIMIT ?", (ROWS,)
        ).fetchall()


def _page(title: str, heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    return _whole_page(title, f"<table>{line(heads, 'th') + ''.join(line(row, 'td') for row in rows)}</table>")


def _whole_page(title: str, body: str) -> str:
    """`body` is HTML."""
    links = (
        '<p><a href="/">Cards</a> · <a href="/portal">Portal</a> · <a href="/audit">What was done</a>'
        ' · <a href="/crl/3.crl">CRL, LoA3</a></p>'
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}: simulator</title><style>{_STYLE}</style>'
        f"<p><strong>{BANNER}</strong></p><h1>{title}</h1>{links}{body}"
    )
