"""Sessions opened by OpenID Connect: their step-up, and their end by back-channel log-out.

Rules: one transaction each, with its audit entry. A step-up takes what the issuer grants now; who is granted nothing any more
loses it in all open sessions.
"""

from datetime import datetime

from sqlalchemy import delete, insert, select

from fleet.server.accounts import queries as people
from fleet.server.accounts import sessions
from fleet.server.accounts.tables import replays
from fleet.server.audit_log import log as audit
from fleet.server.audit_log.log import AuditEvent
from fleet.server.keys.random_tokens import digest
from fleet.server.sign_in.service import Access
from fleet.server.web.roles import Caller, Grants


def step_up(access: Access, caller: Caller, identity: tuple[str, Grants, str], proved: datetime, address: str) -> bool:
    """A fresh proof of who is there: `identity` is the issuer's subject, what it grants now, and the HSA-id or none. False
    where it is somebody else than whose session that is, or nothing is granted any more: then nobody has stepped up."""
    subject, granted, hsa_id = identity
    with access.database.writing.begin() as connection:
        row = people.row_of_subject(connection, subject)
        mine = row is not None and row.name == caller.name
        if mine and granted:
            people.grant(connection, row.id, granted)
            people.record_hsa_id(connection, subject, hsa_id)
            sessions.note_step_up(connection, caller.key, proved)
        elif mine:
            people.take_all(connection, subject)
        done = mine and bool(granted)
        event = AuditEvent("step-up" if done else "step-up.refused", caller.name, "openid")
        audit.append(connection, access.clock(), caller.name, address, event)
        return done


def log_out(access: Access, subject: str | None, issuer_session: str | None) -> list[str]:
    """End that session of the issuer's, or all of that subject. Gives the keys of those that ended, whose streams end too."""
    with access.database.writing.begin() as connection:
        ended = sessions.end_of_issuer(connection, subject, issuer_session)
        for name, keys in ended.items():
            entry = AuditEvent("sign-out", name, f"openid {len(keys)}")
            audit.append(connection, access.clock(), people.PROGRAM, "", entry)
    return [key for keys in ended.values() for key in keys]


def is_new(access: Access, message: str, ends: datetime) -> bool:
    """Replay protection: whether that message, which is good once and not after `ends`, has not come before."""
    with access.database.writing.begin() as connection:
        connection.execute(delete(replays).where(replays.c.ends < access.clock()))
        replayed = connection.execute(select(replays.c.hash).where(replays.c.hash == digest(message))).first()
        if replayed is None:
            connection.execute(insert(replays).values(hash=digest(message), ends=ends))
        return replayed is None
