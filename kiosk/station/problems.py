"""The list of problems of a station: what is missing or broken, in words, for whoever asks.

>>> problems = Problems()
>>> problems.report("store", "the disk is full")
>>> problems.codes
frozenset({'store'})
>>> problems.clear("store")
>>> problems.all
()
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StationProblem:
    """Something that is missing or broken. `code` is stable, `text` says what and what to do."""

    code: str
    text: str


class Problems:
    """One problem for each code: a new report replaces the one before. `on_report` is called with each."""

    def __init__(self, on_report: Callable[[str, str], None] = lambda code, text: None) -> None:
        self._on_report = on_report
        self._problems: tuple[StationProblem, ...] = ()

    @property
    def all(self) -> tuple[StationProblem, ...]:
        """The problems, the latest report last."""
        return self._problems

    @property
    def codes(self) -> frozenset[str]:
        return frozenset(problem.code for problem in self._problems)

    def report(self, code: str, text: str) -> None:
        """Log the problem and keep it."""
        logger.warning("%s: %s", code, text)
        self._on_report(code, text)
        self.clear(code)
        self._problems += (StationProblem(code, text),)

    def clear(self, code: str) -> None:
        """Forget the problem of that code."""
        self._problems = tuple(problem for problem in self._problems if problem.code != code)
