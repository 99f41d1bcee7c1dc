"""Process hardening: nobody who is not root reads this process's memory, by a core file, a debugger or /proc/PID/mem.

Rules: the limit of core files alone does not stop a handler that the kernel pipes them to (core(5)), nor another process of the
same user; not being dumpable (prctl(2)) does both. A change of user makes a process dumpable or not by the system's own
setting, so this comes after it. `KORTKIOSK_DEBUGGABLE=1` in the environment leaves a process open to a debugger, for
developers.

>>> forbid_dumps()
"""

import contextlib
import ctypes
import logging
import os
import resource
import sys

DEBUGGABLE = "KORTKIOSK_DEBUGGABLE"
_PR_SET_DUMPABLE = 4

_log = logging.getLogger(__name__)


def forbid_dumps() -> None:
    """For the rest of this process. Where the system cannot do it, it is said in the log."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if not sys.platform.startswith("linux") or os.environ.get(DEBUGGABLE) == "1":
        return
    with contextlib.suppress(OSError, AttributeError):  # a C library without it
        if ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0:
            return
    _log.warning("other processes of this user can read this one's memory: the system refuses to forbid it")
