"""The virtual cabinet with the real firmware: MicroPython's Unix port runs it, on a cable of ours, with hands at its sensors.

Rules: what the firmware drives moves the body (a door springs open, the flap gives way); what hands move the firmware sees by
its sensors, one after the other. The driver at the other end of the cable is the real one. The board's flash is a folder
and outlives the process; its cable comes in only when all sensors stand as the body does.

    twin = BoardTwin(folder, slots=24, cards={1: "card-of-asa"})
    await twin.start()
    twin.driver.start()
    await twin.driver.open_slot(1)
    twin.take_card(1)
    await twin.stop()

Rules: the host opens `port` as it opens a real serial device. Out means gone: the name does not exist, and what is open breaks.
What one side does not read is dropped once the system holds no more, as on a real line.

    cable = Cable(folder / "cabinet.tty", from_host=board.take)
    cable.plug()
    cable.to_host(b"...")
    cable.pull()
"""

import asyncio
import contextlib
import os
import secrets
import tty
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from drivers.cabinet.driver import DROP_LIMIT_S, SerialCabinet
from drivers.cabinet.drop import DropEvent
from drivers.cabinet.pairing import KEY_BYTES, Pairing, PairingError, pairing_of
from drivers.cabinet.port_discovery import configured_port
from drivers.reader.secret import Secret
from sim.cabinet import unix_board
from sim.cabinet.mechanics import BIN_HOLDS, SLOTS, CabinetMechanics, DropSlotMechanics
from sim.cabinet.unix_board import UnixBoard


