"""Region data at the station: switch-offs, profiles and revocation data, signed by the server, applied whole or not at all.

A set comes in pages; each file is checked against its digest, and the set replaces the one before in one transaction.
`on_files` is called after it with the new files (revocation data goes into the reader's cache, profiles into their folder). The
last set counts until another one is there, also past `not_after`: what is switched off stays so.
"""

import asyncio
import base64
import hashlib
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import msgspec

from fleet.agent.answer_verification import AnswerVerifier, SyncRefused
from fleet.agent.keeping import Asker, keep_fresh
from fleet.agent.store import StationStore
from fleet.messages.asking import REGION_TYP
from fleet.messages.issuing import SwitchOff, switches_off
from fleet.messages.region import FilePart, RegionAsk, RegionPage

SCHEMA = """
CREATE TABLE IF NOT EXISTS region (
    one INTEGER PRIMARY KEY CHECK (one = 1), of_set TEXT NOT NULL, issued TEXT NOT NULL, switch_offs BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS region_file (
    kind TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, content BLOB NOT NULL, PRIMARY KEY (kind, name)
) STRICT;
"""
MAX_PAGES = 1000
EVERY_S = 600.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RegionFile:
    """One file of the set."""

    kind: str
    name: str
    content: bytes


class SyncedRegion:
    """The region's data as the station holds it. `store` was opened with `SCHEMA` among its schemas."""

    def __init__(
        self,
        store: StationStore,
        link: Asker,
        words: AnswerVerifier,
        clock: Callable[[], datetime],
        *,
        on_files: Callable[[Sequence[RegionFile]], None] = lambda files: None,
        on_signed_time: Callable[[datetime, float], None] = lambda issued, took_s: None,
    ) -> None:
        """`on_signed_time` is called with each signed time as it comes, and the seconds that the answer took: a floor for the
        station's clock, and a measure of it."""
        self._store = store
        self._link = link
        self._words = words
        self._clock = clock
        self._wake = asyncio.Event()
        self._switch_offs = store.transact_now(_switch_offs)
        self.digest, _ = store.transact_now(_held)
        """Of the set that is held; None before the first."""
        self._on_files = [on_files]
        self._on_signed_time = on_signed_time

    def off(self, *, errand: str = "", product: str = "", card_number: str = "") -> SwitchOff | None:
        """The first switch-off that names one of them."""
        conditions = {"errand": errand, "product": product, "card_number": card_number}
        return next((switch_off for switch_off in self._switch_offs if switches_off(switch_off, **conditions)), None)

    def files(self) -> tuple[RegionFile, ...]:
        """All files that are held."""
        return self._store.transact_now(
            lambda cx: tuple(RegionFile(*row) for row in cx.execute("SELECT kind, name, content FROM region_file"))
        )

    def follow_files(self, on_files: Callable[[Sequence[RegionFile]], None]) -> None:
        """Have `on_files` called with the files that are held, if any set is, and with those of each new set."""
        self._on_files.append(on_files)
        if self.digest is not None:
            on_files(self.files())

    async def refresh(self, timeout_s: float = 10.0) -> None:
        """Fetch the set, where it is another. Raises LinkDown, AskTimeout, SyncRefused (the old one stays), StoreError."""
        held_set, floor = await self._store.transact(_held)
        pages: list[RegionPage] = []
        cursor: str | None = None
        while not pages or cursor is not None:
            if len(pages) == MAX_PAGES:
                raise SyncRefused("too_long", f"the region's data has more than {MAX_PAGES} pages")
            ask = RegionAsk(cursor=cursor, have=held_set, settings=True)
            begun = time.monotonic()
            answer = await self._link.ask(ask, timeout_s)
            took_s = time.monotonic() - begun
            page = self._words.opened(answer, REGION_TYP, RegionPage)
            self._check(page, pages, floor, took_s)
            if page.unchanged:
                await self._store.transact(partial(_issued, issued=page.issued))
                return
            pages.append(page)
            cursor = page.next
        await self._take(pages)

    def ask_soon(self) -> None:
        """Ask at once, and not only when the time has come."""
        self._wake.set()

    async def run(self, every_s: float = EVERY_S) -> None:
        """Keep it fresh until cancelled: on each connect and every `every_s` seconds."""
        await keep_fresh(self._link, self._wake, self.refresh, "the region's data", every_s=every_s)

    def _check(self, page: RegionPage, before: list[RegionPage], floor: datetime | None, took_s: float) -> None:
        issued, not_after = _time(page.issued), _time(page.not_after)
        if floor is not None and issued < floor:
            raise SyncRefused("replayed", "the region's data is older than what is held")
        self._on_signed_time(issued, took_s)
        if max(self._clock(), issued) > not_after:
            raise SyncRefused("expired", "the region's data is past its time")
        if before and page.set != before[0].set:
            raise SyncRefused("mixed", "the pages are of two sets")

    async def _take(self, pages: list[RegionPage]) -> None:
        files = _whole([part for page in pages for part in page.files])
        switch_offs = tuple(switch_off for page in pages for switch_off in page.switch_offs)

        def work(cx: sqlite3.Connection) -> None:
            row = (pages[0].set, pages[0].issued, msgspec.json.encode(switch_offs))
            cx.execute("INSERT OR REPLACE INTO region VALUES (1, ?, ?, ?)", row)
            cx.execute("DELETE FROM region_file")
            rows = [(file.kind, file.name, hashlib.sha256(file.content).hexdigest(), file.content) for file in files]
            cx.executemany("INSERT INTO region_file VALUES (?, ?, ?, ?)", rows)

        await self._store.transact(work)
        self._switch_offs, self.digest = switch_offs, pages[0].set
        for on_files in self._on_files:
            on_files(files)


def _whole(parts: Sequence[FilePart]) -> list[RegionFile]:
    """Parts put together, each file as its digest says. Raises SyncRefused."""
    contents: dict[tuple[str, str, str], bytearray] = {}
    try:
        for part in parts:
            contents.setdefault((part.kind, part.name, part.digest), bytearray()).extend(
                base64.b64decode(part.data, validate=True)
            )
    except ValueError:
        raise SyncRefused("malformed", "a part of a file is no base64") from None
    if any(hashlib.sha256(content).hexdigest() != digest for (_, _, digest), content in contents.items()):
        raise SyncRefused("malformed", "a file is not what its digest says")
    if len({(kind, name) for kind, name, _ in contents}) != len(contents):
        raise SyncRefused("malformed", "a file comes twice")
    return [RegionFile(kind, name, bytes(content)) for (kind, name, _), content in contents.items()]


def _held(cx: sqlite3.Connection) -> tuple[str | None, datetime | None]:
    row = cx.execute("SELECT of_set, issued FROM region").fetchone()
    return (None, None) if row is None else (row[0], _time(row[1]))


def _issued(cx: sqlite3.Connection, issued: str) -> None:
    cx.execute("UPDATE region SET issued = ?", (issued,))


def _switch_offs(cx: sqlite3.Connection) -> tuple[SwitchOff, ...]:
    row = cx.execute("SELECT switch_offs FROM region").fetchone()
    return () if row is None else tuple(msgspec.json.decode(row[0], type=list[SwitchOff]))


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise SyncRefused("malformed", "a time is not RFC 3339") from None
    if time.tzinfo is None:
        raise SyncRefused("malformed", "a time names no zone")
    return time
