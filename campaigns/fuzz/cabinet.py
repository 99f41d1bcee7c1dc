"""The cabinet's firmware under noise: random and mutated frames against the real program on MicroPython's Unix port.

Rules: the noise is made from a seed. In between a genuine host keeps a session, opens slots (some of them jammed) and
expects an answer each time. A finding is: a coil on beyond its limit, a coil or flap that no genuine command asked for, a
restart, a command without an answer. `python -m campaigns.fuzz cabinet` sends a million frames; tests send some thousands.

>>> campaign(frames=1000, seed=1).findings
()
"""

import random
import selectors
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import drivers.cabinet.firmware
from drivers.cabinet import framing, messages, protocol
from drivers.cabinet.protocol import Channel, Message

MAIN = Path(drivers.cabinet.firmware.__file__).with_name("unix_main.py")
KEY = b"a made-up key of a cabinet, 32 b"
SLOTS = 8
JAMMED = (2, 5)
BATCH = 400
"""Noisy frames between two genuine commands."""
OPEN_EVERY = 8
"""Of the genuine commands, each so-many-th opens a slot."""
ANSWER_S = 120.0
STUCK_MS = 10 * messages.COIL_LIMIT_MS
"""A coil that is on longer is stuck. The limit itself is tried on clocks of their own: this process may be kept waiting."""


@dataclass(frozen=True, slots=True)
class Report:
    """Report of what a campaign has seen."""

    frames: int
    opened: int
    """Coils that genuine commands have switched on."""
    longest_ms: float
    seconds: float
    findings: tuple[str, ...]


class FoundError(Exception):
    """The board did what it must not, or no longer answers."""


class FirmwareProcess:
    """The firmware in a process, with its line and its panel."""

    def __init__(self) -> None:
        self.line, line = socket.socketpair()
        self.panel, panel = socket.socketpair()
        command = [
            "micropython",
            str(MAIN),
            "--line",
            str(line.fileno()),
            "--panel",
            str(panel.fileno()),
            "--slots",
            str(SLOTS),
        ]
        self._process = subprocess.Popen(command, pass_fds=(line.fileno(), panel.fileno()))
        line.close()
        panel.close()
        self.line.setblocking(False)
        self.panel.setblocking(False)
        self._waiting = selectors.DefaultSelector()
        for end in (self.line, self.panel):
            self._waiting.register(end, selectors.EVENT_READ)

    def exchange(self, out: bytes) -> tuple[bytes, bytes, bytes]:
        """(what of `out` is still to be sent, what came on the line, what came from the panel), after a while."""
        self._waiting.modify(self.line, selectors.EVENT_READ | (selectors.EVENT_WRITE if out else 0))
        line = panel = b""
        for key, events in self._waiting.select(0.1):
            if key.fileobj is self.panel:
                panel = self.panel.recv(65536)
            else:
                if events & selectors.EVENT_WRITE:
                    out = out[self.line.send(out) :]
                if events & selectors.EVENT_READ:
                    line = self.line.recv(65536)
        if self._process.poll() is not None:
            raise FoundError(f"the program has ended with {self._process.returncode}")
        return out, line, panel

    def close(self) -> None:
        """The program ends with its panel."""
        self._waiting.close()
        self.panel.close()
        self.line.close()
        self._process.wait(10)


