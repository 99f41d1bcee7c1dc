"""What holders' errands change in the station's list: a fetched card is out, a returned one is in the bin."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.messages.vocabulary import Effect, EventType
from kiosk.views import Confirm, Tell, say
from sim.stories.errand_stories import ErrandStory, errand_stories, play
from sim.stories.register import NUMBER
from sim.stories.room import quick_folder
from sim.stories.setting import Setting, own_card


async def left_by(tale: ErrandStory, tmp_path: Path) -> tuple[list[int], tuple[str, ...]]:
    """Slots in which something lies, and what is in the bin."""
    with quick_folder(tmp_path) as folder:
        room, someone, ended = await play(folder, tale)
        try:
            assert (someone.failure, ended.outcome) == (None, tale.outcome)
            assert room.caps.stock is not None
            return [one.slot for one in (await room.caps.stock.look()).lying], await room.caps.stock.binned()
        finally:
            await room.close()


async def test_a_fetched_card_is_out_of_its_slot_and_the_old_one_is_in_the_bin(tmp_path: Path) -> None:
    tale = ErrandStory("pickup", "pickup", own_card, Setting(orders=(1, 3)))
    lying, binned = await left_by(tale, tmp_path)
    assert (lying, len(binned)) == ([6], 1)


async def test_a_returned_card_is_in_the_bin_by_its_number(tmp_path: Path) -> None:
    tale = next(one for one in errand_stories() if one.title == "return_card: with its code, blocked at once")
    assert await left_by(tale, tmp_path) == ([], (NUMBER,))


async def test_a_card_that_was_kept_is_not(tmp_path: Path) -> None:
    tale = next(one for one in errand_stories() if one.title == "return_card: kept at the slot, and nothing is blocked")
    assert await left_by(tale, tmp_path) == ([], ())


NOT_SEEN = ["return.not_seen", "return.not_seen"]
"""Before the flap opens, and at the end."""


@pytest.mark.parametrize(
    ("title", "by_number"),
    [
        ("return_card: the chip is cut, the number is typed", True),
        ("return_card: the code is not known, so it is held", False),
    ],
)
async def test_a_return_by_number_alone_says_that_nobody_saw_the_card(
    tmp_path: Path, title: str, by_number: bool
) -> None:
    tale = next(one for one in errand_stories() if one.title == title)
    with quick_folder(tmp_path) as folder:
        room, someone, ended = await play(folder, tale)
        try:
            assert (someone.failure, ended.outcome, ended.reason) == (None, "done", "held")
            assert room.caps.stock is not None
            assert await room.caps.stock.returned_by_number() == ((NUMBER,) if by_number else ())
            rows = room.store.transact_now(lambda cx: cx.execute("SELECT envelope, data FROM outbox").fetchall())
        finally:
            await room.close()
    told = [(json.loads(envelope)["type"], json.loads(data)) for envelope, data in rows]
    (fell,) = [said for kind, said in told if kind == EventType.EFFECT_DONE and said["effect"] == Effect.DROP_CARD]
    assert fell.get("by_number", False) is by_number
    (receipt,) = [said["receipt"] for kind, said in told if kind == EventType.RECEIPT_ISSUED]
    payload = receipt["payload"]
    assert (
        "not_seen" in json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["remarks"]
    ) is by_number
    points = [point.text.key for view in someone.shown if isinstance(view, Confirm | Tell) for point in view.points]
    assert [key for key in points if key in NOT_SEEN] == (NOT_SEEN if by_number else [])


@pytest.mark.parametrize(
    ("title", "by_number"),
    [
        ("return_card: a colleague's card is handed in, without a code and without a receipt", False),
        ("return_card: a colleague's card whose chip cannot be read", True),
    ],
)
async def test_a_colleagues_card_is_known_in_the_bin_and_nothing_is_written_in_its_holders_name(
    tmp_path: Path, title: str, by_number: bool
) -> None:
    tale = next(one for one in errand_stories() if one.title == title)
    with quick_folder(tmp_path) as folder:
        room, someone, ended = await play(folder, tale)
        try:
            assert (someone.failure, ended.reason, ended.receipt) == (None, "found_held", None)
            assert [view for view, _ in someone.typed] == []
            assert room.caps.stock is not None
            assert await room.caps.stock.found_in_bin() == (NUMBER,)
            rows = room.store.transact_now(lambda cx: cx.execute("SELECT envelope, data FROM outbox").fetchall())
        finally:
            await room.close()
    told = [(json.loads(envelope)["type"], json.loads(data)) for envelope, data in rows]
    (fell,) = [said for kind, said in told if kind == EventType.EFFECT_DONE and said["effect"] == Effect.DROP_CARD]
    assert (fell["found"], fell.get("by_number", False)) == (True, by_number)
    assert EventType.RECEIPT_ISSUED not in {kind for kind, _ in told}


async def test_found_cards_do_not_go_into_the_sealed_bag(tmp_path: Path) -> None:
    title = "empty_bin: one was handed in by a colleague, and goes back to its holder"
    tale = next(one for one in errand_stories() if one.title == title)
    with quick_folder(tmp_path) as folder:
        room, someone, ended = await play(folder, tale)
        await room.close()
    assert (someone.failure, ended.outcome) == (None, "done")
    (aside,) = [view for view in someone.shown if view.name == "empty_bin.set_aside"]
    assert aside.lead == (say("bin.set_aside.lead", cards="…1026 0003"),)


async def test_cards_that_nobody_has_seen_cannot_be_counted_alone(tmp_path: Path) -> None:
    title = "empty_bin: one was returned by its number, so that all are read"
    read = next(one for one in errand_stories() if one.title == title)
    counted = replace(read, story=lambda: {**read.story(), "empty_bin.how": "count"})
    with quick_folder(tmp_path) as folder:
        room, someone, ended = await play(folder, counted)
        try:
            assert (str(someone.failure), ended.outcome) == ("at empty_bin.how: there is no 'count'", "timed_out")
            assert room.caps.stock is not None
            assert len(await room.caps.stock.binned()) == 3
        finally:
            await room.close()
