"""A card that says that its PIN must be changed before its keys are used (DF2F, Thales): it is asked for no signature."""

import pytest

from drivers.reader.card_reader import try_card
from drivers.reader.model import Purpose
from drivers.reader.outcomes import Accepted, RefusalReason, Refused, Role
from drivers.reader.profiles import Profiles, builtin
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from tests.drivers.reader.conftest import EC_PERSON, NOW, visit_to

PIN, NEW = Role.IDENTIFICATION, Secret("975318")
PURPOSES: tuple[Purpose, Purpose] = ("identification", "signature")


@pytest.fixture(params=["A", "B"])
def card(request: pytest.FixtureRequest, authority: TestAuthority) -> VirtualCard:
    traits = ["counter-df21", "must-change"]
    return VirtualCard.create(person(EC_PERSON).new, authority, NOW, kind=request.param, traits=traits)


def profiles(card: VirtualCard) -> Profiles:
    profile = builtin().match_name(f"virtual-{card.kind.lower()}")
    commands = profile.commands.model_copy(update={"counter": "df21"})
    return Profiles([profile.model_copy(update={"commands": commands})])


@pytest.mark.parametrize("how", ["change", "unblock"])
async def test_it_is_known_before_a_code_and_over_once_it_is_changed(card: VirtualCard, how: str) -> None:
    async with visit_to(card, profiles(card)) as visit:
        pin = visit.facts.pin(PIN)
        assert pin is not None
        assert pin.must_change
        assert await visit.verify(PIN, Secret(card.persona.pin)) == Accepted()
        card.log.clear()
        for purpose in PURPOSES:
            assert await visit.sign(purpose, b"made up") == Refused(RefusalReason.CHANGE_FIRST)
        assert not card.log
        if how == "change":
            assert await visit.change(PIN, Secret(card.persona.pin), NEW) == Accepted()
        else:
            assert await visit.unblock(PIN, Secret(card.persona.puk), NEW) == Accepted()
        assert await visit.verify(PIN, NEW) == Accepted()
        for purpose in PURPOSES:
            assert (await try_card(visit, purpose)).passed
        assert not any(pin.must_change for pin in (await visit.refresh()).pins)
