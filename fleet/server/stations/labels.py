"""Labels of stations and their devices, the order of titles in lists, and what needs somebody beside the alerts.

>>> device_label(DeviceState("reader", "hand-over", "ok", True)).level
'ok'
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import assert_never

from fleet.messages.link import DeviceState
from fleet.messages.vocabulary import DeviceKind, DeviceStatus, lookup
from fleet.server.pages.i18n import Localization
from fleet.server.pages.labels import ICON, RANK, Level, StatusLabel, TodoItem
from fleet.server.stations.model import StationRow

_WORKS = StatusLabel("ok", ICON["ok"], "station", "works")


def station_label(row: StationRow) -> StatusLabel:
    """The one thing to know about a station."""
    if row.retired is not None:
        return StatusLabel("of", "archive-arrow-down-outline", "station", "retired")
    if row.chain_ok is False:
        return StatusLabel("ba", "link-variant-off", "station", "chain_broken")
    if row.state is None:
        return StatusLabel("of", ICON["of"], "station", "unknown")
    if row.state.out_of_service is not None:
        return StatusLabel("ba", ICON["ba"], "closed", row.state.out_of_service)
    if row.quarantined:
        return StatusLabel("wa", ICON["wa"], "station", "quarantined")
    if not row.online:
        return StatusLabel("of", ICON["of"], "station", row.contact)
    sick = [device for device in row.state.devices if _device_level(device) != "ok"]
    if sick:
        worst = device_label(min(sick, key=lambda device: RANK[_device_level(device)]))
        return StatusLabel("wa", ICON["wa"], worst.family, worst.code)
    return _WORKS


_LATE = str.maketrans("åäö", "{|}")


@lru_cache(maxsize=32_768)
def natural_sort_key(title: str) -> tuple[tuple[int, str], ...]:
    """Key of a title in a list: å, ä and ö come after z, and 2 before 10.

    >>> sorted(["Åsen 10", "Ängsvik", "Åsen 2", "Zon"], key=natural_sort_key)
    ['Zon', 'Åsen 2', 'Åsen 10', 'Ängsvik']
    """
    parts = re.split(r"([0-9]{1,18})", title.casefold().translate(_LATE))
    return tuple((int(part), "") if number % 2 else (-1, part) for number, part in enumerate(parts))


def sort_worst_first(rows: Iterable[StationRow]) -> list[StationRow]:
    """Stations in the order in which somebody should look at them."""
    return sorted(
        rows,
        key=lambda row: (
            RANK[station_label(row).level],
            row.chain_ok is not False,
            natural_sort_key(row.title),
            row.name,
        ),
    )


def device_label(device: DeviceState) -> StatusLabel:
    """A device's state. One that works and soon will not (low on paper) asks for somebody all the same."""
    level = _device_level(device)
    return StatusLabel(level, ICON[level], f"device.{device.kind}", device.state)


def _device_level(device: DeviceState) -> Level:
    status = lookup(DeviceStatus, device.state)
    return "wa" if status is not None and _can_be_put_right(status) else "ok" if device.ok else "ba"


def _can_be_put_right(status: DeviceStatus) -> bool:
    """Return whether a hand at the station puts the device right, with a new roll of paper for example."""
    match status:
        case DeviceStatus.PAPER_LOW | DeviceStatus.OUT_OF_PAPER | DeviceStatus.COVER_OPEN | DeviceStatus.DOOR_OPEN:
            return True
        case (
            DeviceStatus.READY
            | DeviceStatus.NO_READER
            | DeviceStatus.CARD_MUTE
            | DeviceStatus.CARD_FAULT
            | DeviceStatus.NO_SIGNATURE
            | DeviceStatus.CUTTER
            | DeviceStatus.OFFLINE
            | DeviceStatus.MUTE
            | DeviceStatus.NOT_LAID_OUT
            | DeviceStatus.UNKNOWN
            | DeviceStatus.MISSING
            | DeviceStatus.WRONG_FIRMWARE
            | DeviceStatus.NOT_PAIRED
            | DeviceStatus.SWAPPED_BOARD
            | DeviceStatus.TWO_BOARDS
            | DeviceStatus.PORT_REFUSED
            | DeviceStatus.CASE_OPEN
            | DeviceStatus.BIN_OPEN
            | DeviceStatus.COUNTERS_LOST
            | DeviceStatus.FLASH_FAILED
            | DeviceStatus.JAMMED
            | DeviceStatus.DROP_SENSOR
            | DeviceStatus.REFUSED
            | DeviceStatus.STUCK
            | DeviceStatus.UNAVAILABLE
        ):
            return False
        case _:
            assert_never(status)


DEVICE_ICON = {
    DeviceKind.READER: "smart-card-reader-outline",
    DeviceKind.PRINTER: "printer-outline",
    DeviceKind.CABINET: "door-closed-lock",
    DeviceKind.SCANNER: "qrcode",
    DeviceKind.GPIO: "chip",
    DeviceKind.TOUCHSCREEN: "monitor",
}


_ALARM: dict[str, tuple[Level, str]] = {
    "out_of_service": ("ba", "wrench-outline"),
    "order_expired": ("wa", "calendar-clock"),
    "order_misplaced": ("ba", "alert"),
}
"""What no rule of alerts finds, since people did it or the day came."""


def without_alert(alarms: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Return the alarms that are no alerts."""
    return [alarm for alarm in alarms if alarm[1] in _ALARM]


def alarm_todos(
    alarms: Iterable[tuple[str, str, str]], titles: Mapping[str, str], texts: Localization, *, people: bool = True
) -> list[TodoItem]:
    """Return the alarms that need somebody and are no alerts, worst first, each with the page where it can be seen.
    `people`: whether who looks may see orders."""
    todos = (
        _todo(station, code, argument, titles.get(station, station), texts, people)
        for station, code, argument in alarms
    )
    return sorted(todos, key=lambda todo: RANK[todo.level])


def _todo(station: str, code: str, argument: str, title: str, texts: Localization, people: bool) -> TodoItem:
    level, icon = _ALARM[code]
    subject = texts.code("reason", argument) if code == "out_of_service" else argument
    alarm_text, detail = texts(f"alarm.{code}", what=subject), texts(f"alarm_detail.{code}")
    if code == "out_of_service" or not people:
        return TodoItem(level, icon, f"{title}: {alarm_text}", detail, f"/stations/{station}", texts("todo.station"))
    state = code.removeprefix("order_")
    return TodoItem(level, icon, f"{title}: {alarm_text}", detail, f"/orders?state={state}", texts("todo.orders"))
