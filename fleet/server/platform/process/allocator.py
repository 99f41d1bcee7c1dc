"""Memory allocator of the C library: one arena for all threads, so that a server that runs for months does not grow.

glibc gives threads arenas of their own. A buffer that one thread takes and another gives back leaves a hole that the others
cannot use, and memory grows for weeks although nothing is held. Python's own small objects do not come from there.
"""

import ctypes

_M_ARENA_MAX = -8  # malloc.h of glibc


def share_one_arena() -> bool:
    """Before the first thread begins. False where the C library has no such setting (musl)."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    return set_option is not None and set_option(_M_ARENA_MAX, 1) == 1
