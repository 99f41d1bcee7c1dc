"""What stands around an emulated station, on the machine that emulates it: a fleet server with somebody at its desk, a printer on
the network, and the cabinet's board with its body.

The server and the devices are those of other tests, in a thread of their own. The machine reaches them at `HOST`, and the board
by a serial line on the USB, which is an FTDI chip there. All is kept in one folder: who begins there again goes on.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding

from drivers.cabinet.pairing import Pairing
from drivers.reader.secret import Secret
from fleet.server.process.addresses import Address
from sim.cabinet.twin import BoardTwin
from sim.demo import seed
from sim.printer.virtual import VirtualPrinter
from sim.reader.pki import TestAuthority
from tests.fakes.server.enrolment_desk import Desk, Listeners, fleet_with_desk, make_authority

HOST = "10.0.2.2"
"""Where QEMU's network of users has the machine that emulates."""
LISTENERS = Listeners(
    mqtt=Address("127.0.0.1", 28883), stations=Address("127.0.0.1", 8443), updates=Address("127.0.0.1", 28444)
)
"""The same whenever it is started: a station keeps where its server is."""
PRINTER_PORT = 9100
BOARD = "e6614c311b7f4e21"
LIMIT_S = 120.0
SERIAL_ON_USB = "0403:6001"

T = TypeVar("T")


class Surroundings:
    """See the module. All are started together, and end together."""

    desk: Desk
    printer: VirtualPrinter
    cabinet: BoardTwin

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.places = seed.region(folder)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="surroundings", daemon=True)
        self._open = AsyncExitStack()

    @property
    def cards(self) -> TestAuthority:
        """Who issues the cards of everybody here."""
        return TestAuthority.load_or_create(self.folder / "cards", datetime.now(UTC))

    @property
    def anchors(self) -> bytes:
        """Their certificates, as PEM."""
        chain = (*self.cards.anchors(), *self.cards.intermediates())
        return b"".join(each.public_bytes(Encoding.PEM) for each in chain)

    def do(self, work: Coroutine[Any, Any, T], limit_s: float = LIMIT_S) -> T:
        """Run it beside the devices, and wait for its end. Raises what it raises, TimeoutError."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(limit_s)

    def call(self, work: Callable[[], T]) -> T:
        """The same for what hands do."""

        async def calling() -> T:
            return work()

        return self.do(calling())

    @property
    def devices(self) -> tuple[str, ...]:
        """The cabinet's line, as QEMU is told."""
        line = f"serial,id=cabinet,path={(self.folder / 'cabinet/cabinet.tty').resolve()}"
        return "-chardev", line, "-device", "usb-serial,chardev=cabinet,bus=usb.0"

    def __enter__(self) -> Self:
        self._thread.start()
        self.do(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.do(self._open.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        make_authority(self.folder, [HOST])
        is_new = not self.places.orders.exists()
        if is_new:  # the issuer's key is there when the verifier starts: it is read once
            seed.write_orders(self.places, datetime.now(UTC), ())
        self.desk = await self._open.enter_async_context(fleet_with_desk(self.folder, [HOST], LISTENERS))
        if is_new:
            self.desk.import_orders(seed.STATION, self.places.orders.read_bytes())
        self.printer = VirtualPrinter(self.folder / "receipts")
        await self.printer.start(port=PRINTER_PORT)
        self._open.push_async_callback(self.printer.stop)
        self.cabinet = BoardTwin(_board(self.folder / "cabinet"), seed.SLOTS, cards=seed.scenario().slots)
        await self.cabinet.start()
        self._open.push_async_callback(self.cabinet.stop)


def _board(folder: Path) -> Path:
    """A board's folder, at first with a number and no key; the twin's own end of the line is not used."""
    with contextlib.suppress(FileExistsError):
        (folder / "flash").mkdir(parents=True)
        (folder / "flash/board-id").write_bytes(bytes.fromhex(BOARD))
        Pairing(BOARD, Secret("00" * 32)).save(folder / "pairing.json")
    return folder
