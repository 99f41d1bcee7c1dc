"""Parser of the answers file of `walk`: TOML, in order. docs/walk.md.

[cards]
old = "B:old.json"                                  # kind and state file, relative to this file
new = { state = "new.json", order = 3, which = "new" }   # made where missing: person 3's new card
locked = { state = "locked.json", locked = true }   # made with a PIN that three wrong codes have locked

[[answer]]
view = "pickup.who"
value = "old_card"

[[answer]]
do = "insert"                                       # or "remove", or "swap"
card = "old"

On a real reader a person does it: [cards] is left out, and so may `card`, which then only says which one is meant.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class AnswersError(Exception):
    """The answers file cannot be used: file, entry, reason."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CardEntry(_Strict):
    """A virtual card: its state file, and which made-up card to make where the file is missing."""

    kind: Literal["A", "B", "C", "D"] = "B"
    state: str
    order: int = 1
    which: Literal["old", "new"] = "new"
    locked: bool = False
    """Whether its PIN's tries are used up when it is made."""


class WalkAnswer(_Strict):
    """One entry: an answer to a view, or something that hands do while a view is up."""

    view: str | None = None
    value: str | None = None
    do: Literal["insert", "remove", "swap"] | None = None
    card: str | None = None
    reader: Literal["holder", "administrator"] | None = None
    optional: bool = False
    """Passed over where another view comes: not every card product asks that."""

    @model_validator(mode="after")
    def _one_of_two(self) -> "WalkAnswer":
        if self.do is None and (self.view is None or self.value is None):
            raise ValueError("an answer needs view and value, or do")
        if self.do is not None and self.value is not None:
            raise ValueError("an entry with do has no value")
        return self


class AnswersFile(_Strict):
    cards: dict[str, Annotated[CardEntry | str, Field()]] = {}
    answer: tuple[WalkAnswer, ...]


@dataclass(frozen=True, slots=True)
class WalkAnswers:
    """Content of an answers file: the entries, and the cards with paths that are relative to nothing."""

    entries: tuple[WalkAnswer, ...]
    cards: dict[str, tuple[Path, CardEntry]]


def load(path: Path, *, by_person: bool = False) -> WalkAnswers:
    """Read and check. Raises AnswersError; a value is never shown, since it may be a code.

    `by_person`: whether a person may move cards, so that not every card need be a virtual one.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        file = AnswersFile.model_validate(document)
    except OSError as error:
        raise AnswersError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise AnswersError(f"{path}: is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise AnswersError(f"{path}: is not TOML: {error}") from None
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
        raise AnswersError("\n".join(lines)) from None
    cards = {name: _card(path, name, entry) for name, entry in file.cards.items()}
    for number, entry in enumerate(file.answer):
        if entry.do in ("insert", "swap") and not (entry.card or by_person):
            raise AnswersError(f"{path}: answer.{number}: do = {entry.do!r} needs card")
        if entry.card is not None and entry.card not in cards and (cards or not by_person):
            raise AnswersError(f"{path}: answer.{number}: [cards] names no {entry.card!r}")
    return WalkAnswers(file.answer, cards)


def _card(path: Path, name: str, entry: CardEntry | str) -> tuple[Path, CardEntry]:
    if isinstance(entry, str):
        kind, colon, state = entry.partition(":")
        if not colon or kind not in ("A", "B", "C", "D") or not state:
            raise AnswersError(f"{path}: cards.{name}: say KIND:FILE, such as B:old.json")
        entry = CardEntry(kind=kind, state=state)  # type: ignore[arg-type]  # checked in the line before
    return path.parent / entry.state, entry
