"""A card that came by post is put into use by its hand-over alone, with station, broker, server and issuer as programs."""

from pathlib import Path
from typing import Any

import pytest

from sim.demo.issuer import SEED
from sim.reader.personas import person
from tests.fakes.fleet.region import Region, everybody_is_here

pytestmark = pytest.mark.broker

POSTED = 11
CARD = person(POSTED).new
CODE, ANOTHER = "314159", "271828"
CHOSEN = (("puk", CARD.puk), ("new_pin", CODE), ("repeat_pin", CODE), ("write", "write"), ("done", "end"))
UNLOCKS = (("not_locked", "unblock"), *CHOSEN)
REFUSED = (("stop.not_handed_over", "end"),)
LOOKS = (("card", "next"), ("finding.not_handed_over", "next"), ("finding.alike", "next"), ("test", "test"), ("pin", CODE),
         ("done", "end"))  # fmt: skip


class Posted:
    """The person whose card came by post, at a station of the region."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.walked = 0

    def walk(self, errand: str, steps: tuple[tuple[str, str], ...]) -> tuple[int, str, str]:
        """Exit code, outcome and reason of an errand with the card, the same each time."""
        self.walked += 1
        file = self.region.cards / f"posted-{self.walked}.toml"
        lines = [f'[cards]\ncard = {{ state = "posted.json", order = {POSTED}, which = "new" }}\n']
        lines.append(f'[[answer]]\nview = "{errand}.insert"\ndo = "insert"\ncard = "card"\n')
        lines += [f'[[answer]]\nview = "{errand}.{view}"\nvalue = "{value}"\n' for view, value in steps]
        lines.append('[[answer]]\nview = "closing.take_card"\ndo = "remove"\n')
        file.write_text("\n".join(lines), encoding="utf-8")
        code, said, error = self.region.walk(file, errand=errand)
        assert said, error
        return code, said[-1]["outcome"], said[-1].get("reason") or error

    def activate(self) -> tuple[int, list[dict[str, Any]], str]:
        """The documented activation, by an administrator, with this card."""
        example = Path(__file__).parents[2] / "kiosk" / "errands" / "activate" / "walk.toml"
        text = example.read_text(encoding="utf-8").replace('"new.json", order = 1', f'"posted.json", order = {POSTED}')
        text = text.replace("13579201", CARD.puk)
        file = self.region.cards / "activate.toml"
        file.write_text(text, encoding="utf-8")
        return self.region.walk(file, errand="activate")


@pytest.fixture
def posted(tmp_path_factory: pytest.TempPathFactory) -> Posted:
    region = Region(tmp_path_factory.mktemp("posted") / "region", posted=(POSTED,))
    everybody_is_here(region.places.issuer / SEED)
    return Posted(region)


def of_order(rows: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in rows["items"] if row["card_number"] == CARD.card_number and row["kind"] == "in_use"]


def test_a_posted_card_is_not_put_into_use_past_the_administrator(posted: Posted) -> None:
    region = posted.region
    with region.issuer(), region.serve():
        assert posted.walk("unblock", REFUSED) == (3, "refused", "not_handed_over")
        assert posted.walk("change_pin", REFUSED) == (3, "refused", "not_handed_over")
        assert of_order(region.api("worklist")) == []
    assert posted.walk("unblock", REFUSED) == (3, "refused", "not_handed_over"), "by the signed list, which is fresh"


def test_what_went_on_without_a_list_waits_for_somebody_until_the_card_is_handed_over(posted: Posted) -> None:
    region = posted.region
    assert posted.walk("unblock", UNLOCKS)[:2] == (0, "done"), "nobody could be asked, and there was no list"
    with region.issuer(), region.serve():
        assert posted.walk("check_card", LOOKS)[:2] == (0, "done")
        (row,) = of_order(region.becomes("worklist", of_order))
        assert (row["cause"], row["actions"][0], row["subject"]) == ("unblock", "remind", f"2026-{POSTED:04d}")
        alerts = region.becomes("alerts", lambda rows: any(row["code"] == "card_in_use" for row in rows["items"]))
        (alert,) = [row for row in alerts["items"] if row["code"] == "card_in_use"]
        assert alert["subject"] == row["subject"]
        code, said, error = posted.activate()
        assert (code, said[-1]["outcome"]) == (0, "done"), error
        region.becomes("worklist", lambda rows: not of_order(rows))
        changed = (("pin", CODE), ("new_pin", ANOTHER), ("repeat_pin", ANOTHER), ("done", "end"))
        assert posted.walk("change_pin", changed)[:2] == (0, "done"), "it is handed over"
