"""Labels of station commands: what it is, how far it has come, what the answer means, and what events tell of it."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from fleet.messages.vocabulary import CommandName, EventType
from fleet.server.commands.model import RECOVERY_KEY, CommandRow
from fleet.server.commands.roll_out import Progress, RollOutState
from fleet.server.errands.model import EventRow
from fleet.server.pages.i18n import Localization
from fleet.server.pages.labels import Level, StatusLabel, TodoItem

COMMAND_ICON: Mapping[str, str] = {
    CommandName.SELF_TEST: "stethoscope",
    CommandName.RESTART: "restart",
    CommandName.RESTART_MACHINE: "power",
    CommandName.OUT_OF_SERVICE: "door-closed-lock",
    CommandName.IN_SERVICE: "door-open",
    CommandName.OPEN_SLOT: "lock-open-variant-outline",
    CommandName.SYNC: "update",
    CommandName.LOG_BUNDLE: "download-outline",
    CommandName.NETWORK_TEST: "lan-connect",
    CommandName.UPDATE: "tray-arrow-down",
    RECOVERY_KEY: "lock-open-variant-outline",
}
"""In the order in which they are offered."""
COMMAND_EVENTS = frozenset({EventType.COMMAND_TAKEN, EventType.COMMAND_ENDED})
_STATE: dict[str, tuple[Level, str]] = {
    "waiting": ("wa", "account-check-outline"),
    "ready": ("of", "clock-outline"),
    "sent": ("of", "timer-sand"),
    "done": ("ok", "check-circle"),
    "refused": ("wa", "alert"),
    "failed": ("ba", "close-circle"),
    "expired": ("wa", "calendar-clock"),
    "withdrawn": ("of", "close-circle-outline"),
}


_ROLL_OUT: dict[RollOutState, tuple[Level, str]] = {
    RollOutState.WAITING: ("of", "clock-outline"),
    RollOutState.FETCHING: ("of", "tray-arrow-down"),
    RollOutState.FETCHED: ("of", "timer-sand"),
    RollOutState.TRIED: ("wa", "restart"),
    RollOutState.CONFIRMED: ("ok", "check-circle"),
    RollOutState.FELL_BACK: ("ba", "close-circle"),
    RollOutState.FAILED: ("ba", "close-circle"),
    RollOutState.NOT_TAKEN: ("wa", "alert"),
}


def roll_out_label(state: RollOutState) -> StatusLabel:
    """Return the label of a station's progress with the version that was ordered."""
    level, icon = _ROLL_OUT[state]
    return StatusLabel(level, icon, "roll_out_state", state)


def roll_out_reason(progress: Progress, texts: Localization) -> str:
    """Why it was not taken, or failed; empty where it goes on."""
    if not progress.reason:
        return ""
    if progress.state is not RollOutState.NOT_TAKEN:
        return texts.code("update_fault", progress.reason)
    return "" if progress.ordered is None else command_detail(progress.ordered, texts)


def command_label(row: CommandRow) -> StatusLabel:
    """Return the label of a command's progress."""
    level, icon = _STATE[row.state]
    return StatusLabel(level, icon, "command_state", row.state)


def command_title(row: CommandRow, texts: Localization) -> str:
    """Return the title of a command, with its slot or version."""
    title = texts.code("command", row.command)
    about = row.slot if row.update_order is None else row.update_order.version
    return title if about is None else f"{title} {about}"


def command_detail(row: CommandRow, texts: Localization) -> str:
    """Why it ended as it did; empty where the state says it all."""
    if row.state == "withdrawn":
        return texts("commands.withdrawn_by", who=row.ended_by)
    if row.state == "expired" and row.sequence is None:
        return texts("commands.nobody_agreed")
    return texts.code("command_result", row.result) if row.result else ""


def test_said(row: CommandRow, texts: Localization) -> str:
    """Return when a self test was done, and what it found, in words."""
    faults, when = sum(1 for device in row.devices if not device.ok), texts.moment(row.ended or row.asked)
    return texts.many("commands.tested", faults, when=when) if faults else texts("commands.tested.none", when=when)


def command_todos(
    rows: Iterable[CommandRow], titles: Mapping[str, str], texts: Localization, now: datetime
) -> list[TodoItem]:
    """Commands that wait for whoever looks, as lines of the list of what needs somebody."""
    return [
        TodoItem(
            "wa",
            COMMAND_ICON[row.command],
            f"{titles.get(row.station, row.station)}: {command_title(row, texts)}",
            texts("commands.todo", who=row.by, reason=row.reason),
            f"/commands/{row.id}",
            texts("commands.todo_action"),
            texts.lately(row.asked, now),
        )
        for row in rows
    ]


_LEVEL: dict[str, Level] = {"done": "ok", "refused": "wa", "failed": "ba"}


def describe_command_event(event: EventRow, texts: Localization) -> tuple[Level, str, str]:
    """Level, icon and words of an event of `COMMAND_EVENTS`."""
    content = event.content
    code, outcome = str(content.get("command", "")), str(content.get("outcome", ""))
    command = texts.code("command", code)
    if isinstance(content.get("slot"), int):
        command += f" {content['slot']}"
    icon = COMMAND_ICON.get(code, "cog-outline")
    if event.type == EventType.COMMAND_TAKEN:
        persons = ", ".join(str(content[name]) for name in ("by", "second") if content.get(name))
        return "ok", icon, texts("event.command.taken", command=command, who=persons)
    label = texts(f"command_state.{outcome}") if outcome in _LEVEL else outcome
    return _LEVEL.get(outcome, "wa"), icon, texts("event.command.ended", command=command, outcome=label.lower())
