"""Each product that ships, on a virtual card that is built like it: read, verified, signed, and never changed."""

import pytest

from drivers.reader.card_reader import try_card
from drivers.reader.errors import UnknownCardError
from drivers.reader.outcomes import Accepted, RefusalReason, Refused, Role
from drivers.reader.profiles import builtin
from drivers.reader.secret import Secret
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.products import PRODUCTS, product_card
from tests.drivers.reader.conftest import EC_PERSON, NOW, visit_to

PIN = Role.IDENTIFICATION
NEW = Secret("975318")
CHANGING = ("CHANGE REFERENCE DATA", "RESET RETRY COUNTER")


@pytest.mark.parametrize("name", PRODUCTS)
async def test_a_product_that_was_read_from_other_peoples_programs_is_read_and_not_changed(
    name: str, authority: TestAuthority
) -> None:
    card = product_card(name, person(EC_PERSON).new, authority, NOW)
    pin, puk = Secret(card.persona.pin), Secret(card.persona.puk)
    profile = builtin().match_name(PRODUCTS[name].profile)
    async with visit_to(card) as visit:
        facts = visit.facts
        assert (facts.profile, facts.rules.read_only, facts.rules.unblocking) == (profile.name, True, "nobody")
        assert (facts.holder.name, facts.card_number) == (card.persona.name, card.persona.card_number)
        told = profile.commands.counter in ("df21", "ias-ecc")
        assert [p.tries_left for p in facts.pins if p.role is PIN] == [3 if told else None]
        assert await visit.verify(PIN, pin) == Accepted()
        assert (await try_card(visit, "identification")).verified
        refused = Refused(RefusalReason.NOT_PROVED)
        assert await visit.change(PIN, pin, NEW) == refused
        assert await visit.unblock(PIN, puk, NEW, attended=True) == refused
    assert not {entry.ins for entry in card.log} & set(CHANGING)
    assert card.codes.pin.value.decode() == card.persona.pin


UNLOCKED = [
    name for name, product in PRODUCTS.items() if builtin().match_name(product.profile).commands.unblock != "none"
]


@pytest.mark.parametrize("name", UNLOCKED)
async def test_once_somebody_has_tried_it_what_its_profile_says_changes_and_unlocks_a_card_built_like_it(
    name: str, authority: TestAuthority
) -> None:
    card = product_card(name, person(EC_PERSON).new, authority, NOW)
    shipped = builtin().match_name(PRODUCTS[name].profile)
    holder = shipped.unblocking.model_copy(update={"by": "holder"})
    tried = shipped.model_copy(update={"proved": "card", "unblocking": holder, "rank": 50})
    async with visit_to(card, builtin().with_added(tried)) as visit:
        assert (visit.facts.profile, visit.facts.rules.read_only) == (shipped.name, False)
        assert await visit.change(PIN, Secret(card.persona.pin), NEW) == Accepted()
        card.lock()
        assert await visit.unblock(PIN, Secret(card.persona.puk), Secret("246813")) == Accepted()
        assert await visit.verify(PIN, Secret("246813")) == Accepted()


async def test_a_code_that_must_be_changed_first_is_known_before_it_is_used(authority: TestAuthority) -> None:
    for traits, must_change in ((), False), (("must-change",), True):
        card = product_card("esteid-2025", person(EC_PERSON).new, authority, NOW, traits)
        async with visit_to(card) as visit:
            assert [pin.must_change for pin in visit.facts.pins if pin.role is PIN] == [must_change]


def test_every_product_that_ships_read_only_has_a_card_built_like_it() -> None:
    restrained = {profile.name for profile in builtin() if profile.read_only}
    assert restrained - {product.profile for product in PRODUCTS.values()} == {"idprime-token"}, "it has no directory"


async def test_a_product_without_a_directory_is_named(authority: TestAuthority) -> None:
    card = product_card("idprime", person(EC_PERSON).new, authority, NOW)
    card.atr = bytes.fromhex("3BFF9600008131FE4380318065B0855956FB120FFE82900000")
    card.transmit = lambda apdu: b"\x6a\x82"  # type: ignore[method-assign]  # what it has is behind an AID of its own
    with pytest.raises(
        UnknownCardError, match=r"Thales IDPrime in a token \(eToken 5110\), by its answer to reset"
    ) as fault:
        async with visit_to(card):
            pass
    assert fault.value.product == "idprime-token"
