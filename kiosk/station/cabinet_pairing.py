"""Pairing of the cabinet's board from the station's own screen, as `kortkiosk-provision flash --pair-only` does it at a desk.

The driver lets the line go meanwhile, and takes it again with whatever key there is then.
"""

import asyncio
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Protocol

from drivers.cabinet.firmware_image import PREBUILT
from drivers.cabinet.pairing import PairingError
from drivers.cabinet.serial_link import boards
from drivers.cabinet.usb_ids import PICO, UsbSerialId
from kiosk.config import load
from provisioning.flash import BoardAccess, flash
from provisioning.pico import FlashError

PAIR_TRIES, PAIR_PAUSE_S = 5, 2.0
"""A board that `station.toml` has just named is bound a moment later."""


class PortHolder(Protocol):
    """A driver that holds the line."""

    def start(self) -> None: ...
    async def close(self) -> None: ...


async def pair_cabinet(
    cabinet: PortHolder, key_file: Path, port: str | None, usb: Collection[UsbSerialId] = (PICO,)
) -> str:
    """`paired`, or the code of what stood against it (docs/operations-reference.md). The key is told nowhere.

    `usb` lists what may be the board.
    """
    await cabinet.close()
    try:
        await flash(PREBUILT, key_file, BoardAccess(load=None, list_ports=partial(boards, usb), port=port or None))
    except FlashError as error:
        return error.code
    except (PairingError, OSError):
        return "key_file"
    finally:
        cabinet.start()
    return "paired"


async def pair_named_board(settings: Path, key_file: Path, pause_s: float = PAIR_PAUSE_S) -> str:
    """The same for a station that is being set up, whose `station.toml` says which board it is: nobody has the line yet.

    Raises ConfigError.
    """
    cabinet, outcome = load(settings).cabinet, ""
    for _ in range(PAIR_TRIES):
        outcome = await pair_cabinet(_NoDriver(), key_file, cabinet.port, cabinet.board_ids)
        if outcome != "no_port":
            break
        await asyncio.sleep(pause_s)
    return outcome


class _NoDriver:
    def start(self) -> None: ...
    async def close(self) -> None: ...
