"""Other wiring data for a board: checked here, taken by the real firmware on the Unix port, or refused by name."""

import json
from pathlib import Path
from typing import Any

import pytest

from drivers.cabinet.firmware.wiring import standard
from drivers.cabinet.port_discovery import configured_port, only_port
from provisioning.cli import main
from provisioning.wiring import RewiringError, read_wiring, rewire
from tests.fakes.cabinet.cabinet_and_hands import twin_of


def written(folder: Path, data: Any) -> Path:
    path = folder / "wiring.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


async def test_a_board_starts_anew_with_other_slots(tmp_path: Path) -> None:
    async with twin_of(tmp_path / "board", 3) as twin:
        await twin.driver.close()  # one program at a time on a line
        port = str(tmp_path / "board" / "cabinet.tty")
        rewired = await rewire(
            written(tmp_path, standard(2)), tmp_path / "board" / "pairing.json", configured_port(port)
        )
    assert rewired.slots == 2


@pytest.mark.parametrize(
    ("data", "named_entry"),
    [
        ({**standard(2), "locks": "out:0..99"}, "locks"),
        ({**standard(2), "coil_limit_ms": 9000}, "coil_limit_ms"),
        ({**standard(2), "buzzer": "gpio:99"}, "buzzer"),
        ("[1]", "holds no object"),
        ("{", "is not JSON"),
    ],
)
def test_what_does_not_fit_is_named_before_anything_is_sent(data: Any, named_entry: str, tmp_path: Path) -> None:
    with pytest.raises(RewiringError, match=named_entry):
        read_wiring(written(tmp_path, data))


async def test_a_board_that_is_not_there_is_said(tmp_path: Path) -> None:
    async with twin_of(tmp_path / "board", 2) as twin:
        await twin.driver.close()
        with pytest.raises(RewiringError, match="cabinet absent"):
            await rewire(written(tmp_path, standard(2)), tmp_path / "board" / "pairing.json", only_port(lambda: ()))


def test_the_command_says_what_is_wrong_and_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, {**standard(2), "locks": "out:0..99"})
    assert main(["wiring", str(file), "--key", str(tmp_path / "cabinet.json")]) == 2
    assert "locks" in capsys.readouterr().err
