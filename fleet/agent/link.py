"""Fleet link: the station's one connection to the server. It empties the outbox, asks, and publishes the station's state.

It lives in the station's asyncio loop and keeps coming back by itself, after random delays (`backoff`). Nothing of it is needed
to hand a card over: what is to be told waits in the outbox, and what must be asked raises `LinkDown` at once.

Rules: an event leaves the outbox by the server's `acked` only; every ask is signed by the station and paced; an answer or `acked`
that the server has not signed, for this station and this ask, is dropped, counted, with a line in the log that shows none of it;
an answer that nobody waits for (any more) is dropped. A Pi has no battery clock: where the server says that the time of an ask is
off, the link remembers by how much, and asks once more. Before the first event of a run goes out, the server is asked what it
holds of the chain (`chain_comparison`); an event that lies damaged is sent as such.
"""

import asyncio
import contextlib
import logging
import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec

from fleet.agent import outbox
from fleet.agent.chain_comparison import ChainComparison
from fleet.agent.drain import Drain, FlowLimits, ServerAheadError, Wiring
from fleet.agent.endpoint import TAKEN_OVER, ConnectionFailed, Endpoint, Extras, ReceivedMessage, make_tls
from fleet.agent.identity import Identity, IdentityError
from fleet.agent.keeping import AskTimeout, LinkDown
from fleet.agent.outbox import DamagedEvent, EventChain, KeptEvent
from fleet.agent.proxy import Proxy
from fleet.agent.signatures import DroppedMessages, Signatures
from fleet.agent.store import StationStore, StoreError
from fleet.messages.backoff import Backoff
from fleet.messages.command_verification import aware_time
from fleet.messages.events import EPOCH_PROPERTY, SEQUENCE_PROPERTY, EventError
from fleet.messages.key_rotation import KeysAsk
from fleet.messages.link import STATE_EVERY_S, Answer, Ask, Presence, StationState, encode
from fleet.messages.pacing import ASK_BURST, ASKS_PER_S, TokenBucket
from fleet.messages.signed import SignedAnswer, SignedError
from fleet.messages.takeovers import TakeOvers
from fleet.messages.topics import Topics
from provisioning.keys.secrets import KeyFileError

if TYPE_CHECKING:
    from fleet.agent.mqtt import Connection

log = logging.getLogger(__name__)

STATE_PAUSE_S = 0.5
"""Changes of the state within this time travel as one."""

EVENT_CONTENT_TYPE = "application/cloudevents+json"

OnChange = Callable[[bool], None]
LinkTrouble = Literal["store", "events"]
"""The outbox cannot be read at all; an event of it is damaged."""


def utc_now() -> datetime:
    """The clock of real runs."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Timing:
    """`first_s`: the longest first delay before connecting; a fleet needs the default, a demo may hurry."""

    first_s: float = 10.0
    pace: FlowLimits = field(default_factory=FlowLimits)
    clock: Callable[[], datetime] = utc_now
    """The machine's own."""
    state_every_s: float = STATE_EVERY_S
    """How often the state is said though nothing has changed."""


@dataclass(frozen=True, slots=True)
class _Open:
    """One connection, and the keys that go with it."""

    connection: "Connection"
    signatures: Signatures


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An ask that waits for its answer."""

    nonce: str
    answer: "asyncio.Future[SignedAnswer]"
    with_keys: bool
    """Whether it was for the server's keys, whose answer proves itself."""


