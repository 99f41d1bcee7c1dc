"""Actions of deadlines: remind, void the order, hold or block the card. Each once, with an event in the audit.

Rules: the action is written down first, in the transaction of what it does: who finds it written has nothing to do. A hold is
nobody's wish but the rule's; a block is asked for in the name that the settings give. Both go into the queue to the issuer.
"""

import secrets
from datetime import datetime

from sqlalchemy import Connection

from fleet.messages.asking import BlockAsk, HoldAsk
from fleet.messages.issuing import BlockReason
from fleet.server.audit_log.log import AuditEvent, append
from fleet.server.deadlines.model import Deadline
from fleet.server.deadlines.queries import record_action
from fleet.server.deadlines.settings import Act
from fleet.server.issuers import request_queue as requesting
from fleet.server.issuers.model import Queueable, RequestKey
from fleet.server.orders.service import apply_step
from fleet.server.stations.alarms import Alarm, raise_alarm

WHO = "server"
BLOCK_REASON: dict[str, BlockReason] = {"left": "left", "name_changed": "replaced", "receipt_unsigned": "lost"}
"""By rule. A card whose receipt nobody signed is lost to us."""


def warn(connection: Connection, deadline: Deadline, now: datetime) -> bool:
    """Remind somebody before the time is over. False where that was done."""
    if not record_action(connection, deadline, "warned", "remind", now):
        return False
    _tell(connection, deadline, "remind", now)
    return True


def act(connection: Connection, deadline: Deadline, action: Act, by: str, now: datetime) -> bool:
    """Do what happens by itself. False where that was done. `by`: in whose name a card is blocked."""
    if not record_action(connection, deadline, "done", action, now):
        return False
    match action:
        case "void":
            apply_step(connection, deadline.subject, "voided", now)
        case "hold" | "block":
            ask = _wish(deadline, action, now)
            name = by if action == "block" else ""
            requesting.enqueue(
                connection, RequestKey(deadline.station, ask.id), ask, f"rule:{deadline.code}", now, name
            )
        case "remind":
            pass
    _tell(connection, deadline, action, now)
    return True


def _wish(deadline: Deadline, action: Act, now: datetime) -> Queueable:
    requested_at = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    new_id, number = secrets.token_hex(16), deadline.card_number
    if action == "hold":
        return HoldAsk(id=new_id, card_number=number, reason="deadline", wanted=requested_at)
    reason = BLOCK_REASON[deadline.code]
    return BlockAsk(id=new_id, card_number=number, reason=reason, wanted=requested_at)


def _tell(connection: Connection, deadline: Deadline, did: Act, now: datetime) -> None:
    """The event of the server, and a word to people."""
    detail = f"{deadline.code} {deadline.due.isoformat()}"
    append(connection, now, WHO, "", AuditEvent(f"deadline.{did}", deadline.subject, detail))
    argument = f"{deadline.subject} {deadline.due.isoformat()}"
    raise_alarm(connection, Alarm(deadline.station, deadline.code, argument), now)
