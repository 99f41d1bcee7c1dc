"""Cards of people with two employers: a second pair of certificates, with another HSA-id, beside the first."""

from collections.abc import Callable
from dataclasses import replace

from sim.reader.card_factory import fresh_memory
from sim.reader.cards import VirtualCard
from sim.stories.clock import NOW
from sim.stories.room import Room, authority, keys_of, persona_of

OTHER_EMPLOYER = "SE5560000999-2A01"
"""An HSA-id under an organisation number that nobody has."""


def two_employers(name: str, second: str = OTHER_EMPLOYER, *, days: int = 10) -> Callable[[Room], None]:
    """That card of the bench has a pair for `second` too, which ends so many days later than its own."""

    def prepare(room: Room) -> None:
        persona = room.world.changed.get(name) or persona_of(name)
        other = replace(persona, hsa_id=second, lifetime_days=persona.lifetime_days + days)
        keys = (*keys_of(other), *keys_of(persona))
        room.world.cards[name] = VirtualCard(fresh_memory("B", persona, authority(), NOW, keys))

    return prepare