class Link:
    """The link of one station. Use it as a context manager, or `start` and `stop`."""

    def __init__(
        self,
        identity: Identity,
        store: StationStore,
        bootid: str,
        timing: Timing | None = None,
        on_command: Callable[[bytes], None] = lambda payload: None,
        on_trouble: Callable[[LinkTrouble, str], None] = lambda trouble, text: None,
        proxy: Proxy | None = None,
    ) -> None:
        """`on_command` is called with what comes on `commands`, as it came: nothing of it is checked here. `on_trouble` is told
        what is wrong with the outbox, in words."""
        self._identity, self._proxy = identity, proxy
        self._store = store
        self._bootid = bootid
        self._timing = timing or Timing()
        self._topics = Topics(identity.station)
        self._chain = EventChain(identity.station, identity.epoch, bootid)
        self._comparison = ChainComparison(store, self._chain, self.ask, lambda: self.time)
        self._on_trouble = on_trouble
        self._backoff = Backoff(self._timing.first_s)
        self._allowed = asyncio.Event()
        self._allowed.set()
        self._recalled = asyncio.Event()
        self._taken_over = TakeOvers()
        self.listeners: list[OnChange] = []
        self.on_command = on_command
        self._asks: dict[bytes, _Waiting] = {}
        self._asked = TokenBucket(ASK_BURST * 3 // 4, ASKS_PER_S * 3 / 4, time.monotonic())
        self.time_floor: Callable[[], datetime | None] = lambda: None
        """The newest time that the server has signed: it is no earlier now. Whoever knows it sets this."""
        self._clock_behind = timedelta()
        """What is to be added to the machine's clock, as the server's signed word has it."""
        self.dropped = DroppedMessages()
        self._state: StationState | None = None
        self._state_at = 0.0
        """When that was the station's state, on the monotonic clock."""
        self._state_changed = asyncio.Event()
        self._open: _Open | None = None
        self._drain: Drain | None = None
        self._online = False
        self._why_down = "it was not tried yet"
        self._shows_older = False
        """Whether the open connection was made with a certificate that has been renewed since."""
        self._task: asyncio.Task[None] | None = None

    @property
    def online(self) -> bool:
        """True while questions can be asked."""
        return self._online

    @property
    def time(self) -> datetime:
        return self._timing.clock() + self._clock_behind

    def renewed(self) -> None:
        """The identity has another key and certificate: asks are signed with it from now on, and the connection is made anew
        with it once nobody is at the station. Raises IdentityError."""
        if self._open is not None:
            self._open.signatures.renew(self._identity)
            self._shows_older = True
            self._state_changed.set()

    def start(self) -> None:
        """Begin to connect, and to reconnect whenever the connection is lost. Needs a running loop."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="link")
            self._task.add_done_callback(_report_end)

    async def stop(self) -> None:
        """End the connection; the fleet then sees the station offline. What is in the outbox stays there."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def __aenter__(self) -> "Link":
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def on_change(self, listener: OnChange) -> Callable[[], None]:
        """Call `listener(online)` at each change. Returns what ends it."""
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def notify(self) -> None:
        """A new event has been committed to the outbox."""
        self._state_changed.set()
        if self._drain is not None:
            self._drain.notify()

    def publish_state(self, state: StationState) -> None:
        """Show this state, now and again every minute; `outbox_depth` is filled in here. Only the newest counts, at most two a
        second travel."""
        self._state, self._state_at = state, time.monotonic()
        self._state_changed.set()

    def tell_result(self, payload: bytes) -> None:
        """Send the result of a command; lost where there is no connection now."""
        if self._open is not None:
            self._open.connection.publish(self._topics.results, payload)

    def set_allowed(self, allowed: bool) -> None:
        """False cuts the connection as a pulled cable does and keeps it cut; True lets it come back."""
        self._recalled.set()
        if allowed:
            self._backoff.reset()
            self._allowed.set()
            return
        self._allowed.clear()
        if self._open is not None:
            self._open.connection.cut()

    async def ask(self, message: Ask, timeout_s: float = 10.0) -> Answer:
        """Ask the server. Raises LinkDown, AskTimeout. The broker drops the question once its time is over."""
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._ask_once(message, timeout_s)
                if answer.answer.error != "clock" or (issued := aware_time(answer.issued)) is None:
                    return answer.answer
                self._clock_behind = issued - self._timing.clock()
                log.warning("this machine's clock is off by %.0f s", self._clock_behind.total_seconds())
                return (await self._ask_once(message, timeout_s)).answer
        except TimeoutError:
            raise AskTimeout(f"no answer within {timeout_s:g} s") from None

    async def _ask_once(self, message: Ask, timeout_s: float) -> SignedAnswer:
        self._online_connection()
        while not self._asked.take(time.monotonic()):  # noqa: ASYNC110  # a clock: no event
            await asyncio.sleep(self._asked.wait_s(time.monotonic()))
        opened = self._online_connection()
        nonce, payload = opened.signatures.sign(message, self.time)
        correlation = secrets.token_bytes(16)
        waiting = _Waiting(nonce, asyncio.get_running_loop().create_future(), isinstance(message, KeysAsk))
        self._asks[correlation] = waiting
        extras = Extras(
            response_topic=self._topics.answer, correlation=correlation, expiry_s=max(1, math.ceil(timeout_s))
        )
        try:
            opened.connection.publish(self._topics.ask, payload, extras=extras)
            return await waiting.answer
        finally:
            del self._asks[correlation]

    def _online_connection(self) -> _Open:
        if self._open is None or not self._online:
            raise LinkDown(f"there is no connection to the server: {self._why_down}")
        return self._open

    async def _run(self) -> None:
        while True:
            await self._allowed.wait()
            if await self._recalled_within(self._backoff.next_s()):
                continue
            began = time.monotonic()
            try:
                reason = await self._connect_once()
                self._backoff.connected_for(time.monotonic() - began)
                if reason == TAKEN_OVER:
                    self._note_take_over()
            except ConnectionFailed as error:
                reason = str(error)
            except ServerAheadError as error:
                self._comparison.is_due = True
                reason = str(error)
            except (StoreError, EventError) as error:
                reason = f"the outbox cannot be read: {error}"
                log.warning("the outbox cannot be read: %s", error)
                self._on_trouble("store", str(error))
            self._why_down = reason
            log.info("link down: %s", reason)

    def _note_take_over(self) -> None:
        """Told with the next presence. One may be this station's own, whose line the broker took for alive."""
        often = self._taken_over.note(time.monotonic())
        log.warning("the session was taken over, %d times of late: is there a copy of this station's key?", often)

    async def _recalled_within(self, delay_s: float) -> bool:
        self._recalled.clear()
        try:
            async with asyncio.timeout(delay_s):
                await self._recalled.wait()
        except TimeoutError:
            return not self._allowed.is_set()
        return True

    async def _connect_once(self) -> str:
        endpoint, signatures = self._endpoint(), self._signatures()
        self._shows_older = False
        connection = await (await _connection_class()).open(endpoint, self._receive)
        wiring = Wiring(self._publish_event, self._state_changed.set, lambda: connection.under_way, self._note_damaged)
        self._drain = Drain(self._store, self._chain, wiring, self._timing.pace)
        self._open = _Open(connection, signatures)
        try:
            if not self._allowed.is_set():
                return "cut"
            connection.publish(self._topics.presence, self._presence(online=True), retain=True)
            await connection.subscribe([self._topics.answer, self._topics.acked, self._topics.commands])
            self._set_online(True)
            return await self._serve(connection, self._drain)
        except asyncio.CancelledError:
            await connection.leave()
            raise
        finally:
            connection.cut()
            self._open = self._drain = None
            self._set_online(False)
            self._fail_asks()

    async def _serve(self, connection: "Connection", drain: Drain) -> str:
        self._state_changed.set()
        work = [asyncio.create_task(self._empty_outbox(drain)), asyncio.create_task(self._show_state(connection))]
        ends: list[asyncio.Future[Any]] = [connection.closed, *work]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for task in work:
                if task.done():
                    task.result()  # it only ends by raising
            return connection.closed.result()
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    async def _empty_outbox(self, drain: Drain) -> None:
        await self._comparison.settle()
        await drain.run()

    def _note_damaged(self, event: DamagedEvent) -> None:
        place, reason = f"{event.epoch}:{event.sequence}", event.reason
        log.warning("event %s lies damaged in the station's file, and is sent as it is: %s", place, reason)
        self._on_trouble("events", f"event {place} is damaged: {reason}")

    async def _show_state(self, connection: "Connection") -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._state_changed.wait(), self._timing.state_every_s)
            self._state_changed.clear()
            if self._shows_older and not self._asks and (self._state is None or self._state.errand is None):
                self._backoff.reset()
                connection.cut()
            if self._state is not None:
                depth = await self._store.transact(lambda cx: outbox.depth(cx, self._identity.station))
                now = _later(self._state.time, time.monotonic() - self._state_at)
                state = msgspec.structs.replace(self._state, outbox_depth=depth, time=now)
                connection.publish(self._topics.state, encode(state), retain=True)
            await asyncio.sleep(STATE_PAUSE_S)

    def _publish_event(self, event: KeptEvent) -> None:
        if self._open is not None:
            user = ((EPOCH_PROPERTY, str(event.epoch)), (SEQUENCE_PROPERTY, str(event.sequence)))
            extras = Extras(content_type=EVENT_CONTENT_TYPE, user=user)
            self._open.connection.publish(self._topics.events, event.wire, extras=extras)

    def _receive(self, message: ReceivedMessage) -> None:
        try:
            if message.topic == self._topics.commands:
                self.on_command(message.payload)
            elif self._open is None:  # just before it counts: what this says is said again
                return
            elif message.topic == self._topics.acked:
                word = self._open.signatures.open_acked(message.payload)
                if self._drain is not None:
                    self._drain.acked(word)
            elif message.topic == self._topics.answer:
                self._take_answer(message, self._open.signatures)
        except SignedError as error:
            self.dropped.note(message.topic.rsplit("/", 1)[1], error)

    def _take_answer(self, message: ReceivedMessage, signatures: Signatures) -> None:
        waiting = self._asks.get(message.correlation or b"")
        if waiting is not None and not waiting.answer.done():
            answer = signatures.open_answer(message.payload, waiting.nonce, with_keys=waiting.with_keys)
            waiting.answer.set_result(answer)

    def _set_online(self, online: bool) -> None:
        if online == self._online:
            return
        self._online = online
        for listener in list(self.listeners):
            listener(online)

    def _fail_asks(self) -> None:
        for waiting in self._asks.values():
            if not waiting.answer.done():
                waiting.answer.set_exception(LinkDown("the connection was lost before the answer came"))

    def _presence(self, *, online: bool) -> bytes:
        often = self._taken_over.recent(time.monotonic())
        return encode(Presence(online=online, bootid=self._bootid, taken_over=often))

    def _signatures(self) -> Signatures:
        try:
            return Signatures(self._identity)
        except IdentityError as error:
            raise ConnectionFailed(f"the identity of this station cannot be used: {error}") from error

    def _endpoint(self) -> Endpoint:
        identity = self._identity
        try:
            authorities = identity.server_keys.authorities
            tls = make_tls(
                identity.ca_file, identity.certificate_file, identity.key_file, authorities, self.time_floor()
            )
        except (OSError, KeyFileError) as error:
            raise ConnectionFailed(f"the identity of this station cannot be used: {error}") from error
        return Endpoint(
            host=identity.broker.host,
            port=identity.broker.port,
            client_id=identity.station,
            tls=tls,
            will_topic=self._topics.presence,
            will=self._presence(online=False),
            proxy=self._proxy,
        )


async def _connection_class() -> "type[Connection]":
    """Loaded by the first connection, in a thread: it takes a while, and a person may be at the screen."""
    return cast("type[Connection]", (await asyncio.to_thread(import_module, "fleet.agent.mqtt")).Connection)


def _later(time_text: str, seconds: float) -> str:
    """Add so many seconds to a time (RFC 3339), to the second; a text that is no time stays as it is."""
    at = aware_time(time_text)
    if at is None:
        return time_text
    return (at + timedelta(seconds=seconds)).isoformat(timespec="seconds").replace("+00:00", "Z")


def _report_end(task: "asyncio.Task[None]") -> None:
    # The loop in `_run` has no end of its own: if it ends by an error, the station must not be silent about it.
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("the link has stopped for good", exc_info=error)
