"""What comes of a rogue's visit, and the effects that it is after."""

from pathlib import Path
from typing import Any

from sim.stories.errand_stories import ErrandStory, play
from sim.stories.room import quick_folder

WANTED = frozenset(
    {
        "slot.open",
        "card.block",
        "card.hold",
        "card.lift",
        "certificate.request",
        "card.write_certificate",
        "letter.order",
    }
)
"""The effects that an attacker is after."""


async def played(folder: Path, tale: ErrandStory) -> tuple[set[str], list[Any], Any]:
    """The effects that were tried, what the holder was shown, and how it ended."""
    with quick_folder(folder) as quick:
        room, someone, ended = await play(quick, tale)
        try:
            assert someone.failure is None or ended.reason != "", someone.failure
            told = await room.told()
        finally:
            await room.close()
    return {one.partition(" ")[0] for one in told}, someone.shown, ended
