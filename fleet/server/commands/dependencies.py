"""Dependencies of routes about commands: authorization, who may order which command where."""

from fastapi import Request

from fleet.server.commands.model import CommandRow, Requester, right_for
from fleet.server.commands.service import CommandService
from fleet.server.sign_in.dependencies import access_of
from fleet.server.web.authorization import address_of, caller_of
from fleet.server.web.roles import Right


def may_order(request: Request, command: str, station: str) -> bool:
    """Return whether the caller may order that command there."""
    return caller_of(request).scope(right_for(command)).allows(station)


def orderer(request: Request) -> Requester:
    """The caller, as the service and the audit know them."""
    caller = caller_of(request)
    fresh = caller.has_stepped_up(access_of(request).clock())
    return Requester(caller.name, address_of(request), caller.program, fresh, caller.hsa_id)


def within(request: Request, commands: CommandService) -> CommandService:
    """Limit the commands to those that the caller's right was granted for."""
    return commands.within(caller_of(request).scope(request.state.right).patterns)


def waiting_for(request: Request, commands: CommandService) -> list[CommandRow]:
    """Commands that the caller may agree to: another's, at a station of theirs."""
    caller = caller_of(request)
    rows, _ = commands.within(caller.scope(Right.CARDS).patterns).listed(states={"waiting"})
    return [row for row in rows if row.by != caller.name]


def count_for(request: Request, commands: CommandService) -> int:
    return len(waiting_for(request, commands))
