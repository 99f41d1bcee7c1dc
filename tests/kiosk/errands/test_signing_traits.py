"""A healthy card is never called broken: each way of signing, and each issuer, through the errands that test a card."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.errands.change_pin.stories import change
from kiosk.errands.check_card.stories import check
from kiosk.errands.unblock.stories import unlock
from kiosk.ports import Ended
from sim.reader.persona import KeyAlgorithm
from sim.reader.pki import TestAuthority
from sim.reader.signing_traits import CONSENT, PSS_ONLY, SIGNING, UNTOLD
from sim.stories.clock import NOW
from sim.stories.errand_stories import OWN, ErrandStory, assert_ended_somehow, play
from sim.stories.own_card import MINE, code_is, locked, traited, trusting
from sim.stories.person import Person, Story, puts_back
from sim.stories.register import register
from sim.stories.room import OLD_PIN, Room, persona_of, quick_folder
from sim.stories.setting import NEW_PIN, Setting, attended, own_card

Prepare = Callable[[Room], None]
STORIES: dict[str, Callable[..., Callable[[], Story]]] = {"change_pin": change, "unblock": unlock, "check_card": check}
TESTED = sorted(SIGNING.keys() - {UNTOLD, PSS_ONLY})
OTHER_ISSUER = TestAuthority.create(NOW)


async def lived(folder: Path, errand: str, story: Story, *prepared: Prepare, setting: Setting = OWN) -> Person:
    """One errand to its end; the person, with what was shown, and `ended`."""

    def prepare(room: Room) -> None:
        for each in prepared:
            each(room)

    tale = ErrandStory("", errand, lambda: story, setting, prepare=prepare)
    with quick_folder(folder) as quick:
        room, someone, ended = await play(quick, tale)
        if someone.failure is not None:
            raise someone.failure
        await assert_ended_somehow(
            room, someone, ended, ErrandStory("", errand, lambda: story, reason=ended.reason), ""
        )
        if errand != "pickup":
            code_is(OLD_PIN if errand == "check_card" else NEW_PIN)(room)
        await room.close()
    someone.ended = ended  # type: ignore[attr-defined]
    return someone


def end_of(someone: Person) -> tuple[str, str]:
    ended: Ended = someone.ended  # type: ignore[attr-defined]
    return ended.outcome, ended.reason


def said(someone: Person, view: str) -> set[str]:
    """Keys of the sentences of a view."""
    shown = someone.shown[someone.names.index(view)]
    return {sentence.key for sentence in shown.lead}


def of_key_kind(algorithm: KeyAlgorithm) -> Setting:
    """The holder's card has such keys."""
    return replace(OWN, changed={MINE: replace(persona_of(MINE), key_algorithm=algorithm)})


def locks(errand: str) -> Iterable[Prepare]:
    """What is unlocked is locked."""
    return (locked,) if errand == "unblock" else ()


@pytest.mark.parametrize("errand", STORIES)
@pytest.mark.parametrize("trait", TESTED)
async def test_a_card_is_tested_in_the_form_that_its_product_wants(tmp_path: Path, trait: str, errand: str) -> None:
    someone = await lived(tmp_path, errand, STORIES[errand]()(), traited(trait), *locks(errand))
    assert end_of(someone) == ("done", "")
    assert f"{errand}.testing" in someone.names


@pytest.mark.parametrize("trait", sorted(set(TESTED) - {"internal-authenticate"}))
async def test_both_codes_of_a_card_are_tested_each_by_its_key(tmp_path: Path, trait: str) -> None:
    """A key for signatures authenticates nobody, so none is asked for that."""
    two = replace(OWN, changed={MINE: replace(persona_of(MINE), signature_pin=OLD_PIN)})
    story = change(which_code="both", signature_pin=OLD_PIN)()
    someone = await lived(tmp_path, "change_pin", story, traited(trait), setting=two)
    assert end_of(someone) == ("done", "")


@pytest.mark.parametrize("errand", ["change_pin", "unblock"])
@pytest.mark.parametrize("reason", ["untrusted", "unchecked"])
async def test_an_issuer_who_is_not_trusted_is_said_before_the_code_is_touched_and_the_code_is_set(
    tmp_path: Path, reason: str, errand: str
) -> None:
    story = STORIES[errand](cannot_test="next", untested="end")()
    anchors = OTHER_ISSUER.anchors() if reason == "untrusted" else []
    someone = await lived(tmp_path, errand, story, *locks(errand), trusting(*anchors))
    assert end_of(someone) == ("done", reason)
    first_code = next(view for view, _ in someone.typed)
    assert someone.names.index(f"{errand}.cannot_test") < someone.names.index(first_code)
    assert f"untested.{reason}" in said(someone, f"{errand}.untested")


