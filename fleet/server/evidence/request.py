"""Request for an evidence file, validated in one place for the program and the API.

>>> evidence_request("errand", "0b6cf0de", None, None)
EvidenceRequest(kind='errand', value='0b6cf0de', first=None, last=None)
"""

import re
from datetime import date
from typing import get_args

from fleet.server.audit_log.log import AuditEvent
from fleet.server.evidence.model import EvidenceRequest, Kind

EXPORTED = "evidence.export"
KINDS: tuple[Kind, ...] = get_args(Kind)
PATTERN = r'^[^\x00-\x1f\x7f"\\]{1,64}$'
"""Of what is asked for: nothing that JSON would write otherwise than it is."""


class EvidenceRequestError(ValueError):
    """Error in a request for evidence. The text says what is wrong."""


def evidence_request(kind: Kind, value: str, first: date | None, last: date | None) -> EvidenceRequest:
    """Make the request for a file of evidence; `first` and `last` day narrow it. Raises EvidenceRequestError."""
    if not re.fullmatch(PATTERN.strip("^$"), value):
        raise EvidenceRequestError(f"{kind}: 1 to 64 signs, none of them a quotation mark")
    return EvidenceRequest(kind, value, first.isoformat() if first else None, last.isoformat() if last else None)


def export_audit_event(request: EvidenceRequest) -> AuditEvent:
    """Return the entry of the audit about an export."""
    return AuditEvent(
        EXPORTED, request.value, " ".join(part for part in (request.kind, request.first, request.last) if part)
    )
