"""Help elsewhere, and what can be done at this hour: put on every view that sends somebody on.

From the region's data: `[place.STATION]` of this station or the nearest place with hours, else the line `office`. The hours are
told in words of today. While that is closed, where somebody is now comes first, and the closed office with its hours after it.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from drivers.printer.document import Document, ParagraphBlock, RuleBlock, TitleBlock
from drivers.printer.port import Printed
from kiosk.opening_hours import AROUND_THE_CLOCK, OpeningHours
from kiosk.ports import Ask
from kiosk.region import NearestStation, Place, RegionSettings
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.view_helpers import date_text
from kiosk.texts import Texts
from kiosk.views import Busy, Button, Fact, Note, Point, Say, Tell, View, WhoHelps, local, say

AnyView = TypeVar("AnyView", bound=View[Any])

PRINT = "print"
"""The button that prints the panel."""
WEEK_DAYS = 6
"""So far ahead a day is known by its weekday."""


def with_who_helps(view: AnyView, caps: Capabilities) -> AnyView:
    """The view as it is shown at this station now. An administrator who is at the menu is sent to no other."""
    if caps.administrator_session is not None or not view.sends_on:
        return view
    station = caps.seal.station if caps.seal is not None else ""
    return telling_who_helps(view, caps.region, station, caps.clock.now())


def telling_who_helps(view: AnyView, region: RegionSettings, station: str, now: datetime) -> AnyView:
    """A view that sends somebody on, with the panel, and before its steps at the office what can be done at this hour. Where it
    tells nothing but asks or waits, with a note of when, where and by which telephone. All others as they are. `now` is aware."""
    if not view.sends_on:
        return view
    here = now.astimezone().replace(tzinfo=None)
    place = region.attended_place(station)
    closed = place is not None and place.hours is not None and place.hours.open_until(here) is None
    nearest = region.nearest_open(station, here) if closed else None
    if not isinstance(view, Tell):
        return view if view.note is not None else replace(view, note=_noted(nearest, _rows(region, place, here)))
    if view.who_helps is not None:
        return view
    panel = WhoHelps(
        say("who_helps.title"),
        _rows(region, place, here),
        _meanwhile(nearest),
        Point(say("who_helps.lost", number=region.block_line), icon="smart-card-off-outline")
        if region.block_line
        else None,
    )
    todo = _todo(place, nearest, here) if closed and view.badge != "success" else ()
    first = next((at for at, point in enumerate(view.points) if _is_at_office(point)), len(view.points))
    return replace(view, who_helps=panel, points=(*view.points[:first], *todo, *view.points[first:]))


def _is_at_office(point: Point) -> bool:
    """Return whether it is a step that is taken where an ID administrator is: its words name one."""
    return point.bullet == "number" and "ID-administratör" in Texts.load().plain(point.text, "sv")


def who_answers(region: RegionSettings, station: str, now: datetime) -> tuple[Fact, ...]:
    """Return whom to call: first whoever answers now, else whoever does so next; the block line last. `now` is aware."""
    here = now.astimezone().replace(tzinfo=None)
    facts = [*_answers(region, station, here)]
    if not facts and region.contacts.support_phone:
        facts.append(Fact(say("help.support"), region.contacts.support_phone, "phone"))
    if not facts and region.office:
        facts.append(Fact(say("contact.office"), region.office, "account-outline"))
    if region.block_line:
        facts.append(Fact(say("help.lost"), region.block_line, "phone"))
    return tuple(facts)


def _answers(region: RegionSettings, station: str, here: datetime) -> Iterator[Fact]:
    """The one telephone of an administrator's place that is worth calling at this hour; where none answers, where to go."""
    place, nearest = region.attended_place(station), region.nearest_open(station, here)
    until = place.hours.open_until(here) if place is not None and place.hours is not None else None
    if place is not None and until is not None and place.telephone:
        always = until - here >= AROUND_THE_CLOCK
        when = say("help.answers_always") if always else say("help.answers", time=_clock(until))
        yield Fact(when, place.telephone, "phone")
        return
    if nearest is not None and nearest.telephone:
        yield Fact(say("help.answers_there", where=nearest.where), nearest.telephone, "phone")
    elif nearest is not None:
        yield Fact(say("who_helps.now"), _way(nearest), "map-marker-outline")
    if place is not None and place.hours is not None and place.telephone:
        yield Fact(_hours(place.hours, here).text, place.telephone, "phone")


def _noted(nearest: NearestStation | None, rows: tuple[Point, ...]) -> Note:
    """All of it in one note; while the office is closed, where somebody is instead of its telephone."""
    texts = [row.text for row in rows]
    if nearest is not None:
        texts = [say("who_helps.note.now", way=_way(nearest)), *texts[:2]]
    return Note(say(f"who_helps.note.{len(texts)}", **dict(zip("abc", texts, strict=False))), say("who_helps.title"))


