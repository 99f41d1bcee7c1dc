"""A room whose new card is of a product that proves itself by a management key of its own, before any code."""

from dataclasses import replace

from drivers.reader.profiles import Profiles, builtin
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.piv.references import CERTIFICATE_OBJECTS, KeyReference
from sim.stories.issuer import SimulatedIssuer
from sim.stories.room import Room, authority


def proved_by_management_key(room: Room, key: bytes) -> SimulatedIssuer:
    """The first person's new card (PIV) has that key and none that wants no code; the server that comes back has the key too."""
    issuer = SimulatedIssuer(authority(), room.clock)
    issuer.management_keys[person(1).new.card_number] = key
    changed = {"genuine": "management-key"}
    profiles = Profiles(one.model_copy(update=changed) if one.kind == "piv" else one for one in builtin())
    room.readers[0].settings = replace(room.settings, profiles=profiles)
    room.equip(card_keys=issuer)
    memory = room.world.card("1:new").copy_memory()
    assert memory.piv is not None
    del memory.piv.objects[CERTIFICATE_OBJECTS[KeyReference.CARD_AUTHENTICATION]]
    room.world.cards["1:new"] = VirtualCard(replace(memory, piv=replace(memory.piv, management_key=key)))
    return issuer
