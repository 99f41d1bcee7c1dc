"""The home screen of a closed station: why, since when, whether a card is inside, and who helps instead."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from kiosk.errands.registry import ERRANDS
from kiosk.region import BothLanguages, Place, RegionSettings
from kiosk.station.closed_views import ClosedFor, closed_home_view, contacts_of
from kiosk.station.home_views import unavailable_text
from kiosk.texts import Texts
from kiosk.views import ClosedHome

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
OFFERS = [(errand, None if errand.entry.while_closed else unavailable_text("closed")) for errand in ERRANDS]
REGION = RegionSettings(
    block_line="020-12 34 56",
    office="Hus B, plan 2",
    office_hours=BothLanguages(sv="Vardagar 8–16.", en="Weekdays 8 to 4."),
    place={
        "here": Place(house="Hus A", nearest={"far": 900, "near": 250}),
        "near": Place(house="Hus C"),
        "far": Place(house="Hus D"),
    },
)
REASONS = [*get_args(get_args(ClosedFor)[0]), "reader"]


def closed(why: ClosedFor, since: datetime | None = NOW, *, forgotten: bool = False) -> ClosedHome:
    return closed_home_view(why, OFFERS, contacts_of(REGION, "here"), since=since, now=NOW, forgotten=forgotten)


@pytest.mark.parametrize("why", REASONS)
@pytest.mark.parametrize("language", ["sv", "en"])
def test_every_reason_says_why_where_to_go_and_that_a_lost_card_does_not_wait(why: ClosedFor, language: str) -> None:
    texts, view = Texts.load(), closed(why)
    assert view.lead[0].key == f"home.closed.{why}"
    told = " ".join(texts.plain(line, language) for fact in view.contacts for line in (fact.label, fact.value))
    at_once = {"sv": "Anmäl det genast", "en": "Report it here at once"}[language]
    for part in ("Hus C", "250", "Hus B, plan 2", "8", "020-12 34 56", at_once):
        assert part in told
    assert "Hus D" not in told, "the nearest alone"
    assert "report_lost" in [option.value for option in view.options]
    assert all(option.reason is None for option in view.options)
    assert len(view.icons) == len(view.lead)


def test_since_when_has_the_day_where_it_is_another() -> None:
    today = closed("repair", NOW - timedelta(hours=1))
    assert today.lead[1].key == "home.closed.since"
    before = Texts.load().plain(closed("repair", NOW - timedelta(days=1)).lead[1], "sv")
    assert "24 nov 2026" in before
    assert [line.key for line in closed("reader", None).lead] == ["home.closed.reader", "closed.inside"]


def test_nobody_is_told_that_no_card_is_inside_while_one_is() -> None:
    assert closed("stock", forgotten=True).lead[-1].key == "home.closed.card_in"
    assert closed("stock").lead[-1].key == "closed.inside"


def test_what_the_region_does_not_say_is_left_out() -> None:
    assert contacts_of(RegionSettings(), "here") == ()
    assert [fact.label.key for fact in contacts_of(RegionSettings(block_line="020-1"), "")] == ["contact.lost"]
