"""Connections of a process to a broker that divides what stations send: RabbitMQ by its queues, others by `$share`.

Rules: at an MQTT broker each process has a certificate of its own, whose name is its client id: of two with one certificate
each would push the other out. Raises OSError where a PEM file cannot be used, ValueError where it is none.
"""

from fleet.server.broker.broker_url import BrokerUrl
from fleet.server.broker.mqtt5_client import Credentials, Mqtt5Transport
from fleet.server.broker.shared_subscription import ASKED, STORED, SharedSubscription
from fleet.server.cluster.amqp_transport import AmqpTransport, asks, intake

Line = AmqpTransport | Mqtt5Transport


def intake_line(broker: BrokerUrl, credentials: Credentials, name: str) -> Line:
    """For a worker: what is to be stored."""
    if broker.scheme == "amqps":
        return AmqpTransport(broker.addresses, credentials, intake(name))
    return _shared(broker, credentials, STORED)


def asks_line(broker: BrokerUrl, credentials: Credentials) -> Line:
    if broker.scheme == "amqps":
        return AmqpTransport(broker.addresses, credentials, asks())
    return _shared(broker, credentials, ASKED)


def _shared(broker: BrokerUrl, credentials: Credentials, topics: tuple[str, ...]) -> Mqtt5Transport:
    return Mqtt5Transport(
        broker.addresses[0], credentials, SharedSubscription.shared(credentials.name, broker.group, topics)
    )
