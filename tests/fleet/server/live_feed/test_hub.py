"""The hub: what the store says reaches every reader, at most five times a second, and never holds the store up."""

import asyncio
import threading

import pytest

from fleet.server.live_feed.hub import MOST_OF_AN_OWNER, MOST_OF_ONE, Change, FeedReader, FullError, Hub
from sim.stories.patience import LIMIT_S


async def next_of(reader: FeedReader) -> Change | None:
    async with asyncio.timeout(LIMIT_S):
        return await anext(aiter(reader.changes()))


async def test_a_change_after_a_quiet_moment_goes_out_at_once() -> None:
    hub = Hub(interval_s=3600)
    with hub.reading() as reader:
        hub.publish(frozenset({"stations"}))
        change = await next_of(reader)
    assert change is not None
    assert change.topics == {"stations"}


async def test_what_comes_soon_after_a_push_is_gathered_into_one() -> None:
    hub = Hub(interval_s=0.05)
    with hub.reading() as reader:
        hub.publish(frozenset({"stations"}))
        first = await next_of(reader)
        for number in range(50):
            hub.publish(frozenset({"errands", f"errand/{number % 3}"}))
        second = await next_of(reader)
    assert first is not None
    assert second is not None
    assert first.topics == {"stations"}
    assert second.topics == {"errands", "errand/0", "errand/1", "errand/2"}


async def test_any_thread_may_publish() -> None:
    hub = Hub()
    with hub.reading() as reader:
        writer = threading.Thread(target=hub.publish, args=(frozenset({"orders"}),))
        writer.start()
        change = await next_of(reader)
        writer.join()
    assert change is not None
    assert change.topics == {"orders"}


async def test_a_reader_that_does_not_keep_up_is_told_to_read_everything_again() -> None:
    hub = Hub(interval_s=0, backlog=3)
    with hub.reading() as slow, hub.reading() as quick:
        for number in range(8):
            hub.publish(frozenset({f"errand/{number}"}))
            change = await next_of(quick)
            assert change is not None
            assert change.topics == {f"errand/{number}"}
        seen = [await next_of(slow) for _ in range(2)]
    assert seen[0] is not None
    assert seen[0].topics is None
    assert seen[1] == change


async def test_too_many_topics_at_once_become_a_resync() -> None:
    hub = Hub()
    with hub.reading() as reader:
        hub.publish(frozenset(f"errand/{number}" for number in range(1000)))
        change = await next_of(reader)
    assert change is not None
    assert change.topics is None


async def test_silence_is_broken_by_a_heartbeat() -> None:
    hub = Hub()
    with hub.reading() as reader:
        async with asyncio.timeout(LIMIT_S):
            assert await anext(aiter(reader.changes(heartbeat_s=0.01))) is None


async def test_close_ends_every_stream_and_new_ones_at_once() -> None:
    hub = Hub()
    with hub.reading() as reader:
        hub.close()
        hub.publish(frozenset({"stations"}))
        async with asyncio.timeout(LIMIT_S):
            assert [change async for change in reader.changes()] == []
    with hub.reading() as late:
        async with asyncio.timeout(LIMIT_S):
            assert [change async for change in late.changes()] == []
    hub.close()


async def test_a_reader_that_leaves_is_forgotten() -> None:
    hub = Hub()
    with hub.reading():
        assert hub.readers == 1
    assert hub.readers == 0


def test_what_changes_before_the_first_reader_is_seen_in_the_number() -> None:
    hub = Hub()
    before = hub.latest
    hub.publish(frozenset({"stations"}))
    assert hub.latest != before


def test_publishing_after_the_loop_has_ended_does_no_harm() -> None:
    hub = Hub()

    async def read_and_leave() -> None:
        with hub.reading():
            pass

    asyncio.run(read_and_leave())
    hub.publish(frozenset({"stations"}))
    hub.close()


async def test_one_session_and_one_account_have_so_many_feeds_and_no_more() -> None:
    hub = Hub()
    mine = [hub.admit("session", "tove") for _ in range(MOST_OF_ONE)]
    with pytest.raises(FullError, match="of this session or account") as refused:
        hub.admit("session", "tove")
    assert not refused.value.everybody
    for number in range(MOST_OF_AN_OWNER - MOST_OF_ONE):
        hub.admit(f"session-{number}", "tove")
    with pytest.raises(FullError):
        hub.admit("another", "tove")
    hub.admit("hers", "maja")
    hub.leave(mine[0])
    hub.leave(mine[0])
    hub.admit("session", "tove")
    assert hub.readers == MOST_OF_AN_OWNER + 1
