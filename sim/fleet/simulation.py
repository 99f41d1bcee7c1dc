"""Simulation of many stations at once, and a report of what each has sent.

Rules: the first connections are spread as after a power cut of the whole region. Once told to end, no station begins
anything new; each stays until the server holds all of its events, at most for a patience.
"""

import asyncio
import contextlib
import statistics
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from sim.fleet.station import SimulatedStation


@dataclass(frozen=True, slots=True)
class AnsweredCommand:
    """A command that one station has answered: the digest of its exact bytes, and the outcome."""

    sequence: int
    digest: str
    outcome: str


@dataclass(frozen=True, slots=True)
class SentEvents:
    """Events that one station has told: its chain (`digest` as its outbox has it), how many checkpoints are in it, its
    answers; and what should be held of it."""

    station: str
    epoch: int
    last: int
    digest: str
    checkpoints: int = 0
    answered: tuple[AnsweredCommand, ...] = ()


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """A simulation that has ended. `unheld`: events of which the server has not said that it holds them."""

    sent: tuple[SentEvents, ...]
    unheld: int
    errands: int
    connections: int
    faults: int
    resent: int
    seconds: float
    wait_median_ms: float
    wait_p99_ms: float
    """From the first publish of an event to the server's word that it holds it."""

    @property
    def events(self) -> int:
        """Number of events that the station sent."""
        return sum(station.last for station in self.sent)

    @property
    def checkpoints(self) -> int:
        """Number of checkpoints among them."""
        return sum(station.checkpoints for station in self.sent)

    @property
    def answered(self) -> int:
        """Number of commands that were answered."""
        return sum(len(station.answered) for station in self.sent)


async def simulate(
    stations: Sequence[SimulatedStation], until: Awaitable[object], patience_s: float
) -> SimulationReport:
    """Let them live until `until` is over, then until all is held or `patience_s` has passed."""
    began = asyncio.get_running_loop().time()
    lives = [asyncio.create_task(station.live()) for station in stations]
    links = [asyncio.create_task(station.stay_connected()) for station in stations]
    try:
        await until
        lived = asyncio.get_running_loop().time() - began
        await _end(lives)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(_all_held(stations), patience_s)
        await asyncio.gather(*(station.leave() for station in stations))
    finally:
        await _end(lives)
        await _end(links)
    return _report(stations, lived)


async def _all_held(stations: Sequence[SimulatedStation]) -> None:
    for station in stations:
        await station.settle()


async def _end(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Cancel them. Raises what one of them had ended with before."""
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


def _report(stations: Sequence[SimulatedStation], seconds: float) -> SimulationReport:
    waits = sorted(wait for station in stations for wait in station.waits_s)
    return SimulationReport(
        sent=tuple(map(_sent, stations)),
        unheld=sum(station.outbox.depth for station in stations),
        errands=sum(station.tally.errands for station in stations),
        connections=sum(station.tally.connections for station in stations),
        faults=sum(station.tally.faults for station in stations),
        resent=sum(station.outbox.resent for station in stations),
        seconds=round(seconds, 1),
        wait_median_ms=_ms(statistics.median(waits) if waits else 0.0),
        wait_p99_ms=_ms(waits[int(len(waits) * 0.99)] if waits else 0.0),
    )


def _sent(station: SimulatedStation) -> SentEvents:
    outbox = station.outbox
    answered = tuple(AnsweredCommand(each.sequence, each.digest, each.outcome) for each in station.commanded.results)
    return SentEvents(outbox.station, outbox.epoch, outbox.last, outbox.digest, station.checkpoints.count, answered)


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 1)
