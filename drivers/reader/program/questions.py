"""Questions to the person at a desk, answered at the terminal or by a file; and the tries that the person lets go.

The file is TOML with one text for each question, by its key. One that is missing is named before anything is done.
"""

import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

MOST_TRIES = 4
"""So many times a person is asked to let a code go to the card; three where it takes its PIN as it describes it."""


class AnswerError(ValueError):
    """An answer that is missing or cannot be used; the text names its key."""


@dataclass(slots=True)
class Questions:
    """Asks, and counts what was asked. `waited_s`: seconds that went to the person."""

    answers: dict[str, str] | None = None
    asked: int = 0
    announced: list[str] = field(default_factory=list)
    waited_s: float = 0.0

    @classmethod
    def of_file(cls, path: Path | None, keys: Sequence[str]) -> "Questions":
        """From a file that answers all of them, or from the terminal. Raises AnswerError."""
        if path is None:
            return cls()
        try:
            table = tomllib.loads(path.read_text("utf-8"))
        except OSError as fault:
            raise AnswerError(f"{path}: {fault.strerror}") from None
        except ValueError as fault:
            raise AnswerError(f"{path}: is not TOML: {fault}") from None
        wrong = [key for key in keys if not isinstance(table.get(key), str)]
        if wrong:
            raise AnswerError(f"{path}: {wrong[0]}: must be a text")
        return cls(table)

    def ask(self, key: str, text: str, options: Sequence[str] = (), default: str = "") -> str:
        """One answer. Without a file it is asked again until it is one of the options. Raises AnswerError, EOFError."""
        self.asked += 1
        choice = f" [{'/'.join(options)}]" if options else f" [{default or 'nothing'}]"
        print(f"\n{text}{choice}")
        while True:
            answer = self._answer(key) or default
            if not options or answer in options:
                return answer
            if self.answers is not None:
                raise AnswerError(f"{key}: must be one of {', '.join(options)}")
            print(f"Please answer with one of {', '.join(options)}.")

    def _answer(self, key: str) -> str:
        if self.answers is not None:
            print(f"> {self.answers[key]}")
            return self.answers[key].strip()
        if not sys.stdin.isatty():
            raise AnswerError(f"{key}: there is nobody to ask; give --answers FILE")
        with self.waiting():
            return input("> ").strip()

    def agree(self, key: str, text: str) -> bool:
        """Ask whether the person lets a code go to the card, once they know what it may cost; `MOST_TRIES` times at most."""
        if len(self.announced) >= MOST_TRIES or self.ask(key, text, ("yes", "no")) != "yes":
            return False
        self.announced.append(key)
        return True

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Time in it is the person's, not the machine's."""
        since = time.monotonic()
        try:
            yield
        finally:
            self.waited_s += time.monotonic() - since
