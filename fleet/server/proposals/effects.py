"""Effects of proposals: what is done, exactly as the proposal says it, in the transaction of the caller."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from fleet.messages.commands import UpdateOrder
from fleet.messages.link import Administrator
from fleet.messages.vocabulary import CommandName
from fleet.server.accounts.queries import AccountError, named
from fleet.server.accounts.separation_of_duties import Requester
from fleet.server.accounts.service import give_account, give_link, give_roles, mail_link, open_again
from fleet.server.accounts.tables import users
from fleet.server.audit_log import log as audit
from fleet.server.audit_log.log import AuditEvent
from fleet.server.commands.model import CommandRequest
from fleet.server.commands.service import ask
from fleet.server.enrolment.model import EnrolmentRefusedError
from fleet.server.enrolment.service import let_in
from fleet.server.guards.service import confirm
from fleet.server.people.model import ListedAdministrator
from fleet.server.people.queries import put_administrator
from fleet.server.proposals.model import CODED, Kind, ProposalRow, Wish
from fleet.server.station_settings.model import RevisionConflictError, SettingsRefusedError
from fleet.server.station_settings.service import PLACED, place_of_content, put_layer, put_place
from fleet.server.web.roles import Grants, Role


class EffectError(Exception):
    """It cannot take effect any more. The text says why."""


FAULTS = (EffectError, AccountError, EnrolmentRefusedError, RevisionConflictError, SettingsRefusedError)


def carry_out(connection: Connection, row: ProposalRow, now: datetime, *, mails: bool, shown: datetime) -> str:
    """Do it; gives the value of a set-up link where one person alone sets a region up. `shown`: by the machine's clock, which a
    guard is about. Raises one of FAULTS."""
    by = [name for name in (row.by, row.second) if name]
    _require_open(connection, by)
    content = row.content
    match row.kind:
        case Kind.ADMINISTRATOR:
            put_administrator(connection, listed_of(row.target, content), now)
            audit.append(connection, now, row.by, "", AuditEvent("administrator.put", row.target, told_of(content)))
        case Kind.ACCOUNT:
            give_account(connection, row.target, grants_of(content), content["mail"], by, now)
        case Kind.ROLES:
            give_roles(connection, row.target, grants_of(content), by, now)
        case Kind.OPEN:
            open_again(connection, row.target, by, now)
        case Kind.STATION | Kind.STATIONS:
            _let_in(connection, content.get("stations", [content]), by[-1], now)
        case Kind.ROLL_OUT:
            _roll_out(connection, row, by, now)
        case Kind.GUARD:
            _confirm_guard(connection, row.target, by[-1], shown)
        case Kind.SETTINGS:
            _put_settings(connection, row, now)
        case Kind.SET_UP:
            pass
    return _link(connection, row, now, mails=mails) if row.kind in CODED else ""


def listed_content(listed: ListedAdministrator) -> dict[str, Any]:
    """A row of the list as a proposal says it."""
    person = listed.administrator
    return {
        "name": person.name, "roles": [*person.roles], "level": person.level, "scope": [*listed.scope],
        "valid_from": person.valid_from, "valid_until": person.valid_until, "decision": listed.decision,
    }  # fmt: skip


def listed_of(hsa_id: str, content: Mapping[str, Any]) -> ListedAdministrator:
    """The row of the list that a proposal says."""
    days = content["valid_from"], content["valid_until"]
    person = Administrator(hsa_id, content["name"], tuple(content["roles"]), content["level"], *days)
    return ListedAdministrator(person, tuple(content["scope"]), content["decision"])


def told_of(content: Mapping[str, Any]) -> str:
    """A row of the list, for the audit."""
    days = f"{content['valid_from'] or '–'} {content['valid_until'] or '–'}"
    return f"{' '.join(content['roles'])}, {content['level']}, {' '.join(content['scope'])}, {days}"


def roll_out_wish(wishes: Sequence[CommandRequest], order: UpdateOrder) -> Wish:
    """To order that bundle for those stations."""
    content = {
        "stations": [wish.station for wish in wishes], "order": msgspec.to_builtins(order), "valid_s": wishes[0].valid_s,
    }  # fmt: skip
    return Wish(Kind.ROLL_OUT, order.sha256, content, wishes[0].reason)


def grants_of(content: Mapping[str, Any]) -> Grants:
    return tuple((Role(role), stations) for role, stations in content["roles"])


def _require_open(connection: Connection, by: list[str]) -> None:
    """Raise EffectError where one of these accounts was closed meanwhile: its owner proposes and confirms nothing."""
    closed = connection.execute(select(users.c.name).where(users.c.name.in_(by), users.c.disabled)).scalars().first()
    if closed is not None:
        raise EffectError(f"the account of {closed} was closed meanwhile")


def _let_in(connection: Connection, stations: Sequence[Mapping[str, Any]], by: str, now: datetime) -> None:
    for station in stations:
        let_in(connection, station["claim"], station["key"], (by, ""), now)


def _confirm_guard(connection: Connection, name: str, by: str, shown: datetime) -> None:
    if not confirm(connection, name, shown, (by, "")):
        raise EffectError(f"{name}: nothing of that name waits")


def _put_settings(connection: Connection, row: ProposalRow, now: datetime) -> None:
    requester, content = (row.by, row.second, ""), row.content
    if row.target.startswith(PLACED):
        put_place(connection, place_of_content(row.target, content), requester, now)
    else:
        put_layer(connection, row.target, content["document"], content["revision"], row.reason, requester, now)


def _roll_out(connection: Connection, row: ProposalRow, by: list[str], now: datetime) -> None:
    order = msgspec.convert(row.content["order"], UpdateOrder)
    requester = Requester(row.by, stepped_up=True)
    for station in row.content["stations"]:
        wish = CommandRequest(
            station, CommandName.UPDATE, row.reason, valid_s=row.content["valid_s"], update_order=order
        )
        ask(connection, wish, requester, now)


def _link(connection: Connection, row: ProposalRow, now: datetime, *, mails: bool) -> str:
    """By mail; else the two persons have a half each, and who is alone in the first hour has the whole link."""
    if mails and named(connection, row.target).mail:
        mail_link(connection, row.target, now)
        return ""
    return give_link(connection, row.target, now) if row.second is None else ""
