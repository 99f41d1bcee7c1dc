"""A card that takes the machine's power away: before it is told a certain command, or once it has answered."""

from collections.abc import Callable
from typing import Literal

from sim.reader.cards import VirtualCard


class FatalCard:
    """Stands for `card` in the reader. `ins`: the instruction's byte, at the `count`-th time (1 is the first)."""

    def __init__(
        self,
        card: VirtualCard,
        cut_power: Callable[[], None],
        ins: int,
        when: Literal["before", "after"],
        count: int = 1,
    ) -> None:
        self._card, self._cut_power = card, cut_power
        self._ins, self._when, self._left = ins, when, count
        self.atr, self.protocol = card.atr, card.protocol

    def power_on(self) -> bytes:
        return self._card.power_on()

    def power_off(self) -> None:
        self._card.power_off()

    def reset(self) -> bytes:
        return self._card.reset()

    def transmit(self, apdu: bytes) -> bytes:
        fatal = apdu[1] == self._ins and self._count_down()
        if fatal and self._when == "before":
            self._cut_power()
            return b"\x6f\x00"
        answer = self._card.transmit(apdu)
        if fatal:
            self._cut_power()
        return answer

    def _count_down(self) -> bool:
        self._left -= 1
        return self._left == 0
