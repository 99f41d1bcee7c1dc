"""Embedded mosquitto: Debian's broker, configured, started, watched and ended by the server.

Rules: TLS with client certificates only; user and client id are the certificate's CN, whatever a client says, so two
connections with one certificate push each other out and are seen; a station writes and reads below its own name, the server
everywhere. It may have as many files open as the machine allows, and fewer connections than that: who opens connections and says
nothing takes none from stations. The broker's memory is no promise (a station deletes on `acked` alone), so it is saved
once a minute and not at every change. A station that is revoked is put out alone: the list is read anew and its session is
ended, and for a while again, since who had shown the certificate before may speak later; where that cannot be done, the broker is
started again, which disconnects all. One that dies is started again; one that a killed server left behind is ended
first. A memory on which mosquitto does not start, or crashes soon after it twice in a row, is set aside with the time in its
name, and mosquitto begins with none.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import ssl
import threading
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from fleet.messages.topics import PREFIX
from fleet.server.broker.mqtt5_client import Credentials
from fleet.server.broker.revocation import (
    UnknownCertificateError,
    denied_names,
    end_session,
    revoked_serials,
    stations_of,
)
from fleet.server.process.addresses import Address, AddressError
from fleet.server.process.open_files import (
    MAX_CONNECTIONS,
    most_connections,
    open_files_limit,
    raise_open_files,
)

SERVER_USER = "fleet-server"
"""CN of the server's own client certificate."""


def is_server(name: str) -> bool:
    """Return whether a certificate's name is the server's, or of one more process of it. No station is given such a name."""
    return name == SERVER_USER or name.startswith(f"{SERVER_USER}-")


WRITES = ("events", "state", "presence", "ask", "commands/result")
READS = ("answer", "acked", "commands")
"""Topics that a station may write and read below its own name."""

INSTALL = "sudo apt-get install mosquitto"
MAX_PACKET = 264 * 1024
"""Bytes. A station that sends more is put out and told why; less reaches the server, which keeps and names what it cannot use."""
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 3.0
HANDSHAKE_TIMEOUT_S = 5.0
MAX_RESTART_DELAY_S = 10.0
REVOCATION_CHECK_S = 5.0
SETTLE_S = 1.0
"""Of two lists of one second OpenSSL keeps the first: none is read before its second is over."""
PUT_OUT_S = 120.0
"""So long a revoked station is put out again and again: mosquitto waits up to 90 s for the first word of a connection."""
CALM_S = 60.0
"""A broker that ran this long is started again at once when it dies."""
MEMORY = "mosquitto.db"
OWN_SOCKET = "own.sock"
MAX_SOCKET_PATH = 107
"""Bytes (unix(7), `sun_path`)."""
CRASHES = 2
"""So many in a row, soon after the start, are its memory's fault."""
_TOLD_TO_END = (0, -signal.SIGTERM, -signal.SIGINT, -signal.SIGKILL)

_log = logging.getLogger(__name__)


class BrokerError(Exception):
    """The broker cannot be started. The text says why and what to do."""


@dataclass(frozen=True, slots=True)
class BrokerFiles:
    """PEM files of the listener; `revoked` is where a CRL is. `authority` notes whose certificates are on it (issued.json), and
    with the server's own `client` certificate their sessions are ended; without the two, the broker is started again."""

    ca: Path
    certificate: Path
    key: Path
    revoked: Path | None = None
    client: Credentials | None = None
    authority: Path | None = None


def access_list(processes: Sequence[str] = ()) -> str:
    """Return the access list: who may write and read what (`%u` is the user: the CN of the certificate). `processes`: of the
    server, besides itself."""
    lines = [line for name in (SERVER_USER, *processes) for line in (f"user {name}", f"topic readwrite {PREFIX}/#", "")]
    lines += [f"pattern write {PREFIX}/%u/{name}" for name in WRITES]
    lines += [f"pattern read {PREFIX}/%u/{name}" for name in READS]
    return "\n".join(lines) + "\n"


def _tls(files: BrokerFiles) -> tuple[str, ...]:
    return (
        f"cafile {files.ca}",
        f"certfile {files.certificate}",
        f"keyfile {files.key}",
        *([f"crlfile {files.revoked}"] if files.revoked and files.revoked.exists() else []),
        "require_certificate true",
        "use_identity_as_username true",
        "tls_version tlsv1.2",
    )


