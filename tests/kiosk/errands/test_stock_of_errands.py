"""What holders' errands change in the station's list: a fetched card is out, a returned one is in the bin."""

from pathlib import Path

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
