"""The container of an evidence file: a ZIP archive in one exact form, without compression.

Rules: any program that opens ZIP files opens it; what is read here must be, byte for byte, what `ArchiveWriter` makes of the
members: no compression, no time of day, no comment, nothing between or behind. So no byte can change unseen, and nothing unpacks
to more than what lies there. Layout by PKWARE's APPNOTE 6.3, sections 4.3.7 (local header), 4.3.12 (central directory) and
4.3.16 (its end).

>>> from io import BytesIO
>>> file = BytesIO()
>>> with ArchiveWriter(file) as writer:
...     writer.add("README.txt", b"Hello")
>>> Archive(file).read("README.txt")
b'Hello'
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Self

MOST_BYTES = 512 * 1024 * 1024
MOST_MEMBERS = 10_000
MOST_MEMBER_BYTES = 64 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99}){0,2}\Z")

_LOCAL = struct.Struct("<4s5HIII2H")
_CENTRAL = struct.Struct("<4s6HIII5HII")
_END = struct.Struct("<4s4HIIH")
_VERSION = 20
_MADE_BY = 3 << 8 | _VERSION
"""Unix, and the version that reads it."""
_DATE = 0x21
"""1 January 1980, the first day that the format knows."""
_MODE = 0o100644 << 16


class ContainerError(ValueError):
    """It is not such an archive, or not in its one form. `at` is the byte at which that shows."""

    def __init__(self, at: int, reason: str) -> None:
        super().__init__(f"byte {at}: {reason}")
        self.at = at
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Member:
    """Place of the content of a member."""

    name: str
    start: int
    size: int
    crc: int


class ArchiveWriter:
    """Writes members one after the other, and the directory at the end of the `with`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._members: list[Member] = []

    def add(self, name: str, content: bytes) -> None:
        """Raises ValueError for a name or a size that no reader would take."""
        if not _NAME.match(name) or len(content) > MOST_MEMBER_BYTES or len(self._members) >= MOST_MEMBERS:
            raise ValueError(f"{name} does not fit an evidence file")
        header = _local(name, len(content), zlib.crc32(content))
        member = Member(name, self._file.tell() + len(header), len(content), zlib.crc32(content))
        if member.start + member.size > MOST_BYTES:
            raise ValueError(f"an evidence file has at most {MOST_BYTES} bytes")
        self._file.write(header)
        self._file.write(content)
        self._members.append(member)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._file.write(_directory(self._members, self._file.tell()))


class Archive:
    """An archive that has been read through once and is in its one form."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises ContainerError."""
        self._file = file
        self.members: dict[str, Member] = {}
        size = file.seek(0, 2)
        if size > MOST_BYTES:
            raise ContainerError(MOST_BYTES, f"it has {size} bytes, more than an evidence file may have")
        for member in self._walk(size):
            self.members[member.name] = member
        self._check_directory(size)

    def read(self, name: str) -> bytes:
        """The content of a member. Raises KeyError."""
        member = self.members[name]
        self._file.seek(member.start)
        return self._file.read(member.size)

    def _walk(self, size: int) -> Iterator[Member]:
        at = 0
        while True:
            self._file.seek(at)
            header = self._file.read(_LOCAL.size)
            if header[:4] != b"PK\3\4":
                return
            member = self._member(at, header, size)
            yield member
            at = member.start + member.size

    def _member(self, at: int, header: bytes, size: int) -> Member:
        if len(header) < _LOCAL.size:
            raise ContainerError(at, "it ends in the middle of a header")
        *_, crc, length, _, name_length, _ = _LOCAL.unpack(header)
        raw = self._file.read(min(name_length, 400))
        name = raw.decode("ascii", "replace")
        start = at + _LOCAL.size + name_length
        if not _NAME.match(name) or name in self.members or len(self.members) >= MOST_MEMBERS:
            raise ContainerError(at, "a name that no member of an evidence file has, or has twice")
        if length > MOST_MEMBER_BYTES or start + length > size:
            raise ContainerError(at, f"{name} is longer than what lies there")
        if _local(name, length, crc) != header + raw:
            raise ContainerError(at, f"the header of {name} is not in its one form")
        if zlib.crc32(self._file.read(length)) != crc:
            raise ContainerError(start, f"the content of {name} is not what was put there")
        return Member(name, start, length, crc)

    def _check_directory(self, size: int) -> None:
        last = list(self.members.values())[-1:]
        at = last[0].start + last[0].size if last else 0
        expected = _directory(list(self.members.values()), at)
        self._file.seek(at)
        stored = self._file.read(len(expected) + 1)
        if not self.members:
            raise ContainerError(0, "it is no evidence file")
        if stored != expected or at + len(expected) != size:
            differs = next((n for n, (a, b) in enumerate(zip(stored, expected, strict=False)) if a != b), len(expected))
            raise ContainerError(at + min(differs, len(stored)), "the directory at its end is not in its one form")


def _local(name: str, size: int, crc: int) -> bytes:
    return _LOCAL.pack(b"PK\3\4", _VERSION, 0, 0, 0, _DATE, crc, size, size, len(name), 0) + name.encode()


def _directory(members: list[Member], at: int) -> bytes:
    """Central directory and end record, as they stand at byte `at`."""
    entries = b"".join(_entry(member) for member in members)
    count = len(members)
    return entries + _END.pack(b"PK\5\6", 0, 0, count, count, len(entries), at, 0)


def _entry(member: Member) -> bytes:
    name = member.name.encode()
    at = member.start - _LOCAL.size - len(name)
    fixed = (_MADE_BY, _VERSION, 0, 0, 0, _DATE, member.crc, member.size, member.size, len(name))
    return _CENTRAL.pack(b"PK\1\2", *fixed, 0, 0, 0, 0, _MODE, at) + name
