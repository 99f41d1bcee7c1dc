"""Log bundle for the fleet: the last events and log lines of a station, redacted to codes.

Rules: an event gives its time, type, and the codes of what came of it, never a card, an order or a person. A log line gives
the message as it stands in the program, with the values left out, and the type of an error; only our own loggers are heard, whose
messages are never put together from values (ruff's rules G keep that). Of the life before there are lines of the kernel and of
systemd, which know no person. All of it is ASCII, cut and counted, so that a bundle fits into one message.
"""

import logging
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from fleet.messages.commands import MOST_LINE, MOST_LINES
from fleet.messages.events import Event
from fleet.messages.vocabulary import short_type

MOST_LOG, MOST_BEFORE = 100, 60
MOST_EVENTS = MOST_LINES - MOST_LOG
LAST_LIFE = Path("/run/kortkiosk-last-life")
"""What the kernel and the system said last before the machine started, on one of an image."""
OURS = ("kiosk", "fleet", "drivers")
"""Loggers whose messages are templates."""
_CODES = ("effect", "kind", "command", "outcome", "reason", "slot", "version")
"""Of an event's data: stable codes and numbers."""


class LogRing(logging.Handler):
    """Keeps the latest lines, without their values."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: deque[str] = deque(maxlen=MOST_LOG)

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(self._lines)

    def emit(self, record: logging.LogRecord) -> None:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        kind = record.exc_info[0] if record.exc_info else None
        said = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        self._lines.append(f"{when} {record.levelname} {record.name}: {said}{f' ({kind.__name__})' if kind else ''}")


def collect_log() -> LogRing:
    """A ring that keeps what our own loggers say from here on."""
    ring = LogRing()
    for name in OURS:
        logging.getLogger(name).addHandler(ring)
    return ring


def read_last_life(file: Path = LAST_LIFE) -> list[str]:
    """The lines of it; none where nothing was kept."""
    try:
        return file.read_text("utf-8", "replace").splitlines()[-MOST_BEFORE:]
    except OSError:
        return []


def make_log_bundle(events: Sequence[Event], log: Sequence[str], before: Sequence[str] = ()) -> tuple[str, ...]:
    """All of it, in order of time, behind the life `before`; `events` are the newest first, as the outbox gives them."""
    told = [_told(event) for event in events[: MOST_EVENTS - len(before)]]
    lines = sorted([*told, *log[-MOST_LOG:]])
    lines = [*before, *lines]
    return tuple(line.encode("ascii", "replace").decode()[:MOST_LINE] for line in lines)


def _told(event: Event) -> str:
    content = event.content()
    words = [str(content[key]) for key in _CODES if key in content]
    return " ".join([event.time, short_type(event.type), *words])
