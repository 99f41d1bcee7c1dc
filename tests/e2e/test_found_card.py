"""A card that a colleague found: handed in without a code, on hold, on the worklist, until its owner lifts the hold."""

from pathlib import Path

import pytest

from fleet.messages.issuing import CardRecord
from sim.issuer.database import IssuerDatabase, card_of
from sim.reader.personas import person
from tests.fakes.fleet.region import Region

pytestmark = pytest.mark.broker
OWNER = 5
NUMBER = person(OWNER).old.card_number


def answered(region: Region, errand: str, *steps: tuple[str, str]) -> Path:
    """Answers of who has the owner's card."""
    card = f'[cards]\ncard = {{ state = "old-{OWNER}.json", order = {OWNER}, which = "old" }}\n\n'
    file = region.cards / f"{errand}-{len(list(region.cards.iterdir()))}.toml"
    file.write_text(card + "".join(f'[[answer]]\nview = "{errand}.{view}"\n{do}\n\n' for view, do in steps), "utf-8")
    return file


def at_issuer(region: Region) -> CardRecord:
    register = IssuerDatabase.open(region.places.issuer / "issuer.sqlite")
    with register.change() as cx:
        card = card_of(cx, NUMBER)
    register.close()
    assert card is not None
    return card


def rows(region: Region) -> list[tuple[str, str]]:
    """What waits about the card."""
    items = region.api("worklist")["items"]
    return [(row["kind"], row["cause"]) for row in items if row["card_number"] == NUMBER]


def test_a_colleague_hands_it_in_and_its_owner_lifts_the_hold(region: Region) -> None:
    inserts = 'do = "insert"\ncard = "card"'
    hands_in = (
        ("why", 'value = "found"'), ("insert", inserts), ("take", 'do = "remove"'), ("confirm", 'value = "return"'),
        ("done", 'value = "end"'),
    )  # fmt: skip
    lifts = (("what", 'value = "found"'), ("insert", inserts), ("pin", 'value = "246813"'), ("done", 'value = "end"'))
    elsewhere = region.another_station("lasarettet-b")
    with region.issuer(), region.serve():
        before = at_issuer(region)
        code, lines, said = region.walk(answered(region, "return_card", *hands_in), errand="return_card")
        assert (code, lines[-1]["reason"], lines[-1]["receipt"]) == (0, "found_held", None), (said, lines[-1])
        assert "return_card.pin" not in {line.get("view") for line in lines}
        held = at_issuer(region)
        assert (held.state, held.hold_reason, held.held_from) == ("held", "found", before.state)
        assert rows(region) == [("hold", "found")]
        code, lines, said = region.walk(answered(region, "report_lost", *lifts), config=elsewhere, errand="report_lost")
        assert (code, lines[-1]["outcome"]) == (0, "done"), (said, lines[-1])
        assert at_issuer(region) == before
        assert rows(region) == []
