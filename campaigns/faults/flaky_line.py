"""A TCP line that is cut, stands still or goes dead in one direction: between a station and its broker.

    line = FlakyLine(target=("127.0.0.1", 8883))
    line.arm(Trouble("cut", at=5))

It counts the pieces that pass, in both directions; the trouble befalls the one that is chosen.
"""

import contextlib
import select
import socket
import threading
import time
from dataclasses import dataclass
from typing import Literal

TroubleKind = Literal["cut", "stall", "half_open"]
KINDS: tuple[TroubleKind, ...] = ("cut", "stall", "half_open")
PIECE = 16 * 1024


@dataclass(frozen=True)
class Trouble:
    """`cut`: both ends are closed. `stall`: nothing passes for `seconds`. `half_open`: answers are lost until it is healed."""

    kind: TroubleKind
    at: int
    seconds: float = 3.0


class FlakyLine:
    """Listens on a port of loopback and passes everything on, until trouble is armed and comes."""

    def __init__(self, listener: socket.socket, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = listener
        self._trouble: Trouble | None = None
        self._count = 0
        self._dead = threading.Event()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, trouble: Trouble) -> None:
        """Begin to count pieces."""
        self._count, self._trouble = 0, trouble

    def heal(self) -> int:
        """Everything passes again; what had gone dead is closed. Gives how many pieces had passed."""
        self._trouble = None
        if self._dead.is_set():
            self._dead.clear()
            self._close_all()
        return self._count

    def close(self) -> None:
        self._listener.close()
        self._close_all()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._target, timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            threading.Thread(target=self._pass, args=(near, far), daemon=True).start()

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        self._pairs.add((near, far))
        try:
            while True:
                for source in select.select([near, far], [], [])[0]:
                    piece = source.recv(PIECE)
                    if not piece or not self._passes():
                        return
                    if not (source is far and self._dead.is_set()):
                        (near if source is far else far).sendall(piece)
        except (OSError, ValueError):
            pass
        finally:
            self._pairs.discard((near, far))
            near.close()
            far.close()

    def _passes(self) -> bool:
        self._count += 1
        trouble = self._trouble
        if trouble is None or self._count != trouble.at:
            return True
        match trouble.kind:
            case "cut":
                return False
            case "stall":
                time.sleep(trouble.seconds)
            case "half_open":
                self._dead.set()
        return True

    def _close_all(self) -> None:
        for near, far in list(self._pairs):
            for end in (near, far):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
