"""Settings of a simulated station: rates of errands and faults, and its credentials.

>>> ErrandRates(errands_per_hour=12.0, faults_per_hour=1.0).pace
1.0
"""

from collections.abc import Callable
from dataclasses import dataclass

from joserfc.jwk import ECKey

from fleet.messages.signed import AckedReader
from sim.fleet import errands
from sim.fleet.checkpoints import OwnKey

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class ErrandRates:
    """Means for one station and hour. `acked_timeout_s`: its patience with a silent server, see `fleet.messages.pacing`."""

    errands_per_hour: float
    faults_per_hour: float
    acked_timeout_s: float = 30.0

    @property
    def pace(self) -> float:
        """Factor by which errands are faster than life, where so many would not fit into an hour: 1 is life."""
        busy_s = self.errands_per_hour * errands.mean_seconds()
        return max(1.0, busy_s / (0.8 * HOUR_S))


@dataclass(frozen=True, slots=True)
class StationCredentials:
    """Credentials of a station: its own key, and that of the server which signs commands and answers. `acked` reads under the
    latter what the server holds, for all stations of a simulation, which are told under one signature."""

    own: Callable[[], OwnKey]
    server_key: ECKey
    acked: AckedReader
