"""Fields of a station's state: each is told by the station, and reaches the page, the API, the document and the simulator, or is
named here as left out on purpose."""

import ast
import re
from pathlib import Path

import pytest

from fleet.messages.link import StationState
from fleet.server.stations.api import Station

ROOT = Path(__file__).parents[2]
FIELDS = set(StationState.__struct_fields__)
LEFT_OUT = {
    "kiosk/station/state.py": {"outbox_depth"},
    "sim/fleet/device_state.py": {
        "update", "step", "left_in", "region", "certificate_until", "certificate_from", "key_kept",
        "data_kept", "server_keys", "recovery_key", "settings", "lacks",
    },
    "fleet/server/stations/api.py": {
        "bootid", "time", "left_in", "certificate_until", "certificate_from", "server_keys", "recovery_key", "settings",
    },
    "fleet/server/stations/templates/station.html": {
        "title", "bootid", "errand", "step", "slots", "out_of_service", "left_in", "region", "certificate_until",
        "certificate_from", "server_keys", "recovery_key",
    },
    "docs/messages.md": {"title", "bootid", "errand", "devices", "slots", "outbox_depth"},
}  # fmt: skip
"""The link adds the depth of its own outbox. The page of a station has its title, slots and errand by other ways; what runs out
is an alert, and its settings have an interface of their own."""


def told(path: str) -> set[str]:
    """Fields that the `StationState(...)` of that module fills in."""
    calls = (node for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.Call))
    filled = (call.keywords for call in calls if isinstance(call.func, ast.Name) and call.func.id == "StationState")
    return {keyword.arg for keywords in filled for keyword in keywords if keyword.arg}


def shown() -> set[str]:
    return set(re.findall(r"\bstate\.(\w+)", (ROOT / "fleet/server/stations/templates/station.html").read_text()))


def explained() -> set[str]:
    """Fields that the words below the example name."""
    words = (ROOT / "docs/messages.md").read_text().split("```json state")[1].split("```", 1)[1].split("\n## ")[0]
    return set(re.findall(r"`(\w+)`", words))


@pytest.mark.parametrize(
    ("path", "has"),
    [
        ("kiosk/station/state.py", told("kiosk/station/state.py")),
        ("sim/fleet/device_state.py", told("sim/fleet/device_state.py")),
        ("fleet/server/stations/api.py", set(Station.model_fields)),
        ("fleet/server/stations/templates/station.html", shown()),
        ("docs/messages.md", explained()),
    ],
)
def test_every_field_of_the_state_is_there_or_left_out_on_purpose(path: str, has: set[str]) -> None:
    assert FIELDS - has == LEFT_OUT[path]
