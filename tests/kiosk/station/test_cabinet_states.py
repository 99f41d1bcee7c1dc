"""The cabinet's faults in words: each has a code of its own, and says what to do."""

from typing import get_args

import pytest

from drivers.cabinet.port import (
    CabinetAbsent,
    CabinetFault,
    CabinetFinding,
    CabinetMute,
    CabinetReady,
    NotPaired,
    PortRefused,
    SwappedBoard,
    TwoBoards,
    WrongFirmware,
)
from fleet.server.pages.i18n import load
from kiosk.station.cabinet_states import cabinet_advice, cabinet_state_code, firmware_version, name_findings
from sim.cabinet.virtual import VirtualCabinet

FAULTS: dict[str, tuple[CabinetFault, str]] = {
    "missing": (CabinetAbsent(), "plug its USB cable in"),
    "mute": (CabinetMute(), "does not answer"),
    "wrong_firmware": (
        WrongFirmware("0.9", "1"),
        "is 0.9, this station needs 1: run `kortkiosk-provision flash --key cabinet.json`",
    ),
    "not_paired": (NotPaired("e661"), "board e661 is not paired"),
    "swapped_board": (SwappedBoard("e661", "e662"), "board is e661, paired is e662"),
    "two_boards": (TwoBoards(("/dev/ttyACM0", "/dev/ttyACM1")), "/dev/ttyACM0 and /dev/ttyACM1"),
    "port_refused": (PortRefused("/dev/ttyACM0", "Permission denied"), "/dev/ttyACM0 cannot be opened: Permission"),
}


def test_the_firmware_is_known_also_where_it_is_the_wrong_one() -> None:
    cabinet = VirtualCabinet()
    assert firmware_version(cabinet, CabinetMute()) is None
    assert firmware_version(cabinet, WrongFirmware("0.9.4", "1.0.0")) == "0.9.4"
    cabinet.firmware = "1.0.0"
    assert firmware_version(cabinet, CabinetMute()) == "1.0.0"
    assert firmware_version(cabinet, WrongFirmware("of protocol 2", "1.0.0")) == "1.0.0"


def test_every_fault_is_here() -> None:
    assert {type(fault) for fault, _ in FAULTS.values()} == set(get_args(CabinetFault))


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_has_its_code_says_what_to_do_and_has_words_on_the_dashboard(name: str) -> None:
    fault, words = FAULTS[name]
    assert cabinet_state_code(fault) == name
    assert words in cabinet_advice(fault, "cabinet.json")
    assert all(load()[language].has(f"device.cabinet.{name}") for language in ("sv", "en"))


@pytest.mark.parametrize("finding", CabinetFinding)
def test_so_has_all_that_a_cabinet_finds_in_itself(finding: CabinetFinding) -> None:
    name, advised = name_findings(frozenset({finding}))
    assert name == finding.value
    assert ": " in advised
    assert all(load()[language].has(f"device.cabinet.{name}") for language in ("sv", "en"))


def test_of_several_the_first_names_the_state_and_each_is_told() -> None:
    name, advised = name_findings(frozenset({CabinetFinding.DROP_SENSOR, CabinetFinding.CASE_OPEN}))
    assert name == "case_open"
    assert advised.count(": ") == 2
    with pytest.raises(ValueError, match="nothing was found"):
        name_findings(frozenset())


def test_one_that_works_is_ready() -> None:
    assert cabinet_state_code(CabinetReady((), 0, False)) == "ready"
