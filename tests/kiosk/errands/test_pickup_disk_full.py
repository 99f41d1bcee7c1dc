"""The disk fills at any write of a pick-up, for good or for that one write: the effect is not done, or is told as it is."""

from pathlib import Path
from typing import Any

import pytest

from fleet.agent.store import StoreError
from fleet.messages.vocabulary import EventType
from sim.stories.person import Person
from sim.stories.room import Room, quick_folder
from sim.stories.setting import NEW_PIN, Setting, come_back, own_card, room_for

LATER = {"closing.store": "end", "closing.pulled": "end"}


class FullDisk:
    """Refuses the write number `at`, and all after it where it stays full."""

    def __init__(self, room: Room, at: int, stays: bool) -> None:
        self.at, self.stays, self.count, self.over = at, stays, 0, False
        self._path = room.store.path
        self._transact = room.store.transact
        room.store.transact = self.transact  # type: ignore[method-assign]

    @property
    def struck(self) -> bool:
        return self.count >= self.at

    async def transact(self, work: Any) -> Any:
        self.count += 1
        if not self.over and (self.count == self.at or (self.stays and self.count > self.at)):
            raise StoreError(self._path, "full")
        return await self._transact(work)


@pytest.mark.parametrize("stays", [True, False], ids=["for good", "once"])
async def test_disk_full_at_every_write(stays: bool, tmp_path: Path) -> None:
    at, struck = 2, True  # the first write begins the errand: without it there is none
    while struck:
        folder = tmp_path / f"{at}"
        folder.mkdir()
        with quick_folder(folder) as quick:
            room = room_for(quick, Setting())
            disk = FullDisk(room, at, stays)
            someone = Person(room.world, room.clock, own_card() | LATER | {"closing.open_door": _takes_if_there})
            ended = await room.errand(someone)
            struck = disk.struck
            where = f"full at write {at}: {ended} {someone.names}"
            assert someone.failure is None, where
            assert (ended.outcome, ended.reason) == (("fault", "store") if struck else ("done", "")), where
            assert ("closing.store" in someone.names) == struck, where
            assert room.world.cabinet.drop.locked, where
            assert room.world.cabinet.open_slot_number is None, "nobody is sent away from an open door"
            disk.over = True
            await assert_next_errand_finishes(room, where)
            await room.close()
        at += 1
    assert at > 15


async def assert_next_errand_finishes(room: Room, where: str) -> None:
    """With room on the disk again the holder comes back, and what was done is not done twice."""
    if await room.orders.find(room.orders.all[0].hsa_id) is None:
        return
    story = come_back(code_from_before=NEW_PIN)
    if room.world.cabinet.drop.binned:
        story = come_back(insert_old=_own_new, pin_old=NEW_PIN)
    someone = Person(room.world, room.clock, {**story, "pickup.take": _takes_if_there})
    ended = await room.errand(someone)
    assert someone.failure is None, where
    assert ended.outcome == "done", where
    issued = [event for event in await room.chain() if event.type == EventType.RECEIPT_ISSUED]
    assert len(issued) == 1, where


def _own_new(someone: Person) -> None:
    someone.world.insert("1:new", "holder")


def _takes_if_there(someone: Person) -> None:
    if 2 in someone.world.cabinet.cards:
        someone.world.take(2)
    someone.world.close_door(2)