class Host:
    """The genuine host, and the ear at the panel."""

    def __init__(self, board: FirmwareProcess) -> None:
        self._board = board
        self._deframer = framing.Deframer()
        self._channel: Channel | None = None
        self._buffer = b""
        self._events = 0
        self._allowed: set[str] = set()
        """The output that the newest genuine command may switch on."""
        self.recorded: deque[bytes] = deque(maxlen=64)
        """Genuine frames that were sent, and what the board has answered."""
        self.longest_us = 0
        self.opened = 0
        self.coils = 0
        """How often a coil was switched on."""
        self._settled = False
        self._driven = False

    def begin(self) -> None:
        """Pair where that is still to be done, and begin a session."""
        self._ask(protocol.plain(messages.PAIR, key=KEY), (messages.RESULT, messages.REFUSED))
        welcome = self._ask(protocol.plain(messages.HELLO, host_nonce=b"h" * 16), (messages.WELCOME,))
        nonce, board_id = welcome.octets("board_nonce"), welcome.octets("board_id")
        self._channel = Channel(protocol.session_key(KEY, b"h" * 16, nonce, board_id))
        self.do(messages.BEGIN)

    def do(self, kind: int, forged_frame: bytes = b"", **values: int) -> Message:
        """Send noise and a genuine command; its answer. Raises FoundError."""
        assert self._channel is not None
        frame = self._channel.frame(kind, self._events, **values)
        self.recorded.append(frame)
        sequence = protocol.parse(framing.decode(frame[:-1]) or b"").sequence
        return self._ask(forged_frame + b"\0" + frame, (messages.RESULT, messages.STATE), sequence)

    def open(self, slot: int, forged_frame: bytes) -> None:
        """Open a slot by a genuine command, which alone may switch its coil on; then shut the door."""
        self._allowed = {str(slot)}
        if self.do(messages.OPEN_SLOT, forged_frame, slot=slot).number("code") == messages.OK:
            self.opened += 1

    def settle(self) -> None:
        """Hear the panel out, and the last coil. Raises FoundError where more coils were on than slots were opened."""
        self._settled = False
        self.hand("state")
        until = time.monotonic() + ANSWER_S
        while (self._driven or not self._settled) and time.monotonic() < until:
            self._look(self._board.exchange(b"")[2])
        if self.coils != self.opened:
            raise FoundError(f"{self.opened} slots were opened, {self.coils} coils switched on")

    def hand(self, line: str) -> None:
        """A hand at the panel."""
        self._board.panel.send(line.encode() + b"\n")

    def _ask(self, out: bytes, kinds: tuple[int, ...], about: int | None = None) -> Message:
        until = time.monotonic() + ANSWER_S
        while time.monotonic() < until:
            out, line, panel = self._board.exchange(out)
            self._look(panel)
            for message in [protocol.parse(packet) for packet in self._deframer.feed(line)]:
                if message.kind == messages.EVENT:
                    self._events = max(self._events, message.about)
                if not out and message.kind in kinds and about in (None, message.about):
                    self.recorded.append(framing.encode(message.signed + message.mac))
                    return message
        raise FoundError(f"no answer within {ANSWER_S:.0f} s")

    def _look(self, panel: bytes) -> None:
        *lines, self._buffer = (self._buffer + panel).split(b"\n")
        for line in lines:
            words = line.decode().split()
            if words[0] == "coil" and words[2] == "off":
                self._driven = False
                self.longest_us = max(self.longest_us, int(words[4]))
                if int(words[4]) > 1000 * STUCK_MS:
                    raise FoundError(f"beyond its limit: {line.decode()}")
            elif words[0] == "coil":
                if words[1] not in self._allowed:
                    raise FoundError(f"nobody has asked for it: {line.decode()}")
                self._driven, self._allowed = True, set()
                self.coils += 1
            elif words == ["ok", "state"]:
                self._settled = True
            elif words[0] == "door":
                self.hand(f"door {words[1]} closed")
            elif words[0] in ("flap", "bootloader", "started") and words[1:] not in (["power"], ["locked"]):
                raise FoundError(f"nobody has asked for it: {line.decode()}")


def forged_frame(source: random.Random, recorded: list[bytes]) -> bytes:
    """One frame that is not genuine, or not new."""
    makers: tuple[Callable[[], bytes], ...] = (
        lambda: source.randbytes(source.randrange(1, 64)) + b"\0",
        lambda: framing.encode(bytes([messages.VERSION]) + source.randbytes(source.randrange(1, 80))),
        lambda: _changed(source, source.choice(recorded)),
        lambda: framing.encode(_changed(source, framing.decode(source.choice(recorded)[:-1]) or b"?")),
        lambda: source.choice(recorded),
        lambda: _unsigned(source),
        lambda: framing.encode(
            _unpacked(_unsigned(source))[: -protocol.MAC_BYTES] + source.randbytes(protocol.MAC_BYTES)
        ),
        lambda: source.choice(recorded)[: source.randrange(1, 40)] + b"\0" * source.randrange(2),
    )
    return source.choice(makers)()


def _changed(source: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(source.randrange(1, 4)):
        at = source.randrange(len(changed))
        changed[at] = source.randrange(256) if source.random() < 0.5 else changed[at] ^ 1 << source.randrange(8)
    return bytes(changed)


def _unsigned(source: random.Random) -> bytes:
    kind = source.choice([kind for kind in messages.MESSAGES if kind < messages.WELCOME])
    values = {name: _value(source, layout) for name, layout in messages.MESSAGES[kind][1]}
    return protocol.plain(kind, source.randrange(4), **values)


def _value(source: random.Random, layout: str) -> int | bytes | str:
    if layout == "*":
        return source.randbytes(source.randrange(40))
    return source.randbytes(int(layout[:-1])) if layout.endswith("s") else source.randrange(SLOTS + 2)


def _unpacked(frame: bytes) -> bytes:
    return framing.decode(frame[:-1]) or b""


def campaign(frames: int, seed: int, seconds: float = float("inf")) -> Report:
    """Send so many noisy frames, or as many as go into the time."""
    board, source, began = FirmwareProcess(), random.Random(seed), time.monotonic()
    host = Host(board)
    sent, findings = 0, []
    try:
        _prepare(host)
        while sent < frames and time.monotonic() - began < seconds:
            batch = [forged_frame(source, list(host.recorded)) for _ in range(min(BATCH, frames - sent))]
            sent += len(batch)
            if sent // BATCH % OPEN_EVERY:
                host.do(messages.HEARTBEAT, b"".join(batch))
            else:
                first = host.opened == 1  # after the one that was recorded
                host.open(JAMMED[0] if first else source.randrange(1, SLOTS + 1), b"".join(batch))
        host.do(messages.READ_STATE)
        host.settle()
    except FoundError as error:
        findings.append(f"{error} (after {sent} frames, seed {seed})")
    finally:
        board.close()
    return Report(sent, host.opened, host.longest_us / 1000, time.monotonic() - began, tuple(findings))


def _prepare(host: Host) -> None:
    """A session that is over, whose frames were recorded, and one that runs."""
    for slot in JAMMED:
        host.hand(f"jam {slot} on")
    host.begin()
    host.open(1, b"")
    host.begin()
