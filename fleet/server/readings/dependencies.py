"""Dependencies of routes: what may be read for the request at hand."""

from fastapi import Request

from fleet.server.readings.model import Readings
from fleet.server.web.authorization import caller_of


def all_readings(request: Request) -> Readings:
    """Return what the application reads, of all stations: to be narrowed by whoever asks for it."""
    readings: Readings = request.app.state.readings
    return readings


def readings_of(request: Request) -> Readings:
    """Return what may be read for this request: the stations that its right was granted for."""
    if not hasattr(request.state, "readings"):
        patterns = caller_of(request).scope(request.state.right).patterns
        request.state.readings = all_readings(request).within(patterns)
    readings: Readings = request.state.readings
    return readings
