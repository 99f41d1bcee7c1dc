"""Somebody who looks at the station's home screen, and the demo's station with data of its own."""

from pathlib import Path
from typing import Any

from kiosk.config import Config, load
from kiosk.views import Choose, View
from sim.demo.seed import DemoRegion


class Visitor:
    """Looks at the home screen and goes."""

    def __init__(self) -> None:
        self.home: Choose | None = None

    patience = 1.0

    def set_activity(self, notice: Any) -> None:
        """Never idle."""

    async def warn(self, view: View[Any], seconds: float) -> bool:
        return False

    async def show(self, view: View[Any]) -> Any:
        assert isinstance(view, Choose)
        self.home = view
        raise StopAsyncIteration


def in_region(region: DemoRegion, data: Path, **changed: Any) -> tuple[Config, Path]:
    """The demo's station with its data elsewhere."""
    config = load(region.config)
    station = config.station.model_copy(update={"data": str(data)})
    return config.model_copy(update={"station": station, **changed}), region.config.parent


class Home:
    """The home screen, as far as its name goes."""

    name = "home"
