"""Log bundle for the fleet: the last events and log lines of a station, redacted to codes.

Rules: an event gives its time, type, and the codes of what came of it, never a card, an order or a person. A log line gives
the message as it stands in the program, with the values left out, and the type of an error; only our own loggers are heard, whose
messages are never put together from values (ruff's rules G keep that). Warnings and errors are kept for a fortnight, each told
once with its days and how often. Of the life before there are lines of the kernel and of systemd, which know no person. All of
it is ASCII, cut and counted, so that a bundle fits into one message.
"""

import logging
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from logging.handlers import RotatingFileHandler
from pathlib import Path

from fleet.messages.commands import MOST_LINE, MOST_LINES
from fleet.messages.events import Event
from fleet.messages.vocabulary import short_type

MOST_LOG, MOST_BEFORE, MOST_WARNINGS = 80, 60, 60
MOST_EVENTS = MOST_LINES - MOST_LOG
WARNINGS = "warnings.log"
"""The file of warnings and errors in the station's data folder, and one older beside it."""
KEPT = timedelta(days=14)
_KEPT_BYTES = 256 * 1024
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
        self._lines.append(_without_values(record))


class _WithoutValues(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return _without_values(record)


def _without_values(record: logging.LogRecord) -> str:
    when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    kind = record.exc_info[0] if record.exc_info else None
    message = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
    return f"{when} {record.levelname} {record.name}: {message}{f' ({kind.__name__})' if kind else ''}"


def collect_log(data: Path) -> LogRing:
    """A ring that keeps what our own loggers say from here on; what they warn of is kept in that folder as well."""
    ring = LogRing()
    warnings = RotatingFileHandler(data / WARNINGS, maxBytes=_KEPT_BYTES, backupCount=1, encoding="utf-8", delay=True)
    warnings.setLevel(logging.WARNING)
    warnings.setFormatter(_WithoutValues())
    warnings.handleError = lambda record: None  # type: ignore[method-assign]  # a full disk is told by who writes records
    for name in OURS:
        logging.getLogger(name).addHandler(ring)
        logging.getLogger(name).addHandler(warnings)
    return ring


def read_warnings(data: Path, now: datetime) -> list[str]:
    """Return the last fortnight's warnings, the latest last: `FIRST LAST xTIMES LEVEL LOGGER: MESSAGE`, times of RFC 3339."""
    since = (now - KEPT).isoformat()
    spans: dict[str, tuple[str, str, int]] = {}
    for name in (f"{WARNINGS}.1", WARNINGS):
        for line in _lines_of(data / name):
            when, _, text = line.partition(" ")
            if since <= when:
                first, _, times = spans.pop(text, (when, when, 0))  # put in again: in the order of the last time
                spans[text] = first, when, times + 1
    return [f"{first} {last} x{times} {text}" for text, (first, last, times) in spans.items()][-MOST_WARNINGS:]


def _lines_of(file: Path) -> list[str]:
    """None where nothing was kept."""
    try:
        return file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def read_last_life(file: Path = LAST_LIFE) -> list[str]:
    """The lines of it; none where nothing was kept."""
    return _lines_of(file)[-MOST_BEFORE:]


def make_log_bundle(events: Sequence[Event], log: Sequence[str], before: Sequence[str] = ()) -> tuple[str, ...]:
    """All of it, in order of time, behind what was `before`; `events` are the newest first, as the outbox gives them."""
    event_lines = [_event_line(event) for event in events[: max(MOST_EVENTS - len(before), 0)]]
    lines = sorted([*event_lines, *log[-MOST_LOG:]])
    return as_lines([*before, *lines])


def as_lines(lines: Sequence[str]) -> tuple[str, ...]:
    """As they go into a command's answer: ASCII, cut, and no more than it may hold."""
    return tuple(line.encode("ascii", "replace").decode()[:MOST_LINE] for line in lines[:MOST_LINES])


def _event_line(event: Event) -> str:
    content = event.content()
    words = [str(content[key]) for key in _CODES if key in content]
    return " ".join([event.time, short_type(event.type), *words])
