"""Settings of the worklist: hours by kind of row, and the morning's e-mail, from a TOML file over what ships.

    mail_at = 07:00:00
    mail_to = ["operations"]

    [hours]
    hold = 8

Rules: `mail_to` names e-mail channels of the alerts (`fleet.server.alerts.settings`); without it nobody is mailed. Times of day
are the server's. `prolong_days`: so long an order is prolonged from today, and never beyond the day on which it is void.

>>> load().hours["urgent"]
1
"""

from datetime import time
from pathlib import Path
from typing import Annotated

import msgspec

from fleet.server.process import default_settings as shipped

Hours = Annotated[int, msgspec.Meta(ge=1, le=24 * 366)]


class WorklistSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it. `hours` is by kind, and `urgent`."""

    hours: dict[str, Hours]
    mail_at: time = time(7)
    mail_to: tuple[str, ...] = ()
    prolong_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 14


def load(path: Path | None = None) -> WorklistSettings:
    """Return the settings that ship, with what the file changes. Raises SettingsError, OSError."""
    rules = shipped.read(Path(__file__).with_name("rules.toml"))
    return shipped.load(rules, path, "hours", WorklistSettings)
