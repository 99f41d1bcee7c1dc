"""The firmware on MicroPython's Unix port: the virtual board as a process, with its line and its panel.

    micropython unix_main.py --line 0 --panel 5 --flash DIR [--slots 24] [--wiring FILE] [--board-id HEX]

`--line` and `--panel` are a path (`/dev/pts/3`) or the number of an open descriptor that reads and writes; a line of `0`
writes to 1. Both are set not to block. The line carries docs/cabinet-protocol.md, the panel the lines of `panel`. Without
`--flash` nothing is remembered. It ends when its panel, or without one its line, is closed. Exit status 2 for bad usage.
"""

import json
import os
import select
import sys
import time

_HERE = __file__ if __file__.startswith("/") else os.getcwd() + "/" + __file__
ROOT = "/".join(_HERE.split("/")[:-4]) or "/"
sys.path.insert(0, ROOT)
sys.path.append(ROOT + "/drivers/cabinet/firmware/fallback")

import termios

import ffi

from drivers.cabinet.firmware.clock import Clock
from drivers.cabinet.firmware.firmware import MOST_BYTES, Firmware
from drivers.cabinet.firmware.panel import MemoryFlash, Panel, VirtualChip, World
from drivers.cabinet.firmware.ports import Flash
from drivers.cabinet.firmware.rewiring import wiring_of
from drivers.cabinet.firmware.wiring import Wiring, standard
from drivers.cabinet.messages import CAUSES

WATCHDOG_MS = 2000
BUSY_MS, IDLE_MS = 2, 5
MOST_US = 100_000
"""What passes between two turns at most: a board is never kept waiting, this process may be. Else a door that springs open
after 50 ms and a coil that is let go after 360 would be one moment, and every door jammed."""
F_GETFL, F_SETFL, O_NONBLOCK = 3, 4, 0o4000
ENOENT, EIO = 2, 5
OPTIONS = ("--line", "--panel", "--flash", "--slots", "--wiring", "--board-id")


