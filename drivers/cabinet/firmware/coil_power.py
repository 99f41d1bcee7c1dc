"""The supply of all coils: one pulse, measured by a PIO state machine of the RP2040 and not by the program (I7).

Rules: once begun, a pulse ends by itself, though the processor hang. A new one begins only after `off`.
"""
# mypy: ignore-errors
# pyright: reportUndefinedVariable=false, reportCallIssue=false
# The words of a PIO program are no Python names (RP2040 datasheet, section 3.4).

import rp2

PULSE_HZ = 10_000


@rp2.asm_pio(set_init=rp2.PIO.OUT_LOW)
def _pulse():
    """High for as many clocks as the word says, then low."""
    pull(block)  # noqa: F821
    mov(x, osr)  # noqa: F821
    set(pins, 1)  # noqa: F821
    label("on")  # noqa: F821
    jmp(x_dec, "on")  # noqa: F821
    set(pins, 0)  # noqa: F821


class CoilPower:
    """The supply at one pin."""

    def __init__(self, pin) -> None:
        """`pin` is a `machine.Pin`; low is off."""
        self._gate = rp2.StateMachine(0, _pulse, freq=PULSE_HZ, set_base=pin)
        self._gate.active(1)

    def pulse(self, limit_ms: int) -> None:
        """On, for that long at most."""
        self._gate.put(limit_ms * (PULSE_HZ // 1000))

    def off(self) -> None:
        """Off now, and ready for the next pulse."""
        self._gate.active(0)
        while self._gate.tx_fifo():
            self._gate.exec("pull(noblock)")  # a pulse that was asked for and has not begun
        self._gate.exec("set(pins, 0)")
        self._gate.restart()
        self._gate.active(1)
