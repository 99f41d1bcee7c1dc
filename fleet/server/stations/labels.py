"""From codes to what a person reads: level, icon and words of stations, devices, errands, orders, events and alarms.

Pure functions over the values of `fleet.server.stations.model`. A *level* is `ok`, `wa` (somebody should look), `ba` (it
does not work) or `of` (out of reach, waiting); it picks colour, and never stands without an icon and a word. Levels
sort worst first.

>>> errand_mark(None).level
'of'
"""
# length: labels of everything that a station tells of itself

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from fleet.messages.errand_catalog import catalog
from fleet.messages.link import DeviceState
from fleet.messages.vocabulary import ErrandOutcome, EventType, Outcome, lookup, short_type
from fleet.server.commands.narratives import COMMAND_KINDS, tell_command
from fleet.server.platform.pages.i18n import Texts
from fleet.server.stations.model import GOING_ON, EventRow, StationRow

Level = Literal["ba", "wa", "of", "ok"]
RANK: dict[Level, int] = {"ba": 0, "wa": 1, "of": 2, "ok": 3}
ICON: dict[Level, str] = {"ba": "close-circle", "wa": "alert", "of": "cloud-off-outline", "ok": "check-circle"}


@dataclass(frozen=True, slots=True)
class Mark:
    """A state as it is drawn: level, icon, and the word beside it as family and code of the texts."""

    level: Level
    icon: str
    family: str
    code: str

    def text(self, texts: Texts) -> str:
        """The word."""
        return texts.code(self.family, self.code)


_WORKS = Mark("ok", ICON["ok"], "station", "works")


def station_mark(row: StationRow) -> Mark:
    """The one thing to know about a station."""
    if row.chain_ok is False:
        return Mark("ba", "link-variant-off", "station", "chain_broken")
    if row.state is None:
        return Mark("of", ICON["of"], "station", "unknown")
    if row.state.out_of_service is not None:
        return Mark("ba", ICON["ba"], "closed", row.state.out_of_service)
    if row.quarantined:
        return Mark("wa", ICON["wa"], "station", "quarantined")
    if not row.online:
        return Mark("of", ICON["of"], "station", "offline")
    sick = [device for device in row.state.devices if _device_level(device) != "ok"]
    if sick:
        worst = device_mark(min(sick, key=lambda device: RANK[_device_level(device)]))
        return Mark("wa", ICON["wa"], worst.family, worst.code)
    return _WORKS


def receives(row: StationRow) -> bool:
    """Whether visitors can use it: it may be out of reach for us and still work."""
    return row.state is not None and row.state.out_of_service is None


_LATE = str.maketrans("åäö", "{|}")


@lru_cache(maxsize=32_768)
def in_turn(title: str) -> tuple[tuple[int, str], ...]:
    """Key of a title in a list: å, ä and ö come after z, and 2 before 10.

    >>> sorted(["Åsen 10", "Ängsvik", "Åsen 2", "Zon"], key=in_turn)
    ['Zon', 'Åsen 2', 'Åsen 10', 'Ängsvik']
    """
    parts = re.split(r"([0-9]{1,18})", title.casefold().translate(_LATE))
    return tuple((int(part), "") if number % 2 else (-1, part) for number, part in enumerate(parts))


def worst_first(rows: Iterable[StationRow]) -> list[StationRow]:
    """Stations in the order in which somebody should look at them."""
    return sorted(
        rows, key=lambda row: (RANK[station_mark(row).level], row.chain_ok is not False, in_turn(row.title), row.name)
    )


def device_mark(device: DeviceState) -> Mark:
    """A device's state. One that works and soon will not (low on paper) asks for somebody all the same."""
    level = _device_level(device)
    return Mark(level, ICON[level], f"device.{device.kind}", device.state)


def _device_level(device: DeviceState) -> Level:
    return "wa" if device.state in _CAN_BE_PUT_RIGHT else "ok" if device.ok else "ba"


_CAN_BE_PUT_RIGHT = frozenset({"paper_low", "out_of_paper", "cover_open", "door_open", "nearly_full"})

DEVICE_ICON = {
    "reader": "smart-card-reader-outline",
    "printer": "printer-outline",
    "cabinet": "door-closed-lock",
    "scanner": "qrcode",
    "gpio": "chip",
}

