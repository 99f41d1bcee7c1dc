"""Every errand walked through pcscd on cards of each kind, as the page in its folder has it, with fleet and issuer.

That page is the expectation: its cells say outcome and reason (`tests.fakes.station.walk_table`).
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fleet.messages.vocabulary import ErrandOutcome
from fleet.server.database.database import FILE_NAME
from kiosk.cli import Exit
from kiosk.cli.walk import EXIT
from kiosk.errands.registry import ERRANDS
from sim.demo.issuer import SEED
from sim.reader.personas import person
from tests.fakes.fleet.region import Region, activated_elsewhere, everybody_is_here
from tests.fakes.station.walk_table import NO_CARD, ROWS, SECOND_READER, WHOSE, Row, answers_for
from tests.fakes.station.walking import NEW_PIN, PIN, Walked, codes_in, example, walk

Capsys = pytest.CaptureFixture[str]
pytestmark = [pytest.mark.broker, pytest.mark.pcsc]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    """A region with its issuer and its server, for all walks of this module."""
    region = Region(tmp_path_factory.mktemp("walks") / "region", posted=tuple(WHOSE["activate"].values()))
    everybody_is_here(region.places.issuer / SEED)
    activated_elsewhere(region.places.issuer / SEED, {1, *WHOSE["unblock_attended"].values()})
    with pytest.MonkeyPatch.context() as patch, region.issuer(), region.serve():
        patch.setenv("KORTKIOSK_TEST_AUTHORITY", region.environment["KORTKIOSK_TEST_AUTHORITY"])
        yield region


@pytest.fixture(autouse=True)
def as_if_never_renewed(served: Region) -> None:
    """The same card stands on each kind of chip: it would be renewed again and again."""
    with closing(sqlite3.connect(served.places.fleet_data / FILE_NAME, timeout=30)) as store, store:
        store.execute("DELETE FROM certificates")


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
    file = answers_for(served, tmp_path, row)
    if "[cards]" not in file.read_text():
        first = "virtual"  # nothing is put in: made-up cards are trusted where their reader is, and else the station is closed
    more = ["--admin-reader", second] if row.errand in SECOND_READER else []
    walked = walk(capsys, row.errand, file, *more, "--config", str(served.places.config), reader=first)
    assert (walked.last["outcome"], walked.last["reason"]) == (row.outcome, row.reason), walked.said
    assert walked.code == EXIT[row.outcome], walked.said
    someone = person(row.number)
    assert codes_in(walked, (PIN, NEW_PIN, someone.new.puk)) == []
    entry = next(one.entry for one in ERRANDS if one.id == row.errand)
    if row.outcome == "done":
        assert (walked.last["receipt"] is not None) == entry.receipt
    if row.kind != NO_CARD and entry.own_card:
        card = someone.old if row.which == "old" else someone.new
        assert walked.last["card_number"] == card.card_number
    LOOKS.get(row.errand, lambda region, walked: None)(served, walked)


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
