"""A character device that carries both directions, read and written with a time limit.

>>> DeviceFile("/dev/usb/lp0", timeout_s=1.0).close()
"""

import errno
import os
import select

WRITE_TIMEOUT_S = 5.0
"""So long a printer may take nothing, while it prints what it has."""


class DeviceFile:
    """One device file; closed until `open`."""

    def __init__(self, path: str, timeout_s: float) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._handle = -1

    def open(self) -> None:
        """Raises OSError."""
        self._handle = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)

    def write(self, data: bytes) -> None:
        """Write all of `data`. Raises OSError, TimeoutError where the device takes no more."""
        left = memoryview(data)
        while left:
            if not select.select([], [self._handle], [], WRITE_TIMEOUT_S)[1]:
                raise TimeoutError(errno.ETIMEDOUT, "the device takes no more")
            left = left[os.write(self._handle, left) :]

    def read(self) -> bytes:
        """What has come, at most 16 bytes; nothing after the time limit. Raises OSError."""
        if not select.select([self._handle], [], [], self._timeout_s)[0]:
            return b""
        return os.read(self._handle, 16)

    def close(self) -> None:
        """Close; a second time does nothing."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)
