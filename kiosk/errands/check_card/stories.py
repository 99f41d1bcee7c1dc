"""Stories of `check_card`: what people do, how it ends, and what is left then."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from msgspec import structs

from kiosk.region import general
from sim.stories.errand_stories import OWN, ErrandStory
from sim.stories.own_card import MINE, change_first, code_is, locked, product, trusting
from sim.stories.person import Story, pulls, puts
from sim.stories.register import both
from sim.stories.room import OLD_PIN, Room, persona_of


def check(**changed: Any) -> Callable[[], Story]:
    """Looks at the card, and tries it with the code."""
    story = {
        "insert": puts(MINE),
        "card": ["certificates", "next"],
        "certificates": ["0", "back"],
        "certificate": "back",
        "finding.certificate_expires_soon": "next",
        "finding.alike": "next",
        "finding.pin_locked": "next",
        "test": "test",
        "pin": OLD_PIN,
        "done": "end",
        **changed,
    }
    return lambda: {f"check_card.{name}": action for name, action in story.items()} | {"closing.take_card": pulls()}


def in_a_region(room: Room) -> None:
    """The general pages of information are there."""
    room.equip(region=general())


def not_handed_over(room: Room) -> None:
    """The code of a card that came by post was chosen at home."""
    (posted,) = room.orders.all
    room.orders.all = (structs.replace(posted, card_number=persona_of(MINE).card_number),)


EARLY = check(**{"finding.not_handed_over": "next"})
POSTED = replace(OWN, orders=(1,), order={"delivery": "post", "slot": 0})


STORIES = [
    ErrandStory(
        "check_card: a card that is in use before anybody has handed it over", "check_card", EARLY, POSTED,
        prepare=not_handed_over, events=("card.test accepted",), check=code_is(OLD_PIN),
        views=("check_card.finding.not_handed_over", "check_card.testing", "check_card.done"),
    ),
    ErrandStory(
        "check_card: the start PIN of a card that nobody has handed over", "check_card", EARLY, POSTED,
        prepare=both(not_handed_over, product(activation={"code": "start-pin"})), events=(), check=code_is(OLD_PIN),
    ),
    ErrandStory(
        "check_card: it works", "check_card", check(), events=(), check=code_is(OLD_PIN), troubled=True,
        views=("check_card.certificate", "check_card.finding.alike", "check_card.testing", "check_card.done"), touched=True,
    ),
    ErrandStory(
        "check_card: locked, which is said, and no code is asked for", "check_card", check(), prepare=locked,
        views=("check_card.card", "check_card.finding.pin_locked", "check_card.done"), check=code_is(OLD_PIN, tries=(0, 10)),
    ),
    ErrandStory(
        "check_card: nobody has tried the product: read, tested, and no errand is offered", "check_card",
        check(**{"finding.read_only": "next"}), prepare=product(proved="none"), events=(), check=code_is(OLD_PIN),
        views=("check_card.card", "check_card.finding.read_only", "check_card.testing", "check_card.done"),
    ),
    ErrandStory(
        "check_card: the code must be changed first, which is said, and no code is asked for", "check_card",
        check(test="never asked", **{"finding.pin_initial": "next"}), prepare=change_first, events=(), check=code_is(OLD_PIN),
        views=("check_card.card", "check_card.finding.pin_initial", "check_card.done"),
    ),
    ErrandStory(
        "check_card: it signs, and nobody can check its issuer here", "check_card", check(untested="end"), reason="unchecked",
        prepare=trusting(), views=("check_card.test", "check_card.testing", "check_card.untested"), check=code_is(OLD_PIN),
    ),
    ErrandStory(
        "check_card: which certificate to choose on a computer, and what to do where it refuses", "check_card",
        check(done=["computer", "end"], computer=["fails", "back"], **{"page.certificates": "back"}), events=(),
        views=("check_card.done", "check_card.computer", "check_card.page.certificates", "check_card.computer"),
        prepare=in_a_region, touched=True, troubled=True,
    ),
    ErrandStory(
        "check_card: without the code", "check_card", check(test="no"), views=("check_card.test", "check_card.done"),
    ),
]  # fmt: skip
