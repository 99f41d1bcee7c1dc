"""Limit of open files (RLIMIT_NOFILE) of this process and its children: as many as the machine allows.

systemd starts programs with 1,024 and allows many more to those that ask; a connection takes one, and who opens a thousand of
them would shut everybody else out.

>>> most_connections(1024)
768
"""

import resource

MAX_CONNECTIONS = 30_000
"""Of a broker: three times the largest fleet. One that has not said who it is holds about 45 KiB, and goes after 90 seconds."""
SPARE_FILES = 256
"""Open files that are no connections: the log, the store of sessions, those that are just being refused."""


def raise_open_files(pid: int = 0) -> int:
    """Let a process, this one or a child, have as many as it may. Gives how many."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def open_files_limit() -> int:
    """Return the most files that this process, or a child, may have open."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return MAX_CONNECTIONS + SPARE_FILES if hard == resource.RLIM_INFINITY else hard


def most_connections(files: int) -> int:
    """Return the most connections that a broker may hold with so many open files."""
    return max(1, min(MAX_CONNECTIONS, files - SPARE_FILES))
