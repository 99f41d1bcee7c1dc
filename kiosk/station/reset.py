"""Factory reset: the fleet server is told, then the station forgets its keys and everything that it kept.

Rules:
- Nothing is erased while events are unsent, or while blocks and other asks have no answer, unless somebody says that they may be
  lost.
- A marker comes first and goes last. What a power cut leaves is finished at the next start, before anything is opened.
- At the screen a first marker says that it was asked for: the errand comes to its end, and its last words go to the server. An
  image's root waits for the second one, and ends the station when it sees it.
- The keys go before all else: names in the station's file are sealed under them.
- The configuration stays. On flash memory, overwriting is no proof: an image's /data has a key of its own to throw away.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fleet.agent import blocks
from fleet.agent.at_rest import kept_keys_file
from fleet.agent.identity import KEY_FILE, STORE_KEY_FILE, staging
from fleet.agent.proxy import Proxy
from fleet.agent.store import StoreError
from fleet.messages.vocabulary import EventType
from kiosk.administration_ports import ResetLosses
from kiosk.clock import SystemClock
from kiosk.config import Config
from kiosk.station.build_fleet import (
    FleetConnection,
    JoinError,
    Records,
    connect,
    load_identity,
    lock_folder,
    open_file,
    open_records,
)
from kiosk.stock.repository import StationStock
from provisioning.files import destroy_file, sync_directory

MARKER, ASKED = "reset-begun", "reset-asked"
"""In the folder of the configuration: everything behind it is to be erased; now, or once the station has said its last."""
LOOK_EVERY_S = 0.1
SEND_S = 20.0
"""Seconds that an administrator waits for the server, for each of the two words."""


class UnsentError(Exception):
    """The server does not hold every event and ask, and nobody said that they may be lost."""

    def __init__(self, unsent: int) -> None:
        super().__init__(f"{unsent} events and asks are not at the fleet server")
        self.unsent = unsent


@dataclass(frozen=True, slots=True)
class RunningStationReset:
    """The reset of a station that runs, asked for at its screen: prepared here, and finished by the program that starts next."""

    records: Records
    base: Path
    send_s: float = SEND_S

    async def losses(self) -> ResetLosses:
        """See the port `Machine`. Raises StoreError."""
        return await _losses(self.records)

    async def prepare(self, lose_unsent: bool) -> bool:
        """Tell the server, and leave the first marker; False where the server does not hold all. Raises StoreError, OSError."""
        try:
            await _announce(self.records, 0.0 if lose_unsent else self.send_s, lose_unsent)
        except UnsentError:
            return False
        _write_marker(self.base, ASKED)
        return True

    async def begin(self, lose_unsent: bool) -> None:
        """The errand has ended: send its last events, as far as the server answers, and leave the second marker."""
        with contextlib.suppress(StoreError, OSError):  # without it the next start leaves it
            await _sent(self.records, 0.0 if lose_unsent else self.send_s, lose_unsent=True)
            begin_erasing(self.base)


async def find_losses(config: Config, base: Path) -> ResetLosses:
    """Look, and change nothing but the boot's own events. Raises JoinError, StoreError."""
    records, fleet = await _open(config, base)
    try:
        return await _losses(records)
    finally:
        await _close(records, fleet)


async def tell_server(config: Config, base: Path, *, wait_s: float, lose_unsent: bool = False) -> ResetLosses:
    """Send all that is unsent, then that the station is reset, and give what is lost. At most `wait_s` for each of the two.

    Raises UnsentError where the server does not hold all and `lose_unsent` is not said, JoinError, StoreError.
    """
    records, fleet = await _open(config, base)
    telling = None
    try:
        if fleet is not None:
            fleet.link.start()
            telling = asyncio.create_task(fleet.issuer.queue.run(), name="block-queue")
        return await _announce(records, wait_s, lose_unsent)
    finally:
        if telling is not None:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        await _close(records, fleet)


