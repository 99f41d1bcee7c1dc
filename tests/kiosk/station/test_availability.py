"""What a station offers: while it is out of service, while a part is missing, and where the region has switched something off."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from fleet.messages.issuing import SwitchOff, switches_off
from fleet.messages.vocabulary import FindingCode
from kiosk.administration_ports import Closed
from kiosk.errands.registry import ERRANDS
from kiosk.findings import CardFinding
from kiosk.region import RegionSettings
from kiosk.station import home_views as home
from kiosk.station.availability import Availability
from kiosk.station.closed_views import closed_home_view, contacts_of
from kiosk.station.problems import Problems
from kiosk.texts import Texts
from kiosk.views import say
from sim.stories.card_contents import facts_of
from sim.stories.room import make_card, persona_of

LINE = "020-32 32 62"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
WORDS = {"sv": "Korten hämtas på kontoret i veckan.", "en": "Collect it at the office this week."}


def station(
    *, closed: Closed | None = None, gone: tuple[str, ...] = (), off: tuple[SwitchOff, ...] = (), **region: Any
) -> Availability:
    """What a connected station offers. `gone`: kinds of devices that do not work."""

    def switched(*, errand: str) -> SwitchOff | None:
        return next((one for one in off if switches_off(one, errand=errand)), None)

    switches: Any = SimpleNamespace(off=switched)
    mine = RegionSettings(**region)
    return Availability(Problems(), lambda: False, lambda: closed, True, switches, lambda kind: kind in gone, mine)


def offered(house: Availability) -> list[str]:
    """Ids of what a visitor may choose."""
    return [errand.id for errand, reason in house.offers() if reason is None and errand.place != "administrator"]


def test_out_of_service_still_takes_the_report_of_a_lost_card() -> None:
    """And gives information, and lets the administrator in; nothing else is on the home screen, but whom to call is."""
    house = station(closed="moving")
    assert offered(house) == ["report_lost", "information", "administrate"]
    contacts = contacts_of(RegionSettings(block_line=LINE), "")
    shown = closed_home_view("moving", house.offers(), contacts, since=None, now=NOW, forgotten=False)
    assert [option.value for option in shown.options] == ["report_lost", "information", "administrate"]
    assert [fact.value for fact in shown.contacts] == [say("contact.lost.call", number=LINE)]
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


def test_a_region_that_sends_all_cards_by_post_has_activation_in_front_and_nothing_to_fetch() -> None:
    def front(house: Availability) -> list[str]:
        return [option.value for option in home.home_view(LINE, house.offers(), (), forgotten=False).options]

    both, posted, fetched = station(), station(hand_overs=("activate",)), station(hand_overs=("pickup",))
    assert front(both)[0] == front(fetched)[0] == "pickup"
    assert ("activate" in offered(both), "activate" in offered(fetched)) == (True, False)
    assert front(posted)[0] == "activate"
    assert not {"pickup", "attend"} & {errand.id for errand, _ in posted.offers()}
    pickup = next(errand for errand in ERRANDS if errand.id == "pickup")
    assert posted.missing(pickup) == "not_in_region"


def test_a_card_is_activated_where_it_is_found_not_to_be() -> None:
    facts = facts_of(make_card(persona_of("1:new")))
    found = CardFinding(FindingCode.NOT_ACTIVATED, "activate", args={"left": 3, "how": ""})
    assert home.card_view(facts, (found,), station().offers()).options[0].value == "activate"
    assert "activate" not in {one.value for one in home.card_view(facts, (), station().offers()).options}
