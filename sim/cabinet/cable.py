"""The virtual cabinet's USB cable: a pseudo-terminal behind a lasting name, that can be pulled out and plugged in.

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
import tty
from collections.abc import Callable
from pathlib import Path

READ_BYTES = 4096


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
