"""Roll-out of an image: which stations can take a bundle, and how far each has come with the one that was ordered. Pure.

Rules: nothing is ordered for any station while one of those that were named cannot take it, and each is told why. How far a
station is follows from its last order and from its own state; a state that is older than the answer says nothing of it yet.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from fleet.messages.command_verification import aware_time
from fleet.server.commands.model import CommandRow
from fleet.server.stations.model import StationRow
from fleet.server.updates.model import StoredBundle
from provisioning.updates.bundle import is_older

WENT_BACK = frozenset({"fell_back", "self_test", "confirm", "not_started"})
"""Why an update failed whose new slot was to be started, or was: the old one runs."""
AT_WORK = frozenset({"installing", "restarting", "testing"})


class Unfit(StrEnum):
    """Why a station cannot take a bundle."""

    UNKNOWN = "unknown"
    RETIRED = "retired"
    NO_IMAGE = "no_image"
    MACHINE = "machine"
    """The bundle is for another kind of machine."""
    UPDATING = "updating"
    """It is installing one, or trying it."""
    SAME = "same"
    OLDER = "older"


class RollOutState(StrEnum):
    """Progress of a station with the version that was ordered."""

    WAITING = "waiting"
    """Ordered; the station has not taken it yet, or has not said how far it is."""
    FETCHING = "fetching"
    FETCHED = "fetched"
    TRIED = "tried"
    CONFIRMED = "confirmed"
    FELL_BACK = "fell_back"
    FAILED = "failed"
    NOT_TAKEN = "not_taken"
    """The station has refused the order, or nobody took it in time."""


UNDER_WAY = frozenset({RollOutState.WAITING, RollOutState.FETCHING, RollOutState.FETCHED, RollOutState.TRIED})


@dataclass(frozen=True, slots=True)
class Progress:
    """One station: what runs, what was ordered last (None: nothing), and how far it is; `reason` is a code."""

    row: StationRow
    ordered: CommandRow | None
    state: RollOutState | None
    reason: str = ""

    @property
    def version(self) -> str | None:
        """The version that was ordered."""
        return self.ordered.update_order.version if self.ordered and self.ordered.update_order else None


def unfit_stations(
    names: Collection[str], rows: Iterable[StationRow], bundle: StoredBundle, *, older: bool
) -> dict[str, Unfit]:
    """Return the stations that cannot take it, and why; in the order in which they were named."""
    by_name = {row.name: row for row in rows}
    reasons = {name: _unfit(by_name.get(name), bundle, older) for name in names}
    return {name: why for name, why in reasons.items() if why is not None}


def _unfit(row: StationRow | None, bundle: StoredBundle, older: bool) -> Unfit | None:
    if row is None:
        return Unfit.UNKNOWN
    update = row.state.update if row.state is not None else None
    image = (row.state.image if row.state is not None else None) or ""
    faults = (
        (Unfit.RETIRED, row.retired is not None),
        (Unfit.NO_IMAGE, update is None),
        (Unfit.MACHINE, update is not None and update.compatible != bundle.compatible),
        (Unfit.UPDATING, update is not None and update.step in AT_WORK),
        (Unfit.SAME, image == bundle.version),
        (Unfit.OLDER, not older and is_older(bundle.version, image)),
    )
    return next((why for why, holds in faults if holds), None)


def roll_out(rows: Iterable[StationRow], orders: Mapping[str, CommandRow]) -> list[Progress]:
    """Stations that run from an image, or were to; those that went back first, then those under way, by title."""
    progresses = [
        progress_of(row, orders.get(row.name))
        for row in rows
        if row.name in orders or (row.state is not None and row.state.update is not None)
    ]
    return sorted(
        progresses, key=lambda progress: (_rank(progress.state), progress.row.title.casefold(), progress.row.name)
    )


def progress_of(row: StationRow, ordered: CommandRow | None) -> Progress:
    """Return a station's progress with the version that was ordered."""
    if ordered is None or ordered.update_order is None:
        return Progress(row, None, None)
    if ordered.state in ("waiting", "ready", "sent"):
        return Progress(row, ordered, RollOutState.WAITING)
    if ordered.state != "done":
        return Progress(row, ordered, RollOutState.NOT_TAKEN, ordered.result or ordered.state)
    state = row.state
    station_time = aware_time(state.time) if state is not None else None
    if (
        state is None
        or station_time is None
        or (ordered.ended is not None and station_time < ordered.ended.replace(microsecond=0))
    ):
        return Progress(row, ordered, RollOutState.WAITING)
    update = state.update
    if update is not None and update.step is not None:
        steps = {"fetching": RollOutState.FETCHING, "restarting": RollOutState.TRIED, "testing": RollOutState.TRIED}
        return Progress(row, ordered, steps.get(update.step, RollOutState.FETCHED))
    if update is not None and update.failed is not None:
        went_back = update.failed in WENT_BACK
        return Progress(row, ordered, RollOutState.FELL_BACK if went_back else RollOutState.FAILED, update.failed)
    if state.image == ordered.update_order.version:
        return Progress(row, ordered, RollOutState.CONFIRMED)
    return Progress(row, ordered, RollOutState.WAITING)


def _rank(state: RollOutState | None) -> int:
    order = (
        RollOutState.FELL_BACK,
        RollOutState.FAILED,
        RollOutState.NOT_TAKEN,
        RollOutState.TRIED,
        RollOutState.FETCHED,
        RollOutState.FETCHING,
        RollOutState.WAITING,
        RollOutState.CONFIRMED,
    )
    return len(order) if state is None else order.index(state)
