"""Machine settings of an appliance, made from station.toml: nftables sets, chrony sources, allowed USB devices.

Rules: what is not named is closed. A name that does not resolve now stays closed and is said; the others are written all the
same. Files are replaced one by one, each in one step.

>>> print(nftables_sets({("192.0.2.7", 8883)}, ()), end="")
flush set inet kortkiosk servers4
add element inet kortkiosk servers4 { 192.0.2.7 . 8883 }
flush set inet kortkiosk servers6
flush set inet kortkiosk time4
flush set inet kortkiosk time6
"""

import contextlib
import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from kiosk.config import SERIAL, Config
from kiosk.station.updates import read_record
from provisioning import files
from provisioning.appliance.usb_gate import SOUND

Resolve = Callable[[str], tuple[str, ...]]
"""The addresses of a name. Raises OSError where it has none now."""
Server = tuple[str, int]

HID, PRINTER = ("03",), ("07", "ff")
"""Classes of USB interfaces, as usb.org numbers them: what types; printers, some of which call themselves vendor-specific."""
NFTABLES_FILE, CHRONY_FILE, USB_FILE = "servers.nft", "chrony/station.sources", "usb-allowed"


@dataclass(frozen=True, slots=True)
class WrittenSettings:
    """The files that were written, and the names that did not resolve."""

    written: tuple[str, ...]
    unresolved: tuple[str, ...]


def write_settings(
    config: Config, identity: Path, data: Path, output: Path, resolve: Resolve | None = None
) -> WrittenSettings:
    """Write them into `output`. `identity`: the station's identity.json. `data`: the folder with the record of its update.

    Raises OSError, ValueError.
    """
    resolve = resolve or resolve_host
    unresolved: list[str] = []

    def addresses(host: str) -> tuple[str, ...]:
        try:
            return resolve(host)
        except OSError:
            unresolved.append(host)
            return ()

    servers = {(address, port) for host, port in named_servers(config, identity, data) for address in addresses(host)}
    sound = [SOUND] if config.speech.tones or config.speech.kind != "none" else []
    time = [address for host in config.network.time for address in addresses(host)]
    made = {
        NFTABLES_FILE: nftables_sets(servers, time),
        CHRONY_FILE: "".join(f"server {host} iburst\n" for host in config.network.time),
        USB_FILE: "".join(
            f"{line}\n" for line in (*(f"{id} {' '.join(sorted(of))}" for id, of in named_usb_classes(config)), *sound)
        ),
    }
    for name, text in made.items():
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        files.write_file(output / name, text.encode("ascii"), files.PUBLIC)
    return WrittenSettings(tuple(str(output / name) for name in made), tuple(dict.fromkeys(unresolved)))


def named_servers(config: Config, identity: Path, data: Path) -> list[Server]:
    """Return the servers that the station calls over TCP: broker, network printer, proxy, and what `network.servers` names.

    While it fetches an update, the port of it too, at the broker's host alone.

    Raises OSError, ValueError.
    """
    servers = list(config.network.addresses)
    if (proxy := config.network.proxy_server) is not None:
        servers.append(proxy)
    stated = files.read_json(identity, default={})
    with contextlib.suppress(KeyError, TypeError):
        host = str(stated["broker"]["host"])
        servers.append((host, int(stated["broker"]["port"])))
        update = read_record(data)
        if update.order is not None and update.step == "fetching":
            servers.append((host, update.order.port))
    if config.printer.kind == "network":
        servers.append((config.printer.host, config.printer.port))
    return servers


def named_usb_classes(config: Config) -> list[tuple[str, set[str]]]:
    """`vvvv:pppp` of the devices that station.toml names, beside those whose class is enough, and the classes (two hex digits)
    that the interfaces of each may have: those of what it is named for."""
    named: list[tuple[int, int, tuple[str, ...]]] = [(usb.vendor, usb.product, HID) for usb in config.keypad.ids]
    named += [(usb.vendor, usb.product, classes) for usb, classes in config.usb.classes]
    if config.scanner.kind == "input":
        named.append((config.scanner.vendor, config.scanner.product, HID))
    if config.printer.kind == "usb":
        named.append((config.printer.vendor, config.printer.product, PRINTER))
    if config.cabinet.kind == "serial":
        named += [(usb.vendor, usb.product, SERIAL) for usb in config.cabinet.board_ids]
    by_usb_id: dict[str, set[str]] = {}
    for vendor, product, classes in named:
        if vendor and product:
            by_usb_id.setdefault(f"{vendor:04x}:{product:04x}", set()).update(classes)
    return sorted(by_usb_id.items())


def nftables_sets(servers: Iterable[Server], time: Iterable[str]) -> str:
    """The elements of the sets of /etc/nftables.conf, taken in one transaction. All hosts are addresses."""
    elements: dict[str, set[str]] = {"servers4": set(), "servers6": set(), "time4": set(), "time6": set()}
    for host, port in servers:
        address = ipaddress.ip_address(host)
        elements[f"servers{address.version}"].add(f"{address} . {port}")
    for host in time:
        address = ipaddress.ip_address(host)
        elements[f"time{address.version}"].add(str(address))
    lines = []
    for name, members in elements.items():
        lines.append(f"flush set inet kortkiosk {name}")
        if members:
            lines.append(f"add element inet kortkiosk {name} {{ {', '.join(sorted(members))} }}")
    return "".join(f"{line}\n" for line in lines)


def resolve_host(host: str) -> tuple[str, ...]:
    """All addresses of a name, asked of the system. Raises OSError."""
    addresses = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(sorted({str(address[4][0]) for address in addresses if "%" not in str(address[4][0])}))
