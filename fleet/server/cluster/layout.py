"""Topology of the cluster's broker: exchanges, queues and bindings, by name.

What stations publish arrives at `amq.topic`, where RabbitMQ's MQTT plugin puts it, with dots for slashes. From there a
consistent-hash exchange gives each topic to one of `SHARDS` queues, always the same one: so the events of a station keep their
order. Each queue has one active consumer at a time. Questions go to a queue of their own, which all who answer share.

>>> routing_key("kortkiosk/v1/entre-a/acked")
'kortkiosk.v1.entre-a.acked'
>>> topic("kortkiosk.v1.entre-a.commands.result")
'kortkiosk/v1/entre-a/commands/result'
"""

import hashlib
from typing import Any

from fleet.messages.topics import PREFIX

TOPICS = "amq.topic"
STATIONS = "kortkiosk.stations"
"""The consistent-hash exchange."""
SHARDS = 16
"""How many workers can be busy at a time. Never changed while events wait: a topic would change its queue."""
SHARD_QUEUES = tuple(f"kortkiosk.shard.{number:02}" for number in range(SHARDS))
ASKS = "kortkiosk.asks"
KINDS = ("events", "state", "presence", "commands.result")
"""What of a station is stored."""

QUEUE: dict[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": -1}
"""Kept on a majority of nodes. A worker that is killed again and again must not use up a message's deliveries."""
SHARD_QUEUE = {**QUEUE, "x-single-active-consumer": True}
LIMITED = r"^kortkiosk\.(shard\..*|asks)$"
MOST_IN_QUEUE = 20_000
LIMIT: dict[str, Any] = {"max-length": MOST_IN_QUEUE, "overflow": "reject-publish"}
"""A policy for the queues whose name is `LIMITED`, since an argument of a queue cannot be changed. A full one drops nothing: it
refuses what comes, and a station keeps the event until the server has spoken."""


def routing_key(mqtt_topic: str) -> str:
    """Of an MQTT topic, as the MQTT plugin writes it. Names of stations have no dots."""
    return mqtt_topic.replace("/", ".")


def topic(key: str) -> str:
    """The MQTT topic of a routing key."""
    return key.replace(".", "/")


def binding(kind: str) -> str:
    """The key by which that kind of message is bound, for all stations."""
    return routing_key(f"{PREFIX}/*/{kind}")


def priority(consumer: str, queue: str) -> int:
    """Return the bid of this consumer for that queue: the highest is active, so that the queues spread over the workers."""
    return int.from_bytes(hashlib.sha256(f"{consumer} {queue}".encode()).digest()[:3])
