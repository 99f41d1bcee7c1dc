"""Port to the operating system: locked memory, a lock between programs, durable folders, where programs keep their state.

Linux and macOS have POSIX; Windows has other calls, of which its branch was tried with stand-ins alone.
"""

import contextlib
import ctypes
import mmap
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_MADV_WIPEONFORK = 18
"""Of linux/mman.h; the mmap module does not name it before Python 3.13."""
_LOCK_PAUSE_S = 0.05

if sys.platform == "win32":
    import msvcrt

    def _lock_memory(address: ctypes.c_void_p, length: ctypes.c_size_t) -> str:
        done = ctypes.windll.kernel32.VirtualLock(address, length)
        return "" if done else f"error {ctypes.windll.kernel32.GetLastError()}"

    def _lock(file: IO[str]) -> None:
        while True:
            with contextlib.suppress(OSError):  # another program has it
                return msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            time.sleep(_LOCK_PAUSE_S)

    def sync_folder(folder: Path) -> None:
        """Nothing: Windows opens no folder, and its file system keeps the order of renames itself."""

else:
    import fcntl

    def _lock_memory(address: ctypes.c_void_p, length: ctypes.c_size_t) -> str:
        try:
            library = ctypes.CDLL(None, use_errno=True)
            return "" if library.mlock(address, length) == 0 else os.strerror(ctypes.get_errno())
        except (OSError, AttributeError) as error:  # no such function here
            return str(error)

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)

    def sync_folder(folder: Path) -> None:
        """Make a rename in it durable. Raises OSError."""
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def lock_pages(pages: mmap.mmap) -> str:
    """Keep pages out of swap, and as far as the system can out of core files and forked processes. Gives why not; empty: done."""
    start = (ctypes.c_char * len(pages)).from_buffer(pages)
    if sys.platform == "linux":
        for advice in (getattr(mmap, "MADV_DONTDUMP", None), _MADV_WIPEONFORK):
            with contextlib.suppress(OSError):  # a kernel without it
                if advice is not None:
                    pages.madvise(advice)
    return _lock_memory(ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(len(pages)))


@contextlib.contextmanager
def only_program(lock: Path) -> Iterator[None]:
    """Wait until no other program is inside with the same lock file. Raises OSError."""
    with lock.open("w") as file:
        _lock(file)
        yield


def state_directory() -> Path:
    """Return where programs at a desk keep what must outlive them (XDG base directories; on Windows the user's local data)."""
    base = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_STATE_HOME", "")
    return (Path(base) if base else Path.home() / ".local" / "state") / "kortkiosk"
