"""Pilot rules of a region, kept by the program: no person is stored, and the station closes itself at the first fault of its own.

Rules: what is written keeps codes and counts alone. The station closes itself where a try at a code may have been lost by its
fault, where it called a card false, and where a number of a card or person would have come into a log or its file: in doubt it
closes, and the number is not written. It stays closed, over restarts too, until somebody who has looked into it opens it
(`kortkiosk desk --reopen`). The rules are kept beside the station's file: where the region's file cannot be read they go on, and
the station is closed until it can.

>>> hide_numbers("read card 9999990000000017 of 19121212-1212")
'read card [number] of [number]'
>>> hide_numbers("errand 0d3fa0c1-5f0e-4d53-9f0b-191212121212, 20261203T101500")
'errand 0d3fa0c1-5f0e-4d53-9f0b-191212121212, 20261203T101500'
"""

import contextlib
import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from fleet.messages.vocabulary import Effect, ErrandOutcome, EventType
from kiosk.region import PilotRules

FILE, RULES_FILE = "pilot-stopped", "pilot-rules.json"
PilotStop = Literal["try_lost", "not_genuine", "number_written", "unreadable", "region"]
"""Why it closed itself; `unreadable`: its own note of that was damaged; `region`: the region's file cannot be read."""
ADVICE: Mapping[PilotStop, str] = {
    "try_lost": "an errand ended by a fault, and a try at a code may have been lost by it",
    "not_genuine": "a card was called false",
    "number_written": "a number of a card or a person would have been written",
    "unreadable": "the note of why it closed is damaged",
    "region": "the region's file cannot be read: mend it, and start the station again",
}
REOPEN_ADVICE = "look into it, then `kortkiosk desk --reopen`"
NAMING = frozenset(
    {"card_number", "hsa_id", "administrator", "by", "second", "document_digits", "number", "receipt", "statement"}
)
"""Keys of an event's data that name a person or a card."""
_NUMBER = re.compile(
    r"(?<![\w-])(?:(?:19|20)?\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]|6[1-9]|[78]\d|9[01])[-+]?\d{4}|\d{16,20}"
    r"|SE\d{10}-\w+)(?![\w-])"
)
"""A personal or coordination number, the number of a card, an HSA-id."""
_CODES_AT_RISK = frozenset({Effect.CARD_CHANGE, Effect.CARD_UNBLOCK, Effect.CARD_TEST})
_OUR_FAULTS = frozenset({"crash", "card", "card_slow"})


def hide_numbers(text: str) -> str:
    """Return the text without numbers of cards and persons."""
    return _NUMBER.sub("[number]", text)


class Pilot:
    """The rules of one station. `folder` is its data folder; `on_stop` is told once, from whatever thread."""

    def __init__(
        self, rules: PilotRules, folder: Path, on_stop: Callable[[PilotStop], None] = lambda why: None
    ) -> None:
        self.rules = rules
        self._file = folder / FILE
        self._on_stop = on_stop
        self.stopped: PilotStop | None = self._read() if rules.stops_at_first_fault else None

    def record(self, kind: EventType, content: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is written of an event, and judge it."""
        self._judge(kind, content)
        return self.facts(content)

    def facts(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """Return what may be written of these facts."""
        if not self.rules.stores_no_person:
            return dict(content)
        return {key: self._checked(value) for key, value in content.items() if key not in NAMING}

    def close_station(self, why: PilotStop) -> None:
        """Close the station, durably where the disk takes it."""
        if not self.rules.stops_at_first_fault or self.stopped is not None:
            return
        self.stopped = why
        with contextlib.suppress(OSError):  # closed all the same, until the next start
            self._file.write_text(why, encoding="ascii")
        self._on_stop(why)

    def _checked(self, value: Any) -> Any:
        if isinstance(value, str) and hide_numbers(value) != value:
            self.close_station("number_written")
            return hide_numbers(value)
        return value

    def _judge(self, kind: EventType, content: Mapping[str, Any]) -> None:
        match kind:
            case EventType.CARD_NOT_GENUINE:
                self.close_station("not_genuine")
            case EventType.ERRAND_ENDED if _may_have_cost_a_try(content):
                self.close_station("try_lost")
            case EventType.STATION_STARTED if _CODES_AT_RISK.intersection(content.get("found", ())):
                self.close_station("try_lost")

    def _read(self) -> PilotStop | None:
        try:
            text = self._file.read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            return "unreadable"
        return next((why for why in get_args(PilotStop) if why == text), "unreadable")


def pilot_of(region: PilotRules | None, folder: Path, on_stop: Callable[[PilotStop], None] = lambda why: None) -> Pilot:
    """Return the rules of the region's file, and keep them; None, where it cannot be read: those that were kept, and closed.
    Raises OSError where they can neither be kept nor forgotten."""
    kept = folder / RULES_FILE
    if region is None:
        pilot = Pilot(_kept_rules(kept), folder, on_stop)
        if pilot.rules != PilotRules():
            pilot.stopped = pilot.stopped or "region"
        return pilot
    if region == PilotRules():
        kept.unlink(missing_ok=True)
    else:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept.write_text(region.model_dump_json(), encoding="ascii")
    return Pilot(region, folder, on_stop)


def _kept_rules(file: Path) -> PilotRules:
    """Damaged, the strictest: it was a pilot."""
    try:
        return PilotRules.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return PilotRules()
    except (OSError, ValueError):
        return PilotRules(stores_no_person=True, stops_at_first_fault=True)


def reopen(folder: Path) -> bool:
    """Open the station again; False where it was not closed. Raises OSError."""
    was_closed = (folder / FILE).exists()
    (folder / FILE).unlink(missing_ok=True)
    return was_closed


def _may_have_cost_a_try(content: Mapping[str, Any]) -> bool:
    outcome, reason = content.get("outcome"), content.get("reason")
    if outcome == ErrandOutcome.UNKNOWN:
        return reason != "card_pulled"
    return outcome == ErrandOutcome.FAULT and reason in _OUR_FAULTS


class NumberFilter(logging.Filter):
    """Takes numbers out of each line of a log, and closes the station where there was one."""

    def __init__(self, pilot: Pilot) -> None:
        super().__init__()
        self._pilot = pilot

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every line through, without its numbers."""
        error = record.exc_info[1] if record.exc_info else None
        text = record.getMessage()
        if hide_numbers(text) != text:
            record.msg, record.args = hide_numbers(text), ()
            self._pilot.close_station("number_written")
        if error is not None and hide_numbers(str(error)) != str(error):
            record.msg, record.exc_info = f"{record.msg} ({type(error).__name__})", None
            self._pilot.close_station("number_written")
        return True
