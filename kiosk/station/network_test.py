"""Network test for the fleet: what a technician would look at on the spot, as lines of a command's answer.

Rules: names, addresses, numbers, and errors as the system calls them; nothing is changed, and nothing but the fleet server (or
the proxy before it) is called.
"""

import errno
import socket
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from fleet.agent.proxy import Proxy

TRIES = 5
TIMEOUT_S = 3.0
SYS, ROUTES, RESOLVERS = Path("/sys/class/net"), Path("/proc/net/route"), Path("/etc/resolv.conf")


def check_network(host: str, port: int, proxy: Proxy | None = None) -> tuple[str, ...]:
    """Interfaces, the way out, names, and `TRIES` connections to the server at that host and port. Blocks, `TIMEOUT_S` for each
    connection that nobody answers."""
    at = (proxy.host, proxy.port) if proxy else (host, port)
    dial = (lambda: proxy.dial(host, port, TIMEOUT_S)) if proxy else (lambda: socket.create_connection(at, TIMEOUT_S))
    return (*interfaces(), *gateways(), *nameservers(), _name(*at), _connections(f"{host}:{port}", dial))


def interfaces(folder: Path = SYS) -> list[str]:
    """Of each but the loopback: whether there is a carrier, how often it came or went, speed in Mbit/s, errors and drops."""
    counts = ("carrier_changes", "speed", "statistics/rx_errors", "statistics/tx_errors", "statistics/rx_dropped")
    return [
        f"interface {interface.name}: {_read(interface / 'operstate')}, "
        + ", ".join(f"{Path(count).name} {_read(interface / count)}" for count in counts)
        for interface in sorted(folder.glob("*"))
        if interface.name != "lo"
    ]


def gateways(file: Path = ROUTES) -> list[str]:
    """The gateways of IPv4, which the kernel writes as hexadecimal digits of the machine's byte order (proc_net_route)."""
    rows = [line.split() for line in _read(file).splitlines()[1:]]
    ways = [
        f"gateway {socket.inet_ntoa(int(row[2], 16).to_bytes(4, 'little'))} by {row[0]}"
        for row in rows
        if row[1] == "00000000"
    ]
    return ways or ["gateway of IPv4: none"]


def nameservers(file: Path = RESOLVERS) -> list[str]:
    return [line for line in _read(file).splitlines() if line.startswith("nameserver")] or ["nameserver: none"]


def _name(host: str, port: int) -> str:
    begun = time.monotonic()
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return f"name {host}: {type(error).__name__} {error.strerror} after {_ms(begun):.0f} ms"
    return f"name {host}: {', '.join(sorted({str(address[4][0]) for address in addresses}))} in {_ms(begun):.0f} ms"


def _connections(at: str, dial: Callable[[], socket.socket]) -> str:
    took, failed = [], []
    for _ in range(TRIES):
        begun = time.monotonic()
        try:
            dial().close()
            took.append(_ms(begun))
        except OSError as error:
            failed.append(errno.errorcode.get(error.errno or 0, type(error).__name__))
    times = f", {min(took):.0f}/{statistics.median(took):.0f}/{max(took):.0f} ms" if took else ""
    faults = f", failed: {' '.join(failed)}" if failed else ""
    return f"connections to {at}: {len(took)} of {TRIES}{times}{faults}"


def _ms(since: float) -> float:
    return (time.monotonic() - since) * 1000


def _read(file: Path) -> str:
    """Empty where the system says nothing: a radio has no speed."""
    try:
        return file.read_text("ascii", "replace").strip()
    except OSError:
        return ""
