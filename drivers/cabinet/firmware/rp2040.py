"""The Raspberry Pi Pico: pins, flash and chip of the real board. Alone imports machine.

Rules: after a reset all pins are inputs, and a resistor keeps the coils' supply off until this program says otherwise;
the outputs of the shift registers are enabled after their first zeros. The coils' supply is a pulse that the hardware
measures (`coil_power`): once begun, no program that hangs and no message makes it longer. All outputs are written anew at every
scan. Sensors of the drop slot belong on the Pico's own pins, where every scan sees them.

Outputs are 74HC595, inputs 74HC165, on one clock: `out:0` and `in:0` are QA and A of the register next to the Pico.
"""

import os
import select
import sys
import time

import machine
import micropython

from drivers.cabinet.firmware.clock import Clock
from drivers.cabinet.firmware.coil_power import CoilPower
from drivers.cabinet.firmware.expander import Expanders
from drivers.cabinet.firmware.firmware import MOST_BYTES, Firmware
from drivers.cabinet.firmware.ports import FLAP_COIL, Chip, Flash, Pins
from drivers.cabinet.firmware.rewiring import wiring_of
from drivers.cabinet.firmware.rows import Row
from drivers.cabinet.firmware.wiring import DROP_SENSORS, Wiring

WATCHDOG_MS = 2000
SCRATCH0 = 0x4005800C
"""A word that outlives a reset by the watchdog (RP2040 datasheet, section 4.7.6, SCRATCH0)."""
RESTARTED = 0x0CAB1E75
REST_MS = 2
"""How long the processor sleeps at each turn where nothing comes."""
CHUNK = 64
"""Bytes of one USB packet."""


class Chain:
    """The shift registers, out and in at once."""

    def __init__(self, pins: dict[str, int], outputs: int, inputs: int) -> None:
        self._enable = machine.Pin(pins["enable"], machine.Pin.OUT, value=1)
        self._latch = machine.Pin(pins["latch"], machine.Pin.OUT, value=0)
        self._load = machine.Pin(pins["load"], machine.Pin.OUT, value=1)
        clock, mosi, miso = (machine.Pin(pins[name]) for name in ("clock", "mosi", "miso"))
        # The clock rests high, so that a bit is read before the edge at which the 74HC165 puts on the next.
        self._spi = machine.SoftSPI(baudrate=1_000_000, polarity=1, sck=clock, mosi=mosi, miso=miso)
        self._size = (max(outputs, inputs) + 7) // 8
        self._out = bytearray(self._size)
        self._in = bytearray(self._size)
        self.bits = 0

    def begin(self) -> None:
        """Everything written once, so that the registers may show it."""
        self.exchange()
        self._enable.value(0)

    def set(self, number: int, on: bool) -> None:
        """One output, as of the next exchange."""
        at, bit = self._size - 1 - number // 8, 1 << number % 8
        self._out[at] = self._out[at] | bit if on else self._out[at] & ~bit

    def exchange(self) -> None:
        """Write all outputs, read all inputs into `bits`."""
        self._load.value(0)
        self._load.value(1)
        self._spi.write_readinto(self._out, self._in)
        self._latch.value(1)
        self._latch.value(0)
        self.bits = int.from_bytes(self._in, "little")


