"""Reader roles: which PC/SC reader is the holder's and which the administrator's, whatever their names are today.

Rules:
- A name or a pattern in `station.toml` decides for its role.
- With `auto`, the only reader is the holder's. Of two, an administrator (or the assistant of the first boot) tells once which is
  which; it is kept by USB port in the station's data folder.
- A reader at a port that was told has that role, whatever model it is. Where one told port is empty and one stranger is there,
  the stranger was moved. A reader more than was told gets no role.
- Until it is told, readers are taken by their ports' order, and the station says so.
"""

import asyncio
import json
import re
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from typing import Literal, Protocol, get_args

from drivers.reader.errors import CardBusyError, NoReaderError
from drivers.reader.port import NO_READER, Backend, CardConnection, Look, Presence
from drivers.reader.transport.usb_ports import ConnectedReader, locate_readers, usb_port
from kiosk.config import AUTO, VIRTUAL, ReadersSection

FILE = "readers.json"
LOOK_EVERY_S = 0.3
SLICE_S = 1.0
"""Longest wait at one reader before it is asked again which reader has the role."""

UNTOLD = "nobody has told which of the readers is whose, so their ports' order decides: tell it under Service, Readers"

ReaderRole = Literal["holder", "administrator"]
ROLES: tuple[ReaderRole, ...] = get_args(ReaderRole)


@unique
class Decision(StrEnum):
    """Way in which it was decided which reader has a role."""

    NAME = "name"
    PATTERN = "pattern"
    TOLD = "told"
    ONLY = "only"
    MOVED = "moved"
    ORDER = "order"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ReaderAssignment:
    """The reader that has a role now, or None."""

    reader: ConnectedReader | None
    decision: Decision


UNASSIGNED = ReaderAssignment(None, Decision.NONE)


def is_pattern(setting: str) -> bool:
    """Return whether a setting of a reader may match several names: no PC/SC name has `*` or `?` in it."""
    return "*" in setting or "?" in setting


def matches_name(setting: str, name: str) -> bool:
    """Return whether the setting means that reader's name. Brackets are part of names, and stand for themselves.

    >>> matches_name("*[CCID Interface] (5331*", "SCM Microsystems Inc. SCR 3310 [CCID Interface] (53312028233379) 00 00")
    True
    """
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in re.split(r"([*?])", setting))
    return re.fullmatch("".join(parts), name) is not None


def assign_roles(
    settings: Mapping[ReaderRole, str], places: Mapping[ReaderRole, str], connected: Sequence[ConnectedReader]
) -> dict[ReaderRole, ReaderAssignment]:
    """Assign the readers to the roles. `settings` as in `station.toml`, without roles that no real reader has; `places`
    were told."""
    assignments: dict[ReaderRole, ReaderAssignment] = {}
    for role in (role for role in settings if settings[role] != AUTO):
        meant = [reader for reader in connected if matches_name(settings[role], reader.name)]
        decision = Decision.PATTERN if is_pattern(settings[role]) else Decision.NAME
        assignments[role] = ReaderAssignment(meant[0], decision) if len(meant) == 1 else UNASSIGNED
    taken = {assignment.reader for assignment in assignments.values()}
    free = [reader for reader in connected if reader not in taken]
    automatic = [role for role in ROLES if settings.get(role) == AUTO]
    for role in automatic:
        reader = next((reader for reader in free if reader.place and reader.place == places.get(role)), None)
        if reader is not None:
            assignments[role] = ReaderAssignment(reader, Decision.TOLD)
            free.remove(reader)
    strangers = [reader for reader in free if not reader.place or reader.place not in places.values()]
    assignments |= _assign_untold([role for role in automatic if role not in assignments], places, strangers)
    return assignments


def _assign_untold(
    roles: Sequence[ReaderRole], places: Mapping[ReaderRole, str], strangers: Sequence[ConnectedReader]
) -> dict[ReaderRole, ReaderAssignment]:
    """Of readers that were told to nobody. A second role is given away unless it was told that there is none."""
    wanting = [role for role in roles if role in places or not places]
    if len(wanting) == 1 and wanting[0] in places:
        decision = Decision.MOVED if len(strangers) == 1 else Decision.ORDER
    else:
        decision = Decision.ONLY if len(strangers) == 1 else Decision.ORDER
    given = dict(zip(wanting, strangers, strict=False))
    return {role: ReaderAssignment(given[role], decision) if role in given else UNASSIGNED for role in roles}


class LocatingBackend(Backend, Protocol):
    """A backend that knows where its readers are on the USB."""

    def usb_address(self, reader: str) -> tuple[int, int] | None:
        """Bus and device number of a reader; None where it is not on the USB. Raises CardBusyError while its card is in use."""


