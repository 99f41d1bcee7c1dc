"""Profiles are data that others write: what is wrong in one is named, and an unsafe floor is not accepted."""

import pytest

from drivers.reader.outcomes import Role
from drivers.reader.profiles import CardSigns, ProfileError, Profiles, builtin, parse

GOOD = """
name = "made-up"
title = "Made up"
rank = 5
[match]
atr = [{ value = "3B7F96000080318065B0850400111202F0829000", mask = "FFFF0000FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF" }]
label = "^e-leg"
[pin]
min_length = 6
max_length = 8
tries = 3
[puk]
min_length = 8
max_length = 8
tries = 10
floor = 3
"""
ATR = bytes.fromhex("3B7FAAAA0080318065B0850400111202F0829000")


def test_a_profile_is_matched_by_masked_atr_and_label() -> None:
    profiles = Profiles([*builtin(), parse(GOOD, "made-up.toml")])
    assert found(profiles, CardSigns(ATR, label="e-leg 7")) == "made-up"
    assert found(profiles, CardSigns(ATR, label="other")) == "pkcs15"
    assert found(profiles, CardSigns(b"\x3b\x00", label="e-leg 7")) == "pkcs15"


def found(profiles: Profiles, signs: CardSigns) -> str:
    profile = profiles.match(signs, "pkcs15")
    assert profile is not None
    return profile.name


def test_an_unknown_product_promises_little() -> None:
    profile = builtin().match_name("pkcs15")
    assert profile.unblocking.by == "nobody"
    assert profile.counter(Role.PUK) == profile.counter(Role.IDENTIFICATION) == "none"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("floor = 3", "floor = 2"), "floor"),
        (("tries = 10\nfloor = 3", "tries = 3\nfloor = 1"), "floor"),
        (("min_length = 6", "min_length = 0"), "min_length"),
        (("min_length = 6", "min_lenght = 6"), "min_lenght"),
        (('label = "^e-leg"', 'label = "("'), "label"),
        (('value = "3B7F', 'value = "ZZ7F'), "value"),
        (("[pin]", "[pin"), "made-up.toml"),
    ],
)
def test_a_bad_profile_is_refused_by_file_and_key(change: tuple[str, str], named: str) -> None:
    assert change[0] in GOOD
    with pytest.raises(ProfileError, match=named) as fault:
        parse(GOOD.replace(*change, 1), "made-up.toml")
    assert str(fault.value).startswith("made-up.toml")


def test_a_floor_of_two_is_for_counters_that_start_at_three_or_four() -> None:
    assert parse(GOOD.replace("tries = 10\nfloor = 3", "tries = 3\nfloor = 2"), "x").puk.floor == 2


@pytest.mark.parametrize(
    ("atr", "label", "name"),
    [
        ("3BF71100008131FE6543616E6F6B657999", "", "piv-token"),
        ("3BFD1300008131FE158073C021C057597562694B657940", "", "piv-token"),
        ("3B00", "PivApplet", "piv-applet"),
        ("3B00", "Some other", "piv"),
    ],
)
def test_piv_products_are_told_by_atr_or_label(atr: str, label: str, name: str) -> None:
    signs = CardSigns(bytes.fromhex(atr), bytes.fromhex("A000000308000010000100"), label)
    found = builtin().match(signs, "piv")
    assert found is not None
    assert found.name == name


def test_a_profile_of_one_kind_never_fits_the_other() -> None:
    assert {p.kind for p in builtin() if p.name.startswith("piv")} == {"piv"}
    assert bytes.fromhex("A00000030800001000") not in builtin().aids("pkcs15")
    assert builtin().match(CardSigns(aid=bytes.fromhex("A000000308")), "unknown") is None
