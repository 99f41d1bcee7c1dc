"""The transport to RabbitMQ where no broker answers: what is said waits, and an acknowledgement finds its line."""

import pytest

from fleet.server.broker.mqtt5_client import Credentials
from fleet.server.broker.transport import Incoming
from fleet.server.cluster import amqp_transport as amqp
from fleet.server.cluster.amqp_transport import AmqpTransport, intake
from tests.fakes.machine.ports import free_address


class KeptLine:
    """A line that is not the transport's current one: it has delivered before all of it stood."""

    def __init__(self) -> None:
        self.acknowledged: list[int] = []

    def acknowledge(self, tag: int) -> None:
        self.acknowledged.append(tag)


async def test_what_a_line_delivers_before_it_stands_is_acknowledged_too(
    credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the first acknowledgement of a queue would be missing for ever, and all later ones would wait for it."""
    monkeypatch.setattr(amqp, "START_PATIENCE_S", 0.0)
    transport = AmqpTransport([free_address()], credentials, intake("one"))
    line = KeptLine()
    await transport.start(lambda _: None)
    try:
        transport.acknowledge(Incoming("kortkiosk/v1/entre-a/events", b"{}", None, None, (line, 1)))
        assert line.acknowledged == [1]
    finally:
        await transport.stop()
