"""A receipt that is signed another day: the card works, its holder comes back, and nothing is held against them."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from fleet.server.audit_log.log import entries
from fleet.server.database.database import FILE_NAME, Database, open_database
from fleet.server.deadlines.job import DeadlineJob
from fleet.server.deadlines.settings import load
from fleet.server.guards.service import observe_clock
from fleet.server.stations.tables import stations
from sim.issuer.database import IssuerDatabase, card_of
from sim.reader.personas import person
from sim.stories.patience import LIMIT_S
from tests.fakes.fleet.region import KIOSK, Region, answers
from tests.fleet.server.conftest import KeptChanges

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
        ("pickup.receipt", 'value = "sign"'), ("pickup.done", 'value = "end"'),
        ("closing.take_card", 'do = "remove"'),
    )  # fmt: skip
    file.write_text(f"[cards]\n{cards}\n{told(*steps)}", "utf-8")
    return file


def state_is(order: str, state: str) -> Any:
    return lambda rows: any(row["order"] == order and row["state"] == state for row in rows["items"])


def is_registered(card: str) -> Any:
    """The issuer has confirmed that it was handed over."""
    wanted = {"ask": "card.received", "card_number": card, "state": "done"}
    return lambda rows: any(wanted.items() <= row.items() for row in rows["items"])


def state_in_register(region: Region, card_number: str) -> str:
    """Of that card, at the simulated issuer."""
    register = IssuerDatabase.open(region.places.issuer / "issuer.sqlite")
    with register.change() as cx:
        card = card_of(cx, card_number)
    register.close()
    assert card is not None
    return card.state


def test_who_signs_later_comes_back_with_the_new_card_and_signs(region: Region) -> None:
    with region.issuer(), region.serve():
        _, lines, said = region.walk(later(region, 3))
        assert (lines[-1]["outcome"], lines[-1]["reason"]) == ("cancelled", "unsigned"), said
        region.becomes("orders", state_is("2026-0003", "activated"))
        code, lines, said = region.walk(signs(region, 3, "new", NEW_PIN))
        assert (code, lines[-1]["outcome"]) == (0, "done"), (said, lines[-1])
        region.becomes("orders", state_is("2026-0003", "collected"))


def test_whoever_signs_anywhere_is_left_alone_and_who_never_does_is_warned_and_put_on_hold(region: Region) -> None:
    """One signs at another station, one after their station was killed, one never; then a month passes."""
    elsewhere = region.another_station("lasarettet-b")
    with region.issuer(), region.serve():
        assert [region.walk(later(region, number))[1][-1]["reason"] for number in (1, 5)] == ["unsigned"] * 2
        killed_at_the_receipt(region, 6)
        region.becomes("orders", state_is("2026-0001", "activated"))
        for number, station in ((1, elsewhere), (6, region.places.config)):
            code, lines, said = region.walk(signs(region, number, "old", "246813"), config=station)
            assert (code, lines[-1]["outcome"]) == (0, "done"), (said, lines[-1])
            region.becomes("orders", state_is(f"2026-{number:04d}", "collected"))
        region.becomes("orders", state_is("2026-0005", "activated"))
        for number in (1, 5, 6):
            region.becomes("requests", is_registered(person(number).new.card_number))
        waiting = region.api("worklist")["items"]
    assert {state_in_register(region, person(number).new.card_number) for number in (1, 5, 6)} == {"active"}, (
        "the issuer knows of each hand-over"
    )
    fell = [person(number).old.card_number for number in (1, 6)]
    assert {state_in_register(region, card) for card in fell} == {"blocked"}, "by the proof of its holder, at once"
    assert [row for row in waiting if row["card_number"] in fell] == [], "nobody has anything to do for it"
    with open_database(region.places.fleet_data / FILE_NAME) as database:
        done = month_passes(database)
    assert done == [("deadline.remind", "2026-0005"), ("deadline.hold", "2026-0005")]


def killed_at_the_receipt(region: Region, number: int) -> None:
    """The power goes when that person is asked to sign: the code is on the card, and its order is `activated`."""
    file = answers(region.cards, number, puk=person(number).new.puk)
    command = [*KIOSK, "walk", "pickup", "--reader", "virtual", "--answers", str(file)]
    command += ["--config", str(region.places.config), "--json"]
    file.write_text(file.read_text("utf-8").replace('view = "pickup.receipt"', 'view = "pickup.never"'), "utf-8")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=region.environment) as station:
        assert station.stdout is not None
        for line in station.stdout:
            if json.loads(line).get("view") == "pickup.receipt":
                station.kill()
        station.wait(LIMIT_S)


def month_passes(database: Database) -> list[tuple[str, str]]:
    """The deadline service looks as often as a clock that runs wants it, while the stations are open. Gives what it did about
    receipts, and to which order."""
    now = datetime.now(UTC)
    job = DeadlineJob(database, load(), KeptChanges(), lambda: now)
    until = now + timedelta(days=32)
    while now < until:
        now += timedelta(hours=5)
        with database.writing.begin() as connection:
            connection.execute(update(stations).values(online=True, heard=now))
            observe_clock(connection, now)
        job.look()
    with database.reading.begin() as connection:
        told = entries(connection)[0][::-1]
    return [(one.action, one.target) for one in told if one.detail.startswith("receipt_unsigned")]
