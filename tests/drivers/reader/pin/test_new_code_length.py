"""A new code is at least as long as the region says, and of digits, also where the card would take less."""

import pytest

from drivers.reader.outcomes import Accepted, RefusalReason, Refused, Role
from drivers.reader.profiles import Profiles, builtin
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from tests.drivers.reader.conftest import EC_PERSON, NOW, visit_to

PIN = Role.IDENTIFICATION
SHORT = "7319"


@pytest.fixture(params=["A", "B"])
def card(request: pytest.FixtureRequest, authority: TestAuthority) -> VirtualCard:
    return VirtualCard.create(person(EC_PERSON).new, authority, NOW, kind=request.param)


def unknown() -> Profiles:
    return Profiles([builtin().match_name("pkcs15")])


@pytest.mark.parametrize("new", ["abcd73xy", "73194a", SHORT, "73195"])
async def test_no_short_code_and_no_letters_are_set_on_an_unknown_card(card: VirtualCard, new: str) -> None:
    async with visit_to(card, unknown()) as visit:
        card.log.clear()
        refused = Refused(RefusalReason.POLICY)
        assert await visit.change(PIN, Secret(card.persona.pin), Secret(new)) == refused
        assert not card.log


async def test_digits_are_all_that_a_numeric_code_may_be_whatever_the_profile_says(card: VirtualCard) -> None:
    profile = unknown().match_name("pkcs15")
    letters = profile.model_copy(update={"pin": profile.pin.model_copy(update={"charset": "ascii"})})
    async with visit_to(card, Profiles([letters])) as visit:
        outcome = await visit.change(PIN, Secret(card.persona.pin), Secret("abcd73xy"))
        assert outcome == Refused(RefusalReason.POLICY)


async def test_a_short_code_that_the_card_has_already_is_still_taken_and_can_be_changed(
    authority: TestAuthority,
) -> None:
    card = VirtualCard.create(person(EC_PERSON).new, authority, NOW, kind="A")
    card.codes.pin.value = SHORT.encode()
    async with visit_to(card, unknown()) as visit:
        pin = visit.facts.pin(PIN)
        assert pin is not None
        assert (pin.entry_min_length, pin.min_length, pin.max_length) == (4, 6, 16)
        assert await visit.verify(PIN, Secret(SHORT)) == Accepted()
        assert await visit.change(PIN, Secret(SHORT), Secret("731946")) == Accepted()


@pytest.mark.parametrize(("name", "region", "least"), [("pkcs15", 7, 7), ("virtual-b", 7, 7), ("telia-eid-ip5a", 8, 6)])
def test_a_region_wants_longer_codes_as_far_as_the_product_has_room(name: str, region: int, least: int) -> None:
    profiles = builtin().with_new_pin_length(region)
    assert profiles.match_name(name).new_rules(PIN).min_length == least
    assert profiles.match_name(name).pin.min_length == builtin().match_name(name).pin.min_length
