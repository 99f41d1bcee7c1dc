"""View helpers: common buttons, pages of a list, and how numbers, names and days are written."""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from drivers.reader.model import Pin
from kiosk.receipts.template import group_digits
from kiosk.region import ByPeople
from kiosk.steps.context import CardHolder
from kiosk.views import CANCEL, Button, Option, PersonName, Say, local, say

__all__ = [
    "back_button",
    "cancel_button",
    "common_name",
    "date_text",
    "display_name",
    "done_by",
    "group_digits",
    "last_digits",
    "page_options",
    "primary_button",
    "puk_floor_cause",
    "time_text",
]


def last_digits(number: str) -> str:
    """The last eight digits, which is what people compare."""
    return group_digits(number[-8:])


def display_name(whose: CardHolder) -> PersonName:
    """The name, or the HSA-id alone where the identity is protected."""
    return PersonName(whose.name or whose.hsa_id)


def date_text(when: date) -> Say:
    """A day as people write it: `25 nov 2026`."""
    return say("day", day=when.day, month=say(f"receipt.month.{when.month}"), year=when.year)


def time_text(when: datetime) -> str:
    """A time of day as people write it: `10.52`. `when` is local."""
    return f"{when:%H.%M}"


def done_by(key: str, people: ByPeople, now: datetime) -> Say:
    """Say who does it in the issuer's portal, and when at the latest (local time), as the sentence `key`."""
    until = (now + timedelta(hours=people.hours)).astimezone()
    doer = local(people.by.model_dump())
    return say(key, who=doer, day=date_text(until.date()), time=time_text(until))


def puk_floor_cause(puk: Pin) -> Say:
    """Why a PUK is not sent: by the card's own word, or by the station's caution, which is named as its own."""
    return say("puk_floor.counted" if puk.counted else "puk_floor.told")


def cancel_button() -> Button:
    """The way out that ends the errand."""
    return Button(CANCEL, say("button.cancel"), "close")


def back_button() -> Button:
    """The way out that goes one question back."""
    return Button("back", say("button.back"), "arrow-left")


def primary_button(value: str, key: str, icon: str = "arrow-right") -> Button:
    return Button(value, say(key), icon)


def page_options(options: Sequence[Option], *, more: bool) -> tuple[Option, ...]:
    """One page of a list; where there are others, its last option turns to the next (`more`)."""
    return (*options, Option("more", say("which.more"), icon="arrow-right")) if more else tuple(options)


def common_name(distinguished: str) -> str:
    """The common name in an RFC 4514 name, or all of it."""
    match = re.search(r"(?:^|,)\s*CN=((?:\\.|[^,\\])+)", distinguished)
    return match.group(1).replace("\\", "") if match else distinguished
