"""A trait of a virtual card: what single real products do differently from the kind, as changes of one family's fields."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

Ways = TypeVar("Ways")


@dataclass(frozen=True, slots=True)
class Trait:
    """One trait. Two traits that change the same field contradict each other."""

    title: str
    seen_on: str
    """Real cards that are so, and where that can be read."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the family's dataclass, and their values on such a card."""
    kinds: str = "AB"
    """Letters of the kinds that can have it."""


def merge(ways: Ways, table: Mapping[str, Trait], traits: Iterable[str]) -> Ways:
    """The ways of a card with those traits of the table; names of other families are passed over."""
    changes = {name: value for trait in traits if trait in table for name, value in table[trait].changes.items()}
    return replace(ways, **changes)  # type: ignore[type-var]
