"""Counters that outlive a restart: starts, cards in the bin, openings of each slot. Pure, over the flash port.

Rules: two files are written in turn, each with a generation and a checksum, so that a loss of power in the middle costs
the newest record and never both. Flash wears: openings are kept in memory and written at most once a minute, a card in
the bin and a start at once. At a hundred cards a day that is some two hundred writes, of a flash that bears 100,000 for
each of its hundreds of blocks. What cannot be read is not guessed: `lost` says so until the counters are cleared.
"""

import struct

from drivers.cabinet.firmware.ports import Flash
from drivers.cabinet.framing import crc16

FILES = ("counters-a", "counters-b")
EVERY_MS = 60_000
_MAGIC = b"KC1"
_HEAD = ">3sIIHBB"  # magic, generation, starts, cards in the bin, lost, slots
_HEAD_BYTES = 15


class Counters:
    """Read at the start, which counts one more of them."""

    def __init__(self, flash: Flash, slots: int, now: int) -> None:
        self._flash = flash
        self._slots = slots
        self._generation = 0
        self.boots = 0
        self.bin_count = 0
        self.openings = [0] * slots
        self.lost = False
        """Something was kept and cannot be read any more."""
        self.failed = False
        """The last writing did not succeed."""
        self._written = now
        self._changed = False
        self._load()
        self.boots = (self.boots + 1) & 0xFFFFFFFF
        self.write(now)

    def opened(self, slot: int) -> None:
        """A lock was driven."""
        self.openings[slot - 1] = (self.openings[slot - 1] + 1) & 0xFFFFFFFF
        self._changed = True

    def binned(self, now: int) -> None:
        """A card has fallen into the bin."""
        self.bin_count = min(self.bin_count + 1, 0xFFFF)
        self.write(now)

    def clear_bin(self, now: int) -> bool:
        """The bin was emptied; False where that could not be kept."""
        self.bin_count, self.lost = 0, False
        return self.write(now)

    def clear_openings(self, now: int) -> bool:
        """New locks; False where that could not be kept."""
        self.openings, self.lost = [0] * self._slots, False
        return self.write(now)

    def tick(self, now: int) -> None:
        """Once each turn of the loop while no coil is on: write what has waited long enough."""
        if self._changed and now - self._written >= EVERY_MS:
            self.write(now)

    def write(self, now: int) -> bool:
        """Keep all now; False where the flash does not take it."""
        self._generation += 1
        head = struct.pack(
            _HEAD, _MAGIC, self._generation & 0xFFFFFFFF, self.boots, self.bin_count, int(self.lost), self._slots
        )
        record = head + b"".join([count.to_bytes(4, "big") for count in self.openings])
        self._written, self._changed = now, False
        try:
            self._flash.write(FILES[self._generation % 2], record + crc16(record).to_bytes(2, "big"))
            self.failed = False
        except OSError:
            self.failed = True
        return not self.failed

    def _load(self) -> None:
        kept = [self._flash.read(name) for name in FILES]
        records = [record for record in kept if record is not None and _whole(record)]
        if not records:
            self.lost = any([record is not None for record in kept])
            return
        newest = max(records, key=_generation)
        _, self._generation, self.boots, self.bin_count, lost, slots = struct.unpack(_HEAD, newest[:_HEAD_BYTES])
        self.lost = bool(lost)
        for index in range(min(slots, self._slots)):
            at = _HEAD_BYTES + 4 * index
            self.openings[index] = int.from_bytes(newest[at : at + 4], "big")


def _whole(record: bytes) -> bool:
    return (
        len(record) >= _HEAD_BYTES + 2
        and record[:3] == _MAGIC
        and len(record) == _HEAD_BYTES + 4 * record[_HEAD_BYTES - 1] + 2
        and crc16(record[:-2]) == int.from_bytes(record[-2:], "big")
    )


def _generation(record: bytes) -> int:
    return int.from_bytes(record[3:7], "big")
