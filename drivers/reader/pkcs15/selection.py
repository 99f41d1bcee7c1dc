"""SELECT negotiation (ISO/IEC 7816-4 11.2.2): cards differ in the P1 and P2 that they take.

Rules:
- The usual form is asked for first; one that the card refuses is followed by the next, and what it took goes before all others
  from then on, on every card of the same answer to reset (`FileHabits`).
- Only what this very card has taken is believed: then "not found" (6A82) means that the file is not there.
- File control information is wanted where it costs nothing; over T=0, where it would have to be fetched, it is left.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from drivers.reader import iso7816
from drivers.reader.apdu import SHORT_LE, ResponseApdu, StatusWord
from drivers.reader.iso7816 import MF, SelectAnswer, SelectBy
from drivers.reader.pkcs15.values import Base
from drivers.reader.transport.channel import MAX_ANSWER, ApduChannel

FileKind = Literal["df", "ef"]
_OTHER_ANSWER = (StatusWord.WRONG_P1P2, StatusWord.WRONG_LENGTH)
_OTHER_FORM = (
    StatusWord.WRONG_P1P2, StatusWord.WRONG_LENGTH, StatusWord.FUNCTION_NOT_SUPPORTED, StatusWord.OUTSIDE_FILE,
    StatusWord.INS_NOT_SUPPORTED, StatusWord.FILE_NOT_FOUND, StatusWord.WRONG_DATA,
)  # fmt: skip
_BY: dict[FileKind, tuple[SelectBy, ...]] = {
    "df": (SelectBy.ANY, SelectBy.DF),
    "ef": (SelectBy.ANY, SelectBy.EF, SelectBy.PATH_FROM_DF),
}


@dataclass(slots=True)
class FileHabits:
    """Ways in which cards of one answer to reset want their files asked for, learned from what they took and refused."""

    short_ids: bool = True
    """They take READ BINARY by short identifier."""
    answer: SelectAnswer | None = None
    by_path: bool = True
    """They take a path from the MF."""
    df: SelectBy | None = None
    ef: SelectBy | None = None
    most: int = SHORT_LE
    """Most bytes of one READ BINARY."""
    application: tuple[Base, bytes] | None = None
    """Where their application was found last, and its AID: looked for first."""


class FileSelection:
    """SELECT on one connection, in the forms that its card takes."""

    def __init__(self, channel: ApduChannel, habits: FileHabits) -> None:
        self._channel = channel
        self._habits = habits
        self._proved: set[FileKind | Literal["answer", "path"]] = set()

    def by_name(self, aid: bytes) -> ResponseApdu:
        """By DF name; whatever was answered."""
        return self._any_answer(SelectBy.NAME, aid)

    def by_path(self, path: bytes) -> ResponseApdu | None:
        """By a path from the MF; None where the card has no such SELECT, or no such file."""
        if not self._habits.by_path or self._habits.ef is SelectBy.PATH_FROM_DF:
            return None
        response = self._any_answer(SelectBy.PATH_FROM_MF, path[len(MF) :])
        if is_selected(response):
            self._proved.add("path")
        return None if response.sw in _OTHER_FORM and "path" not in self._proved else response

    def forget_paths(self) -> None:
        """A file that was not found by its path was found by its identifiers."""
        self._habits.by_path = False

    def by_identifier(self, identifier: bytes, kind: FileKind) -> ResponseApdu:
        """A file near the current DF; whatever was answered, to the usual form where none was taken."""
        answers: list[ResponseApdu] = []
        for form in self._forms(kind):
            response = self._any_answer(form, identifier)
            if is_selected(response):
                self._learn(kind, form)
                return response
            answers.append(response)
            if response.sw not in _OTHER_FORM or (kind in self._proved and response.sw == StatusWord.FILE_NOT_FOUND):
                break
        return answers[0]

    def _forms(self, kind: FileKind) -> Iterator[SelectBy]:
        usual = self._habits.df if kind == "df" else self._habits.ef
        return iter(dict.fromkeys(form for form in (usual, *_BY[kind]) if form is not None))

    def _learn(self, kind: FileKind, form: SelectBy) -> None:
        self._proved.add(kind)
        if kind == "df":
            self._habits.df = form
        else:
            self._habits.ef = form

    def _any_answer(self, by: SelectBy, name: bytes) -> ResponseApdu:
        """With the P2 that the card takes. What T=0 would have to fetch is left where it is."""
        usual = self._habits.answer
        choices = (usual,) if usual is not None and "answer" in self._proved else (usual, *SelectAnswer)
        enough = 0 if self._channel.t0 else MAX_ANSWER
        for answer in dict.fromkeys(choice for choice in choices if choice is not None):
            response = self._channel.send(iso7816.select(by, answer, name), enough=enough)
            if is_selected(response):
                self._habits.answer = answer
                self._proved.add("answer")
            if response.sw not in _OTHER_ANSWER:
                break
        return response


def is_selected(response: ResponseApdu) -> bool:
    """9000, a warning that the file is there but deactivated (6283), or that more can be fetched (61xx)."""
    return response.ok or response.sw >> 8 in (0x61, 0x62)
