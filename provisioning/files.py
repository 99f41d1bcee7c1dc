"""Key files: written atomically, for the owner alone."""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PRIVATE = 0o600
PUBLIC = 0o644
DIRECTORY = 0o700
CHUNK = 1 << 20
"""Bytes that are written over at a time."""


def write_file(path: Path, content: bytes, mode: int = PRIVATE) -> None:
    """Replace the file in one step: a reader, or a power cut, sees the old content or the new, never a half.

    On FAT too, where a renamed entry is told with the file, not with its folder, where the content lies.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def write_json(path: Path, content: Any, mode: int = PRIVATE) -> None:
    """The same for a value as indented JSON."""
    write_file(path, json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n", mode)


def make_directory(path: Path) -> None:
    """Make a directory, and those above it, for the owner alone."""
    path.mkdir(mode=DIRECTORY, parents=True, exist_ok=True)
    path.chmod(DIRECTORY)


@contextlib.contextmanager
def atomic_directory(directory: Path) -> Iterator[Path]:
    """Fill a directory beside the one that is wanted, and put it in place once all is written; nothing if that fails.

    The wanted one must be missing or empty (rename(2)).
    """
    directory.parent.mkdir(mode=DIRECTORY, parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}."))
    try:
        yield beside
        beside.rename(directory)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    sync_directory(directory.parent)


def destroy_file(path: Path) -> None:
    """Write a file over, and remove it: one that is only removed lies on the medium until something else is written there. A link
    is removed alone."""
    if not path.is_symlink():
        with path.open("r+b") as file:
            left = path.stat().st_size
            while left > 0:
                left -= file.write(bytes(min(left, CHUNK)))
            file.flush()
            os.fsync(file.fileno())
    path.unlink()
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make a rename in this directory last."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def directory_lock(path: Path) -> Iterator[None]:
    """Hold the lock of a directory while its files are read, changed and written: one process at a time."""
    with (path / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read_json(path: Path, default: Any = None) -> Any:
    """The value in a JSON file; `default`, unless None, where there is no such file. Raises OSError, ValueError."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        if default is None:
            raise
        return default