async def say_last_word(ask: Ask, caps: Capabilities, view: View[str]) -> None:
    """The last view of an errand; what its panel says can be had on paper, where there is a printer."""
    view = with_who_helps(view, caps)
    if not isinstance(view, Tell) or view.who_helps is None or caps.printer is None:
        await ask(view)
        return
    if await ask(printable(view)) != PRINT:
        return
    paper = caps.printer.print(who_helps_document(view.title, view.who_helps, caps.print_text))
    printed = isinstance(await ask(printing(view), until=paper), Printed)
    await ask(view if printed else not_printed(view))


def printable(view: Tell) -> Tell:
    """With the button that prints the panel."""
    return replace(view, side=Button(PRINT, say("who_helps.print"), "printer-outline"))


def printing(view: Tell) -> Busy:
    """The panel comes out on paper."""
    return Busy(
        name=f"{view.name}.printing", errand=view.errand, title=say("who_helps.printing"), lead=(say("printing.lead"),)
    )


def not_printed(view: Tell) -> Tell:
    """Nothing that anybody can take along: the screen is all there is."""
    return replace(view, note=Note(say("who_helps.not_printed"), kind="warning"))


def who_helps_document(title: Say, panel: WhoHelps, print_text: Callable[[Say], str]) -> Document:
    """The panel on paper, below what happened."""
    lines = [
        ParagraphBlock(" ".join(print_text(text) for text in (point.text, point.detail) if text is not None))
        for point in panel.points
    ]
    return Document((ParagraphBlock(print_text(title)), RuleBlock(), TitleBlock(print_text(panel.title)), *lines))


def _rows(region: RegionSettings, place: Place | None, here: datetime) -> tuple[Point, ...]:
    """Return the rows that say when, where and by which telephone."""
    if place is None or place.hours is None:
        return _office(region)
    rows = [_hours(place.hours, here), Point(say("who_helps.where", where=place.text), icon="map-marker-outline")]
    if place.hours.open_until(here) is None:
        rows.reverse()
    if place.telephone:
        rows.append(Point(say("who_helps.telephone", number=place.telephone), icon="phone"))
    return tuple(rows)


def _office(region: RegionSettings) -> tuple[Point, ...]:
    """As far as the region says in a line; nobody else knows than whoever works there."""
    if not region.office:
        return (Point(say("who_helps.ask_manager"), icon="account-tie-outline"),)
    when = local(region.office_hours.model_dump()) if region.office_hours else say("stop.office.ask")
    return (
        Point(when, icon="clock-outline"),
        Point(say("who_helps.where", where=region.office), icon="map-marker-outline"),
    )


def _hours(hours: OpeningHours, here: datetime) -> Point:
    until, following = hours.open_until(here), hours.next_span(here)
    if until is not None and until - here >= AROUND_THE_CLOCK:
        return Point(say("who_helps.always"), icon="clock-outline")
    if until is not None:
        return Point(say("who_helps.open", time=_clock(until)), icon="clock-outline")
    if following is None:
        return Point(say("who_helps.closed"), icon="clock-outline")
    start, end = following
    opens = say("who_helps.opens", when=_day(start, here), time=_clock(start))
    return Point(opens, say("who_helps.closes", time=_clock(end)), icon="clock-outline")


def _meanwhile(nearest: NearestStation | None) -> Point | None:
    if nearest is None:
        return None
    return Point(say("who_helps.now"), _way(nearest), icon="arrow-right")


def _way(nearest: NearestStation) -> Say:
    return say("who_helps.way", where=nearest.where, metres=nearest.metres)


def _todo(place: Place | None, nearest: NearestStation | None, here: datetime) -> tuple[Point, ...]:
    """Return what can be done while nobody is there: go where somebody is, or come back."""
    if nearest is not None:
        return (Point(say("who_helps.go", where=nearest.where), bullet="number"),)
    following = place.hours.next_span(here) if place is not None and place.hours is not None else None
    if following is None:
        return ()
    when = say("who_helps.back", when=_day(following[0], here), time=_clock(following[0]))
    return (Point(when, bullet="number"),)


def _day(when: datetime, here: datetime) -> Say:
    """The day in words of today: today, tomorrow, on a weekday, or its date."""
    days = (when.date() - here.date()).days
    if days > WEEK_DAYS:
        return date_text(when.date())
    if days > 1:
        return say(f"who_helps.on.{when.weekday()}")
    return say("who_helps.tomorrow" if days else "who_helps.today")


def _clock(when: datetime) -> str:
    """The time as the strip has it, without a leading nought."""
    return f"{when.hour}.{when:%M}"
