"""Weak PIN rules, as data: a profile names the rules, this module says what they mean. Pure.

>>> broken_pin_rules(Secret("123456"), ("sequence", "repeated"))
('sequence',)
"""

from collections.abc import Iterable
from datetime import date
from itertools import pairwise
from typing import Literal

from drivers.reader.secret import Secret

NewCodeRule = Literal["repeated", "sequence", "pattern", "birth-date", "same-as-old"]
"""`repeated`: one character all the way. `sequence`: up or down by one all the way, 0 after 9 included. `pattern`: one or
two characters over and over, or a half that comes twice. `birth-date`: the holder's, in any usual order."""
DEFAULT_RULES: tuple[NewCodeRule, ...] = ("repeated", "sequence", "birth-date", "same-as-old")


def broken_pin_rules(
    new: Secret, rules: Iterable[NewCodeRule], *, old: Secret | None = None, born: Iterable[date] = ()
) -> tuple[NewCodeRule, ...]:
    """The rules that a new code breaks, in the order in which they are given."""
    code = new.characters()
    broken: dict[NewCodeRule, bool] = {
        "repeated": len(set(code)) == 1,
        "sequence": _is_sequence(code),
        "pattern": any(_repeats(code, size) for size in {2, len(code) // 2}),
        "birth-date": any(_contains(code, form) for day in born for form in _date_forms(day)),
        "same-as-old": old is not None and new == old,
    }
    return tuple(rule for rule in rules if broken[rule])


def _contains(code: tuple[str, ...], form: str) -> bool:
    return any(code[at : at + len(form)] == tuple(form) for at in range(len(code) - len(form) + 1))


def _is_sequence(code: tuple[str, ...]) -> bool:
    if len(code) < 3 or not all(char.isascii() and char.isdigit() for char in code):
        return False
    return {(int(b) - int(a)) % 10 for a, b in pairwise(code)} in ({1}, {9})


def _repeats(code: tuple[str, ...], size: int) -> bool:
    return 0 < size < len(code) and len(code) % size == 0 and code == code[:size] * (len(code) // size)


def _date_forms(day: date) -> tuple[str, ...]:
    """Six and eight digits, year first or last; day and month in both orders."""
    return tuple(day.strftime(form) for form in ("%Y%m%d", "%y%m%d", "%d%m%Y", "%d%m%y", "%m%d%Y", "%m%d%y"))
