"""Codes at a desk: typed unseen, a new one twice, and no word of them in what is said when they cannot be had."""

import io
import sys

import pytest

from drivers.reader.program.codes import CodesError, CodeSource
from drivers.reader.secret import Secret


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[str | BaseException]:
    """What comes from the keyboard, one entry after the other."""
    entries: list[str | BaseException] = []

    def getpass(_prompt: str) -> str:
        entry = entries.pop(0)
        if isinstance(entry, BaseException):
            raise entry
        return entry

    monkeypatch.setattr("getpass.getpass", getpass)
    monkeypatch.setattr(sys, "stdin", Terminal())
    return entries


def test_a_new_code_is_asked_for_twice_and_others_once(typed: list[str | BaseException]) -> None:
    typed += ["246813", "975318", "975318"]
    codes = CodeSource(None)
    assert codes.get("pin", "PIN") == Secret("246813")
    assert codes.get("new_pin", "New PIN") == Secret("975318")
    assert typed == []


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (["975318", "975381"], "the two entries differ"),
        ([EOFError()], "no code was entered"),
        ([UnicodeDecodeError("utf-8", b"97531\xe5", 5, 6, "unexpected end of data")], "signs that this terminal"),
        (["97531\udce5", "975318"], "the two entries differ"),
    ],
)
def test_what_cannot_be_a_code_is_said_without_it(
    typed: list[str | BaseException], entries: list[str | BaseException], said: str
) -> None:
    typed += entries
    with pytest.raises(CodesError, match=said) as fault:
        CodeSource(None).get("new_pin", "New PIN")
    assert "97531" not in f"{fault.value!r} {fault.value.__cause__!r}"
    assert fault.value.__suppress_context__ or fault.value.__context__ is None


def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("246813\n"))
    with pytest.raises(CodesError, match="nobody to ask"):
        CodeSource(None).get("pin", "PIN")