def configuration(
    directory: Path,
    address: Address,
    files: BrokerFiles,
    connections: int = MAX_CONNECTIONS,
    own_socket: Path | None = None,
) -> str:
    """mosquitto.conf. Limits: an event has at most 64 KiB, a page of a list more; queues for a server that is away. At
    `own_socket` a client id is not bound to the certificate."""
    settings = [
        "per_listener_settings false",
        "allow_anonymous false",
        f"acl_file {directory / 'acl'}",
        f"listener {address.port} {address.host}",
        *_tls(files),
        "use_username_as_clientid true",
        f"max_connections {connections}",
        *([f"listener 0 {own_socket}", *_tls(files)] if own_socket else []),
        "persistence true",
        f"persistence_location {directory}/",
        "autosave_interval 60",
        "persistent_client_expiration 14d",
        "max_inflight_messages 1000",
        "max_queued_messages 100000",
        "max_queued_bytes 268435456",
        f"max_packet_size {MAX_PACKET}",
        "max_keepalive 300",
        "set_tcp_nodelay true",
        "sys_interval 0",
        "log_dest stderr",
        "log_timestamp false",
        "log_type error",
        "log_type warning",
        "log_type notice",
    ]
    return "\n".join(settings) + "\n"


class Broker:
    """A mosquitto of one's own, for as long as the context lasts."""

    def __init__(
        self,
        directory: Path,
        address: Address,
        files: BrokerFiles,
        on_line: Callable[[str], None] = lambda line: None,
        on_set_aside: Callable[[str], None] = lambda name: None,
    ) -> None:
        """`on_line` is told each line of mosquitto's log, in a thread of its own; `on_set_aside`, in a thread too, the name under
        which a damaged memory now lies."""
        self._directory = directory
        self._on_line = on_line
        self._on_set_aside = on_set_aside
        self._wanted = address
        self._files = files
        self._process: Process | None = None
        self._watch: list[asyncio.Task[None]] = []
        self._said = ""
        self._is_restart_meant = False
        self._loaded = _Stamps(None, None)
        self._known: frozenset[int] = frozenset()
        self.address = address

    async def __aenter__(self) -> Self:
        program = _program()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        await asyncio.to_thread(_end_left_over, self._pid_file, self._conf_file)
        try:
            reserved_socket = self._wanted.bind()
        except AddressError as error:
            raise BrokerError(f"the broker's address {error}; choose another with --mqtt HOST:PORT") from None
        with reserved_socket:  # until mosquitto has it too: nobody is given a free port in between
            self.address = replace(self._wanted, port=reserved_socket.getsockname()[1])
            self._write(self._directory / "acl", access_list())
            listed = await asyncio.to_thread(self._listed)
            self._known = frozenset() if listed is None else listed
            try:
                await self._start_somehow(program)
            except BaseException:
                await self._end()
                raise
        self._watch = [
            asyncio.create_task(self._keep(program), name="broker-watch"),
            asyncio.create_task(self._heed_revocations(), name="broker-revocations"),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._watch:
            task.cancel()
        await asyncio.gather(*self._watch, return_exceptions=True)
        await self._end()

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._process.pid if self._process else None

    @property
    def _conf_file(self) -> Path:
        return self._directory / "mosquitto.conf"

    @property
    def _pid_file(self) -> Path:
        return self._directory / "mosquitto.pid"

    @property
    def _own_socket(self) -> Path | None:
        """Socket over which sessions can be ended; None where they cannot."""
        place = self._directory.resolve() / OWN_SOCKET
        fits = len(os.fsencode(place)) <= MAX_SOCKET_PATH and " " not in str(place)
        return place if self._files.client and self._files.authority and fits else None

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text, "utf-8")
        path.chmod(0o600)

    async def _start_somehow(self, program: str) -> None:
        """Start it, where need be without its memory: where that was the fault, it stays aside, else it is put back. Raises
        BrokerError."""
        try:
            await self._start(program)
            return
        except BrokerError as error:
            if (aside := self._set_memory_aside()) is None:
                raise
            _log.error("%s: tried again without %s, which is set aside", error, MEMORY)
        try:
            await self._start(program)
        except BrokerError:
            aside.rename(self._directory / MEMORY)
            raise
        await asyncio.to_thread(self._on_set_aside, aside.name)

    def _set_memory_aside(self) -> Path | None:
        """Under which name it is now; None where there is none."""
        aside = self._directory / f"{MEMORY}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        try:
            return (self._directory / MEMORY).rename(aside)
        except FileNotFoundError:
            return None

    async def _start(self, program: str) -> None:
        """Start it and wait until it listens. Raises BrokerError with what it said last."""
        forget_other_names(self._directory, self._conf_file)
        connections = most_connections(open_files_limit())
        self._loaded = _Stamps.of(self._files)
        text = configuration(self._directory, self.address, self._files, connections, self._own_socket)
        # Only a demonstration or a test runs as root: there mosquitto would give root up before it reads root's keys.
        self._write(self._conf_file, f"user root\n{text}" if os.geteuid() == 0 else text)
        command = (*_ending_with_us(), program, "-c", str(self._conf_file))
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=DEVNULL, stdout=DEVNULL, stderr=writing, start_new_session=True
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._process = process
        with contextlib.suppress(ProcessLookupError):  # it has ended already, as is seen below
            raise_open_files(process.pid)
        self._write(self._pid_file, str(process.pid))
        log = threading.Thread(target=self._read_log, args=(reading,), name="broker-log", daemon=True)
        log.start()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while not await answers_in_tls(self.address.reachable):
                    if process.returncode is not None:
                        await asyncio.to_thread(log.join)
                        raise BrokerError(f"mosquitto ended at once: {self._said or process.returncode}")
                    await asyncio.sleep(0.02)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise BrokerError(f"mosquitto does not listen on {self.address}: {self._said}") from None

    def _read_log(self, reading: int) -> None:
        """In a thread: mosquitto stands still while nobody reads its log, and would stand still whenever our loop does."""
        with open(reading, "rb") as lines:
            for line in lines:
                self._said = line.decode("utf-8", "replace").strip()
                _log.info("broker: %s", self._said)
                self._on_line(self._said)

    async def _keep(self, program: str) -> None:
        """Start it again whenever it dies, later each time, until cancelled."""
        delay_s, crashes = 0.0, 0
        loop = asyncio.get_running_loop()
        while True:
            assert self._process is not None
            began = loop.time()
            code = await self._process.wait()
            if not self._is_restart_meant:
                _log.error("the broker has ended (%s) and is started again", code)
            self._is_restart_meant = False
            is_calm = loop.time() - began > CALM_S
            delay_s = 0.0 if is_calm else min(MAX_RESTART_DELAY_S, delay_s * 2 + 0.2)
            crashes = 0 if is_calm or code in _TOLD_TO_END else crashes + 1
            if crashes >= CRASHES and (aside := self._set_memory_aside()) is not None:
                await asyncio.to_thread(self._on_set_aside, aside.name)
            await asyncio.sleep(delay_s)
            try:
                await self._start_somehow(program)
            except BrokerError as error:
                _log.error("%s", error)

    async def _heed_revocations(self) -> None:
        """Watch the list of revoked certificates. Where it has changed, have the broker read it, and put out whose
        certificates are new on it. Where the authorities have changed too, only a new start reads them."""
        put_out: dict[str, float] = {}
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(REVOCATION_CHECK_S)
            if self._process is None or self._process.returncode is not None:
                continue
            denied = await asyncio.to_thread(self._denied_names)  # first: it is written after the list
            now = _Stamps.of(self._files)
            if now.revoked != self._loaded.revoked:
                await asyncio.sleep(SETTLE_S)
                listed = await asyncio.to_thread(self._listed)
                fresh = await self._read_list_anew(listed)
                put_out |= dict.fromkeys(fresh, loop.time() + PUT_OUT_S)
            put_out = {name: until for name, until in put_out.items() if until > loop.time()}
            await self._put_out({*put_out, *denied})

    def _denied_names(self) -> frozenset[str]:
        """Names that are put out for as long as they stand in the file."""
        can_end = self._own_socket is not None and self._files.client is not None
        try:
            return denied_names(self._files.revoked) if can_end else frozenset()
        except (OSError, ValueError) as error:
            _log.error("stations that were revoked by name are not put out: %s", error)
            return frozenset()

    def _listed(self) -> frozenset[int] | None:
        """The serial numbers on the list; None where it cannot be read."""
        try:
            return revoked_serials(self._files.revoked) if self._files.revoked else None
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            _log.error("the former list of revoked certificates stays in force: %s: %s", self._files.revoked, error)
            return None

    async def _read_list_anew(self, listed: frozenset[int] | None) -> frozenset[str]:
        """Gives whose sessions are to be ended."""
        now, before = _Stamps.of(self._files), self._loaded
        self._loaded = now
        if listed is None:
            return frozenset()
        previous, self._known = self._known, listed
        if before.revoked is None or now.ca != before.ca:
            self._restart("the broker reads its authorities and their first list")
            return frozenset()
        try:
            if self._own_socket is None or self._files.authority is None:
                raise UnknownCertificateError("sessions cannot be ended one by one")
            fresh = await asyncio.to_thread(stations_of, listed - previous, self._files.authority)
        except (UnknownCertificateError, OSError, ValueError) as error:
            self._restart(f"certificates are revoked, and {error}")
            return frozenset()
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)
        _log.warning("the list of revoked certificates is read; put out: %s", ", ".join(sorted(fresh)) or "nobody")
        return fresh

    async def _put_out(self, names: Collection[str]) -> None:
        place, client = self._own_socket, self._files.client
        for name in names:
            assert place is not None
            assert client is not None
            try:
                await end_session(place, client, name)
            except (OSError, EOFError) as error:
                self._restart(f"the session of {name}, which is revoked, cannot be ended ({error})")
                return

    def _restart(self, why: str) -> None:
        _log.warning("%s: the broker is started again, and all stations connect anew", why)
        if self._process is not None and self._process.returncode is None:
            self._is_restart_meant = True
            self._process.terminate()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
            except TimeoutError:
                process.kill()
                await process.wait()
        self._pid_file.unlink(missing_ok=True)


