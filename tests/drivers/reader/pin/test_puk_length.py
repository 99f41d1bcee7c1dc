"""A PUK of 6, 7 or 16 digits: told in the facts, and sent as it is."""

import pytest

from drivers.reader.outcomes import Accepted, RefusalReason, Refused, Role
from drivers.reader.profiles import Profile, Profiles, builtin
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from tests.drivers.reader.conftest import EC_PERSON, NOW, visit_to

PIN = Role.IDENTIFICATION


def product(kind: str, length: int) -> Profiles:
    """The virtual card's, with a PUK of that length. Of kind B it is longer than its PIN."""
    profile = builtin().match_name(f"virtual-{kind.lower()}")
    plain = profile.model_dump()
    changed = {"min_length": length, "max_length": length, "stored_length": 16 if length > 8 else None}
    return Profiles([Profile.model_validate(plain | {"puk": plain["puk"] | changed})])


CARDS = [(kind, length, listed) for kind in "AB" for length in (6, 7, 16) for listed in (True, False)]


@pytest.mark.parametrize(("kind", "length", "listed"), [*CARDS, ("C", 6, True), ("D", 7, True)])
async def test_a_locked_pin_is_unlocked(authority: TestAuthority, kind: str, length: int, listed: bool) -> None:
    traits = [f"puk-{length}", *([] if listed else ["no-puk-object"])]
    card = VirtualCard.create(person(EC_PERSON).new, authority, NOW, kind=kind, traits=traits)
    async with visit_to(card, product(kind, length)) as visit:
        puk = visit.facts.pin(Role.PUK)
        assert puk is not None
        assert (puk.min_length, puk.entry_min_length, puk.max_length) == (length, length, length)
        short = Secret(card.persona.puk[:-1])
        assert await visit.unblock(PIN, short, Secret("975318")) == Refused(RefusalReason.POLICY)
        assert await visit.unblock(PIN, Secret(card.persona.puk), Secret("975318")) == Accepted()
