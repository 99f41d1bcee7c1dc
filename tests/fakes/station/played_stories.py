"""A story played to its end, in a room that costs no disk: what came of it, and what was asked."""

from pathlib import Path

from sim.stories.errand_stories import ErrandStory, play
from sim.stories.room import quick_folder


async def played(folder: Path, tale: ErrandStory) -> tuple[str, str, list[str]]:
    """How it ended, and the questions."""
    with quick_folder(folder) as quick:
        room, someone, ended = await play(quick, tale)
        try:
            if someone.failure is not None:
                raise someone.failure
            tale.check(room)
            return ended.outcome, ended.reason, someone.questions
        finally:
            await room.close()
