"""Verification of commands at a simulated station, with the results that were given. Pure.

Rules: the judgement is the real station's (`fleet.messages.command_verification`); the memory outlives a power cut, as a real
one's does, and ends with the simulation. A command is taken once, and none that is older than the last; a known result is
given again, to the same bytes and on each new connection.
"""

from datetime import datetime

from joserfc.jwk import ECKey

from fleet.messages.command_verification import (
    KEPT,
    CommandVerdict,
    DeclinedCommand,
    IgnoredCommand,
    TakenCommand,
    open_command,
    refusal_reason,
)
from fleet.messages.commands import COMMANDS, CommandResult, digest_of
from fleet.messages.vocabulary import CommandOutcome


class CommandVerifier:
    """Verifies the commands of one station.

    `key`: the server's, which all stations share. `results`: all that were given, the oldest first.
    """

    def __init__(self, station: str, key: ECKey) -> None:
        self._station = station
        self._key = key
        self._highest = 0
        self._concluded: dict[str, CommandResult] = {}
        self.results: list[CommandResult] = []

    def take(self, payload: bytes, now: datetime) -> CommandVerdict:
        """The verdict at that (aware) time; what is `TakenCommand` is never taken again."""
        command = open_command(payload, self._key, self._station)
        if isinstance(command, IgnoredCommand):
            return command
        digest = digest_of(payload)
        if (concluded := self._concluded.get(digest)) is not None:
            return DeclinedCommand(concluded)
        if (why := refusal_reason(command, COMMANDS, now)) is not None:
            return DeclinedCommand(
                self._keep_result(CommandResult(command.sequence, digest, CommandOutcome.REFUSED, why))
            )
        if command.sequence <= self._highest:
            return IgnoredCommand("taken before")
        self._highest = command.sequence
        return TakenCommand(command, digest)

    def conclude(self, result: CommandResult) -> None:
        """Keep what became of a taken one."""
        self._concluded[result.digest] = self._keep_result(result)

    def latest(self) -> list[CommandResult]:
        """To be told once more, the oldest first."""
        return list(self._concluded.values())[-KEPT:]

    def _keep_result(self, result: CommandResult) -> CommandResult:
        self.results.append(result)
        return result
