"""Transport port: what the server needs of a message broker, and nothing more.

Rules: a message is acknowledged to the broker only by `acknowledge`, after what it said is durable; a publish is
handed over, not waited for: the stations' own rules (`acked`, time-outs) and the dispatcher of commands, which sends
again, heal what is lost. Messages may come from any thread.

>>> Incoming("kortkiosk/v1/entre-a/events", b"{}", key=(1, 7)).key
(1, 7)
"""

from collections.abc import Callable
from typing import Protocol

import msgspec


class Incoming(msgspec.Struct, frozen=True):
    """One message. `key`: (epoch, sequence) from the user properties, where both are whole numbers from 1."""

    topic: str
    payload: bytes
    key: tuple[int, int] | None = None
    correlation: bytes | None = None
    token: object = None
    """The transport's own, for `acknowledge`."""
    replayed: bool = False
    """Kept by the broker: it says how things were left, and not that the sender is there now."""
    waited: bool = False
    """It may have waited at the broker for a server that was away: its sender was there then, and need not be now."""


Handler = Callable[[Incoming], None]
"""Called for each message, from any thread; never blocks and never raises."""


class Transport(Protocol):
    """A connection to a broker that mends itself."""

    async def start(self, handler: Handler) -> None:
        """Begin to connect, subscribe, and hand messages over."""

    async def stop(self) -> None:
        """End the connection. No message is handed over after this returns."""

    def acknowledge(self, message: Incoming) -> None:
        """Tell the broker that the message is dealt with. Thread-safe."""

    def publish(
        self, topic: str, payload: bytes, correlation: bytes | None = None, *, expiry_s: int | None = None
    ) -> None:
        """Send with QoS 1, later where there is no connection now. After `expiry_s` the broker drops what it could not hand
        out. Thread-safe."""
