"""Every fault at every point of a print: what is reported is true, and a mended printer prints the whole receipt."""

from dataclasses import fields
from typing import get_args

import pytest

from drivers.printer.port import NotPrinted, Printed, PrinterStatus, PrintUnknown, Ready
from drivers.printer.profile import load_printer_profile
from sim.printer.machine import PrinterFaults
from tests.drivers.printer.receipts import SHORT
from tests.fakes.printers.breaking import NAMELESS, STATES, body_rows, breaking_printer, paper_of, points

FAULTS = tuple(field.name for field in fields(PrinterFaults) if field.name != "after_rows")
CASES = [(model, fault) for model in ("raster-58", "tm-t20ii") for fault in STATES]
CASES += [("pos-5890", "out_of_paper"), ("pos-5890", "silent")]


def test_every_fault_of_the_virtual_printer_is_tried_and_every_state_has_one() -> None:
    assert set(STATES) == set(FAULTS)
    assert {type(state) for state in STATES.values()} == set(get_args(PrinterStatus))


def told_truly(outcome: object, whole: int, fault: str, at_cut: bool) -> bool:
    """Printed: it is there. Not printed: it is not, and why is said. Unknown: only where nobody can know."""
    match outcome:
        case Printed():
            return whole == 1
        case NotPrinted(status):
            return whole == 0 and status == STATES[fault]
        case _:
            return fault in NAMELESS or at_cut


@pytest.mark.parametrize(("model", "fault"), CASES)
async def test_every_fault_at_every_point_is_told_as_it_is(model: str, fault: str) -> None:
    profile = load_printer_profile(model)
    receipt, body = paper_of(SHORT, profile), body_rows(SHORT, profile)
    for rows in points(SHORT, profile):
        with breaking_printer(profile) as printer:
            printer.break_at(fault, rows)
            outcome = await printer.driver.print(SHORT)
            after = await printer.driver.status()
            at_cut = rows >= body or fault == "cutter"

            assert told_truly(outcome, printer.whole(receipt), fault, at_cut), (rows, outcome)
            if rows < body and not (fault == "cutter" and profile.cut == "none"):
                assert after == STATES[fault], rows

            printer.mend()
            assert await printer.driver.status() == Ready()
            printed = printer.whole(receipt)
            assert await printer.driver.print(SHORT) == Printed()
            assert printer.whole(receipt) == printed + 1, rows


@pytest.mark.parametrize("fault", [*NAMELESS, "cutter"])
async def test_who_must_look_is_asked_to_look(fault: str) -> None:
    with breaking_printer(load_printer_profile("raster-58")) as printer:
        printer.break_at(fault, 60)
        assert await printer.driver.print(SHORT) == PrintUnknown()