class ReaderRoles:
    """The roles of one station's real readers. Every method but the coroutines may block, and may be called from any thread.

    Args:
        section: `[readers]` of `station.toml`.
        folder: the station's data folder.
        root: the folder that holds `sys`.
        on_told: called when it was told which reader is whose.
    """

    def __init__(
        self,
        section: ReadersSection,
        folder: Path,
        backend: LocatingBackend,
        *,
        root: Path = Path("/"),
        on_told: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        settings: dict[ReaderRole, str] = {"holder": section.holder, "administrator": section.administrator}
        self.settings = {role: text for role, text in settings.items() if text not in ("", VIRTUAL)}
        self._file = folder / FILE
        self._backend = backend
        self._root = root
        self._on_told = on_told
        self._sleep = sleep
        self._lock = threading.Lock()
        self._assigned = self._read()
        self._names: tuple[str, ...] | None = None
        self._ports: dict[str, str] = {}
        self._located: tuple[ConnectedReader, ...] = ()

    @property
    def automatic(self) -> bool:
        """True where roles are told on the screen, since the file leaves them open."""
        return AUTO in self.settings.values()

    def located(self) -> tuple[ConnectedReader, ...]:
        """The contact readers that are there now. Raises NoReaderError where there is no PC/SC service."""
        names = self._backend.readers()
        with self._lock:
            if names != self._names:
                ports = {name: self._port(name) for name in names}
                self._located = locate_readers(names, lambda name: ports[name] or "")
                self._ports = {name: port for name, port in ports.items() if port is not None}
                self._names = names if len(self._ports) == len(ports) else None
            return self._located

    def _port(self, name: str) -> str | None:
        """Return the reader's USB port; as before while its card is in use, and None where that is not known yet."""
        try:
            address = self._backend.usb_address(name)
        except CardBusyError:
            return self._ports.get(name)
        return usb_port(*address, self._root) if address is not None else ""

    def assignments(self) -> dict[ReaderRole, ReaderAssignment]:
        """Return the reader of each role now; none where there is no PC/SC service."""
        try:
            return assign_roles(self.settings, self._assigned, self.located())
        except NoReaderError:
            return dict.fromkeys(self.settings, UNASSIGNED)

    def is_untold(self) -> bool:
        """Return whether readers have roles by the order of their ports alone."""
        return any(assignment.decision is Decision.ORDER for assignment in self.assignments().values())

    def name_of(self, role: str) -> str | None:
        """The PC/SC name of the reader that has the role now."""
        reader = next((assignment.reader for each, assignment in self.assignments().items() if each == role), None)
        return reader.name if reader is not None else None

    def forget_places(self) -> None:
        """Ask anew where each reader is: one of them was gone."""
        with self._lock:
            self._names = None

    def has(self, role: ReaderRole) -> bool:
        """Return whether the station has a reader of that role: one that is named, was told, or is there."""
        if self.settings.get(role, AUTO) != AUTO:
            return True
        if role not in self.settings:
            return False
        return role in self._assigned or (role == "holder" or self.name_of(role) is not None)

    # telling them apart

    async def connected(self) -> tuple[str, ...]:
        try:
            located = await asyncio.to_thread(self.located)
        except NoReaderError:
            return ()
        return tuple(reader.place for reader in located if reader.place)

    async def occupied(self) -> frozenset[str]:
        """Places of the readers that hold a card, whichever way round it is."""
        return await asyncio.to_thread(self._occupied)

    async def next_card(self, among: Collection[str], before: Collection[str]) -> str:
        while not (come := (now := await self.occupied()).intersection(among).difference(before)):
            before = now
            await self._sleep(LOOK_EVERY_S)
        return min(come)

    async def emptied(self, place: str) -> None:
        while place in await self.occupied():
            await self._sleep(LOOK_EVERY_S)

    def _occupied(self) -> frozenset[str]:
        try:
            readers = self.located()
        except NoReaderError:
            return frozenset()
        cards = (Presence.PRESENT, Presence.MUTE)
        return frozenset(reader.place for reader in readers if self._backend.look(reader.name).presence in cards)

    async def keep(self, holder: str, administrator: str | None) -> bool:
        had = await asyncio.to_thread(self.has, "administrator")
        places: dict[ReaderRole, str] = {"holder": holder}
        if administrator is not None:
            places["administrator"] = administrator
        draft = self._file.with_name(FILE + ".new")
        draft.write_text(json.dumps(places, indent=1), encoding="utf-8")
        draft.replace(self._file)
        self._assigned = places
        self._on_told()
        return had is not await asyncio.to_thread(self.has, "administrator")

    def _read(self) -> dict[ReaderRole, str]:
        """Read what was told; nothing where the file is not there or not what was written: then it is told anew."""
        try:
            document = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(document, dict):
            return {}
        return {role: document[role] for role in ROLES if isinstance(document.get(role), str)}


class RoleBackend:
    """The backend of readers that are found by role: a role stands where a PC/SC name is wanted. Implements `Backend`."""

    def __init__(self, roles: ReaderRoles, backend: Backend) -> None:
        self._roles = roles
        self._backend = backend
        self._cancels: dict[str, int] = {}

    def readers(self) -> tuple[str, ...]:
        return tuple(self._roles.settings)

    def connect(self, reader: str) -> CardConnection:
        name = self._roles.name_of(reader)
        if name is None:
            raise NoReaderError("the reader is not there", reader=reader)
        try:
            return self._backend.connect(name)
        except NoReaderError:
            self._roles.forget_places()
            raise

    def look(self, reader: str) -> Look:
        name = self._roles.name_of(reader)
        return NO_READER if name is None else self._noted(name, self._backend.look(name))

    def wait_for_change(self, reader: str, last: Look, timeout_s: float) -> Look:
        """See the port. In slices: another reader may get the role meanwhile."""
        until, cancelled = time.monotonic() + timeout_s, self._cancels.get(reader, 0)
        while True:
            slice_s = max(0.0, min(SLICE_S, until - time.monotonic()))
            name = self._roles.name_of(reader)
            now = self._noted(name, self._backend.wait_for_change(name or reader, last, slice_s))
            if now != last or slice_s < SLICE_S or self._cancels.get(reader, 0) != cancelled:
                return now

    def cancel(self, reader: str) -> None:
        self._cancels[reader] = self._cancels.get(reader, 0) + 1
        self._backend.cancel(self._roles.name_of(reader) or reader)

    def _noted(self, name: str | None, look: Look) -> Look:
        if name is not None and look == NO_READER:
            self._roles.forget_places()
        return look
