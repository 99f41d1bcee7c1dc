"""API of the worklist, under /api/v1: what waits, and what people do about it.

Rules: as on the page. A token reads; who takes, notes and acts is a person in a session.

Example: `app.include_router(worklist_api(worklist, cards))`
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request
from pydantic import BaseModel, Field

from fleet.server.audit_log.log import AuditEvent
from fleet.server.cards.model import Cards
from fleet.server.issuers.certificate_files import MOST_BYTES, FileRefusedError
from fleet.server.orders.request_bodies import STATION
from fleet.server.web.authorization import audit_lookup, needs
from fleet.server.web.idempotency import api_group
from fleet.server.web.pagination import CountedRows, Limit, Offset, next_offset
from fleet.server.web.request_bodies import LINE, Body
from fleet.server.web.roles import Right
from fleet.server.worklist.dependencies import find_row, within
from fleet.server.worklist.model import ACTIONS, MOST_NOTE, Action, Kind, Worklist, WorklistRow
from fleet.server.worklist.pages import LOOKED, carry_out, fetch_request, give_certificate, note_down

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Note = Annotated[str, Field(max_length=MOST_NOTE, pattern=LINE)]


class WorklistAct(BaseModel):
    """Act of a person about an item of the worklist."""

    at: datetime
    who: str
    act: str
    note: str


class WorklistItem(BaseModel):
    """One thing that waits. `subject`: card number, order, request or station, as its kind has it; `actions`: what may end it,
    the usual one first; `is_sent`: a block or lift is on its way to the issuer."""

    id: str
    kind: Kind
    subject: str
    card_number: str
    hsa_id: str
    station: str
    cause: str
    since: datetime
    due: datetime
    is_urgent: bool
    is_sent: bool
    actions: list[Action]
    taken_by: str | None
    acts: list[WorklistAct]


class TakeBody(Body):
    """`take` false: leave it to others."""

    take: bool = True


class NoteBody(Body):
    note: Annotated[Note, Field(min_length=1)]


class ActBody(Body):
    """One of the row's `actions`. `close` and `register` need a note."""

    action: Action
    note: Note = ""


class CertificateRequestFile(BaseModel):
    """`request`: PKCS#10 in PEM; `name`: of a file for it."""

    name: str
    request: str


class CertificateBody(Body):
    """PEM, or the base64 of a file in DER or PKCS#7."""

    certificate: Annotated[str, Field(min_length=1, max_length=MOST_BYTES, pattern=r"^[\x20-\x7e\r\n\t]*$")]


class CertificateGiven(BaseModel):
    """The row that has ended: the station writes the certificate to the card."""

    id: str
    card_number: str


def worklist_api(worklist: Worklist, cards: Cards) -> APIRouter:
    router = api_group("worklist")

    @router.get("/worklist", dependencies=needs(Right.PEOPLE))
    def list_worklist(
        request: Request,
        station: Annotated[str | None, Query(pattern=STATION)] = None,
        kind: Kind | None = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> CountedRows[WorklistItem]:
        """Return the items that wait for an administrator, the shortest time first."""
        audit_lookup(request, AuditEvent(LOOKED, station or "", kind or ""))
        rows = [row for row in within(request, worklist).rows(station=station or "") if kind in (None, row.kind)]
        items = [_item(row) for row in rows[offset : offset + limit]]
        return CountedRows(items=items, next=next_offset(offset, limit, len(rows)), total=len(rows))

    @router.post("/worklist/{id}/take", dependencies=needs(Right.ORDERS, person=True))
    def take_row(request: Request, id: Id, said: TakeBody) -> WorklistItem:
        """Take it, or leave it to others. Not by a token."""
        row = find_row(request, worklist, id)
        note_down(request, worklist, row, "take" if said.take else "leave", "")
        return _item(find_row(request, worklist, id))

    @router.post("/worklist/{id}/note", dependencies=needs(Right.ORDERS, person=True))
    def note_row(request: Request, id: Id, said: NoteBody) -> WorklistItem:
        """Write a note to it. Not by a token."""
        note_down(request, worklist, find_row(request, worklist, id), "note", said.note.strip())
        return _item(find_row(request, worklist, id))

    @router.get("/worklist/{id}/request", dependencies=needs(Right.ORDERS, person=True))
    def fetch_certificate_request(request: Request, id: Id) -> CertificateRequestFile:
        """The request of a certificate, to be carried to the issuer's portal. It may be fetched again. Not by a token."""
        file = fetch_request(request, worklist, find_row(request, worklist, id))
        return CertificateRequestFile(name=file.name, request=file.content)

    @router.post("/worklist/{id}/certificate", dependencies=needs(Right.ORDERS, person=True))
    def give_back_certificate(request: Request, id: Id, said: CertificateBody) -> CertificateGiven:
        """The certificate that the portal made. 409 with the reason where the file is not what was asked for: nothing has
        changed. Not by a token."""
        row = find_row(request, worklist, id)
        try:
            give_certificate(request, worklist, row, said.certificate.encode())
        except FileRefusedError as error:
            raise HTTPException(409, error.fault) from None
        return CertificateGiven(id=row.id, card_number=row.card_number)

    @router.post("/worklist/{id}/act", status_code=202, dependencies=needs(Right.ORDERS, person=True))
    def act_on_row(request: Request, id: Id, said: ActBody) -> WorklistItem:
        """Bring it to its end. A block or lift goes into the queue to the issuer; it takes a listed ID administrator (KRA) and a
        step-up. Not by a token."""
        row = find_row(request, worklist, id)
        carry_out(request, worklist, cards, row, said.action, said.note.strip())
        return _item(within(request, worklist).row(id) or row)

    return router


def _item(row: WorklistRow) -> WorklistItem:
    names = [name for name in WorklistItem.model_fields if hasattr(row, name) and name != "acts"]
    acts = [WorklistAct.model_validate(act, from_attributes=True) for act in row.acts]
    taken = row.taken
    return WorklistItem(
        **{name: getattr(row, name) for name in names},
        actions=list(ACTIONS[row.kind]),
        taken_by=taken.who if taken else None,
        acts=acts,
    )
