"""A receipt that is signed another day: the card works, its holder comes back, and nothing is held against them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sim.reader.personas import person
from sim.stories.patience import LIMIT_S
from tests.fakes.fleet.region import KIOSK, Region, answers

NEW_PIN = "314159"
pytestmark = pytest.mark.broker


def later(region: Region, number: int) -> Path:
    """That person's pick-up, up to the receipt, which is left unsigned."""
    file = answers(region.cards, number, puk=person(number).new.puk)
    head, _ = file.read_text("utf-8").split('[[answer]]\nview = "pickup.receipt"')
    ways = (("pickup.receipt", 'value = "later"'), ("pickup.stop.unsigned", 'value = "end"'))
    file.write_text(head + told(*ways, ("closing.take_card", 'do = "remove"')), "utf-8")
    return file


def told(*answers: tuple[str, str]) -> str:
    return "".join(f'[[answer]]\nview = "{view}"\n{answer}\n\n' for view, answer in answers)


def signs(region: Region, number: int, card: str, pin: str) -> Path:
    """The same person comes back with the old or the new card, and signs."""
    file = region.cards / f"signs-{number}-{card}.toml"
    cards = "".join(
        f'{which} = {{ state = "{which}-{number}.json", order = {number}, which = "{which}" }}\n'
        for which in ("old", "new")
    )
    steps = (
        ("pickup.who", 'value = "old_card"'), ("pickup.insert_old", f'do = "insert"\ncard = "{card}"'),
        ("pickup.pin_old", f'value = "{pin}"'), ("pickup.take_old", 'do = "remove"'),
        ("pickup.sign_owed", 'do = "insert"\ncard = "new"'), ("pickup.code_from_before", f'value = "{NEW_PIN}"'),
        ("pickup.receipt", 'value = "sign"'),
        ("pickup.sign_pin", f'value = "{NEW_PIN}"'), ("pickup.done", 'value = "end"'),
        ("closing.take_card", 'do = "remove"'),
    )  # fmt: skip
    file.write_text(f"[cards]\n{cards}\n{told(*steps)}", "utf-8")
    return file


def state_is(order: str, state: str) -> Any:
    return lambda rows: any(row["order"] == order and row["state"] == state for row in rows["items"])


@pytest.mark.parametrize(("number", "card", "pin"), [(1, "old", "246813"), (3, "new", NEW_PIN)])
def test_who_signs_later_comes_back_and_signs(served: Region, number: int, card: str, pin: str) -> None:
    """Before the mend the answer was `no_order`, and the working card was put on hold after five days."""
    order = f"2026-{number:04d}"
    _, lines, said = served.walk(later(served, number))
    assert (lines[-1]["outcome"], lines[-1]["reason"]) == ("cancelled", "unsigned"), said
    served.becomes("orders", state_is(order, "activated"))
    code, lines, said = served.walk(signs(served, number, card, pin))
    assert (code, lines[-1]["outcome"]) == (0, "done"), (said, lines[-1])
    served.becomes("orders", state_is(order, "collected"))


def test_who_walks_away_before_the_receipt_comes_back_and_signs(served: Region) -> None:
    file = answers(served.cards, 6, puk=person(6).new.puk)
    command = [*KIOSK, "walk", "pickup", "--reader", "virtual", "--answers", str(file)]
    command += ["--config", str(served.places.config), "--json"]
    file.write_text(file.read_text("utf-8").replace('view = "pickup.receipt"', 'view = "pickup.never"'), "utf-8")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=served.environment) as station:
        assert station.stdout is not None
        for line in station.stdout:
            if json.loads(line).get("view") == "pickup.receipt":
                station.kill()
        station.wait(LIMIT_S)
    code, lines, said = served.walk(signs(served, 6, "old", "246813"))
    assert (code, lines[-1]["outcome"]) == (0, "done"), (said, lines[-1])
    served.becomes("orders", state_is("2026-0006", "collected"))