def _program() -> str:
    """Return the path of mosquitto; /usr/sbin is not on every user's path. Raises BrokerError."""
    program = shutil.which(
        "mosquitto", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    )
    if program is None:
        raise BrokerError(f"mosquitto is not installed: {INSTALL} (or name another broker with --broker HOST:PORT)")
    return program


def forget_other_names(directory: Path, conf_file: Path) -> None:
    """Drop what a broker remembers that did not bind client ids to certificates: nobody can come back to its sessions, and they
    would fill. What is in them is sent again; `presence` and `state` come with each connection."""
    try:
        before = conf_file.read_text("utf-8")
    except OSError:
        return
    if "use_username_as_clientid true" not in before:
        (directory / MEMORY).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Stamps:
    """Times at which the files that a broker has read were last changed; None: the file is not there."""

    ca: int | None
    revoked: int | None

    @classmethod
    def of(cls, files: BrokerFiles) -> "_Stamps":
        return cls(_changed_at(files.ca), _changed_at(files.revoked))


def _changed_at(path: Path | None) -> int | None:
    try:
        return path.stat().st_mtime_ns if path else None
    except OSError:
        return None


def _ending_with_us() -> tuple[str, ...]:
    """Let the kernel end the broker where this process is killed; where that is not to be had, the next start does it."""
    program = shutil.which("setpriv")
    return (program, "--pdeathsig", "TERM") if program else ()


async def answers_in_tls(address: Address) -> bool:
    """Return whether the address takes part in TLS: mosquitto listens before it reads its certificate, and may end on that."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        _, writer = await asyncio.open_connection(
            address.host, address.port, ssl=context, ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S
        )
    except OSError:
        return False
    writer.close()
    return True


def _end_left_over(pid_file: Path, conf_file: Path) -> None:
    """End the broker of a server that was killed: the process of that number, if it runs on this very configuration."""
    try:
        pid = int(pid_file.read_text("ascii"))
    except (OSError, ValueError):
        return
    for way, patience_s in ((signal.SIGTERM, STOP_TIMEOUT_S), (signal.SIGKILL, 1.0)):
        until = time.monotonic() + patience_s
        if _runs_on(pid, conf_file):
            _log.warning("a broker of an earlier run is still there and is ended")
            os.kill(pid, way)
        while _runs_on(pid, conf_file) and time.monotonic() < until:
            time.sleep(0.02)


def _runs_on(pid: int, conf_file: Path) -> bool:
    try:
        return str(conf_file).encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
