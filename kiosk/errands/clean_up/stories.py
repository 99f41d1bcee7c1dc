"""Stories of `clean_up`: what people do, how it ends, and what is left then."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from sim.reader.card_factory import fresh_memory
from sim.reader.cards import VirtualCard
from sim.reader.shapes import SHAPES
from sim.stories.certificates import GONE, KINDS, PRINTED, SIGNATURE_PIN, TWO_CODES, certificates, issuer
from sim.stories.clock import NOW
from sim.stories.errand_stories import ErrandStory
from sim.stories.own_card import MINE, locked
from sim.stories.person import Story, pulls, puts
from sim.stories.register import both
from sim.stories.room import OLD_PIN, Room, authority, keys_of


def clean(*which: str, **changed: Any) -> Callable[[], Story]:
    """The holder chooses what may go, one after the other."""
    story = {
        "insert": puts(MINE),
        "which": [*which, "end"],
        "sure_remove": "remove",
        "pin": OLD_PIN,
        "pulled": puts(MINE),
        "stays": "next",
        "sure": "yes",
        "really": "yes",
        "done": "end",
        "no_paper": "next",
        **changed,
    }
    return lambda: {f"clean_up.{name}": action for name, action in story.items()} | {"closing.take_card": pulls()}


def cluttered(room: Room) -> None:
    """The card has an expired certificate, and one that a newer one stands in for."""
    persona = room.world.persona(MINE)
    expired, superseded, newest = (replace(persona, issued_days_ago=days) for days in (1830, 1700, 30))
    own = keys_of(newest)
    keys = (*own[:2], keys_of(expired)[0], keys_of(superseded)[0], *own[2:])
    room.world.cards[MINE] = VirtualCard(fresh_memory("B", persona, authority(), NOW, keys))


def cluttered_with_a_signature(room: Room) -> None:
    """A card with two codes has an older certificate for signatures beside the newest ones."""
    persona = replace(room.world.persona(MINE), signature_pin=SIGNATURE_PIN)
    older, newest = (replace(persona, issued_days_ago=days) for days in (1700, 30))
    own = keys_of(newest)
    keys = (*own[:2], keys_of(older)[1], *own[2:])
    room.world.cards[MINE] = VirtualCard(fresh_memory("B", persona, authority(), NOW, keys))


def left(*there: int) -> Callable[[Room], None]:
    """Return a check of which of the holder's own certificates are still on the card, those of the newest keys aside."""

    def look(room: Room) -> None:
        holds = certificates(room)
        card = room.world.card(MINE)
        own = card.keys[: len(card.keys) - 2 * len(SHAPES[card.persona.shape].beside)]
        own_ders = [key.certificate.public_bytes(Encoding.DER) for key in own]
        assert [at for at, der in enumerate(own_ders) if der in holds] == list(there)

    return look


CLUTTERED = both(issuer(), cluttered)


STORIES = [
    ErrandStory(
        "clean_up: both old ones go, each asked for", "clean_up", clean("0", "0"), prepare=CLUTTERED,
        events=(*GONE["B"], *GONE["B"], *PRINTED), check=left(0, 1), troubled=True,
        views=("clean_up.which", "clean_up.sure_remove", "clean_up.pin", "clean_up.removing", "clean_up.sure_remove"),
        touched=True,
    ),
    ErrandStory(
        "clean_up: an old one for signatures, on a card with two codes", "clean_up", clean("0", signature_pin=SIGNATURE_PIN),
        TWO_CODES, prepare=cluttered_with_a_signature, events=(*GONE["B"], *PRINTED), check=left(0, 1),
        views=("clean_up.sure_remove", "clean_up.pin", "clean_up.signature_pin", "clean_up.removing"),
    ),
    ErrandStory(
        "clean_up: on second thoughts it stays", "clean_up", clean("1", sure_remove="back"), prepare=CLUTTERED,
        events=(), check=left(0, 1, 2, 3),
    ),
    ErrandStory(
        "clean_up: there is nothing that may go, on any kind of card", "clean_up", clean(), KINDS["C"], prepare=issuer(),
        events=(), check=left(0, 1),
    ),
    ErrandStory("clean_up: kind A", "clean_up", clean(), KINDS["A"], prepare=issuer(), events=(), check=left(0, 1)),
    ErrandStory(
        "clean_up: the own card is blocked, after two questions", "clean_up", clean("block"), prepare=CLUTTERED,
        reason="blocked", events=("card.block blocked", *PRINTED, "receipt.print printed"), check=left(0, 1, 2, 3),
        views=("clean_up.pin", "clean_up.sure", "clean_up.really", "clean_up.done"),
    ),
    ErrandStory(
        "clean_up: the code is locked", "clean_up", clean("0", **{"stop.card_locked": "end"}),
        prepare=both(CLUTTERED, locked), outcome="refused", reason="card_locked", events=(), check=left(0, 1, 2, 3),
    ),
]  # fmt: skip
