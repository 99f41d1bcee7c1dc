"""API of orders and of people of the directory, written by programs under /api/v1.

Rules: an order is placed or changed as an import would, all or none; what its life does not allow is 409. An order of a station
that the token may not see is not there. People belong to the whole region: who changes them may do so for all stations; a token
may be for people of some organisations alone. Who leaves is guarded (`fleet.server.people.leaving`). Each change is told to the
audit first.

Example: `app.include_router(orders_api(services.cards))`
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel

from fleet.server.audit_log.log import AuditEvent
from fleet.server.cards.dependencies import within
from fleet.server.cards.model import Cards
from fleet.server.files.csv_files import FileProblem
from fleet.server.files.import_files import ImportRefusedError, ImportResult
from fleet.server.orders.model import OrderEvent, OrderLine, OrderRecord
from fleet.server.orders.request_bodies import (
    HsaId,
    OrderBody,
    OrderChange,
    OrderName,
    OrdersBody,
    PersonBody,
    PersonChange,
)
from fleet.server.people.leaving import LeaveWaitsError
from fleet.server.people.model import Fact, PersonRow, Source
from fleet.server.stations.api import Order, order_model
from fleet.server.web.authorization import audit_change, audit_lookup, caller_of, needs, require_station
from fleet.server.web.idempotency import api_group
from fleet.server.web.pagination import CountedRows, Limit, Offset, next_offset
from fleet.server.web.request_bodies import LINE
from fleet.server.web.roles import Right

Search = Annotated[str, Query(max_length=100, pattern=LINE)]
PLACED, CHANGED, LOOKED = "order.place", "person.change", "people.directory"


class Taken(BaseModel):
    """Counts of an import: rows added, changed and unchanged."""

    added: int
    changed: int
    unchanged: int


class Person(BaseModel):
    """One person. `name` is null for a protected identity; days are ISO 8601."""

    hsa_id: str
    name: str | None
    protected: bool
    left: str | None
    continued: bool
    name_changed: str | None
    mail: str | None
    organisation: str | None


class SourcedFact(BaseModel):
    """Value that one source gives for one fact, and when it first said so. `value` is null where it takes back what it said."""

    fact: Fact
    source: Source
    value: str | None
    seen: datetime


def orders_api(cards: Cards) -> APIRouter:
    router = api_group("orders")
    _add_reading(router, cards)
    _add_changes(router, cards)
    _add_steps(router, cards)
    return router


def people_api(cards: Cards) -> APIRouter:
    router = api_group("people")

    @router.get("/people", dependencies=needs(Right.PEOPLE))
    def list_people(
        request: Request, search: Search = "", limit: Limit = 100, offset: Offset = 0
    ) -> CountedRows[Person]:
        """People by HSA-id, whose HSA-id or name has that in it."""
        _region(request)
        audit_lookup(request, AuditEvent(LOOKED, search))
        rows, total = cards.people(search=search, limit=limit, offset=offset)
        items = [_person(row) for row in rows]
        return CountedRows(items=items, next=next_offset(offset, limit, total), total=total)

    @router.get("/people/{hsa_id}", dependencies=needs(Right.PEOPLE))
    def read_person(request: Request, hsa_id: HsaId) -> Person:
        """One person."""
        _region(request, hsa_id)
        audit_lookup(request, AuditEvent(LOOKED, hsa_id))
        return _person(_known(cards.person(hsa_id)))

    @router.put("/people/{hsa_id}", dependencies=needs(Right.ORDERS))
    def put_person(request: Request, hsa_id: HsaId, said: PersonBody) -> Person:
        """Take the person as the directory has them now."""
        return _keep_person(request, cards, said.row(hsa_id))

    @router.patch("/people/{hsa_id}", dependencies=needs(Right.ORDERS))
    def change_person(request: Request, hsa_id: HsaId, said: PersonChange) -> Person:
        """Say that somebody left, goes on, or has another name."""
        _region(request, hsa_id)
        _known(cards.person(hsa_id))
        audit_change(request, AuditEvent(CHANGED, hsa_id))
        with _leaves_guarded():
            cards.change_person(hsa_id, said.facts(), by_person=not caller_of(request).program)
        return _person(_known(cards.person(hsa_id)))

    @router.get("/people/{hsa_id}/facts", dependencies=needs(Right.PEOPLE))
    def list_facts(request: Request, hsa_id: HsaId) -> list[SourcedFact]:
        """Return the facts of a person as each source gives them, and since when; the rules of merging make one person
        of them."""
        _region(request, hsa_id)
        audit_lookup(request, AuditEvent(LOOKED, hsa_id))
        _known(cards.person(hsa_id))
        return [SourcedFact.model_validate(word, from_attributes=True) for word in cards.person_words(hsa_id)]

    return router


def _add_reading(router: APIRouter, cards: Cards) -> None:
    @router.get("/orders/{order}", dependencies=needs(Right.PEOPLE))
    def read_order(request: Request, order: OrderName) -> Order:
        """One order."""
        audit_lookup(request, AuditEvent("people.search", order))
        return _read(within(request, cards), order)


def _add_changes(router: APIRouter, cards: Cards) -> None:
    @router.post("/orders", dependencies=needs(Right.ORDERS))
    def place_orders(request: Request, said: OrdersBody) -> Taken:
        """Place or change up to a hundred, all or none."""
        done = place(request, cards, [order.record(order.order) for order in said.orders])
        return Taken.model_validate(done, from_attributes=True)

    @router.put("/orders/{order}", dependencies=needs(Right.ORDERS))
    def put_order(request: Request, order: OrderName, said: OrderBody) -> Order:
        """Place it, or change it to this."""
        place(request, cards, [said.record(order)])
        return _read(cards, order)

    @router.patch("/orders/{order}", dependencies=needs(Right.ORDERS))
    def change_order(request: Request, order: OrderName, said: OrderChange) -> Order:
        """Another station, slot or last day."""
        _read(within(request, cards), order)
        record = cards.record(order)
        assert record is not None
        place(request, cards, [said.on(record)])
        return _read(cards, order)


def _add_steps(router: APIRouter, cards: Cards) -> None:
    @router.post("/orders/{order}/cancel", dependencies=needs(Right.ORDERS))
    def cancel(request: Request, order: OrderName) -> Order:
        """Cancel it: the card is to be taken out of its slot."""
        return _step(request, cards, order, "cancelled", "order.cancel")

    @router.post("/orders/{order}/destroyed", dependencies=needs(Right.ORDERS, person=True))
    def destroyed(request: Request, order: OrderName) -> Order:
        """Say that its card was destroyed. Not by a token."""
        return _step(request, cards, order, "destroyed", "order.destroy")


def place(request: Request, cards: Cards, records: list[OrderRecord]) -> ImportResult:
    """As an import, told to the audit first. Raises HTTPException."""
    scope = caller_of(request).scope(Right.ORDERS)
    for record in records:
        require_station(request, record.station)
        _require_organisation(request, record.hsa_id)
        stored_order = None if scope.everywhere else cards.order(record.order)
        if stored_order is not None and not scope.allows(stored_order.station):
            raise HTTPException(409, f"{record.order}: the number is taken")
        audit_change(request, AuditEvent(PLACED, record.order))
    try:
        return cards.take_orders([OrderLine(number, record) for number, record in enumerate(records, 1)])
    except ImportRefusedError as error:
        several = len(records) > 1
        reasons = (
            f"{f'orders.{problem.line - 1}.' if several else ''}{problem.column}: {_why(problem, everywhere=scope.everywhere)}"
            for problem in error.problems
        )
        raise HTTPException(409, "; ".join(reasons)) from None


def _why(problem: FileProblem, *, everywhere: bool) -> str:
    """The reason; without the other order of a card, which may be a station's that the caller does not see."""
    hidden = problem.column == "card_number" and not everywhere
    return "this card waits for another order already" if hidden else problem.reason


