"""Dependencies of routes: what may be read for the request at hand."""

from fastapi import Request

from fleet.server.readings.model import Readings
from fleet.server.web.authorization import caller_of


def all_readings(request: Request) -> Readings:
    """Return the application's readings, of all stations: to be narrowed by whoever asks for them."""
    readings: Readings = request.app.state.readings
    return readings


def readings_of(request: Request) -> Readings:
    """Return the readings for this request: of the stations that its right was granted for."""
    if not hasattr(request.state, "readings"):
        patterns = caller_of(request).scope(request.state.right).patterns
        request.state.readings = all_readings(request).within(patterns)
    readings: Readings = request.state.readings
    return readings
