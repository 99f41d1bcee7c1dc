"""The panel's size, from a made-up sysfs of displays."""

from pathlib import Path

import pytest

from kiosk.cli.setup_screen import panel_size


@pytest.mark.parametrize(
    ("displays", "size"),
    [
        ({}, None),
        ({"card0-HDMI-A-1": ("disconnected", ""), "card0-DSI-1": ("connected", "800x480\n640x480\n")}, (800, 480)),
        ({"card1-eDP-1": ("connected", "1080x1920\n")}, (1080, 1920)),
        ({"card0-Writeback-1": ("unknown", ""), "card0-HDMI-A-1": ("connected", "")}, None),
        ({"card0-HDMI-A-1": ("connected", "1920x1080i\n")}, None),
    ],
)
def test_the_first_display_that_is_connected_tells(
    displays: dict[str, tuple[str, str]], size: tuple[int, int] | None, tmp_path: Path
) -> None:
    for name, (status, modes) in displays.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "status").write_text(f"{status}\n")
        (tmp_path / name / "modes").write_text(modes)
    assert panel_size(tmp_path) == size
