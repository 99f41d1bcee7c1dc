"""Takes questions from the transport, has them answered, and sends each answer to the station's own topic.

Rules: several questions are dealt with at once, within bounds; the broker is told after the answer went out; a
question without correlation cannot be answered, and one that was never answered is the asker's to ask again.

>>> await AskDesk(transport, answers, inbox).run()  # doctest: +SKIP
"""

import asyncio
import logging

from fleet.messages.link import encode
from fleet.messages.topics import Topics, station_of
from fleet.server.answers import Answers
from fleet.server.inbox import Inbox
from fleet.server.transport import Incoming, Transport

AT_ONCE = 16

_log = logging.getLogger(__name__)


class AskDesk:
    """Answers until it is cancelled."""

    def __init__(self, transport: Transport, answers: Answers, inbox: Inbox[Incoming]) -> None:
        self._transport = transport
        self._answers = answers
        self._inbox = inbox
        self._room = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Take questions one by one, answer up to `AT_ONCE` of them at a time."""
        async with asyncio.TaskGroup() as running:
            while True:
                for message in await self._inbox.take(AT_ONCE):
                    await self._room.acquire()
                    running.create_task(self._deal_with(message))

    async def _deal_with(self, message: Incoming) -> None:
        try:
            station = station_of(message.topic)
            if station is None or message.correlation is None:
                _log.warning("a question without station or correlation on %s", message.topic)
            else:
                answer = await self._answers.answer(station, message.payload)
                self._transport.publish(Topics(station).answer, encode(answer), message.correlation)
            self._transport.acknowledge(message)
        finally:
            self._room.release()
