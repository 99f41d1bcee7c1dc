"""API of stations, read only, under /api/v1, described by /api/v1/openapi.json. Changes have routers of their own.

Lists are `{"items": [...], "next": N | null}`; `next` is the offset of the page after. Errors are problem details
(RFC 9457). Data of an event is passed on by an allow-list of names, so that nothing a station might add by mistake
leaves the store here.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel

from fleet.messages.link import DataKept, Delivery, Lack
from fleet.server.audit_log.log import AuditEvent
from fleet.server.cards.stock.model import Emptied as EmptiedRow
from fleet.server.errands.model import ErrandQuery, ErrandRow, EventRow
from fleet.server.orders.model import OrderRow, State
from fleet.server.pages.rendering import Web
from fleet.server.readings.dependencies import readings_of
from fleet.server.stations.model import Contact, StationRow
from fleet.server.web.authorization import audit_lookup, caller_of, needs
from fleet.server.web.idempotency import api_group
from fleet.server.web.pagination import CountedRows, Limit, Name, Offset, Rows, next_offset
from fleet.server.web.request_bodies import LINE, Day
from fleet.server.web.roles import Right

SHOWN = frozenset(
    {
        "card_number",
        "command",
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
        "why",
        "seal",
        "counted",
        "version",
    }
)
"""What of an event's data the API passes on. The receipt has its own address."""


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


class Update(BaseModel):
    """Update of a station: kind of machine, slot that runs; step and version of the bundle that is worked on; why the
    last update failed."""

    compatible: str
    slot: str
    step: Literal["fetching", "waiting", "installing", "restarting", "testing"] | None
    version: str | None
    percent: int | None
    failed: str | None
    problems: list[str]


class Retired(BaseModel):
    """Retirement of a station: when, by whom and why."""

    at: datetime
    by: str
    reason: str


class Station(BaseModel):
    """One station. `contact`: `silent` is one that is connected and has not been heard for three minutes, `offline` one that has
    left, or has not been heard for fifteen; `online` is true where it is neither. `receives_visitors`: online, in service, and
    not `retired` (null for a station of the fleet). `held_through` is the highest contiguous sequence stored, `missing` how many
    are known and not held. `firmware` is that of the cabinet's board; `key_kept` where the station's key is,
    `data_kept` how its disk is kept (encrypted with the key in its TPM, or in a file of it, or `open`: not encrypted);
    `clock_off_s` by how much its clock is ahead of the server's (negative: behind)."""

    name: str
    title: str
    online: bool
    contact: Contact
    receives_visitors: bool
    heard: datetime | None
    version: str | None
    errand: str | None
    step: str | None
    out_of_service: str | None
    outbox_depth: int | None
    region: str | None
    """Digest of the region's data that it holds."""
    firmware: str | None
    image: str | None
    data_kept: DataKept | None
    key_kept: Literal["file", "sealed", "tpm"] | None
    clock_off_s: int | None
    lacks: list[Lack]
    """What it was not given yet."""
    update: Update | None
    devices: list[Device]
    slots: list[Slot]
    errands_today: int
    held_through: int
    missing: int
    chain_ok: bool | None
    quarantined: int
    retired: Retired | None


class Emptied(BaseModel):
    """Emptying of a bin by two administrators (HSA-ids in `by`; null for who may not see people). `reason` and
    `reference` explain a difference."""

    at: datetime
    by: tuple[str, str] | None
    counted: int
    expected: int
    sensor: int | None
    seal: str
    reason: str
    reference: str


class Bin(BaseModel):
    """The bin of a station: cards in it, and how it was last emptied (null: never)."""

    cards: int
    emptied: Emptied | None


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
    """One order. `name` is null for a protected identity; `slot` is 0 while none has been given to the card; `registered` false:
    the card was handed over, and the issuer has not confirmed that."""

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
    state: State | Literal["expired"]
    changed: datetime
    delivery: Delivery
    registered: bool


def api_router(web: Web) -> APIRouter:
    """All of /api/v1."""
    router = api_group()
    _add_stations(router, web)
    _add_errands(router, web)
    _add_orders(router, web)
    return router


def _add_stations(router: APIRouter, web: Web) -> None:
    @router.get("/stations", dependencies=needs(Right.VIEW), tags=["stations"])
    def list_stations(
        request: Request, retired: bool = False, limit: Limit = 100, offset: Offset = 0
    ) -> CountedRows[Station]:
        """All stations of the fleet by name; or those that are retired."""
        readings, now = readings_of(request), web.clock()
        rows = sorted(readings.retired_stations(now) if retired else readings.stations(now), key=lambda row: row.name)
        items = [station_model(row) for row in rows[offset : offset + limit]]
        return CountedRows(items=items, next=next_offset(offset, limit, len(rows)), total=len(rows))

    @router.get("/stations/{name}", dependencies=needs(Right.VIEW), tags=["stations"])
    def read_station(request: Request, name: Name) -> Station:
        """One station, also a retired one."""
        row = readings_of(request).station(name, web.clock())
        if row is None:
            raise HTTPException(404, "no station of that name")
        return station_model(row)

    @router.get("/stations/{name}/bin", dependencies=needs(Right.VIEW), tags=["stations"])
    def read_bin(request: Request, name: Name) -> Bin:
        """The bin of one station."""
        if readings_of(request).station(name, web.clock()) is None:
            raise HTTPException(404, "no station of that name")
        row = readings_of(request).bin(name)
        return Bin(cards=row.cards, emptied=emptied_model(request, name, row.emptied))


