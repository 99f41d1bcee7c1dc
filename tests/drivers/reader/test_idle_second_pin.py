"""A card with two PINs of which the second guards no key yet: the code of one is never sent to the other."""

import pytest

from drivers.reader.outcomes import Accepted, Role
from drivers.reader.profiles import Profiles, builtin
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.personas import SIGNATURE_PIN, person
from sim.reader.pki import TestAuthority
from tests.drivers.reader.conftest import EC_PERSON, NOW, visit_to

PIN, SIGNATURE = Role.IDENTIFICATION, Role.SIGNATURE
NEW = Secret("975318")


@pytest.mark.parametrize("name", ["virtual-b", "pkcs15"])
async def test_the_signature_pin_is_changed_and_the_other_keeps_its_tries(authority: TestAuthority, name: str) -> None:
    card = VirtualCard.create(person(EC_PERSON).new, authority, NOW, traits=["idle-second-pin"])
    profile = builtin().match_name(name)
    async with visit_to(card, Profiles([profile])) as visit:
        assert [pin.role for pin in visit.facts.pins if pin.role is not Role.PUK] == [PIN, SIGNATURE]
        assert await visit.change(SIGNATURE, Secret(SIGNATURE_PIN), NEW) == Accepted()
        assert await visit.verify(SIGNATURE, NEW) == Accepted()
        assert card.tries_left[0] == 3
        assert await visit.verify(PIN, Secret(card.persona.pin)) == Accepted()
