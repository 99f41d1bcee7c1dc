"""Every errand walked through pcscd on cards of each kind, as the page in its folder has it, with fleet and issuer.

That page is the expectation: its cells say outcome and reason. What a walk needs beside its documented file stands here: whose
cards serve, and what is answered where the documented file goes another way.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleet.messages.vocabulary import ErrandOutcome
from kiosk.cli import Exit
from kiosk.cli.walk import EXIT
from kiosk.errands.registry import ERRANDS
from kiosk.steps.order import PAGE
from scripts.write_errands import ends, walk_files
from sim.demo.issuer import SEED
from sim.reader.personas import person
from tests.fakes.fleet.region import Region, activated_elsewhere, everybody_is_here
from tests.fakes.station.walking import NEW_PIN, PIN, Walked, answers, codes_in, example, walk

Capsys = pytest.CaptureFixture[str]
pytestmark = [pytest.mark.broker, pytest.mark.pcsc]
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
"""Whose cards serve; person 1's where nothing is said. A card that is returned or blocked stays so, and serves once; so does
a PUK that is released."""
OLD_CARDS = ("return_card", "report_lost", "renew_certificate", "reserve_certificate")
"""Errands of the card that the holder had before; the others are of the new one, or of none."""
SECOND_READER = ("administrate", "service")
LAST = ("activate", "attend", "pickup", "renew_certificate", "reserve_certificate", "report_lost", "return_card")
"""Walked in this order after all others: cards that are handed out, blocked or returned serve no other walk."""
KNOWN = (
    ("what", "code_known"), ("insert", "insert"), ("pin", PIN), ("sure", "yes"), ("really", "yes"), ("done", "end"),
)  # fmt: skip
"""With the card and its code, a report blocks at once."""
CUT = (("insert", "number"), ("number", ""), ("why", "damaged"), ("confirm", "return"), ("done", "end"))
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


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    """A region with its issuer and its server, for all walks of this module."""
    region = Region(tmp_path_factory.mktemp("walks") / "region", posted=tuple(WHOSE["activate"].values()))
    everybody_is_here(region.places.issuer / SEED)
    activated_elsewhere(region.places.issuer / SEED, {1, *WHOSE["unblock_attended"].values()})
    with pytest.MonkeyPatch.context() as patch, region.issuer(), region.serve():
        patch.setenv("KORTKIOSK_TEST_AUTHORITY", region.environment["KORTKIOSK_TEST_AUTHORITY"])
        yield region


def test_the_table_has_every_errand_with_every_kind_of_card() -> None:
    """Information and its like need no card; all else is walked on all four kinds."""
    cells = {(row.errand, row.kind) for row in ROWS}
    assert {row.outcome for row in ROWS} <= set(ErrandOutcome)
    assert {errand for errand, _ in cells} == {errand.id for errand in ERRANDS}
    for errand in (one.id for one in ERRANDS if one.needs):
        assert {kind for one, kind in cells if one == errand} >= set("ABCD"), errand


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.way}-{row.kind.replace(' ', '-')}")
def test_a_walk_ends_as_the_table_says(
    served: Region, pcscd: dict[int, str], tmp_path: Path, capsys: Capsys, row: Row
) -> None:
    first, second = pcscd.values()
    more = ["--admin-reader", second] if row.errand in SECOND_READER else []
    file = answers_for(served, tmp_path, row)
    walked = walk(capsys, row.errand, file, *more, "--config", str(served.places.config), reader=first)
    assert (walked.last["outcome"], walked.last["reason"]) == (row.outcome, row.reason), walked.said
    assert walked.code == EXIT[row.outcome], walked.said
    someone = person(row.number)
    assert codes_in(walked, (PIN, NEW_PIN, someone.new.puk)) == []
    entry = next(one.entry for one in ERRANDS if one.id == row.errand)
    if row.outcome == "done":
        assert (walked.last["receipt"] is not None) == entry.receipt
    if row.kind != NO_CARD and entry.own_card:
        card = someone.old if row.errand in OLD_CARDS else someone.new
        assert walked.last["card_number"] == card.card_number
    LOOKS.get(row.errand, lambda region, walked: None)(served, walked)


def answers_for(served: Region, folder: Path, row: Row) -> Path:
    """The documented file; another way through the errand where the cell is of another one."""
    number = person(row.number).old.card_number
    if row.errand == "report_lost" and row.kind != NO_CARD:
        card = f'card = {{ kind = "{row.kind}", state = "card.json", order = {row.number}, which = "old" }}'
        return answers(folder / "known.toml", card, *(("report_lost." + view, value) for view, value in KNOWN))
    if row.errand == "return_card" and row.kind == NO_CARD:
        return answers(folder / "cut.toml", "", *(("return_card." + view, value or number) for view, value in CUT))
    file = example(row.errand, folder, "B" if row.kind == NO_CARD else row.kind, row.number, row.file)
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


def counted(served: Region, walked: Walked) -> None:
    """The card is in its slot in the end, and the server knows it."""
    told = [event["type"].removeprefix("se.kortkiosk.") for event in walked.last["events"]]
    assert [one for one in told if one.startswith(("card.", "stock."))] == [
        "stock.counted", "card.taken_out", "card.stored",
    ]  # fmt: skip
    orders = {row["order"]: (row["state"], row["slot"]) for row in served.api("orders")["items"]}
    assert orders["2026-0001"] == ("waiting", 2)


def emptied(served: Region, walked: Walked) -> None:
    """Nothing lay there, both have signed for that, and the server knows who."""
    told = served.api(f"stations/{served.api('stations')['items'][0]['name']}/bin")
    assert (told["cards"], told["emptied"]["by"]) == (0, [person(13).hsa_id, person(14).hsa_id])
    assert (told["emptied"]["counted"], told["emptied"]["seal"]) == (0, "440017")


def looked_after(served: Region, walked: Walked) -> None:
    """The self test, a slot opened by hand, the last events."""
    assert {"service.tested", "service.shut", "service.events"} <= set(walked.views)


LOOKS: dict[str, Callable[[Region, Walked], None]] = {
    "stock": counted,
    "empty_bin": emptied,
    "service": looked_after,
}
"""What else must be so after an errand."""


@pytest.mark.parametrize("kind", ["B", "C", "D"])
def test_a_certificate_that_was_kept_is_cleaned_away(
    served: Region, pcscd: dict[int, str], tmp_path: Path, capsys: Capsys, kind: str
) -> None:
    """Renewed with the old one kept; then the card has one certificate too many, and that one goes."""
    reader, config = next(iter(pcscd.values())), str(served.places.config)
    file = example("renew_certificate", tmp_path, kind, 9)
    file.write_text(file.read_text().replace('value = "remove"', 'value = "keep"'))
    walked = walk(capsys, "renew_certificate", file, "--config", config, reader=reader)
    assert walked.code == Exit.DONE, walked.said
    again = example("clean_up", tmp_path, kind)
    file.with_name(f"card-9-{kind}.json").replace(again.with_name(f"card-1-{kind}.json"))
    chosen = 'value = "0"\n\n[[answer]]\nview = "clean_up.sure_remove"\nvalue = "remove"\n\n[[answer]]\nview = "clean_up.pin"\n'
    chosen += f'value = "{PIN}"\n\n[[answer]]\nview = "clean_up.which"\nvalue = "end"\n\n'
    again.write_text(again.read_text().replace('value = "end"\n\n', chosen, 1))
    walked = walk(capsys, "clean_up", again, "--config", config, reader=reader)
    assert (walked.code, walked.last["outcome"]) == (Exit.DONE, "done"), walked.said
    assert walked.last["receipt"] is not None