async def test_a_holder_who_wants_no_code_on_a_card_that_is_not_trusted_here_keeps_the_old_one(tmp_path: Path) -> None:
    story = change(cannot_test="cancel")()
    tale = ErrandStory("", "change_pin", lambda: story, prepare=trusting(*OTHER_ISSUER.anchors()))
    with quick_folder(tmp_path) as quick:
        room, someone, ended = await play(quick, tale)
        code_is(OLD_PIN)(room)
        await room.close()
    assert (ended.outcome, someone.typed) == ("cancelled", [])


@pytest.mark.parametrize("trait", [UNTOLD, PSS_ONLY])
@pytest.mark.parametrize("errand", ["change_pin", "unblock"])
async def test_a_product_whose_form_nobody_knows_is_said_before_and_is_not_called_broken(
    tmp_path: Path, errand: str, trait: str
) -> None:
    story = STORIES[errand](cannot_test="next", untested="end")()
    setting = OWN if trait == UNTOLD else of_key_kind("RSA-2048")
    someone = await lived(tmp_path, errand, story, traited(trait), *locks(errand), setting=setting)
    assert end_of(someone) == ("done", "not_signable")
    assert "untested.not_signable" in said(someone, f"{errand}.untested")


@pytest.mark.parametrize("errand", ["change_pin", "unblock"])
async def test_a_key_of_a_kind_that_nobody_here_knows_is_said_before_and_is_not_called_broken(
    tmp_path: Path, errand: str
) -> None:
    story = STORIES[errand](cannot_test="next", untested="end")()
    someone = await lived(tmp_path, errand, story, *locks(errand), setting=of_key_kind("Ed25519"))
    assert end_of(someone) == ("done", "key_kind")
    assert "untested.key_kind" in said(someone, f"{errand}.untested")


async def test_a_card_that_is_checked_with_its_code_is_not_called_broken_either(tmp_path: Path) -> None:
    someone = await lived(tmp_path, "check_card", check(untested="end")(), traited(UNTOLD))
    assert end_of(someone) == ("done", "not_signable")


async def test_a_card_is_tested_where_nobody_can_check_its_issuer_and_the_end_says_so(tmp_path: Path) -> None:
    someone = await lived(tmp_path, "check_card", check(untested="end")(), trusting())
    assert end_of(someone) == ("done", "unchecked")
    assert "untested.unchecked" in said(someone, "check_card.untested")


async def test_a_key_that_wants_its_code_each_time_is_tested_and_asks_the_directory_too(tmp_path: Path) -> None:
    known = register(name_changed="2026-11-01")
    story = check(**{"finding.name_changed": "next"})()
    someone = await lived(tmp_path, "check_card", story, traited(CONSENT), known)
    assert end_of(someone) == ("done", "")
    assert "check_card.finding.name_changed" in someone.names


@pytest.mark.parametrize("errand", ["change_pin", "check_card"])
async def test_a_card_that_does_not_look_at_the_code_is_not_called_locked(tmp_path: Path, errand: str) -> None:
    story = STORIES[errand](**{"stop.card_refused": "end"})()
    tale = ErrandStory("", errand, lambda: story, OWN, prepare=traited("reference-80"))
    with quick_folder(tmp_path) as quick:
        room, _, ended = await play(quick, tale)
        code_is(OLD_PIN)(room)
        await room.close()
    assert (ended.outcome, ended.reason) == ("refused", "card_refused")


@pytest.mark.parametrize(("errand", "reason"), [("check_card", "other_code"), ("change_pin", "")])
async def test_a_key_that_is_not_used_before_its_code_was_changed_is_said_as_that(
    tmp_path: Path, errand: str, reason: str
) -> None:
    someone = await lived(tmp_path, errand, STORIES[errand](untested="end")(), traited("must-change"))
    assert end_of(someone) == ("done", reason)


def lays(*traits: str, issuer: TestAuthority | None = None) -> Prepare:
    """The new card in the slot is of a product with those traits, or from another issuer."""
    return traited(*traits, name="1:new", issuer=issuer)


@pytest.mark.parametrize("trait", TESTED)
async def test_a_new_card_is_handed_over_whatever_form_its_product_wants(tmp_path: Path, trait: str) -> None:
    someone = await lived(tmp_path, "pickup", own_card(), lays(trait), setting=Setting())
    assert end_of(someone) == ("done", "")


@pytest.mark.parametrize(
    ("prepare", "reason"), [(lays(issuer=OTHER_ISSUER), "untrusted"), (lays(UNTOLD), "not_signable")]
)
async def test_a_new_card_that_cannot_be_tested_goes_back_before_it_hears_a_code(
    tmp_path: Path, prepare: Prepare, reason: str
) -> None:
    story = attended(put_back_untested=puts_back(2, "1:new"), **{"stop.new_card_untested": "end"})
    someone = await lived(tmp_path, "pickup", story, prepare, setting=Setting(second_reader=True))
    assert end_of(someone) == ("refused", "new_card_untested")
    stopped = next(view for view in someone.shown if view.name == "pickup.stop.new_card_untested")
    assert f"new_card.{reason}" in repr(stopped)
    assert "pickup.puk" not in someone.names
