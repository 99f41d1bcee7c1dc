"""The errand runner: one errand from its first question to its end, if it can begin at all."""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from fleet.agent.store import StoreError
from fleet.messages.vocabulary import ErrandOutcome
from kiosk.administration_ports import AdministratorSession, Machine
from kiosk.errands.registry import Errand
from kiosk.ports import Ended
from kiosk.station.activity import StationActivity
from kiosk.station.availability import Availability
from kiosk.station.journal import Journal
from kiosk.station.restart import nothing
from kiosk.station.supervisor import Supervisor
from kiosk.steps.capabilities import Capabilities


@dataclass(frozen=True, slots=True)
class AfterErrand:
    """Callbacks of the end of errands."""

    ended: Callable[[], None] = lambda: None
    """Called when an errand has ended that was begun from the home screen."""
    person_left: Callable[[], None] = lambda: None
    """Called where the same person goes on with no other errand."""
    idle: Callable[[], Awaitable[None]] = nothing
    """Called last, between errands: none begins before it is done."""
    changed: Callable[[], None] = lambda: None
    """Called after every errand: the fleet is told."""
    administered: Callable[[], None] = lambda: None
    """Called when an administrator has been at the menu."""


@dataclass(frozen=True, slots=True)
class ErrandRunner:
    """Runs errands, one at a time, and inside one those that an administrator begins from the menu."""

    supervisor: Supervisor
    activity: StationActivity
    availability: Availability
    journal: Journal | None
    """None: the station can write nothing down, and no errand begins."""
    capabilities: Callable[[], Capabilities]
    administration: Callable[["ErrandRunner"], Machine]
    """The station as a machine, for errands that are begun through this runner."""
    report: Callable[[str, str], None]
    after: AfterErrand = field(default_factory=AfterErrand)

    async def run(self, errand: Errand, administrator_session: AdministratorSession | None = None) -> Ended | None:
        """One errand to its end; None where it could not even begin. `administrator_session`: who began it from the menu."""
        if self.journal is None or self.availability.missing(errand) is not None:
            return None
        outer = self.activity.errand
        try:
            async with contextlib.nullcontext() if outer else self.activity.exclusive:
                log = await self.journal.start(errand.id)
                self.activity.errand = errand.id
        except StoreError as error:
            self.report(error.problem, str(error))
            return None
        given = replace(
            self.capabilities(), machine=self.administration(self), administrator_session=administrator_session
        )
        ended: Ended | None = None
        try:
            ended = await self.supervisor.run(errand.journey, given, log)
            return ended
        finally:
            self.activity.errand = outer
            if outer is None:
                self.after.ended()
                if errand.entry.who == "administrator" and ended and ended.outcome is ErrandOutcome.DONE:
                    self.after.administered()
                if not (ended and ended.then):
                    self.after.person_left()
                await self.after.idle()
            self.after.changed()