class FolderFlash(Flash):
    """Files of one folder, replaced whole."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def read(self, name: str) -> "bytes | None":
        """As the port says."""
        try:
            with open(self._folder + "/" + name, "rb") as file:
                return file.read()
        except OSError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """As the port says."""
        path = self._folder + "/" + name
        with open(path + ".new", "wb") as file:
            file.write(content)
        os.rename(path + ".new", path)


class Stream:
    """A descriptor that never blocks."""

    def __init__(self, name: str) -> None:
        number = int(name) if name.isdigit() else None
        self.source = open(name if number is None else number, "r+b" if number is None else "rb")
        self.sink = self.source if number is None else open(number or 1, "wb")
        self.closed = False
        self.unplugged = False
        """A terminal that nobody has open at its other end."""
        self._left = b""
        fcntl = ffi.open("libc.so.6").func("i", "fcntl", "iii")
        for file in (self.source, self.sink):
            fcntl(file.fileno(), F_SETFL, fcntl(file.fileno(), F_GETFL, 0) | O_NONBLOCK)
        try:
            termios.setraw(self.source.fileno())
        except OSError:
            pass  # no terminal

    def read(self, most: int) -> bytes:
        """Read what is there; nobody at the other end of a terminal is no end."""
        try:
            data = self.source.read(most)
            self.unplugged = False
        except OSError as error:
            self.unplugged = error.errno == EIO
            self.closed = not self.unplugged
            return b""
        if data == b"":
            self.closed = True
        return data or b""

    def write(self, data: bytes) -> None:
        """Write what there is room for now; the rest at the next turn, up to a point."""
        self._left = (self._left + data)[:65536]
        if self._left:
            try:
                self._left = self._left[self.sink.write(self._left) or 0 :]
            except OSError:
                self._left = b""


class BoardTime:
    """The time of a board, in microseconds, by the turns of its loop."""

    def __init__(self) -> None:
        self.us = 0
        self._seen = time.ticks_us()

    def turn(self) -> None:
        """Once each turn."""
        seen = time.ticks_us()
        self.us += min(MOST_US, max(0, time.ticks_diff(seen, self._seen)))
        self._seen = seen


class Virtual:
    """The board, from power on to the end of its panel."""

    def __init__(self, line: Stream, panel: "Stream | None", flash: Flash, wiring: Wiring, board_id: bytes) -> None:
        self.line, self.panel_stream = line, panel
        self.flash, self.wiring, self.board_id = flash, wiring, board_id
        self.time = BoardTime()
        self.clock = Clock(lambda: self.time.us // 1000, lambda new, old: new - old)
        self.world = World(wiring.slots, lambda: self.time.us)
        self.panel = Panel(self.world)
        self.heard = b""
        self.hung_until: int | None = None
        self.start(1)

    def start(self, cause: int) -> None:
        """Power on, or a restart."""
        self.world.release()
        self.world.servo(False)
        chip = VirtualChip(self.board_id, cause, os.urandom)
        self.firmware = Firmware(self.wiring, self.world, self.flash, chip, self.clock())
        self.world.said.append("started " + CAUSES[cause])

    def turn(self) -> None:
        """One turn of the loop."""
        self.time.turn()
        now = self.clock()
        self.world.move()
        self.hands(now)
        data = self.line.read(MOST_BYTES)
        out = b"" if self.hung(now) else self.firmware.turn(data, now)
        if self.firmware.leave():
            self.world.said.append("bootloader")
            self.start(CAUSES.index("software"))
        elif self.firmware.restart():
            self.wiring = wiring_of(self.flash)
            self.world.slots = self.wiring.slots
            self.start(CAUSES.index("software"))
        if self.panel_stream is not None:  # before the line: whoever has the answer finds the world as it says
            self.panel_stream.write("".join([line + "\n" for line in self.world.said]).encode())
        self.world.said.clear()
        self.line.write(self.panel.garbage + (b"" if self.panel.silent else out))
        self.panel.garbage = b""

    def hands(self, now: int) -> None:
        """Carry out what the panel asks for."""
        if self.panel_stream is not None:
            lines = (self.heard + self.panel_stream.read(1024)).split(b"\n")
            self.heard = lines.pop()[:1024]
            for line in lines:
                self.panel.put(line.decode())
        self.panel.turn(now)
        if self.panel.reboot:
            cause, self.panel.reboot = self.panel.reboot, 0
            self.start(cause)

    def hung(self, now: int) -> bool:
        """Return whether the program stands still; the watchdog ends that."""
        if not self.panel.hung:
            return False
        if self.hung_until is None:
            self.hung_until = now + WATCHDOG_MS
        elif now >= self.hung_until:
            self.panel.hung, self.hung_until = False, None
            self.start(CAUSES.index("watchdog"))
        return True

    def busy(self) -> bool:
        """Return whether something is to be done soon."""
        return bool(self.world.coil or self.panel.waiting or self.world.drop)

    def over(self) -> bool:
        """Return whether there is nobody left."""
        return self.line.closed if self.panel_stream is None else self.panel_stream.closed


def board_id_of(flash: Flash, given: "str | None") -> bytes:
    """Return the id of the command line, or the one that this flash has, or a new one."""
    if given:
        return bytes.fromhex(given)
    kept = flash.read("board-id")
    if kept is None:
        kept = os.urandom(8)
        flash.write("board-id", kept)
    return kept


def virtual_of(arguments: list[str]) -> Virtual:
    """The virtual board that these arguments ask for. Raises ValueError, OSError."""
    options = dict(zip(arguments[::2], arguments[1::2]))
    if len(arguments) % 2 or [name for name in options if name not in OPTIONS]:
        raise ValueError("options are " + " ".join(OPTIONS))
    flash = FolderFlash(options["--flash"]) if "--flash" in options else MemoryFlash()
    if "--wiring" in options:
        with open(options["--wiring"]) as file:
            wiring = Wiring(json.load(file))
    elif "--slots" in options:
        wiring = Wiring(standard(int(options["--slots"])))
    else:
        wiring = wiring_of(flash)
    board_id = board_id_of(flash, options.get("--board-id"))
    if len(board_id) != 8:
        raise ValueError("--board-id has 16 hexadecimal digits")
    panel = Stream(options["--panel"]) if "--panel" in options else None
    return Virtual(Stream(options.get("--line", "0")), panel, flash, wiring, board_id)


def main(arguments: list[str]) -> int:
    """Exit status."""
    try:
        virtual = virtual_of(arguments)
    except (ValueError, OSError) as error:
        print("unix_main:", error, file=sys.stderr)
        return 2
    poll = select.poll()
    for stream in (virtual.line, virtual.panel_stream):
        if stream is not None:
            poll.register(stream.source, select.POLLIN)
    while not virtual.over():
        virtual.turn()
        if virtual.line.unplugged:
            time.sleep_ms(BUSY_MS)  # poll would not wait
        poll.poll(BUSY_MS if virtual.busy() else IDLE_MS)
    virtual.world.release()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
