"""A PC/SC service of one's own for demo and tests, where the machine runs none.

`running_service` gives one that already answers, or starts `pcscd --foreground --disable-polkit` and waits for the
virtual readers' ports; only what was started here is ended, by its process id. Programs of one user take turns, by a
lock, because there is one pair of virtual readers on a machine.

Debian's driver configuration makes two readers (`Virtual PCD 00 00`, `00 01`) that listen on every address of the
machine: the driver has no setting for the address. (With `DEVICENAME host:port` it would not listen at all, but
connect to a card that does.) So it belongs on test machines, behind a firewall, never on a station.
"""

import fcntl
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sim.reader.vpcd import FIRST_PORT, SECOND_PORT

PROGRAM = "/usr/sbin/pcscd"
SOCKET = Path("/run/pcscd/pcscd.comm")
READERS = {FIRST_PORT: "Virtual PCD 00 00", SECOND_PORT: "Virtual PCD 00 01"}
START_TIMEOUT_S = 10.0
TRIES = 4
"""The readers' ports lie where the machine takes those of its own connections: where one is taken then, the driver gives up."""
STOP_TIMEOUT_S = 5.0
TURN_TIMEOUT_S = 90.0
_POLL_S = 0.05
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTEN = "0A"
"""As /proc/net/tcp writes it (proc(5))."""
_NO_READERS = "no virtual readers (Debian package vsmartcard-vpcd), or pcscd does not start"


class NoServiceError(RuntimeError):
    """There is no PC/SC service with virtual readers, and none could be started."""


def answers() -> bool:
    """Does a PC/SC service answer on its socket?"""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(SOCKET)) == 0


@contextmanager
def running_service(turn_timeout_s: float = TURN_TIMEOUT_S) -> Iterator[dict[int, str]]:
    """Names of the virtual readers by port, while a service runs. Raises NoServiceError."""
    with _turn(turn_timeout_s):
        yield from _service()


@contextmanager
def _turn(timeout_s: float) -> Iterator[None]:
    """Nobody else of this user has the virtual readers meanwhile."""
    path = Path(tempfile.gettempdir()) / f"kortkiosk-virtual-readers-{os.getuid()}.lock"
    deadline = time.monotonic() + timeout_s
    with path.open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise NoServiceError("another program has the virtual readers") from None
                time.sleep(_POLL_S)
        yield


def _service() -> Iterator[dict[int, str]]:
    if answers():
        if not _has_readers(None):
            raise NoServiceError(_NO_READERS)
        yield READERS
        return
    if not Path(PROGRAM).exists():
        raise NoServiceError(f"{PROGRAM} is not installed (Debian package pcscd)")
    service = _started()
    try:
        yield READERS
    finally:
        _stop(service)


def _started() -> "subprocess.Popen[bytes]":
    """A service with both readers. Raises NoServiceError."""
    for _ in range(TRIES):
        service = subprocess.Popen(  # noqa: S603 - a fixed program with fixed arguments
            [PROGRAM, "--foreground", "--disable-polkit"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            ready = _has_readers(service)
        except BaseException:
            _stop(service)
            raise
        if ready:
            return service
        _stop(service)
    raise NoServiceError(_NO_READERS)


def _has_readers(service: "subprocess.Popen[bytes] | None") -> bool:
    """Wait a while until the service answers and its readers' ports are listened on; return whether. Raises NoServiceError."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not (answers() and listening_ports() >= READERS.keys()):
        if service is not None and service.poll() is not None:
            raise NoServiceError(f"pcscd ended with {service.returncode}")
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def listening_ports() -> set[int]:
    """TCP ports that somebody listens on, as the kernel tells. To connect would count as a card, to bind could be in the way."""
    ports = set()
    for table in _TABLES:
        for row in table.read_text().splitlines()[1:] if table.exists() else ():
            _, local, _, state, *_ = row.split()
            if state == _LISTEN:
                ports.add(int(local.rpartition(":")[2], 16))
    return ports


def _stop(service: "subprocess.Popen[bytes]") -> None:
    service.terminate()
    try:
        service.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        service.kill()
        service.wait()
