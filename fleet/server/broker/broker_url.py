"""Broker URL: where a broker is that the server does not start itself.

>>> BrokerUrl.parse("amqps://a.example:5671,b.example:5671").addresses[1]
Address(host='b.example', port=5671)
>>> BrokerUrl.parse("mqtt.example:8883").scheme
'mqtts'
>>> BrokerUrl.parse("mqtts://mqtt.example:8883?share=fleet").group
'fleet'
"""

import re
from dataclasses import dataclass
from typing import Literal, cast

from fleet.server.process.addresses import Address, AddressError

SCHEMES = ("mqtts", "amqps")
_REST = re.compile(r"(?P<nodes>[^/?]+)/?(?:\?share=(?P<group>[A-Za-z0-9_-]{1,32}))?\Z")


@dataclass(frozen=True, slots=True)
class BrokerUrl:
    """`mqtts`: any MQTT 5 broker, one address; `amqps`: the nodes of a RabbitMQ cluster. `group`: processes among which an MQTT
    broker divides what comes (shared subscriptions, `$share`)."""

    scheme: Literal["mqtts", "amqps"]
    addresses: tuple[Address, ...]
    group: str = ""

    @property
    def is_divided(self) -> bool:
        """True where workers take what stations tell, and servers share their questions."""
        return self.scheme == "amqps" or bool(self.group)

    @classmethod
    def parse(cls, text: str) -> "BrokerUrl":
        """Read SCHEME://HOST:PORT[,HOST:PORT...][?share=GROUP]; without a scheme it is `mqtts`. Raises AddressError."""
        scheme, separator, rest = text.partition("://")
        if not separator:
            scheme, rest = "mqtts", text
        match = _REST.match(rest)
        if scheme not in SCHEMES or match is None:
            raise AddressError(
                f"{text!r}: write mqtts://HOST:PORT, mqtts://HOST:PORT?share=GROUP or amqps://HOST:PORT,HOST:PORT"
            )
        addresses = tuple(Address.parse(node) for node in match["nodes"].split(","))
        if scheme == "mqtts" and len(addresses) > 1:
            raise AddressError(f"{text!r}: an MQTT broker has one address")
        if scheme == "amqps" and match["group"]:
            raise AddressError(f"{text!r}: RabbitMQ divides by its queues, without ?share")
        return cls(cast(Literal["mqtts", "amqps"], scheme), addresses, match["group"] or "")

    def __str__(self) -> str:
        return f"{self.scheme}://{','.join(map(str, self.addresses))}{f'?share={self.group}' if self.group else ''}"
