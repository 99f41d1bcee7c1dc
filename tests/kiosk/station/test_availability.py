"""What a station offers: while it is out of service, while a part is missing, and where the region has switched something off."""

from types import SimpleNamespace
from typing import Any

from fleet.messages.issuing import SwitchOff, switches_off
from kiosk.administration_ports import Closed
from kiosk.errands.registry import ERRANDS
from kiosk.station import home_views as home
from kiosk.station.availability import Availability
from kiosk.station.problems import Problems
from kiosk.texts import Texts
from kiosk.views import say
from sim.stories.card_contents import facts_of
from sim.stories.room import make_card, persona_of

LINE = "020-32 32 62"
WORDS = {"sv": "Korten hämtas på kontoret i veckan.", "en": "Collect it at the office this week."}


def station(
    *, closed: Closed | None = None, gone: tuple[str, ...] = (), off: tuple[SwitchOff, ...] = ()
) -> Availability:
    """What a connected station offers. `gone`: kinds of devices that do not work."""

    def switched(*, errand: str) -> SwitchOff | None:
        return next((one for one in off if switches_off(one, errand=errand)), None)

    switches: Any = SimpleNamespace(off=switched)
    return Availability(Problems(), lambda: False, lambda: closed, True, switches, lambda kind: kind in gone)


def offered(house: Availability) -> list[str]:
    """Ids of what a visitor may choose."""
    return [errand.id for errand, reason in house.offers() if reason is None and errand.place != "administrator"]


def test_out_of_service_still_takes_the_report_of_a_lost_card() -> None:
    """And gives information, and lets the administrator in; nothing else is on the home screen, but the block line is."""
    house = station(closed="moving")
    assert offered(house) == ["report_lost", "information", "administrate"]
    shown = home.home_view(LINE, house.offers(), (), forgotten=False, closed="moving")
    assert [option.value for option in shown.options] == ["report_lost"]
    assert (shown.aside, shown.footer) == (None, (say("home.block_line"), LINE))
    beside = home.card_view(facts_of(make_card(persona_of("1:old"))), (), house.offers(), closed=True)
    assert [option.value for option in beside.options] == ["report_lost"]


def test_a_lost_card_is_reported_without_a_reader_too() -> None:
    assert offered(station(gone=("reader",))) == ["report_lost", "information"]


def test_a_tile_that_the_region_has_switched_off_says_so_in_the_regions_words() -> None:
    """Words that do not fit on a tile give way to general ones."""
    off = (
        SwitchOff("errand", "pickup", WORDS),
        SwitchOff("errand", "unblock"),
        SwitchOff("errand", "change_pin", {"sv": "x" * 41}),
    )
    reasons = {errand.id: reason for errand, reason in station(off=off).offers()}
    assert reasons["pickup"] is not None
    assert {language: Texts.load().plain(reasons["pickup"], language) for language in WORDS} == WORDS
    assert reasons["unblock"] == reasons["change_pin"] == say("home.no.switched_off")
    assert {reasons[one.id] for one in ERRANDS} - {None} == {reasons["pickup"], reasons["unblock"]}