_OUTCOME: dict[ErrandOutcome, tuple[Level, str]] = {
    ErrandOutcome.DONE: ("ok", "check-circle"),
    ErrandOutcome.CANCELLED: ("of", "close-circle-outline"),
    ErrandOutcome.TIMED_OUT: ("of", "timer-sand"),
    ErrandOutcome.REFUSED: ("wa", "alert"),
    ErrandOutcome.FAULT: ("ba", "close-circle"),
    ErrandOutcome.UNKNOWN: ("ba", "help-circle-outline"),
    ErrandOutcome.INTERRUPTED: ("ba", "power"),
}


OUTCOMES = (GOING_ON, *_OUTCOME)
ERRAND_KINDS = tuple(entry.id for entry in catalog())


def errand_mark(outcome: str | None) -> Mark:
    """How an errand ended, or that it goes on."""
    if outcome is None:
        return Mark("of", "clock-outline", "outcome", GOING_ON)
    known = lookup(ErrandOutcome, outcome)
    if known is None:
        return Mark("of", "help-circle-outline", "outcome", outcome)
    level, icon = _OUTCOME[known]
    return Mark(level, icon, "outcome", outcome)


_ORDER: dict[str, tuple[Level, str]] = {
    "coming": ("of", "clock-outline"),
    "waiting": ("of", "door-closed"),
    "taken": ("wa", "door-open"),
    "misplaced": ("ba", "alert"),
    "taken_out": ("of", "tray-arrow-up"),
    "activated": ("wa", "receipt-text-outline"),
    "collected": ("ok", "check-circle"),
    "cancelled": ("of", "close-circle-outline"),
    "voided": ("of", "timer-sand"),
    "returned": ("of", "archive-arrow-down-outline"),
    "destroyed": ("of", "delete-empty-outline"),
    "expired": ("ba", "calendar-clock"),
}
ORDER_STATES = tuple(_ORDER)


def order_mark(state: str) -> Mark:
    """Where an order's card is."""
    level, icon = _ORDER.get(state, ("of", "help-circle-outline"))
    return Mark(level, icon, "order", state)


_EVENT_ICON: dict[EventType, str] = {
    EventType.STATION_STARTED: "power",
    EventType.CHAIN_CHECKPOINT: "shield-check-outline",
    EventType.DOOR_OPENED: "door-open",
    EventType.DOOR_SHUT: "door-closed",
    EventType.CARD_LEFT_IN: "smart-card-reader-outline",
    EventType.CARD_LEFT_IN_TAKEN: "check",
    EventType.LISTS_DROPPED: "alert-outline",
    EventType.CARD_NOT_GENUINE: "alert-outline",
    EventType.COMMAND_TAKEN: "cog-outline",
    EventType.COMMAND_ENDED: "cog-outline",
    EventType.ERRAND_STARTED: "account-outline",
    EventType.EFFECT_DONE: "check",
    EventType.EFFECT_UNKNOWN: "help-circle-outline",
    EventType.CARD_STORED: "door-closed",
    EventType.CARD_TAKEN_OUT: "door-open",
    EventType.STOCK_COUNTED: "check-bold",
    EventType.BIN_EMPTIED: "check-bold",
    EventType.ADMINISTRATOR_LOGGED_IN: "account-check-outline",
    EventType.IDENTITY_ATTESTED: "account-check-outline",
    EventType.CARD_ACTIVATED: "smart-card-outline",
    EventType.RECEIPT_ISSUED: "receipt-text-check-outline",
    EventType.ERRAND_ENDED: "check-bold",
}
_EFFECT_ICON = {
    "slot": "door-open",
    "card": "smart-card-outline",
    "receipt": "printer-outline",
    "drop": "inbox-arrow-down-outline",
}


_WENT_WELL = frozenset(
    {
        Outcome.ACCEPTED,
        Outcome.WRITTEN,
        Outcome.GENERATED,
        Outcome.MADE_AGAIN,
        Outcome.ISSUED,
        Outcome.DELETED,
        Outcome.OPENED,
        Outcome.CLOSED,
        Outcome.LOOKED_AT,
        Outcome.TAKEN,
        Outcome.DROPPED,
        Outcome.CLEARED,
        Outcome.PRINTED,
        Outcome.BLOCKED,
        Outcome.HELD,
        Outcome.LIFTED,
        Outcome.RELEASED,
        Outcome.LETTER_ORDERED,
        Outcome.ASKED,
        Outcome.WELL,
        Outcome.PAIRED,
    }
)
"""Outcomes of which nothing is said beside the effect; each of the others has a text of its own."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event in plain words."""

    level: Level
    icon: str
    text: str


