"""The old card of an ordinary pick-up: its holder's proof blocks it once it has fallen, where that may be; else it is on hold."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.leavers import leaver_digest
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.stories.issuer import SimulatedIssuer
from sim.stories.person import Person, first
from sim.stories.register import both, portal, register
from sim.stories.room import Room, keys_of, persona_of
from sim.stories.setting import Setting, own_card

OLD = person(1).old.card_number


class Pledging:
    """Notes what is pledged for a drop: the reason of a block, None for a hold."""

    def __init__(self, issuer: SimulatedIssuer) -> None:
        self.issuer = issuer
        self.pledged: list[tuple[str, str | None]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.issuer, name)

    def pledge_for_drop(self, card_number: str, block: str | None, **_: Any) -> None:
        self.pledged.append((card_number, block))


def pledging(room: Room, prepare: Callable[[Room], None]) -> Pledging:
    prepare(room)
    assert isinstance(room.caps.blocking, SimulatedIssuer)
    blocking = Pledging(room.caps.blocking)
    room.equip(blocking=blocking)
    return blocking


def goes_away(issuer: SimulatedIssuer) -> None:
    issuer.online = False


def is_reported(issuer: SimulatedIssuer) -> None:
    issuer.set_state(OLD, state="held", held_from="active", hold_reason="stolen")


@pytest.mark.parametrize(
    ("prepare", "befalls", "pledged", "told"),
    [
        (register(), None, "replaced", [("block", OLD, "replaced", person(1).hsa_id)]),
        (register(online=False), None, None, []),
        (both(register(), portal), None, None, []),
        (register(), goes_away, None, []),
        (register(), is_reported, None, []),
    ],
    ids=["proved", "offline", "portal", "the connection goes", "reported meanwhile"],
)
async def test_old_card_in_the_bin(
    make_room: Any, prepare: Callable[[Room], None], befalls: Callable[[SimulatedIssuer], None] | None, pledged: str | None,
    told: list[Any],
) -> None:  # fmt: skip
    room = make_room(Setting())
    blocking = pledging(room, prepare)
    sign = first(lambda _: befalls(blocking.issuer) if befalls else None, then="sign")
    someone = Person(room.world, room.clock, own_card(receipt=sign))
    ended = await room.errand(someone)
    assert (ended.outcome, ended.reason, someone.failure) == ("done", "", None)
    assert blocking.pledged == [(OLD, pledged)]
    assert blocking.issuer.told == told
    note = next(view.note for view in someone.shown if view.name == "pickup.drop_old")
    assert note is not None
    assert note.text.key == ("drop.note.block" if pledged else "drop.note")


@pytest.mark.parametrize(("has_left", "pledged"), [(True, "replaced"), (False, None)])
async def test_old_card_that_is_of_another_employer_too_is_blocked_once_that_one_is_left(
    make_room: Any, has_left: bool, pledged: str | None
) -> None:
    room = make_room(Setting())
    blocking = pledging(room, register())
    theirs = keys_of(replace(persona_of("1:old"), hsa_id="SE2321000999-9Z99"))
    mine = room.world.card("1:old").copy_memory()
    room.world.cards["1:old"] = VirtualCard(replace(mine, keys=(*mine.keys, *theirs)))
    if has_left:
        room.orders.leavers = {leaver_digest(theirs[0].certificate.public_bytes(Encoding.DER))}
    someone = Person(room.world, room.clock, own_card())
    assert ((await room.errand(someone)).outcome, someone.failure) == ("done", None)
    assert blocking.pledged == [(OLD, pledged)]


async def test_old_card_that_its_holder_keeps_is_let_be(make_room: Any) -> None:
    room = make_room(Setting())
    blocking = pledging(room, register())
    ended = await room.errand(Person(room.world, room.clock, own_card(drop_old="keep")))
    assert (ended.outcome, ended.reason) == ("done", "old_card_kept")
    assert blocking.issuer.told == []
