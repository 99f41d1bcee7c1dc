"""The log of the server: lines for people, or one object of JSON a line for machines.

Rules: modules log with `logging` and know nothing of this. Whatever a line says, in it no run of eight digits or more is left
(PUKs, card numbers, personal identity numbers), no HSA-id and no token; what led to an error is told by file and function,
without values. A line is one line: what others say in it begins no other.

>>> clean("card 9752269875 of SE2321000016-1003 with kkf_abc")
'card [number] of [person] with [token]'
"""

import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from typing import IO, Any, Literal

import structlog

from fleet.server.access.tokens import PREFIX

FORMATS = ("text", "json")
Format = Literal["text", "json"]
_HIDDEN = (
    (re.compile(rf"{PREFIX}[A-Za-z0-9_-]+"), "[token]"),
    (re.compile(r"\b[A-Z]{2}[0-9]{10}-[A-Za-z0-9]{1,19}\b"), "[person]"),
    (re.compile(r"(?<![0-9])[0-9]{6}(?:[0-9]{2})?[-+][0-9]{4}(?![0-9])"), "[number]"),
    (re.compile(r"(?<![0-9a-f])[0-9](?: ?[0-9]){7,}(?![0-9a-f])"), "[number]"),
)
Event = MutableMapping[str, Any]


def clean(text: str) -> str:
    """Without what must not stand in a log."""
    for pattern, instead in _HIDDEN:
        text = pattern.sub(instead, text)
    return text


def configure(form: Format, level: str, stream: IO[str] | None = None) -> None:
    """Let everything that is logged go to `stream` (standard error) in that form."""
    stamp = structlog.processors.TimeStamper("iso", utc=True)
    before: list[Any] = [structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, stamp, _cleaned]
    last: Any = structlog.processors.JSONRenderer(ensure_ascii=False) if form == "json" else _line
    handler = logging.StreamHandler(stream or sys.stderr)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[remove, last], foreign_pre_chain=before))
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level.upper())


def _cleaned(_logger: Any, _method: str, event: Event) -> Event:
    error = event.pop("exc_info", None)
    told = {key: clean(value) if isinstance(value, str) else value for key, value in event.items()}
    return {**told, **_where(error)} if error else told


def _where(error: Any) -> Mapping[str, Any]:
    """The kind of an error and the places it came through: what it says may hold values of people."""
    kind, _, places = error if isinstance(error, tuple) else sys.exc_info()
    frames = traceback.extract_tb(places)
    return {"error": kind.__name__ if kind else "", "at": [f"{one.filename}:{one.lineno} {one.name}" for one in frames]}


def _line(_logger: Any, _method: str, event: Event) -> str:
    text = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in str(event.pop("event")))
    said = f"{event.pop('timestamp')} {event.pop('level').upper()} {event.pop('logger')}: {text}"
    error, places = event.pop("error", ""), event.pop("at", ())
    return "\n  ".join([f"{said} ({error})" if error else said, *places])
