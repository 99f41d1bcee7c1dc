"""Labels of ID administrators: whether they may attend today."""

from fleet.messages.link import Administrator
from fleet.server.pages.labels import StatusLabel


def standing_label(person: Administrator, today: str, *, has_left: bool) -> StatusLabel:
    """By directory, level and days. `today`: ISO 8601."""
    if has_left:
        return StatusLabel("wa", "account-outline", "administrator_is", "left")
    if person.valid_until and person.valid_until < today:
        return StatusLabel("of", "calendar-clock", "administrator_is", "over")
    if person.valid_from and person.valid_from > today:
        return StatusLabel("of", "calendar-clock", "administrator_is", "coming")
    if person.level < 3:
        return StatusLabel("wa", "alert", "administrator_is", "level_2")
    return StatusLabel("ok", "check-circle", "administrator_is", "attends")
