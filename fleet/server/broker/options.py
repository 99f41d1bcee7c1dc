"""Command-line options of the broker, and their values as argparse takes them.

>>> address("127.0.0.1:8883")
Address(host='127.0.0.1', port=8883)
"""

import argparse
from dataclasses import dataclass

from fleet.messages.topics import STATION_NAME
from fleet.server.broker.broker_url import BrokerUrl
from fleet.server.broker.mosquitto import SERVER_USER, is_server
from fleet.server.process.addresses import Address, AddressError
from fleet.server.process.config import MQTT


@dataclass(frozen=True, slots=True)
class BrokerOptions:
    broker: Address | None
    cluster: BrokerUrl | None


def add_broker_options(serve: argparse.ArgumentParser) -> None:
    """`--mqtt`, and what may stand instead of a broker of one's own."""
    add_certificate_option(serve)
    serve.add_argument(
        "--mqtt", type=address, default=MQTT, metavar="HOST:PORT", help="where the broker listens (%(default)s)"
    )
    instead = serve.add_mutually_exclusive_group()
    instead.add_argument(
        "--broker", type=broker_url, metavar="URL",
        help="use this broker and start none: mqtts://HOST:PORT; where workers store, mqtts://HOST:PORT?share=GROUP"
        " or, for RabbitMQ, amqps://HOST:PORT,HOST:PORT",
    )  # fmt: skip
    instead.add_argument("--no-broker", action="store_true", help="start none: use the one at --mqtt")
    instead.add_argument("--web-only", action="store_true", help="serve pages beside other processes, with no broker")


def add_certificate_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--certificate", default=SERVER_USER, metavar="NAME", type=process_name,
        help="server/NAME.pem of the authority, shown to the broker (%(default)s): another one for each process with ?share",
    )  # fmt: skip


def process_name(text: str) -> str:
    """Raises argparse.ArgumentTypeError."""
    if not (is_server(text) and STATION_NAME.match(text)):
        raise argparse.ArgumentTypeError(f"{text!r}: write {SERVER_USER}, or a name of `authority issue`")
    return text


def chosen_broker(arguments: argparse.Namespace) -> BrokerOptions:
    url: BrokerUrl | None = arguments.broker
    if url is None:
        return BrokerOptions(arguments.mqtt if arguments.no_broker else None, None)
    return BrokerOptions(None, url) if url.is_divided else BrokerOptions(url.addresses[0], None)


def broker_url(text: str) -> BrokerUrl:
    """Raises argparse.ArgumentTypeError."""
    try:
        return BrokerUrl.parse(text)
    except AddressError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def divided_url(text: str) -> BrokerUrl:
    """One of a broker that divides what comes among workers. Raises argparse.ArgumentTypeError."""
    url = broker_url(text)
    if not url.is_divided:
        raise argparse.ArgumentTypeError(
            f"{text!r}: a worker takes from amqps://HOST:PORT,HOST:PORT or from mqtts://HOST:PORT?share=GROUP"
        )
    return url


def address(text: str) -> Address:
    """Raises argparse.ArgumentTypeError."""
    try:
        return Address.parse(text)
    except AddressError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
