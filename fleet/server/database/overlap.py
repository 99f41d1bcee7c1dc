"""Overlap of our work with the database's: what a transaction does in this process while PostgreSQL works.

Whoever runs a transaction says once what there is to do (`overlapping`). The functions of `postgres` that send statements and
wait for what comes of them do it in between (`do_overlapped`), so that nothing in between has to pass it on. On SQLite, which
works in this process, nobody waits and nothing is done.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

_WORK = "work while waiting"


@contextmanager
def overlapping(connection: Connection, work: Callable[[], object]) -> Iterator[None]:
    """Do `work` at each wait for PostgreSQL inside: as often as it waits, or never. `work` must not raise."""
    info = connection.info
    info[_WORK] = work
    try:
        yield
    finally:
        info.pop(_WORK, None)


def do_overlapped(connection: Connection) -> None:
    """All is sent, and nothing is left but to wait: do what there is to do."""
    work: Callable[[], object] | None = connection.info.get(_WORK)
    if work is not None:
        work()
