"""Settings of deadlines: rules from a TOML file, over those that ship.

    by = "SE2321000999-A001"

    [rule.not_collected]
    days = 60

    [rule.loa2]
    last_day = "2027-06-30"

Rules: a card is blocked for good in somebody's name (`by`, an HSA-id) or not at all: without one, what would be a block is a
hold, and a person is asked to block. `off = true` ends a rule.

>>> load().act_of("left")
'hold'
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec

from fleet.server.process import default_settings as shipped

Act = Literal["remind", "void", "hold", "block"]
Code = Literal["receipt_unsigned", "not_collected", "name_changed", "left", "loa2", "certificate", "reserve_old"]
Days = Annotated[int, msgspec.Meta(ge=0, le=3653)]

MAY: Mapping[str, frozenset[Act]] = {
    "receipt_unsigned": frozenset({"remind", "hold", "block"}),
    "not_collected": frozenset({"remind", "void"}),
    "name_changed": frozenset({"remind", "hold", "block"}),
    "left": frozenset({"remind", "hold", "block"}),
    "loa2": frozenset({"remind"}),
    "certificate": frozenset({"remind"}),
    "reserve_old": frozenset({"remind"}),
}
"""What may happen by itself: nothing is voided that a person holds, and no card is blocked for being old."""


ALARMS = frozenset({*get_args(Code), "clock_leapt", "deadlines_many"})
"""Codes of the alarms that come of deadlines: the rules' own, and two about the job itself."""


class DeadlineRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Time limit and what happens then. `last_day` is for `loa2`: the region's last day, ISO 8601; without one nothing is due."""

    act: Act
    days: Days = 0
    months: Annotated[int, msgspec.Meta(ge=0, le=60)] = 0
    warn_days: Days = 0
    most_a_day: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 100
    last_day: date | None = None
    off: bool = False


class DeadlineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it. `rule` is by code; `by` the HSA-id in whose name the server blocks."""

    rule: dict[Code, DeadlineRule]
    by: Annotated[str, msgspec.Meta(pattern=r"^([A-Z][A-Z0-9]{1,30}-[A-Z0-9]{1,30})?$")] = ""

    def __post_init__(self) -> None:
        for code, rule in self.rule.items():
            if rule.act not in MAY[code]:
                raise ValueError(f"rule.{code}: {rule.act} may not happen by itself here")

    def act_of(self, code: Code) -> Act:
        """Return what will happen by itself."""
        act = self.rule[code].act
        return "hold" if act == "block" and not self.by else act

    @property
    def codes(self) -> tuple[Code, ...]:
        """The rules that hold, in the order of the board."""
        return tuple(code for code, rule in self.rule.items() if not rule.off)


def load(path: Path | None = None, *, loa2_last_day: date | None = None) -> DeadlineSettings:
    """The rules that ship, with what the file changes. `loa2_last_day`: what the issuer's rules say where the file does not.

    Raises SettingsError, OSError.
    """
    rules = shipped.read(Path(__file__).with_name("rules.toml"))
    rules["rule"]["loa2"]["last_day"] = loa2_last_day
    return shipped.load(rules, path, "rule", DeadlineSettings)
