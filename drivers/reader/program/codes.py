"""Sources of codes for commands at a desk: a prompt that shows nothing, or a file that only its owner can read.

Never from arguments, which every user of the machine can see. No message names a code or shows a line of the file.
"""

import getpass
import os
import signal
import stat
import sys
import tomllib
from pathlib import Path
from typing import Literal, Protocol

from drivers.reader.secret import Secret

CodeName = Literal["pin", "puk", "new_pin", "signature_pin"]
NAMES: tuple[CodeName, ...] = ("pin", "puk", "new_pin", "signature_pin")


class CodesError(Exception):
    """The codes cannot be had; the text is for the person who asked."""


class Codes(Protocol):
    """Source of codes."""

    def get(self, name: CodeName, label: str) -> Secret:
        """A code. Raises CodesError."""


class CodeSource:
    """A file of codes, or without one the person at the keyboard."""

    def __init__(self, file: Path | None) -> None:
        self._codes = None if file is None else read_codes(file)
        self._file = file

    def get(self, name: CodeName, label: str) -> Secret:
        """A code. A new one is asked for twice. Raises CodesError."""
        if self._codes is not None:
            if name not in self._codes:
                raise CodesError(f"{self._file}: {name} is missing")
            return self._codes[name]
        code = _prompt(label)
        if name == "new_pin" and _prompt(f"{label} again") != code:
            raise CodesError("the two entries differ")
        return code


def _prompt(label: str) -> Secret:
    if not sys.stdin.isatty():
        raise CodesError("codes come from a prompt or from --codes-file; there is nobody to ask")
    # asyncio takes ^C until the next wait, and the code would go to the card; here it ends the question at once.
    taken = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return Secret(getpass.getpass(f"{label}: "))
    except EOFError:
        raise CodesError("no code was entered") from None
    except UnicodeDecodeError:  # it holds what was typed
        raise CodesError("the code has signs that this terminal cannot send") from None
    finally:
        signal.signal(signal.SIGINT, taken)


def read_codes(file: Path) -> dict[CodeName, Secret]:
    """The codes of a TOML file of mode 0600 (or 0400). Raises CodesError with file, key and reason."""
    try:
        with file.open("rb") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            if mode & 0o077:
                raise CodesError(f"{file}: others can read it (mode {mode:04o}); it must be 0600")
            table = tomllib.load(opened)
    except OSError as reason:
        raise CodesError(f"{file}: {reason.strerror}") from None
    except ValueError:
        raise CodesError(f"{file}: not TOML") from None  # its own text may quote the line
    return _checked(table, file)


def _checked(table: dict[str, object], file: Path) -> dict[CodeName, Secret]:
    unknown = sorted(set(table) - set(NAMES))
    if unknown:
        raise CodesError(f"{file}: {len(unknown)} unknown key(s); known are {', '.join(NAMES)}")
    codes: dict[CodeName, Secret] = {}
    for name in NAMES:
        value = table.get(name)
        if value is None:
            continue
        if not isinstance(value, str) or not value:
            raise CodesError(f"{file}: {name} must be text in quotation marks")
        codes[name] = Secret(value)
    return codes
