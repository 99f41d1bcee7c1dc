"""The drop slot through the driver: a watch ends by the board's word, by time, or with the line."""

import asyncio

import pytest

from drivers.cabinet import driver, messages
from drivers.cabinet.port import CabinetReady, Dropped, NotDropped, NotOpened, Opened, SlotFault
from tests.fakes.cabinet.board_bench import LIMIT_S, BoardBench, until


@pytest.mark.parametrize(("value", "fault"), [(1, "nothing"), (2, "jam"), (3, "fishing"), (99, "nothing")])
async def test_a_watch_over_the_drop_ends_by_the_board_s_word(value: int, fault: str, ready: BoardBench) -> None:
    assert await ready.cabinet.open_drop() == Opened()
    ready.tell(messages.DROP_ENDED, 0, value)

    assert await ready.cabinet.wait_drop() == NotDropped(fault)  # type: ignore[arg-type]


async def test_a_card_that_fell_is_counted_by_the_board(ready: BoardBench) -> None:
    await ready.cabinet.open_drop()
    waiting = asyncio.ensure_future(ready.cabinet.wait_drop())
    ready.peer.bin_count = 5
    ready.tell(messages.DROP_ENDED, 0, 0)

    assert await waiting == Dropped(5)


async def test_a_board_that_forgets_to_end_a_watch_is_mute_after_a_while(
    ready: BoardBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "DROP_SLACK_S", -0.9)
    await ready.cabinet.open_drop()

    assert await ready.cabinet.wait_drop() == NotDropped("mute")
    await until(lambda: ready.peer.took[-1] == (messages.LOCK, {}))


async def test_a_line_that_breaks_for_good_ends_the_watch(ready: BoardBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "RESUME_S", 0.1)
    await ready.cabinet.open_drop()
    waiting = asyncio.ensure_future(ready.cabinet.wait_drop())
    await asyncio.sleep(0)
    ready.cable.pull()

    async with asyncio.timeout(LIMIT_S):
        assert await waiting == NotDropped("mute")


@pytest.mark.parametrize("waits", [True, False], ids=["while it is waited for", "before that"])
async def test_a_drop_goes_on_where_the_board_comes_back(ready: BoardBench, *, waits: bool) -> None:
    """Who holds the card sees the flap give way again."""
    await ready.cabinet.open_drop()
    waiting = asyncio.ensure_future(ready.cabinet.wait_drop()) if waits else None
    await asyncio.sleep(0)
    ready.cable.pull()
    while isinstance(await ready.cabinet.state(), CabinetReady):
        await ready.cabinet.changed()
    ready.cable.plug()
    if waiting is None:
        await ready.becomes(CabinetReady)
        waiting = asyncio.ensure_future(ready.cabinet.wait_drop())
    await until(lambda: [kind for kind, _ in ready.peer.took].count(messages.OPEN_FLAP) == 2)
    ready.peer.bin_count = 1
    ready.tell(messages.DROP_ENDED, 0, 0)

    async with asyncio.timeout(LIMIT_S):
        assert await waiting == Dropped(1)


async def test_a_card_that_fell_unseen_is_found_in_the_count(ready: BoardBench) -> None:
    await ready.cabinet.open_drop()
    waiting = asyncio.ensure_future(ready.cabinet.wait_drop())
    await asyncio.sleep(0)
    ready.cable.pull()
    ready.peer.bin_count = 1
    ready.cable.plug()

    async with asyncio.timeout(LIMIT_S):
        assert await waiting == Dropped(1)
    assert [kind for kind, _ in ready.peer.took].count(messages.OPEN_FLAP) == 1


async def test_a_full_bin_and_a_bin_that_stands_open_keep_the_flap_locked(ready: BoardBench) -> None:
    ready.peer.codes[messages.OPEN_FLAP] = messages.BIN_OPEN
    assert await ready.cabinet.open_drop() == NotOpened(SlotFault.BIN_OPEN)
    ready.peer.codes[messages.OPEN_FLAP] = messages.BIN_FULL
    ready.peer.flags = messages.FLAG_BIN_FULL
    ready.tell(messages.BIN_FULL_CHANGED, 0, 1)
    while not (await ready.becomes(CabinetReady)).bin_full:  # type: ignore[union-attr]
        await ready.cabinet.changed()
    assert await ready.cabinet.open_drop() == NotOpened(SlotFault.BIN_FULL)
    assert await ready.cabinet.wait_drop() == NotDropped("full")
