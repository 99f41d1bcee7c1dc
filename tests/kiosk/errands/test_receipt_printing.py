"""Every printer fault at every point of a print, as the holder meets it: one receipt number, and a true word about the paper."""

from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from drivers.printer.profile import load_printer_profile
from fleet.messages.vocabulary import EventType
from kiosk.receipts import Receipt, receipt_document
from kiosk.steps.context import ErrandContext, Subject
from kiosk.steps.identity.identification import Identification
from kiosk.steps.receipt import hand_out_receipt, issue_station_receipt, receipt_facts
from sim.stories.setting import Setting
from tests.fakes.printers.breaking import NAMELESS, STATES, BreakingPrinter, breaking_printer, paper_of, points

PROFILE = load_printer_profile("tm-t20ii")
HOLDER = Subject("9999000020260001", "SE2321000999-1A01", "Alva Provström")


class Holder:
    """Somebody who mends what is wrong when told, prints again, and says what can be seen of the paper."""

    def __init__(self, printer: BreakingPrinter, receipt: Image.Image) -> None:
        self.printer = printer
        self.receipt = receipt
        self.shown: list[str] = []
        self.numbers: set[str] = set()

    async def ask(self, view: Any, *, until: Awaitable[Any] | None = None) -> Any:
        self.shown.append(view.name.partition(".")[2])
        if until is not None:
            return await until
        if self.shown[-1] == "no_paper":
            self.numbers.add(view.receipt.number)
            self.printer.mend()
            return "print"
        assert self.shown[-1] == "look_at_paper"
        return "yes" if self.printer.whole(self.receipt) else "no"


async def _unasked(view: Any, *, until: Awaitable[Any] | None = None) -> Any:
    raise AssertionError("issuing a receipt asks nothing")


async def issue(room: Any) -> tuple[Any, Receipt]:
    log = await room.journal.start("pickup")
    context = ErrandContext("pickup", ask=_unasked, caps=room.caps, log=log)
    facts = receipt_facts(context, HOLDER, Identification("old_card"))
    return log, await issue_station_receipt(context, facts)


@pytest.mark.parametrize("fault", STATES)
async def test_every_fault_at_every_point_leaves_one_number_and_one_whole_receipt(make_room: Any, fault: str) -> None:
    room = make_room(Setting())
    issued = {}
    log, receipt = await issue(room)
    document = receipt_document(receipt.facts, room.caps.print_text, receipt.qr, receipt.number)
    whole = paper_of(document, PROFILE)
    for rows in points(document, PROFILE):
        with breaking_printer(PROFILE) as printer:
            printer.break_at(fault, rows)
            holder = Holder(printer, whole)
            log = await room.journal.start("pickup")
            caps = replace(room.caps, printer=printer.driver)
            await hand_out_receipt(ErrandContext("pickup", ask=holder.ask, caps=caps, log=log), receipt)

            assert printer.whole(whole) >= 1, (rows, holder.shown)
            assert holder.numbers <= {receipt.number}
            assert ("look_at_paper" in holder.shown) <= (fault in (*NAMELESS, "cutter") or rows > whole.height - 200)
            issued[log.id] = holder.shown
    chain = [event for event in await room.chain() if event.content().get("errand") in issued]
    printed = [event.content() for event in chain if event.type in (EventType.EFFECT_DONE, EventType.EFFECT_UNKNOWN)]

    assert not [event for event in chain if event.type == EventType.RECEIPT_ISSUED], "a print issues nothing"
    assert {said["receipt"] for said in printed if "receipt" in said} == {receipt.number}
    assert {said["errand"]: said.get("outcome") for said in printed} == dict.fromkeys(issued, "printed")
