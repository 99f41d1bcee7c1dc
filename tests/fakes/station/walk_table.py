"""The table of walks: how each errand ends on each kind of card, as the page in its folder has it, and the answers for each.

What a walk needs beside its documented file stands here: whose cards serve, and what is answered where the documented file goes
another way.
"""

from dataclasses import dataclass
from pathlib import Path

from kiosk.errands.registry import ERRANDS
from kiosk.steps.order import PAGE
from scripts.write_errands import ends, walk_files
from sim.reader.personas import person
from tests.fakes.fleet.region import Region
from tests.fakes.station.walking import PIN, answers, example

NO_CARD = "no card"
WHOSE = {
    "activate": {"A": 4, "B": 9, "C": 10, "D": 11},
    "attend": {"A": 12, "B": 5, "C": 7, "D": 8},
    "pickup": {"A": 2, "B": 1, "C": 3, "D": 6},
    "return_card": {NO_CARD: 8, "A": 1, "B": 3, "C": 5, "D": 6},
    "report_lost": {NO_CARD: 4, "A": 7, "B": 10, "C": 11, "D": 2},
    "renew_certificate": dict.fromkeys("ABCD", 9),
    "reserve_certificate": dict.fromkeys("ABCD", 12),
    "unblock_attended": {"A": 1, "B": 2, "C": 3, "D": 5},
}
"""Whose cards serve; person 1's where nothing is said. A card that is returned, blocked, or put away at a pick-up stays so, and
serves once; so does a PUK that is released."""
OLD_CARDS = ("return_card", "report_lost", "renew_certificate", "reserve_certificate")
"""Errands of the card that the holder had before; the others are of the new one, or of none."""
SECOND_READER = ("administrate", "service")
LAST = ("activate", "attend", "pickup", "renew_certificate", "reserve_certificate", "report_lost", "return_card")
"""Walked in this order after all others: cards that are handed out, blocked or returned serve no other walk."""
KNOWN = (
    ("what", "code_known"), ("insert", "insert"), ("pin", PIN), ("sure", "yes"), ("really", "yes"), ("done", "end"),
)  # fmt: skip
"""With the card and its code, a report blocks at once."""
CUT = (("why", "damaged"), ("insert", "number"), ("number", ""), ("confirm", "return"), ("done", "end"))
"""A chip that was cut: the card goes back by the number that is printed on it."""


@dataclass(frozen=True)
class Row:
    """One cell of the table: an errand, the kind of card, and how it ends."""

    errand: str
    kind: str
    outcome: str
    reason: str
    file: str = "walk.toml"

    @property
    def number(self) -> int:
        """Whose cards."""
        return WHOSE.get(self.way, {}).get(self.kind, 1)

    @property
    def which(self) -> str:
        """Which of that person's: the old one was put away where a new one was picked up."""
        away = self.number in WHOSE["pickup"].values() and self.errand in LAST[-2:]
        return "old" if self.errand in OLD_CARDS and not away else "new"

    @property
    def way(self) -> str:
        """The errand, and how it goes where that is not its usual way."""
        return self.errand + self.file.removeprefix("walk").removesuffix(".toml")


def table() -> list[Row]:
    """How each errand ends on each kind of card, as the page in its folder says."""
    errands = sorted((errand.id for errand in ERRANDS), key=lambda one: LAST.index(one) if one in LAST else -1)
    found = []
    for errand in errands:
        for file in walk_files(errand):
            for kind, end in ends(errand, file).items():
                outcome, _, reason = end.partition(" ")
                found.append(Row(errand, kind, outcome, reason, file))
    return found


ROWS = table()


def answers_for(served: Region, folder: Path, row: Row) -> Path:
    """The documented file; another way through the errand where the cell is of another one."""
    number = person(row.number).old.card_number
    if row.errand == "report_lost" and row.kind != NO_CARD:
        card = f'card = {{ kind = "{row.kind}", state = "card.json", order = {row.number}, which = "{row.which}" }}'
        return answers(folder / "known.toml", card, *(("report_lost." + view, value) for view, value in KNOWN))
    if row.errand == "return_card" and row.kind == NO_CARD:
        return answers(folder / "cut.toml", "", *(("return_card." + view, value or number) for view, value in CUT))
    which = row.which if row.errand in LAST[-2:] else "old"
    kind = "B" if row.kind == NO_CARD else row.kind
    file = example(row.errand, folder, kind, row.number, row.file, which=which)
    if row.errand == "attend":
        turn_pages(served, file, row.number)
    if row.outcome == "refused":
        stop_at(file, f"{row.errand}.stop.{row.reason}")
    return file


def turn_pages(served: Region, file: Path, number: int) -> None:
    """The order is on a page further on, where many wait."""
    rows = [row for row in served.api("orders")["items"] if row["delivery"] == "station"]
    orders = sorted(row["order"] for row in rows if row["state"] != "collected")
    more = '[[answer]]\nview = "pickup.which"\nvalue = "more"\n\n' * (orders.index(f"2026-{number:04d}") // PAGE)
    which = '[[answer]]\nview = "pickup.which"'
    file.write_text(file.read_text().replace(which, more + which))


def stop_at(file: Path, view: str) -> None:
    """Once the card is in, the errand is refused: nothing else is asked, and no code is typed."""
    entries = file.read_text().split("[[answer]]\n")
    last = next(at for at, entry in enumerate(entries) if f'{view.partition(".")[0]}.insert"' in entry)
    stopped = [f'view = "{view}"\nvalue = "end"\n\n', 'view = "closing.take_card"\ndo = "remove"\n']
    file.write_text("[[answer]]\n".join([*entries[: last + 1], *stopped]))
