"""Rooms for the stories of the pick-up, in a folder that costs no disk."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from sim.stories.room import Room, quick_folder
from sim.stories.setting import Setting, room_for

MakeRoom = Callable[[Setting], Room]


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    with quick_folder(tmp_path) as folder:
        yield folder


@pytest.fixture
async def make_room(quick: Path) -> AsyncIterator[MakeRoom]:
    made: list[Room] = []

    def make(setting: Setting) -> Room:
        folder = quick / str(len(made))
        folder.mkdir()
        made.append(room_for(folder, setting))
        return made[-1]

    yield make
    for room in made:
        await room.close()
