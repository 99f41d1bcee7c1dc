"""Ask service: takes asks from the transport, has them verified and answered, and publishes each signed answer.

Rules: an ask is limited before any work is done for it, waits in a fair queue, and is answered once its signature is the
station's; several are dealt with at once, within bounds. An ask that is not believed gets no answer; every other one gets
a signed one, an error too, bound to its nonce. The broker is told after the answer went out; one that was never answered is the
asker's to ask again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from fleet.messages.link import Answer, encode
from fleet.messages.signed import ANSWER_TYP, SignedAnswer, format_time, unverified_nonce
from fleet.messages.topics import Topics, station_of
from fleet.server.asks.answers import Answers
from fleet.server.asks.fair_queue import AT_ONCE, FairQueue
from fleet.server.asks.guard import AskGuard
from fleet.server.asks.refusals import BELIEVED
from fleet.server.asks.verification import AskRefusedError, ClockError
from fleet.server.broker.inbox import Inbox
from fleet.server.broker.transport import Incoming, Transport
from fleet.server.keys.signing import Signer


@dataclass(frozen=True, slots=True)
class AskHandling:
    """Checks that an ask passes, the parts that answer it, and the key that signs the answer."""

    answers: Answers
    guard: AskGuard
    signer: Signer


class AskService:
    """Answers until it is cancelled."""

    def __init__(
        self,
        transport: Transport,
        answering: AskHandling,
        inbox: Inbox[Incoming],
        clock: Callable[[], datetime],
    ) -> None:
        self._transport = transport
        self._answers, self._guard, self._signer = answering.answers, answering.guard, answering.signer
        self._inbox = inbox
        self._clock = clock
        self._queue: FairQueue[Incoming] = FairQueue()

    async def run(self) -> None:
        """Admit asks as they come, and answer as many at a time as the queue gives."""
        async with asyncio.TaskGroup() as running:
            running.create_task(self._admit_all())
            while True:
                station, message = await self._queue.take()
                running.create_task(self._deal_with(station, message))

    async def _admit_all(self) -> None:
        while True:
            for message in await self._inbox.take(AT_ONCE):
                await self._admit(message)

    async def _admit(self, message: Incoming) -> None:
        station = station_of(message.topic)
        if station is None or message.correlation is None:
            await self._guard.refusals.note(station or "nobody", "no_correlation")
            self._transport.acknowledge(message)
            return
        judgement = self._guard.limits.judge(station)
        if judgement == "go" and self._queue.put(station, message):
            return
        if judgement != "silent" and (nonce := unverified_nonce(message.payload)) is not None:
            self._send(
                station, nonce, message, _error("too_many", "This station asks too much at once. Ask again later.")
            )
        await self._guard.refusals.note(station, "spent" if judgement == "spent" else "too_many")
        self._transport.acknowledge(message)

    async def _deal_with(self, station: str, message: Incoming) -> None:
        try:
            await self._answer(station, message)
            self._transport.acknowledge(message)
        finally:
            self._queue.done(station)

    async def _answer(self, station: str, message: Incoming) -> None:
        refusals = self._guard.refusals
        try:
            opened = self._guard.verifier.verify(station, message.payload)
        except AskRefusedError as refused:
            await refusals.note(station, refused.reason)
        except ClockError as error:
            self._send(station, error.nonce, message, _error("clock", "The station's clock is off."))
            await refusals.note(station, "clock")
        else:
            answer = await self._answers.answer(station, bytes(opened.signed.ask), opened.certificate)
            self._send(station, opened.signed.nonce, message, answer)
            if answer.error == "bad_ask":
                await refusals.note(station, answer.error)
            else:
                refusals.counts[BELIEVED] += 1

    def _send(self, station: str, nonce: str, message: Incoming, answer: Answer) -> None:
        content = SignedAnswer(station, nonce, format_time(self._clock().astimezone(UTC)), answer)
        payload = self._signer.sign(encode(content), ANSWER_TYP).encode()
        self._transport.publish(Topics(station).answer, payload, message.correlation)


def _error(code: str, text: str) -> Answer:
    return Answer(ok=False, error=code, text=text)
