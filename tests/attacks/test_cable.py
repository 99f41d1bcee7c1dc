"""Attacks by whoever pulls the network cable: a card that is held or blocked is as good as new while nobody can be asked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.leavers import Stop, leaver_digest
from sim.stories.errand_stories import ErrandStory
from sim.stories.issuer import SimulatedIssuer
from sim.stories.person import puts_back
from sim.stories.register import register
from sim.stories.room import Room, keys_of, persona_of
from sim.stories.setting import Setting, attended, own_card
from tests.fakes.cards.rogue_visits import WANTED, played

BACK: dict[str, Any] = {"put_back_untested": puts_back(2, "1:new")}
WHOSE = {
    "the holder's": (own_card, "1:old", "own_card"),
    "an administrator's": (lambda: attended(reader="holder"), "13:new", "own_card"),
    "the new one, attended": (lambda: attended(reader="holder", **BACK), "1:new", "new_card"),
    "the new one": (lambda: own_card(**BACK), "1:new", "new_card"),
}


def _cable_out(card: str = "", state: Stop | None = None, *, alone: bool = False) -> Callable[[Room], None]:
    def prepare(room: Room) -> None:
        register()(room)
        issuer = room.caps.directory
        assert isinstance(issuer, SimulatedIssuer)
        issuer.online = False
        if state is not None:
            ders = (key.certificate.public_bytes(Encoding.DER) for key in keys_of(persona_of(card)))
            room.orders.stopped = {leaver_digest(der): state for der in ders}
        room.orders.too_long_alone = alone
        room.equip(administrators=room.log_ins)

    return prepare


@pytest.mark.parametrize("state", ["held", "blocked"])
@pytest.mark.parametrize("whose", WHOSE)
async def test_a_stopped_card_is_as_good_as_new_without_the_cable(whose: str, state: Stop, tmp_path: Path) -> None:
    """Somebody pulls the cable, and uses a card that was put on hold or blocked."""
    told, card, which = WHOSE[whose]
    story = ErrandStory("", "pickup", told, Setting(), prepare=_cable_out(card, state))
    effects, _, ended = await played(tmp_path, story)
    opened = (
        {"slot.open"} if which == "new_card" else set()
    )  # a card that lies in a slot is read once it is out: it goes back
    assert effects & WANTED == opened, effects
    assert not effects & {"card.unblock", "card.activated", "receipt.issued"}, effects
    assert ended.reason == f"{which}_{state}"


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize(("way", "reason"), [("own", "too_long_alone"), ("attended", "login_unavailable")])
async def test_the_cable_is_out_for_longer_than_the_lists_count(
    way: str, reason: str, tmp_path: Path, *, alone: bool
) -> None:
    """The cable is out until the lists say nothing of who was stopped since; before, honest people are served."""
    told = own_card if way == "own" else lambda: attended(reader="holder")
    effects, _, ended = await played(
        tmp_path, ErrandStory("", "pickup", told, Setting(), prepare=_cable_out(alone=alone))
    )
    assert (ended.reason == reason, bool(effects & WANTED)) == (alone, not alone), ended
