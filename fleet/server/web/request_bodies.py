"""Request bodies of changes: strict models, so that what the description forbids is refused.

Rules: a name that is not known is refused, a number is a number and a time is text with its zone (RFC 3339); text holds no NUL,
which a database may refuse.

>>> class Wish(Body):
...     when: Instant
>>> Wish.model_validate({"when": "2026-03-01T22:00:00+01:00"}).when.isoformat()
'2026-03-01T22:00:00+01:00'
"""

import re
from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

LINE = r"^[^\x00]*$"
"""A pattern for text of people."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Body(BaseModel):
    """Of a change."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a time is text, as in 2026-03-01T22:00:00+01:00")
    return value


Instant = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_text)]
"""A point in time with its zone."""


def _day(value: object) -> object:
    if not isinstance(value, str) or _DAY.fullmatch(value) is None:
        raise ValueError("a day, as in 2026-03-01")
    return value


Day = Annotated[date, BeforeValidator(_day)]
"""A day in a query (RFC 3339, full-date): a number there is not seconds since 1970."""


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("a whole number")
    return value


WHOLE = BeforeValidator(_number)
"""Put last, after `Field(strict=False, ge=1)`: a whole number, and 3.0 is one too (JSON Schema 2020-12, validation, 6.1.1)."""
