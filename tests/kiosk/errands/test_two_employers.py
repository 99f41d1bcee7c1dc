"""People with two employers on one card: whatever is meant for one of them is found, and one person is never two."""

import dataclasses
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.issuing import DirectoryPerson
from fleet.messages.leavers import leaver_digest
from kiosk.errands.activate.stories import STORIES as ACTIVATIONS
from kiosk.errands.check_card.stories import check
from kiosk.errands.renew_certificate.stories import renew
from kiosk.errands.return_card.stories import back
from kiosk.steps.certificate.removal import removable
from kiosk.views import Choose, Confirm, Fact, say
from sim.reader.card_factory import fresh_memory
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import ORGANISATION
from sim.stories.administrator import HANDED_OUT, HOUSE
from sim.stories.card_contents import facts_of
from sim.stories.certificates import KINDS, ONE
from sim.stories.clock import NOW
from sim.stories.errand_stories import OWN, ErrandStory, play
from sim.stories.issuer import SimulatedIssuer
from sim.stories.own_card import MINE, OTHER_EMPLOYER, two_employers
from sim.stories.register import NUMBER, both, register
from sim.stories.room import Room, authority, keys_of, persona_of, quick_folder
from sim.stories.setting import Setting, attended, own_card
from tests.fakes.station.played_stories import played

HOLDER, ADMINISTRATOR, SECOND = (person(number).hsa_id for number in (1, 13, 14))
CARD_OF_TWO = two_employers()


def left(name: str, hsa_id: str) -> Any:
    """The list of leavers that came last has the certificates of that HSA-id."""

    def prepare(room: Room) -> None:
        ders = (
            key.certificate.public_bytes(Encoding.DER)
            for key in room.world.card(name).keys
            if hsa_id in key.certificate.subject.rfc4514_string()
        )
        room.orders.leavers = {leaver_digest(der) for der in ders}

    return prepare


OWN_ALONE = Setting()


@pytest.mark.parametrize("days", [10, -10], ids=["the other one lasts longer", "shorter"])
async def test_an_order_of_either_employer_is_found_without_a_question(tmp_path: Path, days: int) -> None:
    tale = ErrandStory("", "pickup", own_card, OWN_ALONE, prepare=two_employers(MINE, days=days))
    outcome, reason, questions = await played(tmp_path, tale)
    assert (outcome, reason) == ("done", "")
    assert "pickup.employer" not in questions


async def test_who_has_left_one_employer_fetches_the_other_ones_card(tmp_path: Path) -> None:
    tale = ErrandStory("", "pickup", own_card, OWN_ALONE, prepare=both(CARD_OF_TWO, left(MINE, OTHER_EMPLOYER)))
    assert (await played(tmp_path, tale))[:2] == ("done", "")


async def test_who_has_left_the_employer_of_the_order_is_handed_nothing(tmp_path: Path) -> None:
    def story() -> Any:
        return own_card() | {"pickup.stop.holder_left": "end", "pickup.stop.no_order": "end"}

    tale = ErrandStory("", "pickup", story, OWN_ALONE, prepare=both(CARD_OF_TWO, left(MINE, HOLDER)))
    assert (await played(tmp_path, tale))[0] == "refused"


async def test_an_administrator_is_known_by_either_employer(tmp_path: Path) -> None:
    tale = ErrandStory("", "attend", attended, HOUSE, prepare=two_employers("13:new"), events=HANDED_OUT)
    assert (await played(tmp_path, tale))[:2] == ("done", "")


async def test_a_posted_card_is_activated_by_either_employer(tmp_path: Path) -> None:
    tale = ACTIVATIONS[0]
    changed = ErrandStory(
        "",
        tale.errand,
        tale.story,
        tale.setting,
        prepare=both(tale.prepare, two_employers("1:new")),
        events=tale.events,
    )
    assert (await played(tmp_path, changed))[:2] == ("done", "")


