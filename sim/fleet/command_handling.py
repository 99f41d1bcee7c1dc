"""Command handling of a simulated station: acceptance, events, execution as far as there is any, and results.

Rules as a real station's: an event when it is taken and one when it has ended, the result after it, and again on each connection.
Restarts, self test and slot wait until no errand is at the station, and none begins meanwhile; at their expiry they end as
`busy`. A restart's result is told by the boot that follows. What the end of the simulation cuts off is concluded then.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol, assert_never

from fleet.messages.command_verification import (
    DeclinedCommand,
    IgnoredCommand,
    TakenCommand,
    answer,
    command_ended_data,
    command_taken_data,
)
from fleet.messages.commands import NEEDS_FREE, CommandResult
from fleet.messages.vocabulary import CommandName, CommandOutcome, EventType
from sim.fleet.command_verification import CommandVerifier
from sim.fleet.device_state import SLOTS, SimulatedDevices
from sim.fleet.order_sync import OrderSync

TEST_S = 2.0
DOOR_S = 5.0
"""So long the door of an opened slot stands open, at the pace of life."""

_log = logging.getLogger(__name__)


class CommandTarget(Protocol):
    """The station that commands work on. `counter` is held by an errand, and by what must not meet one."""

    twin: SimulatedDevices
    counter: asyncio.Lock
    syncing: OrderSync
    pace: float

    def tell(self, kind: str, subject: str | None, content: dict[str, Any]) -> None:
        """An event of its chain."""
        ...

    def say_state(self) -> None: ...

    def say_result(self, result: CommandResult) -> None:
        """Tell the result of a command where there is a line."""
        ...

    def cut_power(self) -> None:
        """Restart the station, as a power cut does."""
        ...

    def log_lines(self) -> tuple[str, ...]:
        """Its latest events, as codes."""
        ...


class CommandHandler:
    """Handles the commands of one station: `take` what comes until `stop`."""

    def __init__(self, gate: CommandVerifier, body: CommandTarget, clock: Callable[[], datetime]) -> None:
        self._verifier = gate
        self._target = body
        self._clock = clock
        self._doing: set[asyncio.Task[None]] = set()
        self._stopped = False

    @property
    def results(self) -> list[CommandResult]:
        """Results of all commands so far."""
        return self._verifier.results

    def take(self, payload: bytes) -> None:
        """Judge it, and begin it where it is to be done."""
        if self._stopped:
            return
        match self._verifier.take(payload, self._clock()):
            case TakenCommand() as taken:
                self._target.tell(EventType.COMMAND_TAKEN, None, command_taken_data(taken.command))
                task = asyncio.create_task(self._do(taken))
                self._doing.add(task)
                task.add_done_callback(self._doing.discard)
            case DeclinedCommand(result):
                self._target.say_result(result)
            case IgnoredCommand(why):
                _log.warning("a command was ignored: %s", why)

    def tell_again(self) -> None:
        """There is a new connection."""
        for result in self._verifier.latest():
            self._target.say_result(result)

    async def stop(self) -> None:
        """Take none any more, and conclude what is under way."""
        self._stopped = True
        doing = list(self._doing)
        for task in doing:
            task.cancel()
        await asyncio.gather(*doing, return_exceptions=True)

    async def _do(self, taken: TakenCommand) -> None:
        try:
            result = await self._execute_when_free(taken)
        except asyncio.CancelledError:
            result = answer(taken, CommandOutcome.FAILED, "interrupted")
        except Exception:  # whatever it was: say it, and stay a station
            _log.exception("a command crashed")
            result = answer(taken, CommandOutcome.FAILED, "fault")
        self._verifier.conclude(result)
        self._target.tell(EventType.COMMAND_ENDED, None, command_ended_data(taken.command, result))
        self._target.say_result(result)

    async def _execute_when_free(self, taken: TakenCommand) -> CommandResult:
        if taken.command.command not in NEEDS_FREE:
            return await self._execute(taken)
        left = datetime.fromisoformat(taken.command.not_after) - self._clock()
        counter = self._target.counter
        try:
            await asyncio.wait_for(counter.acquire(), left.total_seconds())
        except TimeoutError:
            return answer(taken, CommandOutcome.REFUSED, "busy")
        try:
            return await self._execute(taken)
        finally:
            counter.release()

    async def _execute(self, taken: TakenCommand) -> CommandResult:
        command, twin = taken.command, self._target.twin
        match command.command:
            case CommandName.OUT_OF_SERVICE | CommandName.IN_SERVICE:
                twin.out_of_service = command.message
                self._target.say_state()
            case CommandName.RESTART | CommandName.RESTART_MACHINE:
                self._target.cut_power()
            case CommandName.SELF_TEST:
                await asyncio.sleep(TEST_S / self._target.pace)
                return answer(taken, CommandOutcome.DONE, devices=twin.devices())
            case CommandName.OPEN_SLOT:
                return self._open_slot(taken)
            case CommandName.LOG_BUNDLE:
                return answer(taken, CommandOutcome.DONE, lines=self._target.log_lines())
            case CommandName.NETWORK_TEST:
                return answer(taken, CommandOutcome.DONE, lines=("connections: a made-up station has no network",))
            case CommandName.SYNC:
                why = await self._target.syncing.run()
                return answer(taken, CommandOutcome.FAILED if why else CommandOutcome.DONE, why)
            case CommandName.UPDATE:
                return answer(taken, CommandOutcome.REFUSED, "no_slots")
            case _:
                assert_never(command.command)
        return answer(taken, CommandOutcome.DONE)

    def _open_slot(self, taken: TakenCommand) -> CommandResult:
        slot, twin = taken.command.slot, self._target.twin
        if slot is None or slot > SLOTS:
            return answer(taken, CommandOutcome.REFUSED, "no_such_slot")
        if twin.open_slot is not None:
            return answer(taken, CommandOutcome.FAILED, "other_open")
        twin.open_slot = slot
        self._target.say_state()
        asyncio.get_running_loop().call_later(DOOR_S / self._target.pace, self._close_slot)
        return answer(taken, CommandOutcome.DONE)

    def _close_slot(self) -> None:
        self._target.twin.open_slot = None
        self._target.say_state()
