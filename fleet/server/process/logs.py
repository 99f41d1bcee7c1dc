"""Logging of the server: lines for people, or one object of JSON a line for machines.

Rules: modules log with `logging` and know nothing of this. Whatever a line says, in it no run of eight digits or more is left
(PUKs, card numbers, personal identity numbers), no HSA-id and no token; what led to an error is told by file and function,
without values. A line is one line: what others say in it begins no other. Of warnings and errors that differ in their values
alone there are `MOST_ALIKE` in a minute; the next one says how many were left out. So nobody fills a disk by being wrong quickly.

>>> clean("card 9752269875 of SE2321000016-1003 with kkf_abc")
'card [number] of [person] with [token]'
"""

import logging
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from typing import IO, Any, Literal

import structlog

from fleet.server.keys.random_tokens import API_TOKEN_PREFIX

FORMATS = ("text", "json")
Format = Literal["text", "json"]
_HIDDEN = (
    (re.compile(rf"{API_TOKEN_PREFIX}[A-Za-z0-9_-]+"), "[token]"),
    (re.compile(r"\b[A-Z]{2}[0-9]{10}-[A-Za-z0-9]{1,19}\b"), "[person]"),
    (re.compile(r"(?<![0-9])[0-9]{6}(?:[0-9]{2})?[-+][0-9]{4}(?![0-9])"), "[number]"),
    (re.compile(r"(?<![0-9a-f])[0-9](?: ?[0-9]){7,}(?![0-9a-f])"), "[number]"),
)
MOST_ALIKE = 30
WINDOW_S = 60.0
MOST_TEXTS = 1000
Event = MutableMapping[str, Any]


def clean(text: str) -> str:
    """Without what must not stand in a log."""
    for pattern, instead in _HIDDEN:
        text = pattern.sub(instead, text)
    return text


class Repetitions(logging.Filter):
    """Rate limiting of the log, by logger and text before its values are filled in. Thread-safe."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self.seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is written; add to its text what was or will be left out."""
        if record.levelno < logging.WARNING:
            return True
        count, left_out = self._count((record.name, str(record.msg)))
        if left_out:
            record.msg = f"{record.msg} [{left_out} like this were left out]"
        elif count == MOST_ALIKE:
            record.msg = f"{record.msg} [more like this are left out for a minute]"
        return count <= MOST_ALIKE

    def _count(self, key: tuple[str, str]) -> tuple[int, int]:
        """Return the record's place in this window, and how many of the window before were left out."""
        now_s, left_out = self._monotonic(), 0
        with self._lock:
            since, count = self.seen.pop(key, (now_s, 0))
            if now_s - since >= WINDOW_S:
                since, count, left_out = now_s, 0, max(0, count - MOST_ALIKE)
            self.seen[key] = since, count + 1
            if len(self.seen) > MOST_TEXTS:
                del self.seen[next(iter(self.seen))]
        return count + 1, left_out


def configure(form: Format, level: str, stream: IO[str] | None = None) -> None:
    """Let everything that is logged go to `stream` (standard error) in that form."""
    stamp = structlog.processors.TimeStamper("iso", utc=True)
    before: list[Any] = [structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, stamp, _cleaned]
    last: Any = structlog.processors.JSONRenderer(ensure_ascii=False) if form == "json" else _line
    handler = logging.StreamHandler(stream or sys.stderr)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[remove, last], foreign_pre_chain=before))
    handler.addFilter(Repetitions())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level.upper())


def _cleaned(_logger: Any, _method: str, event: Event) -> Event:
    error = event.pop("exc_info", None)
    cleaned = {key: clean(value) if isinstance(value, str) else value for key, value in event.items()}
    return {**cleaned, **_where(error)} if error else cleaned


def _where(error: Any) -> Mapping[str, Any]:
    """The kind of an error and the places it came through: what it says may hold values of people."""
    kind, _, places = error if isinstance(error, tuple) else sys.exc_info()
    frames = traceback.extract_tb(places)
    return {
        "error": kind.__name__ if kind else "",
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _line(_logger: Any, _method: str, event: Event) -> str:
    text = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in str(event.pop("event")))
    line = f"{event.pop('timestamp')} {event.pop('level').upper()} {event.pop('logger')}: {text}"
    error, places = event.pop("error", ""), event.pop("at", ())
    return "\n  ".join([f"{line} ({error})" if error else line, *places])
