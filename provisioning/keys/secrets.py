"""Secrets that open keys: from a file that its owner alone reads, or from a prompt."""

import getpass
import stat
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

Unlock = Callable[[str], bytes]
"""Gives the secret that is wanted: what for is said to a person (`passphrase of ca.key`)."""


class KeyFileError(Exception):
    """A key cannot be opened. The text says which and why, and shows nothing of it."""


class SecretFileError(Exception):
    """The secret cannot be had. The text says why, and shows nothing of it."""


def read_secret(path: Path) -> bytes:
    """The first line of a file of mode 0600. Raises SecretFileError."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise SecretFileError(f"{path}: others may read it; set its mode to 0600")
        secret = path.read_bytes().split(b"\n")[0].removesuffix(b"\r")
    except OSError as error:
        raise SecretFileError(f"{path}: {error.strerror}") from None
    if not secret:
        raise SecretFileError(f"{path}: is empty")
    return secret


def ask(label: str) -> bytes:
    """By a prompt. Raises SecretFileError where nobody is there to be asked."""
    if not sys.stdin.isatty():
        raise SecretFileError(f"the {label} is wanted: give --passphrase-file")
    return getpass.getpass(f"{label[0].upper()}{label[1:]}: ").encode()


def unlocking(path: Path | None) -> Unlock:
    """From that file each time; asked once where there is none."""
    if path is not None:
        return lambda label: read_secret(path)
    return partial(_remembered, {})


def _remembered(remembered: dict[str, bytes], label: str) -> bytes:
    if label not in remembered:
        remembered[label] = ask(label)
    return remembered[label]
