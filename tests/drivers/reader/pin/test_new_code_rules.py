"""New codes that are easy to guess, and those that only look like it."""

from datetime import date

import pytest

from drivers.reader.pin.new_code_rules import DEFAULT_RULES, NewCodeRule, broken_pin_rules
from drivers.reader.secret import Secret

ALL: tuple[NewCodeRule, ...] = ("repeated", "sequence", "pattern", "birth-date", "same-as-old")
BORN = (date(1990, 3, 7),)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("111111", ("repeated", "pattern")),
        ("123456", ("sequence",)),
        ("987654", ("sequence",)),
        ("789012", ("sequence",)),
        ("121212", ("pattern",)),
        ("864864", ("pattern",)),
        ("900307", ("birth-date",)),
        ("07031990", ("birth-date",)),
        ("070390", ("birth-date",)),
        ("24900307", ("birth-date",)),
        ("975318", ()),
        ("123457", ()),
        ("900308", ()),
        ("ababab", ("pattern",)),
        ("", ()),
    ],
)
def test_what_is_easy_to_guess_is_named(code: str, expected: tuple[NewCodeRule, ...]) -> None:
    assert broken_pin_rules(Secret(code), ALL, born=BORN) == expected


def test_the_old_code_is_no_new_one() -> None:
    assert broken_pin_rules(Secret("975318"), DEFAULT_RULES, old=Secret("975318")) == ("same-as-old",)
    assert broken_pin_rules(Secret("975318"), DEFAULT_RULES, old=Secret("975319")) == ()


def test_only_the_rules_of_the_profile_count() -> None:
    assert broken_pin_rules(Secret("111111"), ()) == ()
    assert broken_pin_rules(Secret("121212"), DEFAULT_RULES) == ()
