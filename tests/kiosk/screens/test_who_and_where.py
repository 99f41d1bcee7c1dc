"""Nobody is sent to an administrator without who that is, where and when: the panel stands on every dead end."""

from datetime import datetime

import pytest

from kiosk.opening_hours import DAYS, OpeningHours
from kiosk.region import Place, RegionSettings
from kiosk.steps.aborted_views import pulled
from kiosk.steps.context import ViewContext
from kiosk.steps.who_helps import telling_who_helps
from kiosk.texts import Texts
from kiosk.views import Tell
from sim.gallery.samples import samples

AN_ADMINISTRATOR_IS_THERE = {
    "not-an-administrator",
    "administrator-not-level-3",
    "administrator-not-kra",
    "administrator-not-kur",
    "not-the-same",
    "portal-block-not-noted",
}
"""One has put in a card at an administrator's question, or works in the portal: nobody is sent anywhere."""

OFFICE = Place(
    house="Hus B",
    floor="plan 2",
    room="rum 214",
    telephone="0980-319 240",
    station=False,
    hours=OpeningHours.model_validate({key: ["07:30-16:00"] for key in DAYS[:5]}),
)
WARD = Place(house="Akuten", station=False, hours=OpeningHours.model_validate({key: ["00:00-24:00"] for key in DAYS}))
HERE = Place(house="Hus A", nearest={"office": 80, "ward": 250})


def test_no_view_sends_somebody_to_an_administrator_without_the_panel() -> None:
    texts = Texts.load()
    without = {
        name
        for name, view in samples()
        if isinstance(view, Tell)
        and view.badge != "success"
        and not view.name.startswith(("stock.", "empty_bin.", "service.", "clean_up."))  # an administrator's own
        and any(
            "administratör" in texts.plain(said, "sv") for said in (*view.lead, *(point.text for point in view.points))
        )
        and view.who_helps is None
    }
    assert without - AN_ADMINISTRATOR_IS_THERE == set()


def test_a_question_or_a_wait_that_sends_on_notes_when_where_and_by_which_telephone() -> None:
    texts, views = Texts.load(), dict(samples())
    for name in ("pulled-unknown", "letter", "return-not-ours", "information-general-support"):
        note = views[name].note
        assert note is not None, name
        assert note.title is not None
        assert texts.plain(note.title, "sv") == "Fråga ID-administratören"
        assert (
            texts.plain(note.text, "sv")
            == "Hjälp nu: Akuten, hus C, 250 meter. Hus B, plan 2, rum 214. Öppnar i dag 7.30."
        )
    bare = telling_who_helps(pulled("unknown"), RegionSettings(), "", datetime.fromisoformat("2026-11-30T03:10+01:00"))
    assert bare.note is not None
    assert texts.plain(bare.note.text, "sv") == "Fråga din chef när och var en ID-administratör finns."


def test_what_was_done_is_not_told_to_be_closed() -> None:
    view = dict(samples())["letter-office"]
    assert isinstance(view, Tell)
    assert view.who_helps is not None
    assert view.points == ()


def told(now: str, **places: Place) -> tuple[list[str], list[str]]:
    """What stands on the panel, and what there is to do, at a local time."""
    region = RegionSettings(block_line="020-00 00 00", place={"here": HERE, **places})
    view = telling_who_helps(
        ViewContext("unblock").stop("read_only").view, region, "here", datetime.fromisoformat(now).astimezone()
    )
    assert isinstance(view, Tell)
    assert view.who_helps is not None
    texts = Texts.load()
    panel = [
        " ".join(texts.plain(text, "sv") for text in (point.text, point.detail) if text)
        for point in view.who_helps.points
    ]
    return panel, [texts.plain(point.text, "sv") for point in view.points]


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        ("2026-11-30T03:10", "Öppnar i dag 7.30 Stänger 16.00"),
        ("2026-11-30T07:30", "Öppet nu, till 16.00"),
        ("2026-11-30T16:00", "Öppnar i morgon 7.30 Stänger 16.00"),
        ("2026-12-04T16:00", "Öppnar på måndag 7.30 Stänger 16.00"),
    ],
)
def test_the_hours_are_told_in_words_of_today(now: str, hours: str) -> None:
    panel, _ = told(now, office=OFFICE, ward=WARD)
    closed = hours.startswith("Öppnar")
    office = ["Hus B, plan 2, rum 214", hours] if closed else [hours, "Hus B, plan 2, rum 214"]
    assert panel[closed:-1] == [*office, "Telefon 0980-319 240"]
    assert panel[-1] == "Förlorat kort: 020-00 00 00"


DO = "Gå till ID-administratören om du behöver byta kod eller låsa upp kortet."


def test_at_night_the_nearest_place_where_somebody_is_comes_first_and_the_closed_office_after_it() -> None:
    panel, todo = told("2026-11-30T03:10", office=OFFICE, ward=WARD)
    assert panel[:3] == ["Hjälp nu Akuten, 250 meter", "Hus B, plan 2, rum 214", "Öppnar i dag 7.30 Stänger 16.00"]
    assert todo == ["Gå till Akuten. Där finns hjälp nu.", DO]


def test_what_can_be_done_at_the_machine_comes_before_the_way_there_and_who_is_closed_after_it() -> None:
    texts, views = Texts.load(), dict(samples())

    def steps(name: str) -> list[str]:
        view = views[name]
        assert isinstance(view, Tell)
        return [texts.plain(point.text, "sv") for point in view.points if point.bullet == "number"]

    go = "Gå till Akuten, hus C. Där finns hjälp nu."
    assert steps("unblock-untested") == ["Ta ditt kort", go]
    assert steps("proving-change-first") == ["Välj Byt kod.", go]
    assert steps("unblock-old-code")[1] == go
    assert steps("own-pin-locked")[0] == go


def test_where_nobody_is_it_says_when_to_come_back_and_by_day_nothing_more() -> None:
    quiet = Place(house="Akuten", station=False)
    assert told("2026-11-30T03:10", office=OFFICE, ward=quiet)[1] == ["Kom tillbaka i dag 7.30. Då är det öppet.", DO]
    assert told("2026-11-30T09:00", office=OFFICE, ward=WARD)[1] == [DO]


def test_an_office_is_no_station() -> None:
    region = RegionSettings(place={"here": HERE, "office": OFFICE, "ward": Place(house="Akuten")})
    nearest = region.nearest_station("here", "unblock")
    assert nearest is not None
    assert nearest.where == "Akuten"
