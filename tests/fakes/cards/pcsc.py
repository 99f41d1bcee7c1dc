"""PC/SC for tests: a real pcscd with virtual readers, started once for each module of tests where none runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest

from drivers.reader.card_reader import CardReader
from drivers.reader.port import Presence
from sim.reader.cards import VirtualCard
from sim.reader.pcscd import NoServiceError, running_service
from sim.reader.vpcd import plug

TURN_S = 240.0
"""Another run of the tests on this machine may have the readers for one of its modules."""


@pytest.fixture(scope="module")
def pcscd() -> Iterator[dict[int, str]]:
    """Names of the virtual readers, by the port of vpcd that a card is plugged into."""
    try:
        with running_service(TURN_S) as readers:
            yield readers
    except NoServiceError as reason:
        pytest.fail(str(reason))  # `make setup` installs it: a machine without it proves nothing


WAIT_S = 60.0


PLUGS = 4


async def until(reader: CardReader, wanted: Presence, seconds: float = WAIT_S) -> None:
    """Wait for that presence, by its changes."""
    async with asyncio.timeout(seconds), contextlib.aclosing(reader.changes()) as changes:
        async for presence in changes:
            if presence is wanted:
                return


async def seen(reader: CardReader, seconds: float) -> bool:
    """Does the card show up soon?"""
    try:
        await until(reader, Presence.PRESENT, seconds)
    except TimeoutError:
        return False
    return True


@contextlib.asynccontextmanager
async def inserted(card: VirtualCard, reader: CardReader, port: int) -> AsyncIterator[None]:
    """A card in the reader. pcscd polls this driver, and an insertion that follows a torn card within one poll is
    lost on it until the card is pulled again, so that is what is done here, as a person would: with more patience each time.
    """
    for number in range(PLUGS):
        plugged = plug(card, port=port)
        try:
            if await seen(reader, 1.5 * 2**number):
                yield
                return
        finally:
            plugged.stop()
        await until(reader, Presence.EMPTY)
    pytest.fail("the card was never seen")
