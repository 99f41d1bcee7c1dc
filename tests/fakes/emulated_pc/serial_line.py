"""A serial line of an emulated machine: all that it said, and waiting for a line of it."""

import contextlib
import re
import socket
import threading
import time
from pathlib import Path


class NotSaidError(AssertionError):
    """What was waited for has not come. The text has the last lines."""


class SerialLine:
    """Reads from the beginning and keeps everything; `copy` is a file that a person can read meanwhile."""

    def __init__(self, path: Path, copy: Path) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(str(path))
        self._said = bytearray()
        self._more = threading.Condition()
        self._copy = copy.open("ab")
        self._ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        """All that was said, without control sequences."""
        with self._more:
            said = self._said.decode("utf-8", "replace")
        return re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07\x1b]*(\x07|\x1b\\)|[=>78])|\r", "", said)

    def wait_for(self, pattern: str, limit_s: float, after: int = 0) -> re.Match[str]:
        """The first match behind position `after` of the text. Raises NotSaidError."""
        end = time.monotonic() + limit_s
        while True:
            found = re.compile(pattern, re.MULTILINE).search(self.text, after)
            if found:
                return found
            left = end - time.monotonic()
            if left <= 0 or self._ended:
                raise NotSaidError(
                    f"{pattern!r} was not said; the last lines:\n" + "\n".join(self.text.splitlines()[-40:])
                )
            with self._more:
                self._more.wait(min(left, 1.0))

    def type(self, text: str) -> None:
        self._connection.sendall(text.encode())

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._connection.close()
        self._copy.close()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while part := self._connection.recv(65536):
                self._copy.write(part)
                self._copy.flush()
                with self._more:
                    self._said += part
                    self._more.notify_all()
        self._ended = True


class RootShell:
    """A shell of the guest on a serial line: a test's own, which the kernel line asks for. Commands end by a mark."""

    def __init__(self, line: SerialLine) -> None:
        self._line = line
        self._count = 0

    def wait_until_there(self, limit_s: float) -> None:
        """Wait for the first prompt; there is none to wait for once a command has run. Raises NotSaidError."""
        if self._count:
            return
        self._line.wait_for(r"[#$] $", limit_s)
        self.run("stty -echo; PS1=; export SYSTEMD_PAGER=cat SYSTEMD_COLORS=0", limit_s)

    def run(self, command: str, limit_s: float = 300) -> str:
        """What a command printed. Raises NotSaidError."""
        self._count += 1
        begin = len(self._line.text)
        self._line.type(f"{command}; echo end-of-$(({self._count}))-code-$?\n")
        found = self._line.wait_for(rf"end-of-{self._count}-code-(\d+)$", limit_s, begin)
        return self._line.text[begin : found.start()].strip()