def _step(request: Request, cards: Cards, order: str, event: OrderEvent, action: str) -> Order:
    mine = within(request, cards)
    _read(mine, order)
    audit_change(request, AuditEvent(action, order))
    done = mine.step(order, event)
    if done is None or done.now is None:
        raise HTTPException(409, f"{order} is {done.was if done else 'gone'}")
    return _read(mine, order)


def _read(cards: Cards, order: str) -> Order:
    row = cards.order(order)
    if row is None:
        raise HTTPException(404, "no order of that number")
    return order_model(row)


def _region(request: Request, hsa_id: str = "") -> None:
    """People belong to no station, but to organisations. Raises HTTPException for who may see some stations alone, or not that
    person; without one, not everybody."""
    if not caller_of(request).scope(request.state.right).everywhere:
        raise HTTPException(403, "people are for those who may see all stations")
    _require_organisation(request, hsa_id)


def _require_organisation(request: Request, hsa_id: str) -> None:
    if not caller_of(request).reaches(hsa_id):
        raise HTTPException(403, f"{hsa_id or 'everybody'}: the token is for people of other organisations")


def _keep_person(request: Request, cards: Cards, row: PersonRow) -> Person:
    _region(request, row.hsa_id)
    audit_change(request, AuditEvent(CHANGED, row.hsa_id))
    with _leaves_guarded():
        cards.take_person(row, by_person=not caller_of(request).program)
    return _person(_known(cards.person(row.hsa_id)))


@contextmanager
def _leaves_guarded() -> Iterator[None]:
    """A leave that waits for a person is 409."""
    try:
        yield
    except LeaveWaitsError as error:
        raise HTTPException(409, str(error)) from None


def _known(row: PersonRow | None) -> PersonRow:
    if row is None:
        raise HTTPException(404, "nobody of that HSA-id")
    return row


def _person(row: PersonRow) -> Person:
    return Person.model_validate(row, from_attributes=True)
