"""Which certificates may go from a card: never the newest of a use, never one for encryption, never the last one that works."""

from dataclasses import replace

import pytest

from drivers.reader.model import CardFacts, Chain
from kiosk.steps.certificate.removal import removable
from sim.reader.card_factory import fresh_memory
from sim.reader.cards import VirtualCard
from sim.stories.card_contents import facts_of
from sim.stories.clock import NOW
from sim.stories.own_card import MINE
from sim.stories.room import authority, keys_of, make_card, persona_of

EXPIRED, OLDER, NEWEST = 1830, 1700, 30
"""Days since it was issued; it lasts 1826."""


def card_with(*identification: int) -> CardFacts:
    """A card with a signature certificate, and one for log-in of each age; judged as an issuer whom one trusts would be."""
    persona = persona_of(MINE)
    made = [keys_of(replace(persona, issued_days_ago=days)) for days in identification]
    keys = (made[0][0], made[0][1], *(pair[0] for pair in made[1:]))
    return judged(facts_of(VirtualCard(fresh_memory("B", persona, authority(), NOW, keys))))


def judged(facts: CardFacts, working: Chain = "ok") -> CardFacts:
    found = (replace(c, chain="expired" if c.not_after < NOW else working) for c in facts.certificates)
    return replace(facts, certificates=tuple(found))


@pytest.mark.parametrize(
    ("ages", "may_go"),
    [
        ((NEWEST, EXPIRED, OLDER), ["expired", "superseded"]),
        ((EXPIRED, NEWEST), ["expired"]),
        ((NEWEST,), []),
        ((OLDER,), []),
        ((EXPIRED,), []),
        ((EXPIRED, EXPIRED + 100), []),
    ],
)
def test_what_may_go(ages: tuple[int, ...], may_go: list[str]) -> None:
    """Oldest first; where none works, all are left, since only they show whose card it is."""
    facts = card_with(*ages)
    old = removable(facts, NOW)
    assert [one.why for one in old] == may_go
    assert facts.certificate("identification") not in [one.certificate for one in old]
    assert facts.certificate("signature") not in [one.certificate for one in old]


@pytest.mark.parametrize("working", ["revoked", "untrusted", "unchecked"])
def test_nothing_goes_while_it_is_not_known_that_the_newest_works(working: Chain) -> None:
    assert removable(judged(card_with(NEWEST, OLDER), working), NOW) == ()


@pytest.mark.parametrize("kind", ["C", "D"])
def test_certificates_for_encryption_stay_however_old_they_are(kind: str) -> None:
    facts = judged(facts_of(make_card(persona_of(MINE), kind)))
    assert len([one for one in facts.certificates if one.chain == "expired"]) == 2
    assert removable(facts, NOW) == ()