class BoardPins(Pins):
    """All pins of the wiring data."""

    def __init__(self, wiring: Wiring) -> None:
        """Coils off first."""
        self._power = CoilPower(machine.Pin(int(wiring.coil_power[5:])))
        self._power.off()
        self._wiring = wiring
        outs = wiring.locks + wiring.lamps + tuple([pin for pin in (wiring.buzzer, wiring.solenoid) if pin])
        ins = wiring.doors + wiring.cards + tuple(wiring.drop_sensors.values())
        ins += tuple([pin for pin in (wiring.tamper, wiring.service) if pin])
        self._chain = None
        if "chain" in wiring.control:
            self._chain = Chain(wiring.control["chain"], _length(outs, "out"), _length(ins, "in"))
        self._expanders = Expanders(_bus(wiring), outs, ins)
        self._gpio = {pin: machine.Pin(int(pin[5:]), machine.Pin.OUT, value=0) for pin in outs if pin[:5] == "gpio:"}
        self._gpio.update({pin: _input(pin) for pin in ins if pin[:5] == "gpio:"})
        self._servo = None
        if wiring.servo is not None:
            self._servo = machine.PWM(machine.Pin(int(wiring.servo[5:])), freq=50)
        for kind, row in self._outputs():
            for pin in row:
                self._set(pin, False, kind)
        self._driven: str | None = None
        self._rows = self._sensors()
        self.scan()
        if self._chain is not None:
            self._chain.begin()

    def release(self) -> None:
        """The supply first; the output follows at the next scan."""
        self._power.off()
        if self._driven is not None:
            self._set(self._driven, False, "solenoid" if self._driven == self._wiring.solenoid else "locks")
            self._driven = None
            self._write()

    def drive(self, output: int, limit_ms: int) -> None:
        """The output first, then one pulse of the supply."""
        pin = self._wiring.solenoid if output == FLAP_COIL else self._wiring.locks[output - 1]
        if pin is None:
            return
        self._set(pin, True, "solenoid" if output == FLAP_COIL else "locks")
        self._driven = pin
        self._write()
        self._power.pulse(limit_ms)

    def servo(self, unlocked: bool) -> None:
        """As the port says."""
        if self._servo is not None:
            self._servo.duty_ns(1000 * self._wiring.servo_us[int(unlocked)])

    def lamp(self, number: int, on: bool) -> None:
        """As the port says."""
        self._set(self._wiring.lamps[number - 1], on, "lamps")

    def buzzer(self, on: bool) -> None:
        """As the port says."""
        if self._wiring.buzzer is not None:
            self._set(self._wiring.buzzer, on, "buzzer")

    def scan(self) -> tuple[int, int, int, int]:
        """Write all, read all."""
        self._write()
        self._expanders.read()
        chain = self._chain.bits if self._chain is not None else 0
        doors, cards, drop, rest = self._rows
        return doors.read(chain), cards.read(chain), drop.read(chain), rest.read(chain)

    def _sensors(self) -> tuple[Row, Row, Row, Row]:
        wiring, sensors = self._wiring, self._wiring.drop_sensors
        rest = (sensors.get("full"), sensors.get("bin_door"), wiring.tamper, wiring.service)
        return (
            self._row(wiring.doors, ("doors",) * len(wiring.doors)),
            self._row(wiring.cards, ("cards",) * len(wiring.cards)),
            self._row(tuple([sensors.get(name) for name in DROP_SENSORS[:4]]), DROP_SENSORS[:4]),
            self._row(rest, ("full", "bin_door", "tamper", "service")),
        )

    def _row(self, pins: "tuple[str | None, ...]", kinds: tuple[str, ...]) -> Row:
        return Row(pins, tuple([kind in self._wiring.inverted for kind in kinds]), self._level_of)

    def _level_of(self, pin: str):  # type: ignore[no-untyped-def]
        return self._gpio[pin].value if pin in self._gpio else lambda: self._expanders.level(pin)

    def _outputs(self) -> "list[tuple[str, tuple[str, ...]]]":
        wiring = self._wiring
        rows = [("locks", wiring.locks), ("lamps", wiring.lamps)]
        for kind, pin in (("buzzer", wiring.buzzer), ("solenoid", wiring.solenoid)):
            if pin is not None:
                rows.append((kind, (pin,)))
        return rows

    def _set(self, pin: str, on: bool, kind: str) -> None:
        level = on != (kind in self._wiring.inverted)
        if pin in self._gpio:
            self._gpio[pin].value(level)
        elif pin[:4] == "out:" and self._chain is not None:
            self._chain.set(int(pin[4:]), level)
        else:
            self._expanders.set(pin, level)

    def _write(self) -> None:
        if self._chain is not None:
            self._chain.exchange()
        self._expanders.write()


