"""What the audit and a station's events tell of commands, in icons and words: for `words`, which draws both.

>>> COMMAND_DEEDS["command.ask"]
('of', 'cog-outline')
"""

from collections.abc import Mapping
from typing import Literal

from fleet.messages.vocabulary import EventType
from fleet.server.platform.pages.i18n import Texts
from fleet.server.stations.model import EventRow

Level = Literal["ba", "wa", "of", "ok"]
COMMAND_DEEDS: dict[str, tuple[Level, str]] = {
    "command.ask": ("of", "cog-outline"),
    "command.approve": ("ok", "account-check-outline"),
    "command.withdraw": ("of", "close-circle-outline"),
    "command.send": ("of", "timer-sand"),
    "command.expire": ("wa", "calendar-clock"),
    "command.done": ("ok", "check-circle"),
    "command.refused": ("wa", "alert"),
    "command.failed": ("ba", "close-circle"),
}
COMMAND_ICON: Mapping[str, str] = {
    "self_test": "stethoscope",
    "restart": "restart",
    "out_of_service": "door-closed-lock",
    "in_service": "door-open",
    "open_slot": "lock-open-variant-outline",
    "sync": "update",
    "log_bundle": "download-outline",
}
"""In the order in which they are offered."""
COMMAND_KINDS = frozenset({EventType.COMMAND_TAKEN, EventType.COMMAND_ENDED})
_LEVEL: dict[str, Level] = {"done": "ok", "refused": "wa", "failed": "ba"}


def tell_command(event: EventRow, texts: Texts) -> tuple[Level, str, str]:
    """Level, icon and words of an event of `COMMAND_KINDS`."""
    content = event.content
    code, outcome = str(content.get("command", "")), str(content.get("outcome", ""))
    command = texts.code("command", code)
    if isinstance(content.get("slot"), int):
        command += f" {content['slot']}"
    icon = COMMAND_ICON.get(code, "cog-outline")
    if event.type == EventType.COMMAND_TAKEN:
        who = ", ".join(str(content[name]) for name in ("by", "second") if content.get(name))
        return "ok", icon, texts("event.command.taken", command=command, who=who)
    said = texts(f"command_state.{outcome}") if outcome in _LEVEL else outcome
    return _LEVEL.get(outcome, "wa"), icon, texts("event.command.ended", command=command, outcome=said.lower())
