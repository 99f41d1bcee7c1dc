"""Region data for stations: read from a folder, cut into pages, signed by whoever asks for it.

The folder, which the region's own people write (every part is optional):

    switch-offs.json      [{"kind": "product", "what": "6XX", "text": {"sv": "...", "en": "..."}, "since": "2026-03-02"}]
    profiles/NAME.toml    product profiles, each with its detached signature NAME.toml.jws

Lists of revoked certificates come from the issuer (`set_lists`).

>>> from datetime import UTC
>>> from fleet.messages.link import RegionAsk
>>> RegionData().page("entre-a", RegionAsk(), datetime(2026, 3, 2, tzinfo=UTC)).files
()
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from fleet.messages.issuing import ON_A_TILE, SwitchOff
from fleet.messages.link import MessageError
from fleet.messages.region import PART_BYTES, FilePart, RegionAsk, RegionPage

VALID = timedelta(days=7)
Kind = Literal["profile", "profile_signature", "crl", "ocsp", "settings"]


class RegionError(Exception):
    """The folder cannot be used. The text names file and reason."""


@dataclass(frozen=True, slots=True)
class RegionFile:
    """One file that stations get."""

    kind: Kind
    name: str
    content: bytes

    @property
    def digest(self) -> str:
        """SHA-256, hex."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class StationFile:
    """Settings of the station that asks, which fit into a page. `sign` gives them as a JWS, which is another each time."""

    version: str
    sign: Callable[[], str]


class RegionData:
    """The set that stations get now. Replaced as a whole; a page is of one set."""

    def __init__(self, switch_offs: Sequence[SwitchOff] = (), files: Sequence[RegionFile] = ()) -> None:
        self._switch_offs = tuple(switch_offs)
        self._files = tuple(files)
        self._lists: tuple[RegionFile, ...] = ()
        self._make()

    @classmethod
    def load(cls, folder: Path) -> "RegionData":
        """Read the folder. Raises RegionError."""
        made = cls()
        made.reload(folder)
        return made

    def reload(self, folder: Path) -> None:
        """Read the folder anew; what was read before stays where it cannot be. Raises RegionError."""
        self._switch_offs, self._files = _switch_offs(folder / "switch-offs.json"), _profiles(folder / "profiles")
        self._make()

    def set_lists(self, lists: Sequence[bytes]) -> None:
        """The newest lists of the issuer."""
        self._lists = tuple(RegionFile("crl", hashlib.sha256(der).hexdigest()[:16], der) for der in lists)
        self._make()

    @property
    def lists(self) -> tuple[bytes, ...]:
        """The lists that stations get."""
        return tuple(file.content for file in self._lists)

    def page(self, station: str, ask: RegionAsk, now: datetime, settings: StationFile | None = None) -> RegionPage:
        """One page; `settings` are on one of their own, the last. Raises MessageError for a cursor that is none of ours, or of a
        set that was replaced meanwhile."""
        issued, not_after = _rfc3339(now), _rfc3339(now + VALID)
        own_set = hashlib.sha256(f"{self._set}/{settings.version}".encode()).hexdigest() if settings else self._set
        if ask.have == own_set and ask.cursor is None:
            return RegionPage(station, issued, not_after, own_set, unchanged=True)
        shared = self._pages if self._pages != ((),) or settings is None else ()
        total = len(shared) + (settings is not None)
        number = _page_number(ask.cursor, own_set, total)
        following = f"{own_set}:{number + 1}" if number + 1 < total else None
        switch_offs = self._switch_offs if number == 0 else ()
        if settings is not None and number == len(shared):
            (files,) = _paged([RegionFile("settings", "station", settings.sign().encode())])
        else:
            files = shared[number]
        return RegionPage(station, issued, not_after, own_set, False, switch_offs, files, following)

    def _make(self) -> None:
        files = (*self._files, *self._lists)
        parts = [
            msgspec.json.encode(self._switch_offs),
            *(f"{file.kind}/{file.name}/{file.digest}".encode() for file in files),
        ]
        self._set = hashlib.sha256(b"\0".join(parts)).hexdigest()
        self._pages = tuple(_paged(files)) or ((),)


def _page_number(cursor: str | None, of_set: str, total: int) -> int:
    if cursor is None:
        return 0
    cursor_set, _, number = cursor.partition(":")
    if cursor_set != of_set or not number.isascii() or not number.isdigit() or int(number) >= total:
        raise MessageError("cursor: none of ours")
    return int(number)


def _paged(files: Sequence[RegionFile]) -> Iterator[tuple[FilePart, ...]]:
    """Whole files side by side while they fit; a large one alone, in parts."""
    page: list[FilePart] = []
    size = 0
    for file in files:
        for start in range(0, max(1, len(file.content)), PART_BYTES):
            data = file.content[start : start + PART_BYTES]
            if page and size + len(data) > PART_BYTES:
                yield tuple(page)
                page, size = [], 0
            page.append(FilePart(file.kind, file.name, file.digest, base64.b64encode(data).decode()))
            size += len(data)
    if page:
        yield tuple(page)


def _switch_offs(path: Path) -> tuple[SwitchOff, ...]:
    if not path.exists():
        return ()
    try:
        switch_offs = tuple(msgspec.json.decode(path.read_bytes(), type=list[SwitchOff]))
    except (msgspec.MsgspecError, OSError) as error:
        raise RegionError(f"{path}: {error}") from None
    for switch_off in switch_offs:
        if switch_off.kind == "errand" and any(len(text) > ON_A_TILE for text in switch_off.text.values()):
            raise RegionError(f"{path}: {switch_off.what}: the text of an errand has at most {ON_A_TILE} characters")
    return switch_offs


def _profiles(folder: Path) -> tuple[RegionFile, ...]:
    files = []
    for path in sorted(folder.glob("*.toml")):
        signature = path.with_name(path.name + ".jws")
        try:
            files.append(RegionFile("profile", path.name, path.read_bytes()))
            files.append(RegionFile("profile_signature", signature.name, signature.read_bytes()))
        except OSError as error:
            raise RegionError(f"{error.filename}: {error.strerror}") from None
    return tuple(files)


def _rfc3339(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")
