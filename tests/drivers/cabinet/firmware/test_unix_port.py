"""The firmware as MicroPython runs it: its tests on the Unix port, the process on a pseudo-terminal, and noise."""

import importlib
import os
import pty
import select
import socket
import subprocess
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.fuzz import cabinet
from drivers.cabinet import messages as m
from drivers.cabinet import protocol
from drivers.cabinet.framing import Deframer
from drivers.cabinet.protocol import Channel, Message
from sim.stories.patience import LIMIT_S
from tests.drivers.cabinet.firmware.on_micropython import MODULES

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
KEY = b"a made-up key of a cabinet, 32 b"


def test_all_tests_of_the_logic_pass_on_micropython() -> None:
    there = sum(
        name.startswith("test_")
        for module in MODULES
        for name in dir(importlib.import_module(f"tests.drivers.cabinet.firmware.{module}"))
    )
    done = subprocess.run(
        ["micropython", "-X", "heapsize=4M", str(HERE / "on_micropython.py")],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert (done.stdout, done.returncode) == (f"{there} passed\n", 0), done.stdout + done.stderr


class Process:
    """The virtual board on a pseudo-terminal, a host at its other end, and the panel."""

    def __init__(self, flash: Path) -> None:
        self._ours, theirs = pty.openpty()
        tty.setraw(theirs)
        self.panel, panel = socket.socketpair()
        self.panel.settimeout(LIMIT_S)
        self._buffer = b""
        self._process = subprocess.Popen(
            [
                "micropython",
                str(cabinet.MAIN),
                "--line",
                os.ttyname(theirs),
                "--panel",
                str(panel.fileno()),
                "--flash",
                str(flash),
            ],
            pass_fds=(panel.fileno(),),
            cwd="/",
        )
        panel.close()
        self._theirs = theirs
        self._deframer = Deframer()
        self._channel: Channel | None = None
        self.received: list[Message] = []
        self.raw = b""
        self.started = self.until("started")[-1]

    def send(self, frame: bytes) -> None:
        os.write(self._ours, frame)

    def hear(self, kind: int) -> Message:
        """The next message of that kind."""
        while True:
            while self.received:
                message = self.received.pop(0)
                if message.kind == kind:
                    return message
            assert select.select([self._ours], [], [], LIMIT_S)[0], "the board is silent"
            data = os.read(self._ours, 4096)
            self.raw += data
            self.received += [protocol.parse(packet) for packet in self._deframer.feed(data)]

    def begin(self) -> Message:
        """Pair where needed, begin a session; its WELCOME."""
        self.send(protocol.plain(m.HELLO, host_nonce=b"h" * 16))
        welcome = self.hear(m.WELCOME)
        if not welcome.number("paired"):
            self.send(protocol.plain(m.PAIR, key=KEY))
            self.hear(m.RESULT)
            return self.begin()
        session = protocol.session_key(KEY, b"h" * 16, welcome.octets("board_nonce"), welcome.octets("board_id"))
        assert protocol.mac(session, welcome.signed) == welcome.mac
        self._channel = Channel(session)
        assert self.do(m.BEGIN).number("code") == m.OK
        return welcome

    def do(self, kind: int, answer: int = m.RESULT, **values: int) -> Message:
        assert self._channel is not None
        self.send(self._channel.frame(kind, **values))
        return self.hear(answer)

    def hand(self, line: str) -> None:
        self.panel.send(line.encode() + b"\n")
        self.until(f"ok {line}")

    def until(self, line: str) -> list[str]:
        """What the panel says until a line that begins like this, that line included."""
        seen: list[str] = []
        while not seen or not seen[-1].startswith(line):
            while b"\n" not in self._buffer:
                self._buffer += self.panel.recv(4096)
            first, self._buffer = self._buffer.split(b"\n", 1)
            seen.append(first.decode())
        return seen

    def close(self) -> int:
        self.panel.close()
        status = self._process.wait(LIMIT_S)
        os.close(self._ours)
        os.close(self._theirs)
        return status


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path)
    yield process
    assert process.close() == 0, "it ends when its panel is closed"


def test_a_handshake_an_opening_and_a_jam_on_a_pseudo_terminal(process: Process) -> None:
    assert process.started == "started power"
    assert process.begin().number("slots") == 24
    assert process.do(m.OPEN_SLOT, slot=3).number("code") == m.OK
    opened = process.hear(m.EVENT)
    assert (opened.number("event"), opened.number("slot"), opened.number("value")) == (m.DOOR, 3, m.DOOR_OPENED)
    on, *_, off = [line.split() for line in process.until("coil 3 off")]
    assert on[:3] == ["coil", "3", "on"]
    assert 0 < int(off[4]) <= 1000 * cabinet.STUCK_MS

    process.hand("door 3 closed")
    process.hand("jam 4 on")
    while process.do(m.OPEN_SLOT, slot=4).number("code") == m.BUSY:
        pass
    off = process.until("coil 4 off")[-1].split()
    assert 200_000 < int(off[4]) <= 1000 * cabinet.STUCK_MS


def test_a_card_through_the_drop_slot(process: Process) -> None:
    process.begin()
    assert process.do(m.OPEN_FLAP, limit_s=30).number("code") == m.OK
    process.until("flap unlocked")
    process.panel.send(b"drop\n")
    process.until("flap locked")
    assert process.do(m.READ_STATE, m.STATE).number("bin_count") == 1


def test_key_counters_and_board_outlive_the_process(tmp_path: Path) -> None:
    first = Process(tmp_path)
    welcome = first.begin()
    first.do(m.OPEN_FLAP, limit_s=30)
    first.until("flap unlocked")
    first.panel.send(b"drop\n")
    first.until("flap locked")
    first.close()
    second = Process(tmp_path)
    again = second.begin()
    counters = second.do(m.READ_COUNTERS, m.COUNTERS, first_slot=1)
    second.close()

    assert again.octets("board_id") == welcome.octets("board_id")
    assert again.octets("boot_id") != welcome.octets("boot_id")
    assert (counters.number("bin_count"), counters.number("boots")) == (1, 2)


def test_the_panel_s_faults_reach_the_line(process: Process) -> None:
    process.begin()
    process.hand("garbage 0001020300")
    process.do(m.HEARTBEAT)
    assert b"\0\1\2\3\0" in process.raw
    process.panel.send(b"sing\n")
    process.until("error sing")
    process.hand("reboot software")
    assert process.begin().number("reset_cause") == m.CAUSES.index("software")
    process.hand("silent on")
    process.send(protocol.plain(m.HELLO, host_nonce=b"h" * 16))
    process.panel.send(b"state\n")
    process.until("state")
    process.hand("silent off")
    process.begin()


def test_a_program_that_hangs_is_restarted_by_the_watchdog(process: Process) -> None:
    process.hand("hang")
    assert process.until("started")[-1] == "started watchdog"
    assert process.begin().number("reset_cause") == m.CAUSES.index("watchdog")


@pytest.mark.parametrize(
    "arguments",
    [["--foo", "1"], ["--slots"], ["--slots", "65"], ["--slots", "x"], ["--board-id", "12"], ["--wiring", "/none"]],
)
def test_bad_usage_is_said_and_ends_with_2(arguments: list[str]) -> None:
    done = subprocess.run(
        ["micropython", str(cabinet.MAIN), *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"unix_main:")


def test_noise_opens_nothing_and_the_board_still_answers() -> None:
    report = cabinet.campaign(frames=12_000, seed=20_261_125)

    assert report.findings == ()
    assert report.frames == 12_000
    assert report.opened >= 2
    assert report.longest_ms > 200, "a jammed slot was driven in the midst of it"