async def _announce(records: Records, wait_s: float, lose_unsent: bool) -> ResetLosses:
    await _sent(records, wait_s, lose_unsent)
    losses = await _losses(records)
    content = {"unsent": losses.unsent, "slots": list(losses.slots), "binned": losses.binned}
    journal = records.journal
    await journal.transact(lambda cx: journal.event(cx, EventType.STATION_RESET, None, content))
    await _sent(records, wait_s, lose_unsent)
    return losses


def begin_erasing(base: Path) -> None:
    """From here on the station is to be erased, whatever happens. Raises OSError."""
    _write_marker(base, MARKER)
    (base / ASKED).unlink(missing_ok=True)


def _write_marker(base: Path, name: str) -> None:
    handle = os.open(base / name, os.O_WRONLY | os.O_CREAT, 0o600)
    os.fsync(handle)
    os.close(handle)
    sync_directory(base)


def finish_erasing(config: Config, base: Path, before: Callable[[Path], None] = lambda path: None) -> bool:
    """Erase what is still there; False where no reset was begun. May be cut off anywhere and called again.

    `before` is called before each file goes. Raises OSError, JoinError where the station runs.
    """
    if (base / ASKED).exists():
        begin_erasing(base)
    if not (base / MARKER).exists():
        return False
    data = base / config.station.data
    with lock_folder(data):
        for path in _files(config, base):
            before(path)
            _erase(path)
        before(base / MARKER)
    (base / MARKER).unlink()
    sync_directory(base)
    return True


def _files(config: Config, base: Path) -> Iterator[Path]:
    """Keys first; the station's lock stays, since it is held."""
    identity, data = base / config.station.identity, base / config.station.data
    keys = [
        identity / STORE_KEY_FILE,
        kept_keys_file(identity),
        identity / KEY_FILE,
        staging(identity) / KEY_FILE,
        *([base / config.cabinet.key] if config.cabinet.key else []),
    ]
    kept = {base / MARKER, base / "station.toml", data / "station.lock"}
    below = [
        path for folder in (identity, staging(identity), data) for path in sorted(folder.rglob("*")) if path not in kept
    ]
    yield from (path for path in dict.fromkeys([*keys, *below]) if path.is_symlink() or path.is_file())
    folders = sorted((path for path in below if path.is_dir() and not path.is_symlink()), reverse=True)
    yield from (folder for folder in folders if not any(path.is_relative_to(folder) for path in kept))


def _erase(path: Path) -> None:
    """Overwrite a file and take it away; take an empty folder away."""
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
        sync_directory(path.parent)
    else:
        destroy_file(path)


async def _open(config: Config, base: Path) -> tuple[Records, FleetConnection | None]:
    """The station's file, and the link where it has an identity."""
    try:
        identity = load_identity(config, base)
    except JoinError:
        identity = None
    clock = SystemClock()
    file = await open_file(config, base, "reset", identity)
    try:
        fleet = (
            connect(identity, file, clock, proxy=Proxy.at(config.network.proxy_server))
            if identity is not None
            else None
        )
        return await open_records(file, identity, fleet, clock), fleet
    except BaseException:
        file.close()
        raise


async def _close(records: Records, fleet: FleetConnection | None) -> None:
    if fleet is not None:
        await fleet.link.stop()
    records.file.close()


async def _losses(records: Records) -> ResetLosses:
    async def no_orders() -> None:
        return None

    stock = StationStock(records.journal, no_orders)
    ledger = await stock.look()
    slots = tuple(sorted(card.slot for card in ledger.lying))
    return ResetLosses(records.file.chain.station, await _unsent(records), slots, len(await stock.binned()))


async def _sent(records: Records, wait_s: float, lose_unsent: bool) -> None:
    """Wait until the server holds every event, and has answered every ask. Raises UnsentError."""
    try:
        async with asyncio.timeout(wait_s):
            while await _unsent(records):  # noqa: ASYNC110  # a file: no event
                await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError:
        if not lose_unsent:
            raise UnsentError(await _unsent(records)) from None


async def _unsent(records: Records) -> int:
    return await records.depth() + await records.file.store.transact(blocks.waiting_asks)
