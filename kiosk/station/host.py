"""The host of a station: what the program around it does for it, as callbacks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Host:
    """Callbacks of the program that runs the station; by default nobody is told."""

    language: Callable[[], str] | None = None
    """The language that the person has chosen: that of the paper. None: the station's own."""
    person_left: Callable[[], None] = lambda: None
    """Called when an errand has ended: the screen forgets what the last person chose."""
    on_problem: Callable[[str, str], None] = lambda code, text: None
    on_closed: Callable[[bool], None] = lambda closed: None
    """Called when the service door closes the station to visitors, and when it is open to them again."""
    on_headphones: Callable[[bool], None] = lambda plugged: None
    """Called when headphones are put in or pulled."""
    end_program: Callable[[], None] | None = None
    """Ends the program so that it starts anew; None where nobody would start it."""
    own_document: Mapping[str, Any] | None = None
    """What `station.toml` itself says, below which the fleet's settings lie; None where the fleet can give none."""
    log_lines: Callable[[], Sequence[str]] = tuple
    """The latest lines of the log, without their values."""
