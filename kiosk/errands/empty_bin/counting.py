"""Cards out of the bin: counted or read one by one, held against the list and the cabinet's count, explained."""

from dataclasses import dataclass
from typing import Any

from drivers.cabinet.port import CabinetReady
from kiosk.barcodes import CardNumber, EnvelopeCode, parse_scan
from kiosk.errands.empty_bin import views
from kiosk.issuer.ports import LoggedIn
from kiosk.ports import Cabinet
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.context import ErrandContext
from kiosk.stock.bin_count import NOBODY_KNOWS, BinCountStatement, CountedCards, Reason


@dataclass(frozen=True, slots=True)
class BinCount:
    """Three figures that should be one, and why they are not. `sensor` is None where the cabinet did not say."""

    counted: CountedCards
    listed: tuple[str, ...]
    sensor: int | None
    by_number: tuple[str, ...] = ()
    """Listed cards that were returned by their number alone."""
    reason: Reason | None = None
    reference: str = ""

    def statement(
        self, caps: Capabilities, errand: str, first: LoggedIn, second: LoggedIn, seal: str
    ) -> BinCountStatement:
        return BinCountStatement(
            station=caps.seal.station if caps.seal is not None else "",
            errand=errand,
            time=caps.clock.now().isoformat(timespec="seconds").replace("+00:00", "Z"),
            by=first.hsa_id,
            second=second.hsa_id,
            counted=self.counted.cards,
            expected=len(self.listed),
            sensor=self.sensor,
            seal=seal,
            reason=self.reason or "",
            reference=self.reference,
            listed=self.listed,
            numbers=self.counted.numbers,
        )

    def told(self, statement: BinCountStatement) -> dict[str, Any]:
        """The content of the event, signatures aside."""
        content: dict[str, Any] = {
            name: getattr(statement, name) for name in ("by", "second", "counted", "expected", "sensor", "seal")
        }
        if self.counted.numbers is not None:
            content["numbers"] = list(self.counted.numbers)
        differing = {
            "missing": self.counted.missing(self.listed),
            "unlisted": self.counted.unlisted(self.listed),
            "never_seen": self.counted.never_seen(self.listed, self.by_number),
        }
        content |= {name: list(numbers) for name, numbers in differing.items() if numbers}
        return content | ({"reason": self.reason, "reference": self.reference} if self.reason else {})

    def figures(self) -> dict[str, int | str]:
        """For people: what was counted, and against what."""
        figures: dict[str, int | str] = {"counted": self.counted.cards, "expected": len(self.listed)}
        if self.sensor is not None:
            figures["sensor"] = self.sensor
        return figures | ({"reference": self.reference} if self.reference else {})


async def count_cards(context: ErrandContext) -> BinCount:
    """Open, take out, count, explain. Raises StopError where the cabinet or the list cannot be had."""
    assert context.caps.cabinet is not None, "the errand is not offered without"
    assert context.caps.stock is not None, "the errand is not offered without"
    listed, by_number = await context.caps.stock.binned(), await context.caps.stock.returned_by_number()
    sensor = await _sensor(context.caps.cabinet)
    await context.ask(views.open_bin(context))
    while True:
        counted = await _counted(context, context.caps.region.card_number_digits, by_number)
        if not counted.differs(listed, sensor):
            return BinCount(counted, listed, sensor, by_number)
        reasons = counted.reasons(listed, sensor, by_number)
        explained = await context.ask(views.difference(context, counted, listed, sensor, reasons))
        reason = next((reason for reason in reasons if reason == explained), None)
        if reason is not None:
            return BinCount(counted, listed, sensor, by_number, reason, await context.ask(views.reference(context)))


async def _sensor(cabinet: Cabinet) -> int | None:
    """The cabinet's own count. It is asked before anything is taken out."""
    state = await cabinet.state()
    return state.bin_count if isinstance(state, CabinetReady) else None


async def _counted(context: ErrandContext, digits: int, by_number: tuple[str, ...]) -> CountedCards:
    """Read one by one; or only counted, where every card was seen when it came. Nobody is told how many there should be."""
    if await context.ask(views.how(context, must_scan=bool(by_number))) == "count" and not by_number:
        return CountedCards(int(await context.ask(views.count(context))))
    numbers: list[str] = []
    again = False
    while True:
        answer = await context.ask(views.scan(context, digits, len(numbers), again=again))
        if answer == "done":
            return CountedCards(len(numbers), tuple(numbers))
        number = NOBODY_KNOWS if answer == "unreadable" else _number(answer)
        again = number is None or (number != NOBODY_KNOWS and number in numbers)
        if number is not None and not again:
            numbers.append(number)


def _number(scanned: str) -> str | None:
    """The card's number; None for the code of something else."""
    match parse_scan(scanned):
        case CardNumber(number) | EnvelopeCode(number):
            return number
        case _:
            return None
