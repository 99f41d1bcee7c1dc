"""Mix of visitors (`mix.toml`), and the situations that are drawn from it by a seed.

>>> drawn = draw(load(), 1000, seed=1)
>>> sum(drawn.values()), drawn == draw(load(), 1000, seed=1)
(1000, True)
"""

import random
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

Issuer = Literal["api", "portal_est", "portal", "none"]
"""An interface for programs; a web page for people, beside which certificates come by EST and the server has the cards' keys;
that page alone; nobody whom the server could ask."""
ISSUERS: tuple[Issuer, ...] = get_args(Issuer)
Attendance = Literal["there", "busy", "night"]
SHIPPED = Path(__file__).with_name("mix.toml")


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares are from 0 to 1."""

    weight: dict[str, int]
    night: float
    administrator: float
    offline: float
    slip: float


@dataclass(frozen=True, slots=True)
class Situation:
    """Situation that decides a visit, but for the issuer. `attendance`: whether an administrator is there."""

    visitor: str
    attendance: Attendance
    is_online: bool
    slips: bool


def load(path: Path = SHIPPED) -> Mix:
    """Raises OSError, tomllib.TOMLDecodeError, TypeError where a key is missing or unknown."""
    return Mix(**tomllib.loads(path.read_text(encoding="utf-8")))


def draw(mix: Mix, visitors: int, seed: int) -> Counter[Situation]:
    """Draw how many visitors are in each situation."""
    dice = random.Random(seed)
    names, weights = list(mix.weight), list(mix.weight.values())
    return Counter(_situation(mix, dice, name) for name in dice.choices(names, weights, k=visitors))


def _situation(mix: Mix, dice: random.Random, name: str) -> Situation:
    free: Attendance = "there" if dice.random() < mix.administrator else "busy"
    attendance: Attendance = "night" if dice.random() < mix.night else free
    return Situation(name, attendance, dice.random() >= mix.offline, dice.random() < mix.slip)
