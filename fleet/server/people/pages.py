"""Page of ID administrators: who hands out cards, where and until when; a form to add or change one, a button to remove one.

Rules: as those of the API (`fleet.server.people.api`), which does it. Whoever sees people sees those of the own stations.
The form is there for who may change the list and has stepped up; it keeps what was written, and what does not fit is said.

Example: `app.include_router(administrator_pages(web, services.cards))`
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from fleet.server.audit_log.log import AuditEvent
from fleet.server.cards.model import Cards
from fleet.server.clock.local_days import local_day
from fleet.server.files.import_files import HSA_ID
from fleet.server.pages.rendering import Web
from fleet.server.people import api
from fleet.server.people.administrator_files import ROLES
from fleet.server.people.bodies import FIELDS, MOST_DECISION, MOST_NAME, MOST_SCOPE, HsaId, body_of, form_values
from fleet.server.people.labels import standing_label
from fleet.server.people.model import ListedAdministrator
from fleet.server.web.authorization import audit_lookup, caller_of, form_of, needs
from fleet.server.web.roles import Right

PAGE = "/administrators"


def administrator_pages(web: Web, cards: Cards) -> APIRouter:
    """The list with its form, and what they do."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get(PAGE, dependencies=needs(Right.PEOPLE))
    def show_all(request: Request, edit: Annotated[str, Query(max_length=64)] = "") -> Response:
        return _list(request, web, cards, _values_of(_seen(request, cards), edit))

    @router.post(PAGE, dependencies=needs(Right.MANAGE))
    async def put(request: Request) -> Response:
        values = form_values(await form_of(request))
        return await run_in_threadpool(_put, request, web, cards, values)

    @router.post(PAGE + "/{hsa_id}/remove", dependencies=needs(Right.MANAGE))
    def remove(request: Request, hsa_id: HsaId) -> Response:
        api.remove(request, cards, hsa_id)
        return RedirectResponse(PAGE, 303)

    return router


def _put(request: Request, web: Web, cards: Cards, values: dict[str, Any]) -> Response:
    try:
        body = body_of(values)
    except ValidationError as error:
        named = {str(fault["loc"][0]) for fault in error.errors() if fault["loc"]}
        return _list(request, web, cards, values, next(name for name in FIELDS if name in named))
    if body.ends_before_it_begins:
        return _list(request, web, cards, values, "days")
    if not HSA_ID.match(values["hsa_id"]):
        return _list(request, web, cards, values, "hsa_id")
    row = api.put(request, cards, body.listed(values["hsa_id"]))
    return RedirectResponse(PAGE if row is None or row.state == "done" else f"/proposals/{row.id}", 303)


def _seen(request: Request, cards: Cards) -> list[ListedAdministrator]:
    scope = caller_of(request).scope(Right.PEOPLE)
    return [row for row in cards.administrators() if any(map(scope.touches, row.scope))]


def _values_of(rows: list[ListedAdministrator], hsa_id: str) -> dict[str, Any]:
    row = next((row for row in rows if row.administrator.hsa_id == hsa_id), None)
    if row is None:
        return {"hsa_id": "", "roles": ["KRA"], "level": "3"} | dict.fromkeys(
            ("name", "scope", "valid_from", "valid_until", "decision"), ""
        )
    person = row.administrator
    days = {"valid_from": person.valid_from or "", "valid_until": person.valid_until or ""}
    values = {"hsa_id": person.hsa_id, "name": person.name, "roles": [*person.roles], "level": str(person.level)}
    return {**values, "scope": " ".join(row.scope), "decision": row.decision, **days}


def _list(request: Request, web: Web, cards: Cards, values: dict[str, Any], wrong: str = "") -> Response:
    audit_lookup(request, AuditEvent(api.LOOKED))
    t, rows, today = web.texts_for(request), _seen(request, cards), local_day(web.clock())
    gone = cards.leavers([row.administrator.hsa_id for row in rows])
    standing = [standing_label(row.administrator, today, has_left=row.administrator.hsa_id in gone) for row in rows]
    attending = sum(label.level == "ok" for label in standing)
    return web.render(
        request,
        "people/administrators.html",
        status=422 if wrong else 200,
        page="administrators",
        title=t.many("administrators.title", attending) if attending else t("administrators.title.none"),
        rows=list(zip(rows, standing, strict=True)),
        form=values if caller_of(request).may(Right.MANAGE) else None,
        stepped_up=api.has_stepped_up(request),
        wrong=wrong,
        roles=ROLES,
        most={"name": MOST_NAME, "scope": MOST_SCOPE, "decision": MOST_DECISION},
    )