class Cable:
    """One cable. `plug` it inside the loop that uses it; `pull` it in the end."""

    def __init__(self, port: Path, from_host: Callable[[bytes], None]) -> None:
        """`from_host` gets what the host writes."""
        self.port = port
        self._from_host = from_host
        self._ends: tuple[int, int] | None = None

    @property
    def plugged(self) -> bool:
        return self._ends is not None

    def plug(self) -> None:
        """Plug it in, on a new pseudo-terminal. Raises OSError."""
        if self._ends is not None:
            return
        ours, theirs = os.openpty()
        # The other end stays open here as well: without, ours would break whenever the host closes its port.
        self._ends = ours, theirs
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        asyncio.get_running_loop().add_reader(ours, self._readable, ours)
        draft = self.port.with_name(f".{self.port.name}")
        draft.unlink(missing_ok=True)
        draft.symlink_to(os.ttyname(theirs))
        draft.replace(self.port)

    def pull(self) -> None:
        if self._ends is None:
            return
        (ours, theirs), self._ends = self._ends, None
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)
        os.close(theirs)
        self.port.unlink(missing_ok=True)

    def to_host(self, data: bytes) -> None:
        """Bytes towards the host; into a cable that is out they go nowhere."""
        if self._ends is not None:
            with contextlib.suppress(BlockingIOError):
                os.write(self._ends[0], data)

    def _readable(self, ours: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self._from_host(os.read(ours, READ_BYTES))


BOARD_BYTES = 8
SETTLE_S = 0.1
"""Longer than the slowest sensor takes to be believed."""
FRAME_S = 0.002
"""What a USB cable takes as well; and what the panel says of the same turn is heard first."""
START_LIMIT_S = 30.0
READ_BYTES = 4096
NOISE = bytes.fromhex("ff00aa5500ff0102030005")
_PULSES = {DropEvent.FLAP: "flap", DropEvent.FIRST: "first", DropEvent.SECOND: "second", DropEvent.BIN: "bin"}


class TwinError(Exception):
    """The firmware did not start; the text says why."""


class TwinDrop(DropSlotMechanics):
    """The drop slot whose sensors are wired to the board. Its count is what the board has told."""

    def __init__(self, holds: int, notify: Callable[[], None], say: Callable[[str], None]) -> None:
        super().__init__(holds, notify)
        self._say = say

    def sense(self, event: DropEvent) -> None:
        """One report of a sensor."""
        self._say(f"pulse {_PULSES[event]}")
        self._tell_full()
        super().sense(event)

    def empty_bin(self) -> tuple[str, ...]:
        """Take all cards out of the bin. The board's count stays until the station clears it."""
        cards_out, self._bin = tuple(self._bin), []
        self._tell_full()
        self._notify()
        return cards_out

    def _tell_full(self) -> None:
        self._say(f"full {'on' if self.full else 'off'}")


class BoardTwin(CabinetMechanics):
    """Body, board and cable of one cabinet. `driver` is the station's end."""

    drop: TwinDrop

    def __init__(
        self,
        folder: Path,
        slots: int = SLOTS,
        *,
        cards: Mapping[int, str] | None = None,
        name: str = "virtual cabinet",
        bin_holds: int = BIN_HOLDS,
        drop_limit_s: int = DROP_LIMIT_S,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        """`folder` keeps flash and pairing, and has the port `cabinet.tty` while the cable is in. `cards` lie in the slots."""
        super().__init__(slots, cards=cards, drop=TwinDrop(bin_holds, self._notify, self._say), on_change=on_change)
        self.folder = folder
        self.driver = SerialCabinet(
            name, configured_port(str(folder / "cabinet.tty")), self._pairing, virtual=True, drop_limit_s=drop_limit_s
        )
        self.longest_coil_s = 0.0
        """The longest time that a coil has been on, by the board's own clock."""
        self.silent = self.case_open = self.bin_open = self.cable_out = False
        self.cable = Cable(folder / "cabinet.tty", self._from_host)
        self._running = False
        self._board: UnixBoard | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._said: dict[str, asyncio.Event] = {}

    async def start(self) -> None:
        """Start the firmware and plug the cable in. Raises TwinError."""
        try:
            self._pair()
            self._board = await UnixBoard.start(self.folder / "flash", self.slot_count)
            self._tasks = [
                asyncio.create_task(self._carry(self._board.line)),
                asyncio.create_task(self._watch(self._board.panel)),
                asyncio.create_task(self._follow()),
            ]
            async with asyncio.timeout(START_LIMIT_S):
                await self._in_place()
            self._running = True
            self.pull_cable(self.cable_out)
        except (OSError, PairingError) as error:  # a time-out is an OSError
            await self.stop()
            raise TwinError(f"{unix_board.INTERPRETER} does not run the cabinet's firmware: {error}") from None

    async def stop(self) -> None:
        """Stop the firmware and pull the cable out."""
        self._running = False
        self.cable.pull()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        board, self._board = self._board, None
        if board is not None:
            await board.stop()

    # The panel: faults; the hands are the body's

    def pull_cable(self, out: bool = True) -> None:
        """Pull the board's cable out, or plug it in. Raises OSError."""
        self.cable_out = out
        if out:
            self.cable.pull()
        elif self._running:
            self.cable.plug()
        self._notify()

    def silence(self, silent: bool = True) -> None:
        """Nothing that the board says reaches the line, or again it does."""
        self.silent = silent
        self._say(f"silent {_switch(silent)}")
        self._notify()

    def make_noise(self, noise: bytes = NOISE) -> None:
        """Noise on the line, both ways."""
        self._say(f"garbage {noise.hex()}")
        self._from_host(noise)

    def restart(self) -> None:
        """Take the board's power away for a moment."""
        self._say("reboot power")

    def hang(self) -> None:
        """The program stands still until the watchdog restarts it."""
        self._say("hang")

    def open_case(self, is_open: bool = True) -> None:
        """Open or close the cabinet's housing."""
        self.case_open = is_open
        self._say(f"tamper {_switch(is_open)}")
        self._notify()

    def open_bin(self, is_open: bool = True) -> None:
        """Open or close the bin's door."""
        self.bin_open = is_open
        self._say(f"bin_door {_switch(is_open)}")
        self._notify()

    async def settled(self) -> None:
        """Wait until the board has seen all that was moved so far. Only while it has power."""
        self._said["ok service off"] = seen = asyncio.Event()
        self._say("service off")
        await seen.wait()
        await asyncio.sleep(SETTLE_S)

    def snapshot(self) -> dict[str, Any]:
        """As the body's, and what lasts of the faults."""
        faults = {"cable_out": self.cable_out, "case_open": self.case_open, "bin_open": self.bin_open}
        return {**super().snapshot(), **faults}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `snapshot` gave, or that of a cabinet without a board. Call it before `start`."""
        self.cable_out, self.case_open, self.bin_open = (
            bool(state.get(name)) for name in ("cable_out", "case_open", "bin_open")
        )
        super().restore(state)

    # The inside

    def _pairing(self) -> Pairing | None:
        return pairing_of(self.folder / "pairing.json")

    def _pair(self) -> None:
        """A new board gets its number and its key once, as `flash` gives them to a real one."""
        flash = self.folder / "flash"
        flash.mkdir(parents=True, exist_ok=True)
        pairing = self._pairing()
        if pairing is None:
            pairing = Pairing(secrets.token_hex(BOARD_BYTES), Secret(secrets.token_hex(KEY_BYTES)))
            (flash / "board-id").write_bytes(bytes.fromhex(pairing.board))
            (flash / "key").write_bytes(pairing.key_bytes())
            pairing.save(self.folder / "pairing.json")

    async def _in_place(self) -> None:
        """Move every sensor to where the body is, and wait until the board has seen the last."""
        for slot in range(1, self.slot_count + 1):
            if slot in self._jammed:
                self._say(f"jam {slot} on")
            if slot in self._cards:
                self._say(f"card {slot} present")
        if self._open is not None:
            self._say(f"door {self._open} open")
        for sensor, on in (("full", self.drop.full), ("tamper", self.case_open), ("bin_door", self.bin_open)):
            self._say(f"{sensor} {_switch(on)}")
        await self.settled()

    def _say(self, line: str) -> None:
        """One line to the panel; a board without power hears nothing."""
        if self._board is not None:
            self._board.say(line)

    def _moved(self, part: Literal["door", "card", "jam"], slot: int, on: bool) -> None:
        words = {"door": ("open", "closed"), "card": ("present", "absent"), "jam": ("on", "off")}[part]
        self._say(f"{part} {slot} {words[0] if on else words[1]}")
        super()._moved(part, slot, on)

    def _from_host(self, data: bytes) -> None:
        if self._board is not None:
            self._board.send(data)

    async def _carry(self, line: asyncio.StreamReader) -> None:
        while data := await line.read(READ_BYTES):
            await asyncio.sleep(FRAME_S)
            self.cable.to_host(data)

    async def _watch(self, panel: asyncio.StreamReader) -> None:
        while line := await panel.readline():
            self._on_panel_line(line.decode().strip())

    def _on_panel_line(self, line: str) -> None:
        if line in self._said:
            self._said.pop(line).set()
        match line.split():
            case ["door", slot, "open"]:
                self.spring(int(slot))
            case ["flap", state]:
                self.drop.locked = state == "locked"
                self._notify()
            case ["coil", _, "off", _, lasted_us]:
                self.longest_coil_s = max(self.longest_coil_s, int(lasted_us) / 1e6)

    async def _follow(self) -> None:
        """Follow what the station's end hears of the board: what it counts, and who it is."""
        last_heard = None
        while True:
            await self.driver.changed()
            if self.driver.bin_count is not None:
                self.drop.count = self.driver.bin_count
            heard = self.drop.count, self.driver.board, self.driver.restarts
            if heard != last_heard:
                last_heard = heard
                self._notify()


def _switch(on: bool) -> str:
    return "on" if on else "off"
