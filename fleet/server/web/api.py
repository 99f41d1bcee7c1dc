"""The API for programs: read only, under /api/v1, described by /api/v1/openapi.json.

Lists are `{"items": [...], "next": N | null}`; `next` is the offset of the page after. Errors are problem details
(RFC 9457). Data of an event is passed on by an allow-list of names, so that nothing a station might add by mistake
leaves the store here.
"""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import BaseModel

from fleet.server.readings import ErrandRow, EventRow, OrderRow, StationRow
from fleet.server.web.rendering import Web

MOST_ROWS = 500
MOST_OFFSET = 100_000
T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=MOST_ROWS)]
Offset = Annotated[int, Query(ge=0, le=MOST_OFFSET)]
Name = Annotated[str, Path(max_length=64)]

SHOWN = frozenset(
    {
        "card_number",
        "effect",
        "epoch_reason",
        "errand",
        "hsa_id",
        "kind",
        "number",
        "order",
        "outcome",
        "reason",
        "seconds",
        "signed",
        "slot",
        "version",
    }
)
"""What of an event's data the API passes on. The receipt has its own address."""


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None


class Rows(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: int | None


class CountedRows(Rows[T], Generic[T]):
    """One page of a list whose length is known."""

    total: int


class Device(BaseModel):
    """One device of a station."""

    name: str
    kind: str
    state: str
    ok: bool
    virtual: bool


class Slot(BaseModel):
    """One slot of a cabinet."""

    number: int
    card: Literal["present", "empty", "unknown"]
    door: Literal["open", "closed", "unknown"]


class Station(BaseModel):
    """One station. `held_through` is the highest contiguous sequence stored, `missing` how many are known and not held."""

    name: str
    title: str
    online: bool
    heard: datetime | None
    version: str | None
    errand: str | None
    step: str | None
    out_of_service: str | None
    outbox_depth: int | None
    devices: list[Device]
    slots: list[Slot]
    errands_today: int
    held_through: int
    missing: int
    chain_ok: bool | None
    quarantined: int


class Errand(BaseModel):
    """One errand. `outcome` is null while it goes on."""

    errand: str
    station: str
    kind: str
    started: datetime
    ended: datetime | None
    outcome: str | None
    order: str | None
    card_number: str | None
    hsa_id: str | None
    receipt: str | None


class Event(BaseModel):
    """One stored event."""

    station: str
    epoch: int
    sequence: int
    type: str
    time: str
    subject: str | None
    content: dict[str, Any]


class ErrandWithEvents(Errand):
    """One errand with its events, in the order of the chain."""

    events: list[Event]


class Order(BaseModel):
    """One order. `name` is null for a protected identity."""

    order: str
    hsa_id: str
    name: str | None
    protected: bool
    card_number: str
    product: str
    loa: int
    station: str
    slot: int
    last_day: str
    state: Literal["waiting", "taken", "misplaced", "collected", "expired"]
    changed: datetime


def api_router(web: Web) -> APIRouter:
    """All of /api/v1."""
    problems: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem, "content": {"application/problem+json": {}}} for status in (404, 422)
    }
    router = APIRouter(prefix="/api/v1", responses=problems)
    _add_stations(router, web)
    _add_errands(router, web)
    _add_orders(router, web)
    return router


def _add_stations(router: APIRouter, web: Web) -> None:
    @router.get("/stations", tags=["stations"])
    def list_stations(limit: Limit = 100, offset: Offset = 0) -> CountedRows[Station]:
        """All stations by name."""
        rows = sorted(web.readings.stations(web.clock()), key=lambda row: row.name)
        items = [_station(row) for row in rows[offset : offset + limit]]
        return CountedRows(items=items, next=_next(offset, limit, len(rows)), total=len(rows))

    @router.get("/stations/{name}", tags=["stations"])
    def read_station(name: Name) -> Station:
        """One station."""
        row = web.readings.station(name, web.clock())
        if row is None:
            raise HTTPException(404, "no station of that name")
        return _station(row)


def _add_errands(router: APIRouter, web: Web) -> None:
    @router.get("/errands", tags=["errands"])
    def list_errands(
        limit: Limit = 100,
        offset: Annotated[int, Query(ge=0, le=10_000)] = 0,
        station: Annotated[str | None, Query(max_length=40)] = None,
    ) -> Rows[Errand]:
        """Today's errands, newest first."""
        rows = web.readings.errands(web.clock(), limit=offset + limit + 1, station=station)
        return Rows(items=[_errand(row) for row in rows[offset : offset + limit]], next=_next(offset, limit, len(rows)))

    @router.get("/errands/{errand}", tags=["errands"])
    def read_errand(errand: Name) -> ErrandWithEvents:
        """One errand of any day, with its events."""
        row = web.readings.errand(errand)
        if row is None:
            raise HTTPException(404, "no errand of that id")
        events = [_event(event) for event in web.readings.events(errand=errand)]
        return ErrandWithEvents(**_errand(row).model_dump(), events=events)


def _add_orders(router: APIRouter, web: Web) -> None:
    @router.get("/orders", tags=["orders"])
    def list_orders(
        search: Annotated[str, Query(max_length=100, description="order, HSA-id, card number or name")] = "",
        state: Literal["", "waiting", "taken", "misplaced", "collected", "expired"] = "",
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> CountedRows[Order]:
        """Orders that fit."""
        rows, total = web.readings.orders(search=search, state=state, limit=limit, offset=offset)
        return CountedRows(items=[_order(row) for row in rows], next=_next(offset, limit, total), total=total)


def _next(offset: int, limit: int, total: int) -> int | None:
    return offset + limit if offset + limit < total else None


def _station(row: StationRow) -> Station:
    state = row.state
    return Station(
        name=row.name,
        title=row.title,
        online=row.online,
        heard=row.heard,
        version=state.version if state else None,
        errand=state.errand if state else None,
        step=state.step if state else None,
        out_of_service=state.out_of_service if state else None,
        outbox_depth=state.outbox_depth if state else None,
        devices=[Device(**msgspec.structs.asdict(device)) for device in state.devices] if state else [],
        slots=[Slot(**msgspec.structs.asdict(slot)) for slot in state.slots] if state else [],
        errands_today=row.errands_today,
        held_through=row.held_through,
        missing=row.missing,
        chain_ok=row.chain_ok,
        quarantined=row.quarantined,
    )


def _errand(row: ErrandRow) -> Errand:
    return Errand.model_validate(row, from_attributes=True)


def _order(row: OrderRow) -> Order:
    return Order.model_validate(row, from_attributes=True).model_copy(update={"name": None} if row.protected else {})


def _event(row: EventRow) -> Event:
    content = {name: value for name, value in row.content.items() if name in SHOWN}
    return Event.model_validate(row, from_attributes=True).model_copy(update={"content": content})
