"""Firmware flashing of the cabinet's board, a Pico, and its pairing with this station.

Rules: an image that is not ours, or of another version than this program speaks to, is not written. A board that has our
key keeps it. The key is made here, written for its owner alone, and is in no argument, output or error. It is on the
disk before the board gets it, beside the one in use, and takes that one's place once the board has shown that it has it.

    flashed = await flash(image, key_file, Way(load=choose(None), list_ports=boards, port=None))
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from drivers.cabinet import messages
from drivers.cabinet.firmware_image import Image, ImageError, read_image
from drivers.cabinet.pairing import KEY_BYTES, Pairing
from drivers.cabinet.pairing_session import (
    Leaving,
    OtherFirmware,
    Outcome,
    Paired,
    PairingRefused,
    PairingSession,
    Silent,
)
from drivers.cabinet.serial_link import FoundBoard, SerialLine, SerialLineError, connect
from drivers.reader.secret import Secret
from provisioning.pico import FlashError, Load

START_LIMIT_S = 15.0
"""How long a board may take from its image to its port."""
PORT_LIMIT_S = 3.0
"""How long a port that is there may refuse to be opened."""
LOOK_EVERY_S = 0.2
NO_BOARD_YET = "0" * 16

ListPorts = Callable[[], tuple[FoundBoard, ...]]


@dataclass(frozen=True, slots=True)
class BoardAccess:
    """Access to the board. `load` is None where it has its image already; `port` where there is no need to look."""

    load: Load | None
    list_ports: ListPorts
    port: str | None = None
    start_limit_s: float = START_LIMIT_S
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True)
class FlashedBoard:
    """The board is ready. `new_key` where it was paired just now."""

    board: str
    firmware: str
    port: str
    new_key: bool


def read_checked_image(path: Path) -> Image:
    """The image, if this program speaks to it. Raises FlashError with `bad_image`; OSError."""
    try:
        image = read_image(path.read_bytes())
    except ImageError as error:
        raise FlashError("bad_image", f"{path}: {error}") from None
    if image.version != messages.FIRMWARE:
        needed_version = ".".join(map(str, messages.FIRMWARE))
        raise FlashError("bad_image", f"{path} is firmware {image.version_text}; this program needs {needed_version}")
    return image


async def flash(path: Path, key_file: Path, way: BoardAccess) -> FlashedBoard:
    """Write the image, wait for the board, pair. Raises FlashError, PairingError, OSError."""
    image = read_checked_image(path)
    pairing = _known(key_file)
    if way.load is not None:
        await asyncio.to_thread(way.load, path)
    port = await _port(way)
    draft = key_file.with_name(key_file.name + ".new")
    key = _drafted(draft)
    outcome = await _talk(port, PairingSession(key, pairing=pairing, now=way.clock(), firmware=image.version_text), way)
    if isinstance(outcome, Paired):
        if outcome.new:
            outcome.pairing.save(key_file)
        draft.unlink()
        return FlashedBoard(outcome.pairing.board, outcome.firmware, port, outcome.new)
    if not (isinstance(outcome, Silent) and outcome.given):
        draft.unlink()
    raise _why(outcome, port, image)


def retry_until_loadable(
    choose_load: Callable[[], Load],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Load:
    """A way to load onto a board that is on its way into BOOTSEL: tried until it is there, or the limit is over."""

    def load(image: Path) -> None:
        give_up_at = clock() + START_LIMIT_S
        while True:
            try:
                return choose_load()(image)
            except FlashError as error:
                if error.code != "no_bootsel" or clock() >= give_up_at:
                    raise
            sleep(LOOK_EVERY_S)

    return load


async def reboot_to_bootloader(key_file: Path, way: BoardAccess) -> None:
    """Tell a paired board to restart into BOOTSEL, by a command under its key. Raises FlashError, PairingError."""
    pairing = _known(key_file)
    if pairing is None:
        raise FlashError(
            "not_paired", f"{key_file} is missing, so the board cannot be told: hold its button BOOTSEL instead"
        )
    port = await _port(way)
    talk = PairingSession(pairing.key, pairing=pairing, now=way.clock(), send_away=True)
    outcome = await _talk(port, talk, way)
    if not isinstance(outcome, Leaving):
        raise FlashError("not_paired", f"the board on {port} did not obey this key: hold its button BOOTSEL instead")


def _known(key_file: Path) -> Pairing | None:
    try:
        return Pairing.load(key_file)
    except FileNotFoundError:
        return None


def _drafted(draft: Path) -> Secret:
    """A new key, kept before it is given; or the one of a run that broke off, which the board may have."""
    left = _known(draft)
    if left is not None:
        return left.key
    key = Secret(os.urandom(KEY_BYTES).hex())
    Pairing(NO_BOARD_YET, key).save(draft)
    return key


async def _port(way: BoardAccess) -> str:
    """The port of the one board, as soon as there is one."""
    give_up_at = way.clock() + way.start_limit_s
    while not (ports := await asyncio.to_thread(_seen, way)):
        if way.clock() >= give_up_at:
            where = way.port or "any serial port"
            text = f"no board came up on {where} within {way.start_limit_s:g} s: unplug it, plug it in again"
            raise FlashError("no_port", text)
        await way.sleep(LOOK_EVERY_S)
    if len(ports) > 1:
        raise FlashError("two_boards", f"two boards are connected ({', '.join(ports)}): name one with --port")
    return ports[0]


def _seen(way: BoardAccess) -> tuple[str, ...]:
    if way.port is None:
        return tuple(board.port for board in way.list_ports())
    return (way.port,) if Path(way.port).exists() else ()


async def _talk(port: str, talk: PairingSession, way: BoardAccess) -> Outcome:
    """Carry one talk over the line to its outcome; a line that ends before is a board that is silent."""
    news: asyncio.Queue[bytes | None] = asyncio.Queue()
    line = await _line(port, news, way)
    try:
        outcome: Outcome | None = None
        while outcome is None:
            line.write(talk.take_outgoing())
            try:
                data = await asyncio.wait_for(news.get(), max(0.0, talk.due - way.clock()))
            except TimeoutError:
                if news.empty():
                    outcome = talk.tick(way.clock())
                    continue
                data = news.get_nowait()  # it came while this program was busy elsewhere: that is no silence
            outcome = talk.receive(data, way.clock()) if data is not None else talk.broken_off()
        return outcome
    finally:
        await line.close()


async def _line(port: str, news: asyncio.Queue[bytes | None], way: BoardAccess) -> SerialLine:
    """The open port. One that has just come may not be ours yet: udev sets its rights a moment later."""
    give_up_at = way.clock() + PORT_LIMIT_S
    while True:
        try:
            return await connect(port, received=news.put_nowait, lost=lambda: news.put_nowait(None))
        except SerialLineError as error:
            if way.clock() >= give_up_at:
                text = f"{error}: does another program use it, or are you not in the group dialout?"
                raise FlashError("no_port", text) from None
        await way.sleep(LOOK_EVERY_S)


def _why(outcome: Outcome, port: str, image: Image) -> FlashError:
    match outcome:
        case PairingRefused(board, code):
            how = "hold its service button down and run this again with --pair-only, or use the station's own key file"
            return FlashError("pairing_refused", f"board {board} on {port} has another key ({code}): {how}")
        case OtherFirmware(firmware):
            return FlashError(
                "other_firmware",
                f"the board on {port} runs firmware {firmware}, not {image.version_text}: load it again",
            )
        case Silent(given=True):
            return FlashError(
                "silent",
                f"the board on {port} fell silent while it was paired; run this again: the key that it may have is kept",
            )
        case _:
            return FlashError(
                "silent", f"the board on {port} does not answer: unplug it, plug it in again, then use --pair-only"
            )