class BoardFlash(Flash):
    """Files of the board's littlefs, which spreads their wear and replaces them whole."""

    def read(self, name: str) -> "bytes | None":
        """As the port says."""
        try:
            with open("/" + name, "rb") as file:
                return file.read()
        except OSError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """As the port says."""
        with open("/" + name + ".new", "wb") as file:
            file.write(content)
        os.rename("/" + name + ".new", "/" + name)


class BoardChip(Chip):
    """The RP2040 with its watchdog running."""

    def __init__(self) -> None:
        self.board_id = machine.unique_id()
        self.reset_cause = {machine.PWRON_RESET: 1, machine.WDT_RESET: 2}.get(machine.reset_cause(), 0)
        if self.reset_cause == 2 and machine.mem32[SCRATCH0] == RESTARTED:
            self.reset_cause = 3
        machine.mem32[SCRATCH0] = 0
        self._watchdog = machine.WDT(timeout=WATCHDOG_MS)

    def random(self, size: int) -> bytes:
        """From the ring oscillator; poor, which the firmware knows."""
        return os.urandom(size)

    def feed(self) -> None:
        """As the port says."""
        self._watchdog.feed()

    def restart(self) -> None:
        """As the port says; the watchdog does it, and a word that outlives it tells that it was meant."""
        machine.mem32[SCRATCH0] = RESTARTED
        machine.reset()

    def bootloader(self) -> None:
        """As the port says."""
        machine.bootloader()


class Usb:
    """The serial line over USB; waited for no longer than REST_MS."""

    def __init__(self) -> None:
        micropython.kbd_intr(-1)
        self._in, self._out = select.poll(), select.poll()
        self._in.register(sys.stdin, select.POLLIN)
        self._out.register(sys.stdout, select.POLLOUT)
        self._left = b""

    def read(self) -> bytes:
        """Read what is there, or comes within REST_MS."""
        data = bytearray()
        wait_ms = REST_MS
        while len(data) < MOST_BYTES and self._in.poll(wait_ms):
            data += sys.stdin.buffer.read(1)
            wait_ms = 0
        return bytes(data)

    def write(self, data: bytes) -> None:
        """Write what there is room for; the rest at the next turn."""
        self._left = (self._left + data)[:4096]
        while self._left and self._out.poll(0):
            sys.stdout.buffer.write(self._left[:CHUNK])
            self._left = self._left[CHUNK:]

    @property
    def done(self) -> bool:
        """True once all is on its way."""
        return not self._left


def run() -> None:
    """The program of the board; ends by a reset."""
    wiring = wiring_of(BoardFlash())
    pins = BoardPins(wiring)
    chip, usb, clock = BoardChip(), Usb(), Clock(time.ticks_ms, time.ticks_diff)
    try:
        firmware = Firmware(wiring, pins, BoardFlash(), chip, clock())
        while True:
            usb.write(firmware.turn(usb.read(), clock()))
            if (firmware.leave() or firmware.restart()) and usb.done:
                time.sleep_ms(50)  # for the host to fetch the answer
                chip.bootloader() if firmware.leave() else chip.restart()
    finally:
        pins.release()
        machine.reset()


def _input(pin: str) -> machine.Pin:
    return machine.Pin(int(pin[5:]), machine.Pin.IN, machine.Pin.PULL_UP)


def _length(pins: tuple[str, ...], where: str) -> int:
    return max([0] + [int(pin[len(where) + 1 :]) + 1 for pin in pins if pin.startswith(where + ":")])


def _bus(wiring: Wiring) -> "machine.I2C | None":
    if "bus" not in wiring.control:
        return None
    pins = wiring.control["bus"]
    return machine.I2C(pins["sda"] // 2 % 2, sda=machine.Pin(pins["sda"]), scl=machine.Pin(pins["scl"]), freq=400_000)