def _add_errands(router: APIRouter, web: Web) -> None:
    @router.get("/errands", dependencies=needs(Right.PEOPLE), tags=["errands"])
    def list_errands(
        request: Request,
        limit: Limit = 100,
        offset: Annotated[int, Query(ge=0, le=10_000)] = 0,
        station: Annotated[str | None, Query(max_length=40, pattern=LINE)] = None,
        kind: Annotated[str, Query(max_length=32, pattern=LINE)] = "",
        outcome: Annotated[str, Query(max_length=32, pattern=LINE, description="`going_on`: not ended yet")] = "",
        day: Annotated[Day | None, Query(description="the server's local day; without it today")] = None,
    ) -> Rows[Errand]:
        """A day's errands, newest first."""
        audit_lookup(request, AuditEvent("people.errands", station or "", day.isoformat() if day else ""))
        sought = ErrandQuery(station, kind, outcome, day)
        rows = readings_of(request).errands(web.clock(), sought, limit=offset + limit + 1)
        return Rows(
            items=[_errand(row) for row in rows[offset : offset + limit]], next=next_offset(offset, limit, len(rows))
        )

    @router.get("/errands/{errand}", dependencies=needs(Right.PEOPLE), tags=["errands"])
    def read_errand(request: Request, errand: Name) -> ErrandWithEvents:
        """One errand of any day, with its events."""
        audit_lookup(request, AuditEvent("people.errand", errand))
        row = readings_of(request).errand(errand)
        if row is None:
            raise HTTPException(404, "no errand of that id")
        events = [_event(event) for event in readings_of(request).events(errand=errand)]
        return ErrandWithEvents(**_errand(row).model_dump(), events=events)


def _add_orders(router: APIRouter, web: Web) -> None:
    @router.get("/orders", dependencies=needs(Right.PEOPLE), tags=["orders"])
    def list_orders(
        request: Request,
        search: Annotated[
            str, Query(max_length=100, pattern=LINE, description="part of order, HSA-id, card number or name")
        ] = "",
        state: State | Literal["", "expired", "unregistered"] = "",
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> CountedRows[Order]:
        """Orders that fit; a whole HSA-id or card number finds the orders that have it, and no others."""
        audit_lookup(request, AuditEvent("people.search", search, state))
        rows, total = readings_of(request).orders(search=search, state=state, limit=limit, offset=offset)
        return CountedRows(
            items=[order_model(row) for row in rows], next=next_offset(offset, limit, total), total=total
        )


def emptied_model(request: Request, station: str, row: EmptiedRow | None) -> Emptied | None:
    """As the caller may see it."""
    if row is None:
        return None
    hidden = {} if caller_of(request).sees_people(station) else {"by": None}
    return Emptied.model_validate(row, from_attributes=True).model_copy(update=hidden)


_STATE_FIELDS = (
    "version",
    "errand",
    "step",
    "out_of_service",
    "outbox_depth",
    "region",
    "firmware",
    "image",
    "key_kept",
    "data_kept",
    "clock_off_s",
)
"""What a station's state says, and nothing where it has said nothing."""


def station_model(row: StationRow) -> Station:
    state = row.state
    return Station(
        name=row.name,
        title=row.title,
        online=row.online,
        contact=row.contact,
        receives_visitors=row.receives_visitors,
        heard=row.heard,
        **{name: getattr(state, name, None) for name in _STATE_FIELDS},
        lacks=list(state.lacks) if state else [],
        update=Update.model_validate(state.update, from_attributes=True) if state and state.update else None,
        devices=[Device.model_validate(device, from_attributes=True) for device in state.devices] if state else [],
        slots=[Slot.model_validate(slot, from_attributes=True) for slot in state.slots] if state else [],
        errands_today=row.errands_today,
        held_through=row.held_through,
        missing=row.missing,
        chain_ok=row.chain_ok,
        quarantined=row.quarantined,
        retired=Retired.model_validate(row.retired, from_attributes=True) if row.retired else None,
    )


def _errand(row: ErrandRow) -> Errand:
    return Errand.model_validate(row, from_attributes=True)


def order_model(row: OrderRow) -> Order:
    return Order.model_validate(row, from_attributes=True).model_copy(update={"name": None} if row.protected else {})


def _event(row: EventRow) -> Event:
    content = {name: value for name, value in row.content.items() if name in SHOWN}
    return Event.model_validate(row, from_attributes=True).model_copy(update={"content": content})
