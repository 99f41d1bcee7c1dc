"""API of checkpoints and evidence files: the last checkpoint of each station, and files of evidence. The pages link to these.

Rules: a file is for those who may see the audit of all stations; it is told to the audit before it is written, and streamed.

Example: `app.include_router(evidence_api(evidence))`
"""

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, BinaryIO, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel

from fleet.server.evidence.model import Kind
from fleet.server.evidence.request import PATTERN, evidence_request, export_audit_event
from fleet.server.evidence.selection import NothingHeldError, TooMuchError
from fleet.server.evidence.service import BusyError, Evidence
from fleet.server.evidence.signature import SealError
from fleet.server.pages.rendering import Web
from fleet.server.readings.dependencies import readings_of
from fleet.server.web.authorization import audit_lookup, needs
from fleet.server.web.idempotency import api_group
from fleet.server.web.pagination import Name
from fleet.server.web.problem_details import described, problem
from fleet.server.web.request_bodies import Day
from fleet.server.web.roles import Right

_log = logging.getLogger(__name__)

CHUNK_BYTES = 64 * 1024
RETRY_AFTER_S = 10
MEDIA_TYPE = "application/zip"
_ANSWERS = {200: {"content": {MEDIA_TYPE: {}}, "description": "The file, see docs/evidence.md"}, **described(413, 503)}


class Checkpoint(BaseModel):
    """The station's own signature over its chain up to `sequence`. `verdict`: `good`, or what is wrong; null: not judged yet.
    `countersigned`: when the server held it, by its own signed word; `stamped`: when a time stamp over that was got."""

    at: datetime
    epoch: int
    sequence: int
    verdict: Literal["good", "unreadable", "stranger", "other_key", "other_chain"] | None
    countersigned: datetime | None
    stamped: datetime | None


class LastCheckpoint(BaseModel):
    """The last one; null where the station has made none."""

    checkpoint: Checkpoint | None


def checkpoint_api(web: Web) -> APIRouter:
    router = api_group("stations")

    @router.get("/stations/{name}/checkpoint", dependencies=needs(Right.VIEW))
    def read_checkpoint(request: Request, name: Name) -> LastCheckpoint:
        """Return how far the station has signed its chain."""
        if readings_of(request).station(name, web.clock()) is None:
            raise HTTPException(404, "no station of that name")
        row = readings_of(request).checkpoint(name)
        return LastCheckpoint(checkpoint=None if row is None else Checkpoint.model_validate(row, from_attributes=True))

    return router


def evidence_api(evidence: Evidence) -> APIRouter:
    router = api_group("evidence")

    @router.get("/evidence", dependencies=needs(Right.AUDIT), response_class=StreamingResponse, responses=_ANSWERS)
    def read_evidence(
        request: Request,
        kind: Annotated[Kind, Query(description="what it is about")],
        value: Annotated[str, Query(pattern=PATTERN, max_length=64, description="its id, number or name")],
        first: Annotated[Day | None, Query(description="first day, UTC")] = None,
        last: Annotated[Day | None, Query(description="last day, UTC, inclusive")] = None,
    ) -> Response:
        """Return what stations have told of an errand, a card, an order or a station, in one signed file."""
        export_request = evidence_request(kind, value, first, last)
        audit_lookup(request, export_audit_event(export_request))
        try:
            file = evidence.written(export_request)
        except NothingHeldError as error:
            raise HTTPException(404, str(error)) from None
        except TooMuchError as error:
            raise HTTPException(413, str(error)) from None
        except BusyError as error:
            return problem(503, str(error), {"retry-after": str(RETRY_AFTER_S)})
        except SealError as error:
            _log.error("no evidence file can be written: %s", error)
            return problem(503, "the server's keys or the authority's list of revocations cannot be read; see its log")
        headers = {"content-disposition": f'attachment; filename="evidence-{kind}.zip"', "cache-control": "no-store"}
        return StreamingResponse(_chunks(file), media_type=MEDIA_TYPE, headers=headers)

    return router


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
