"""The pick-up, end to end: card on the virtual PC/SC driver, pcscd, station, broker, server, dashboard in chromium."""

import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from kiosk.cli import main
from sim.demo.seed import STATION, release_code_of
from sim.reader.personas import person
from sim.stories.patience import LIMIT_S
from tests.fakes.fleet.region import Region, answers

CHROMIUM = {
    "executable_path": "/usr/bin/chromium",
    "args": [
        "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def served() -> Iterator[Region]:
    """One region for all tests that leave its server running: each is of another person."""
    with tempfile.TemporaryDirectory(prefix="kk-") as folder:
        region = Region(Path(folder))
        with region.serve():
            yield region


@pytest.mark.pcsc
@pytest.mark.browser
@pytest.mark.broker
def test_a_pick_up_shows_on_the_dashboard_by_itself(served: Region, pcscd: dict[int, str]) -> None:
    """Walked on "Virtual PCD 00 00", the event, the receipt and the order's new state come up without a reload."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**CHROMIUM)
        try:
            context = browser.new_context(locale="sv-SE")
            context.set_default_timeout(1000 * LIMIT_S)
            context.add_cookies([served.cookie])
            overview, orders = context.new_page(), context.new_page()
            overview.goto(served.url("/errands"))
            orders.goto(served.url("/orders"))
            for page in (overview, orders):
                page.evaluate("window.loadedOnce = true")
            answer = answers(served.cards, 1, puk=person(1).new.puk)
            code, lines, said = served.walk(answer, "Virtual PCD 00 00")
            walked = time.monotonic()
            assert code == 0, said
            assert lines[-1]["outcome"] == "done"
            receipt = lines[-1]["receipt"]
            overview.get_by_text(receipt).first.wait_for(timeout=1000 * LIMIT_S)
            taken = orders.locator("tr", has_text="2026-0001").get_by_text(
                "Uttaget"
            )  # no issuer: nobody's proof is judged
            taken.wait_for(timeout=1000 * LIMIT_S)
            print(f"on the dashboard {1000 * (time.monotonic() - walked):.0f} ms after the walk's last line")
            for page in (overview, orders):
                assert page.evaluate("window.loadedOnce") is True, "the page was loaded again"
            _see_the_events(overview, served, lines[-1]["events"])
        finally:
            browser.close()


def _see_the_events(page: Page, region: Region, events: list[dict[str, object]]) -> None:
    errand = region.api("errands")["items"][0]
    page.goto(region.url(f"/errands/{errand['errand']}"))
    for event in events:
        told = page.get_by_text(re.compile(rf"#{event['sequence']}$"))
        told.first.wait_for()
        assert told.count() == 1


def holds(sequence: int) -> Callable[[Any], bool]:
    """Whether the server holds all events of the station up to that, in a chain without a fault."""

    def reached(stations: Any) -> bool:
        row = next(row for row in stations["items"] if row["name"] == STATION)
        return (row["held_through"], row["missing"], row["chain_ok"]) == (sequence, 0, True)

    return reached


@pytest.mark.broker
def test_the_server_holds_each_event_once_and_the_receipt_is_genuine(
    served: Region, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the station committed is what the server holds; the receipt verifies, and no other."""
    code, lines, said = served.walk(answers(served.cards, 2, puk=person(2).new.puk))
    assert code == 0, said
    served.becomes("stations", holds(lines[-1]["events"][-1]["sequence"]))
    document = served.page(f"/receipts/{lines[-1]['receipt']}")
    path = tmp_path / "receipt.json"
    path.write_bytes(document)
    ca, crl = (str(served.places.authority / "ca" / name) for name in ("ca.pem", "crl.pem"))
    assert main(["verify-receipt", str(path), "--ca", ca, "--crl", crl, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["number"] == lines[-1]["receipt"]
    path.write_bytes(document.replace(b'"', b"'", 1))
    assert main(["verify-receipt", str(path), "--ca", ca]) == 3


@pytest.mark.broker
def test_a_card_of_loa2_is_fetched_with_the_release_code_of_its_letter(served: Region) -> None:
    """The real verifier makes the code again; nobody has kept it. A wrong one is told, and nothing opens for it."""
    someone = person(12)
    code = release_code_of(served.places, someone)
    file = answers(served.cards, 12, puk=someone.new.puk)
    head, *entries = file.read_text(encoding="utf-8").split("[[answer]]\n")
    rest = [
        entry
        for entry in entries
        if not any(f"pickup.{view}" in entry for view in ("who", "insert_old", "pin_old", "take_old"))
    ]
    wrong = f"{(int(code) + 1) % 10**8:08d}"
    begins = (
        ("who", "release_code"), ("release_number", someone.new.card_number[-8:]), ("release_code", wrong),
        ("release_wrong", "again"), ("release_number", someone.new.card_number[-8:]), ("release_code", code),
    )  # fmt: skip
    told = [f'view = "pickup.{view}"\nvalue = "{value}"\n\n' for view, value in begins]
    file.write_text("[[answer]]\n".join([head, *told, *rest]), encoding="utf-8")
    exit_code, lines, said = served.walk(file)
    assert exit_code == 0, said
    assert (lines[-1]["outcome"], lines[-1]["card_number"]) == ("done", someone.new.card_number)
    assert code not in json.dumps(lines)


@pytest.mark.broker
def test_without_the_broker_a_synced_order_is_handed_over_and_told_later(tmp_path: Path) -> None:
    """`card` mode: the list was synced, the broker goes, the pick-up completes; later the server has every event once."""
    region = Region(tmp_path / "region", verify="card")
    with region.serve():  # the first pick-up brings the list of orders down
        code, first, said = region.walk(answers(region.cards, 3, puk=person(3).new.puk))
        assert code == 0, said
    code, second, said = region.walk(answers(region.cards, 6, puk=person(6).new.puk))
    assert code == 0, said
    last = second[-1]["events"][-1]["sequence"]
    assert last > first[-1]["events"][-1]["sequence"]
    with region.serve():  # a third one brings the events up
        code, third, said = region.walk(answers(region.cards, 9, puk=person(9).new.puk))
        assert code == 0, said
        region.becomes("stations", holds(third[-1]["events"][-1]["sequence"]))
        done = [row for row in region.api("errands")["items"] if row["outcome"] == "done"]
        assert sorted(row["order"] for row in done) == ["2026-0003", "2026-0006", "2026-0009"]


@pytest.mark.broker
def test_in_server_mode_nothing_opens_while_the_verifier_is_away(region: Region) -> None:
    """`server` mode offline: the errand is refused before the slot opens."""
    with region.serve():
        assert region.walk(answers(region.cards, 1, puk=person(1).new.puk))[0] == 0
    code, lines, _ = region.walk(answers(region.cards, 2, puk=person(2).new.puk))
    assert lines[-1]["outcome"] == "refused"
    assert lines[-1]["reason"] == "offline"
    assert not any(line.get("view") == "pickup.take" for line in lines)
    assert code in (2, 3)
