"""Labels of devices over the shared vocabulary: each state that a station may tell has one, and no other has."""

import pytest

from fleet.messages.vocabulary import STATUSES, DeviceKind
from fleet.server.pages.i18n import load
from fleet.server.stations.labels import DEVICE_ICON

TEXTS = load()["sv"]


@pytest.mark.parametrize("kind", DeviceKind)
def test_every_state_of_a_device_has_a_label_and_no_label_is_of_a_state_that_nobody_tells(kind: DeviceKind) -> None:
    family = f"device.{kind}."
    assert TEXTS.has(f"device_kind.{kind}")
    assert kind in DEVICE_ICON
    assert {key.removeprefix(family) for key in TEXTS.catalogue if key.startswith(family)} == {*STATUSES[kind], "other"}
