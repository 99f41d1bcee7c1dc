"""The home screen of a closed station, and who helps instead: the nearest station, the office, and the line for a lost card."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from fleet.messages.link import Lack
from kiosk.errands.registry import Errand
from kiosk.region import RegionSettings
from kiosk.station.home_views import Offer, errand_tile
from kiosk.station.out_of_service import ClosedTo
from kiosk.steps.view_helpers import date_text, time_text
from kiosk.views import ClosedHome, Fact, Say, local, say

ClosedFor = ClosedTo | Literal["reader"]
"""A notice, or a holder's reader that does not answer."""
ICONS: dict[ClosedFor, str] = {
    "stock": "package-variant-closed",
    "repair": "wrench-outline",
    "moving": "swap-horizontal",
    "pilot": "wrench-outline",
    "unready": "wrench-outline",
    "reader": "smart-card-reader-outline",
}

COMES_WITH: dict[Lack, Lack] = {"levels": "anchors", "contacts": "region"}
"""Whoever adds the second adds the first with it, so the screen says it once. The fleet server lists both."""
FULL = 3
"""Lines that the smallest panel holds in large text beside the contacts."""


def closed_home_view(
    why: ClosedFor,
    offers: Sequence[Offer],
    contacts: Sequence[Fact],
    *,
    since: datetime | None,
    now: datetime,
    forgotten: bool,
    lacks: Sequence[Lack] = (),
) -> ClosedHome:
    """`offers` are errands with why they are not to be had: those that can be had are left. `forgotten`: a card is still in the
    reader. `lacks`: what an unready station lacks, said with who gives it."""
    lines = [(ICONS[why], say(f"home.closed.{why}"))]
    if since is not None:
        lines.append(("clock-outline", _since(since.astimezone(), now.astimezone())))
    if why == "unready":
        missing = [("alert", say(f"home.lacks.{lack}")) for lack in lacks if COMES_WITH.get(lack) not in lacks]
        lines += missing[: 1 if forgotten else 2]
    if forgotten or len(lines) < FULL:
        lines.append(("smart-card-outline", say("home.closed.card_in" if forgotten else "closed.inside")))
    return ClosedHome(
        name="home",
        title=say("home.closed"),
        lead=tuple(text for _, text in lines),
        icons=tuple(icon for icon, _ in lines),
        contacts=tuple(contacts),
        options=tuple(errand_tile(errand) for errand, reason in offers if _is_left(errand, reason)),
        idle_s=math.inf,
    )


def contacts_of(region: RegionSettings, here: str) -> tuple[Fact, ...]:
    """Return who helps while the station `here` does not, as far as the region says. Whether another station works is not known
    here."""
    contacts = []
    if (near := region.nearest_station(here)) is not None:
        way = say("contact.nearest.way", where=near.where, metres=near.metres)
        contacts.append(Fact(say("contact.nearest"), way, "map-marker-outline"))
    if region.office:
        when = local(region.office_hours.model_dump()) if region.office_hours else say("stop.office.ask")
        office = say("contact.office.when", office=region.office, when=when)
        contacts.append(Fact(say("contact.office"), office, "account-outline"))
    if region.block_line:
        lost = say("contact.lost.call", number=region.block_line)
        contacts.append(Fact(say("contact.lost"), lost, "phone"))
    return tuple(contacts)


def _is_left(errand: Errand, reason: Say | None) -> bool:
    return reason is None and errand.place != "administrator"


def _since(at: datetime, now: datetime) -> Say:
    """Local times."""
    time = time_text(at)
    if at.date() == now.date():
        return say("home.closed.since", time=time)
    return say("home.closed.since_day", day=date_text(at.date()), time=time)