def tell(event: EventRow, texts: Texts) -> Told:
    """What an event says, to somebody who has never seen its type."""
    key = short_type(event.type)
    content = event.content
    effect = str(content.get("effect", ""))
    outcome = str(content.get("outcome", ""))
    event_type = lookup(EventType, event.type)
    icon = "information-outline" if event_type is None else _EVENT_ICON[event_type]
    if event.type in (EventType.EFFECT_DONE, EventType.EFFECT_UNKNOWN):
        said = _effect_said(effect, content.get("slot"), texts)
        return _told_effect(event.type, _EFFECT_ICON.get(effect.partition(".")[0], icon), said, outcome, texts)
    if event.type == EventType.ERRAND_STARTED:
        return Told("ok", icon, texts("event.errand.started", kind=texts.code("kind", str(content.get("kind", "")))))
    if event.type == EventType.ERRAND_ENDED:
        mark = errand_mark(outcome)
        return Told(mark.level, mark.icon, texts("event.errand.ended", outcome=mark.text(texts).lower()))
    if event.type in COMMAND_KINDS:
        return Told(*tell_command(event, texts))
    if event.type == EventType.RECEIPT_ISSUED:
        signed = texts.code("signed", str(content.get("signed", "")))
        return Told("ok", icon, texts("event.receipt.issued", number=content.get("number", ""), signed=signed.lower()))
    return Told("ok", icon, texts.code("event", key))


def _effect_said(effect: str, slot: object, texts: Texts) -> str:
    if isinstance(slot, int) and texts.has(f"effect_at.{effect}"):
        return texts(f"effect_at.{effect}", slot=slot)
    return texts.code("effect", effect)


def _told_effect(kind: str, icon: str, said: str, outcome: str, texts: Texts) -> Told:
    if kind == EventType.EFFECT_UNKNOWN:
        return Told("ba", "help-circle-outline", texts("event.effect.unknown", effect=said))
    if not outcome or outcome in _WENT_WELL:
        return Told("ok", icon, said)
    return Told(
        "wa", icon, texts("event.effect.done", effect=said, outcome=texts.code("effect_outcome", outcome).lower())
    )


@dataclass(frozen=True, slots=True)
class Todo:
    """One line of the list of what needs somebody."""

    level: Level
    icon: str
    title: str
    detail: str
    href: str
    action: str
    since: str = ""
    """For how long, where that is known."""


_ALARM: dict[str, tuple[Level, str]] = {
    "out_of_service": ("ba", "wrench-outline"),
    "order_expired": ("wa", "calendar-clock"),
    "order_misplaced": ("ba", "alert"),
}
"""What no rule of alerts finds, since people did it or the day came."""


def others(alarms: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Those that are no alerts."""
    return [alarm for alarm in alarms if alarm[1] in _ALARM]


def todos(
    alarms: Iterable[tuple[str, str, str]], titles: Mapping[str, str], texts: Texts, *, people: bool = True
) -> list[Todo]:
    """What needs somebody and is no alert, worst first, each with the page where it can be seen. `people`: whether who looks may
    see orders."""
    found = (
        _todo(station, code, argument, titles.get(station, station), texts, people)
        for station, code, argument in alarms
    )
    return sorted(found, key=lambda todo: RANK[todo.level])


def _todo(station: str, code: str, argument: str, title: str, texts: Texts, people: bool) -> Todo:
    level, icon = _ALARM[code]
    what = texts.code("reason", argument) if code == "out_of_service" else argument
    said, detail = texts(f"alarm.{code}", what=what), texts(f"alarm_detail.{code}")
    if code == "out_of_service" or not people:
        return Todo(level, icon, f"{title}: {said}", detail, f"/stations/{station}", texts("todo.station"))
    state = code.removeprefix("order_")
    return Todo(level, icon, f"{title}: {said}", detail, f"/orders?state={state}", texts("todo.orders"))