def known_to_the_register(room: Room) -> None:
    """Both HSA-ids are, and their holder has left neither."""
    CARD_OF_TWO(room)
    issuer = room.caps.directory
    assert isinstance(issuer, SimulatedIssuer)
    issuer.cards[NUMBER] = msgspec.structs.replace(issuer.cards[NUMBER], also=(OTHER_EMPLOYER,))
    issuer.add(DirectoryPerson(OTHER_EMPLOYER, "Alva"))


def with_room_for_a_key(room: Room) -> None:
    """The index of this twin's keys has room for four: the other employer's signature has none."""
    card = room.world.card(MINE)
    keys = (card.keys[0], *card.keys[2:])
    room.world.cards[MINE] = VirtualCard(fresh_memory("B", card.persona, authority(), NOW, keys))


def names_on(room: Room) -> list[str]:
    """Whom the certificates for log-in name that are on the card now."""
    facts = facts_of(room.world.card(MINE))
    return sorted(c.holder.hsa_id for c in facts.certificates if c.purpose == "identification")


@pytest.mark.parametrize("chosen", [HOLDER, OTHER_EMPLOYER])
async def test_a_certificate_is_renewed_for_the_employer_that_was_chosen_before_any_code(
    tmp_path: Path, chosen: str
) -> None:
    with quick_folder(tmp_path) as quick:
        tale = ErrandStory(
            "",
            "renew_certificate",
            renew(employer=chosen),
            KINDS["B"],
            prepare=both(ONE, known_to_the_register, with_room_for_a_key),
        )
        room, someone, ended = await play(quick, tale)
        try:
            assert (someone.failure, ended.outcome) == (None, "done")
            assert names_on(room) == sorted([HOLDER, OTHER_EMPLOYER]), "one of each, and the old one is gone"
            assert room.world.card(MINE).memory.written
            (view,) = (view for view in someone.shown if view.name == "renew_certificate.employer")
            assert isinstance(view, Choose)
            assert [option.value for option in view.options] == [OTHER_EMPLOYER, HOLDER]
            assert not any(option.filled for option in view.options)
            assert someone.names.index(view.name) < someone.names.index("renew_certificate.pin")
            later = someone.shown[someone.names.index("renew_certificate.pin")]
            assert later.errand == say("employer.strip", errand=say("errand.renew_certificate"), name=ORGANISATION)
        finally:
            await room.close()


@pytest.mark.parametrize(("answer", "reason"), [("keep", "kept"), ("return", "blocked")])
async def test_who_leaves_one_employer_may_keep_the_card_of_both(tmp_path: Path, answer: str, reason: str) -> None:
    tale = ErrandStory(
        "",
        "return_card",
        back(why="left", keep=answer, kept="end"),
        OWN,
        prepare=both(register(), known_to_the_register),
    )
    outcome, why, questions = await played(tmp_path, tale)
    assert (outcome, why) == ("done", reason)
    assert "return_card.keep" in questions


async def test_a_check_of_the_card_says_both_employers_and_asks_for_none(tmp_path: Path) -> None:
    with quick_folder(tmp_path) as quick:
        room, someone, _ = await play(quick, ErrandStory("", "check_card", check(), OWN, prepare=CARD_OF_TWO))
        await room.close()
    view = next(view for view in someone.shown if view.name == "check_card.card")
    assert isinstance(view, Confirm)
    assert Fact(say("fact.employers"), f"{ORGANISATION}, {ORGANISATION}") in view.facts
    assert "check_card.employer" not in someone.names


def test_an_expired_certificate_goes_where_another_employers_works() -> None:
    persona = persona_of(MINE)
    ended = dataclasses.replace(persona, hsa_id=OTHER_EMPLOYER, issued_days_ago=1830)
    card = VirtualCard(fresh_memory("B", persona, authority(), NOW, (*keys_of(persona), *keys_of(ended))))
    facts = facts_of(card)
    chains = (dataclasses.replace(c, chain="expired" if c.not_after < NOW else "ok") for c in facts.certificates)
    facts = dataclasses.replace(facts, certificates=tuple(chains))
    assert [one.certificate.holder.hsa_id for one in removable(facts, NOW)] == [OTHER_EMPLOYER] * 2
