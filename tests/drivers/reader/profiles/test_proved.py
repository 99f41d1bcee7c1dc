"""A product that nobody has tried on a card is read-only; what was tried on a trace or a card is not."""

import pytest

from drivers.reader.outcomes import Role
from drivers.reader.profiles import CardSigns, Profile, ProfileError, Profiles, builtin, parse, safety
from tests.fakes.cards.profiles import ATR, GOOD

TRIED = 'proved = { value = "card", source = "twelve cards" }\n'
RICH = (
    GOOD
    + """
[commands]
counter = "empty-verify"
counter_of_puk = "empty-verify"
unblock = "puk-and-new"
[unblocking]
by = "holder"
"""
)
SIGNS = CardSigns(ATR, label="e-leg 7")


def obeyed(text: str) -> Profile:
    profile = Profiles([*builtin(), parse(text, "made-up.toml")]).match(SIGNS, "pkcs15")
    assert profile is not None
    assert profile.name == "made-up"
    return profile


@pytest.mark.parametrize("said", ["", 'proved = "none"\n'])
def test_what_a_profile_says_is_not_obeyed_before_a_card_has_proved_it(said: str) -> None:
    profile = obeyed(RICH.replace(TRIED, said))
    assert profile.read_only
    assert {profile.counter(role) for role in Role} == {"none"}
    assert (profile.commands.unblock, profile.unblocking.by, profile.writable) == ("none", "nobody", False)


@pytest.mark.parametrize("on", ["trace", "card"])
def test_a_trace_or_a_card_lifts_it(on: str) -> None:
    profile = obeyed(RICH.replace('value = "card"', f'value = "{on}"'))
    assert not profile.read_only
    assert (profile.counter(Role.PUK), profile.commands.unblock, profile.unblocking.by) == (
        "empty-verify", "puk-and-new", "holder",
    )  # fmt: skip


def test_a_counter_that_costs_nothing_is_asked_all_the_same() -> None:
    profile = obeyed(RICH.replace(TRIED, "").replace('"empty-verify"', '"df21"'))
    assert {profile.counter(role) for role in Role} == {"df21"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ((TRIED, 'proved = { value = "trace", unverified = true }\n'), "proved: what the product was tried on"),
        (('value = "card"', 'value = "standard"'), "unblocking.by: no standard says so"),
        ((TRIED, 'writable = true\nproved = "standard"\n'), "writable: no standard says so"),
        ((TRIED, 'proved = "perhaps"\n'), "proved: Input should be"),
    ],
)
def test_a_bad_proof_is_refused_by_file_and_key(change: tuple[str, str], named: str) -> None:
    with pytest.raises(ProfileError, match=named):
        parse(RICH.replace(*change), "made-up.toml")


def test_the_cards_own_description_does_not_lift_what_ships_as_read_only() -> None:
    drafted = parse(GOOD.replace('value = "card"', 'value = "standard"').replace("rank = 5", "rank = 50"), "x")
    telia = builtin().match_name("telia-eid-ip5a")
    assert telia.read_only
    assert safety.tighten(drafted, [telia]).read_only
    tried = parse(GOOD.replace("rank = 5", "rank = 50"), "x")
    assert not safety.tighten(tried, [telia]).read_only
    same_name = GOOD.replace("made-up", "telia-eid-ip5a").replace('value = "card"', 'value = "standard"')
    with pytest.raises(ProfileError, match="proved: is none in the profile that ships"):
        parse(same_name, "telia-eid-ip5a.toml", replaced=telia)


def test_of_the_products_that_ship_only_those_that_were_tried_may_be_changed() -> None:
    changed = {profile.name for profile in builtin() if not profile.read_only}
    ours = {f"virtual-{kind}" for kind in "abcd"}
    assert changed == ours | {"pkcs15", "piv", "piv-applet", "piv-token"}


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ((), "puk"),
        ((('by = "holder"', 'by = "administrator"'),), "administrator"),
        ((('by = "holder"', 'by = "nobody"'),), "start-pin"),
        ((('unblock = "puk-and-new"', 'unblock = "none"'),), "start-pin"),
        ((("[unblocking]", '[activation]\ncode = "start-pin"\n[unblocking]'),), "start-pin"),
        ((("[unblocking]", '[activation]\ncode = "administrator"\n[unblocking]'),), "administrator"),
    ],
)
def test_the_first_code_of_a_card_that_came_by_post_is_set_as_its_product_may_be_unlocked(
    changes: tuple[tuple[str, str], ...], first: str
) -> None:
    text = RICH
    for change in changes:
        assert change[0] in text
        text = text.replace(*change)
    assert obeyed(text).first_code == first


@pytest.mark.parametrize("code", ["puk", "administrator"])
def test_a_first_code_that_nothing_sets_is_refused(code: str) -> None:
    text = RICH.replace('unblock = "puk-and-new"', 'unblock = "none"')
    with pytest.raises(ProfileError, match=r"activation\.code"):
        parse(text.replace("[unblocking]", f'[activation]\ncode = "{code}"\n[unblocking]'), "made-up.toml")
