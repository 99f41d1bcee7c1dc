"""`kortkiosk devices`: all well is 0, each fault is named and is 4, what cannot be asked is 2."""

import fcntl
import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from fleet.agent.identity import KEY_FILE
from kiosk.cli import Exit, main
from kiosk.station.build_fleet import LOCK_FILE
from provisioning.keys import sealing, storage
from sim.bench.faults import FAULTS
from sim.cabinet import unix_board
from sim.printer.machine import PrinterFaults

NEEDS_BOARD = {
    "cabinet.missing", "cabinet.not_paired", "cabinet.swapped_board", "cabinet.case_open", "cabinet.bin_open",
}  # fmt: skip
STATES = {
    "reader.holder_unplugged": ("Virtual reader (holder)", "no_reader"),
    "reader.administrator_unplugged": ("Virtual reader (administrator)", "no_reader"),
    "reader.card_mute": ("Virtual reader (holder)", "card_mute"),
    "printer.out_of_paper": ("virtual printer", "out_of_paper"),
    "printer.cover_open": ("virtual printer", "cover_open"),
    "printer.cutter": ("virtual printer", "cutter"),
    "printer.offline": ("virtual printer", "offline"),
    "printer.mute": ("virtual printer", "mute"),
    "printer.hang_up": ("virtual printer", "mute"),
    "cabinet.mute": ("virtual cabinet", "mute"),
    "cabinet.missing": ("virtual cabinet", "missing"),
    "cabinet.not_paired": ("virtual cabinet", "not_paired"),
    "cabinet.swapped_board": ("virtual cabinet", "swapped_board"),
    "cabinet.wrong_firmware": ("virtual cabinet", "wrong_firmware"),
    "cabinet.two_boards": ("virtual cabinet", "two_boards"),
    "cabinet.jam": ("virtual cabinet", "slot_jammed"),
    "cabinet.door_open": ("virtual cabinet", "door_open"),
    "cabinet.case_open": ("virtual cabinet", "case_open"),
    "cabinet.bin_open": ("virtual cabinet", "bin_open"),
    "scanner.unplugged": ("virtual scanner", "missing"),
    "scanner.held": ("virtual scanner", "refused"),
    "pins.taken": ("virtual pins", "unavailable"),
    "pins.lamp_shorted": ("virtual pins", "stuck"),
    "pins.backlight_shorted": ("virtual pins", "stuck"),
}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cabinet without a board: faster, where the board is not what is looked at."""
    monkeypatch.setattr(unix_board, "available", lambda: False)


def devices(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main(["devices", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_virtual_set_is_well(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, said = devices(capsys, "test", "--print", "--open", "2")
    assert (code, said["ok"]) == (Exit.DONE, True)
    assert [(one["kind"], one["state"], one["virtual"]) for one in said["devices"]] == [
        (kind, "ready", True) for kind in ("reader", "reader", "printer", "cabinet", "gpio", "scanner")
    ]
    assert said["devices"][0]["details"] == {"signed": True, "role": "holder"}
    assert "the test page is printed" in said["devices"][2]["text"]
    assert "slot 2 is open" in said["devices"][3]["text"]
    assert said["devices"][4]["details"]["door"] == "closed"
    assert list(tmp_path.iterdir()) == []


def test_every_fault_is_tried_here() -> None:
    assert STATES.keys() == FAULTS.keys()


def test_every_fault_of_the_virtual_printer_that_stops_it_can_be_tried() -> None:
    """`paper_low` stops nothing, and a printer that prints unheard (`silent`) is to `devices` a mute one."""
    of_printer = {field.name for field in fields(PrinterFaults)} - {"after_rows", "paper_low", "silent"}
    assert {fault.removeprefix("printer.") for fault in FAULTS if fault.startswith("printer.")} == of_printer


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named_and_no_other(
    fault: str, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    if fault not in NEEDS_BOARD:
        request.getfixturevalue("in_process")
    code, said = devices(capsys, "test", "--fault", fault, *(["--open", "1"] if fault == "cabinet.jam" else []))
    assert (code, said["ok"]) == (Exit.FAULT, False)
    faulty = [(one["name"], one["state"]) for one in said["devices"] if not one["ok"]]
    assert faulty == [STATES[fault]]
    assert len(said["devices"]) == 6


def test_a_listing_tries_nothing(capsys: pytest.CaptureFixture[str], in_process: None) -> None:
    code, said = devices(capsys, "list")
    assert code == Exit.DONE
    assert said["devices"][0]["details"] == {"role": "holder"}


def test_a_cabinet_that_finds_several_things_tells_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = devices(capsys, "test", "--fault", "cabinet.door_open", "--fault", "cabinet.bin_open")
    (cabinet,) = [one for one in said["devices"] if one["kind"] == "cabinet"]
    assert (code, cabinet["state"]) == (Exit.FAULT, "door_open")
    assert cabinet["text"] == "a slot stands open: close it; the door of the bin is open: close it"


def test_people_read_it_too(capsys: pytest.CaptureFixture[str], in_process: None) -> None:
    assert main(["devices", "list", "--fault", "printer.out_of_paper"]) == Exit.FAULT
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    (line,) = [line for line in lines if line.startswith("FAULT")]
    assert re.search(r"printer, virtual\): out_of_paper: the paper is at its end", line)


def test_what_is_not_configured_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text('[scanner]\nkind = "virtual"\n', encoding="utf-8")
    code, said = devices(capsys, "test")
    assert code == Exit.DONE
    assert [one["kind"] for one in said["devices"]] == ["scanner"]


def test_real_devices_that_are_not_there_are_faults(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "real.toml"
    file.write_text(
        '[pins]\nkind = "pi"\n[printer]\nkind = "network"\nhost = "127.0.0.1"\nport = 1\n'
        '[scanner]\nkind = "input"\nname = "Example Scanner"\n[cabinet]\nkind = "serial"\nkey = "cabinet.json"\n'
        f'port = "{tmp_path}/none"\n',
        encoding="utf-8",
    )
    code, said = devices(capsys, "list", "--config", str(file))
    assert code == Exit.FAULT
    assert {one["kind"]: one["ok"] for one in said["devices"]} == dict.fromkeys(
        ("printer", "cabinet", "gpio", "scanner"), False
    )


@pytest.mark.parametrize(
    ("toml", "arguments", "said"),
    [
        ("[pins]\nkind = 5\n", [], "pins.kind"),
        ("[pins]\nlamp = { bcm = 27 }\n", [], "pin 27"),
        ('[scanner]\nkind = "input"\n', [], "needs name, vendor or product"),
        ("", ["--fault", "printer.paperless"], "there is no fault 'printer.paperless'"),
        ("", ["--fault", "printer.out_of_paper"], "that device is not virtual"),
    ],
)
def test_what_cannot_be_asked_is_bad_input(
    toml: str, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "station.toml").write_text(toml, encoding="utf-8")
    assert main(["devices", "test", *arguments]) == Exit.BAD_INPUT
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "list", "--config", "none.toml"]) == Exit.BAD_INPUT
    assert "no such file" in capsys.readouterr().err


def test_the_devices_of_a_station_that_runs_are_left_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text('[scanner]\nkind = "virtual"\n', encoding="utf-8")
    (tmp_path / "data").mkdir()
    with (tmp_path / "data" / LOCK_FILE).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["devices", "test"]) == Exit.REFUSED
    assert "the station runs" in capsys.readouterr().err
    assert main(["devices", "test"]) == Exit.DONE


def test_a_virtual_board_that_does_not_start_is_a_fault(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unix_board, "available", lambda: True)
    monkeypatch.setattr(unix_board, "INTERPRETER", "no-such-interpreter")
    assert main(["devices", "list"]) == Exit.FAULT
    assert "does not run the cabinet's firmware" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "kept", "said"),
    [
        (storage.TPM, "tpm", "the station's key: in this machine's TPM"),
        (sealing.MARKER, "sealed", "the station's key: in a file that is sealed to this machine"),
        (b"-----BEGIN PRIVATE KEY-----\n", "file", "the station's key: in a file that is not sealed"),
    ],
)
def test_it_is_said_where_the_stations_key_is(
    content: bytes, kept: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "station.toml").write_text("")
    assert devices(capsys, "list")[1]["key"] is None
    assert main(["devices", "list"]) == Exit.DONE
    assert "the station's key: none" in capsys.readouterr().out
    (tmp_path / "identity").mkdir()
    (tmp_path / "identity" / KEY_FILE).write_bytes(content)
    assert devices(capsys, "list")[1]["key"] == kept
    assert main(["devices", "list"]) == Exit.DONE
    assert said in capsys.readouterr().out
