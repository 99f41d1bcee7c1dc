"""Elementary file reader and cache: SELECT by path, READ BINARY, within bounds.

How long a file is comes from its control parameters where the card gives them (ISO/IEC 7816-4 7.4.3, tags 80 and 82),
else it is read until an answer is short or the card says that the offset is outside (6B00). Files are longer than their
content: a list ends at the filler behind its objects, a value where its own length says (`Extent`). Cards differ in how
they take a path, so SELECT by path falls back to one SELECT for each file identifier (`selection`). A file with a short
identifier of its own is read without a SELECT, where the card takes that and the answer is what it must be.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from drivers.reader import iso7816, tlv
from drivers.reader.apdu import SHORT_LE, CommandApdu, ResponseApdu, StatusWord
from drivers.reader.errors import CommandRefusedError
from drivers.reader.iso7816 import MF
from drivers.reader.pkcs15.selection import FileHabits, FileKind, FileSelection, is_selected
from drivers.reader.pkcs15.values import Base, FilePath
from drivers.reader.tlv import MAX_BYTES, TlvError
from drivers.reader.transport.channel import ApduChannel

MAX_RECORDS = 255
BINARY_REACH = 0x8000
"""So much of a file can be read: the offset of READ BINARY has 15 bits (ISO/IEC 7816-4 11.3.3)."""
MAX_FILES = 128
"""Most different files read in one visit."""
FILLER_BYTES = 128
"""So much filler behind whole objects ends a list: no entry that was deleted between two others leaves such a gap."""
Extent = Literal["file", "objects", "object"]
"""What of a file is wanted: every byte, its objects without the filler behind them, or the first object."""
LEAST_READ = 64
_SMALLER_READS = (192, 128, LEAST_READ)
"""Le of READ BINARY for cards that refuse 256."""
_END = (StatusWord.WRONG_P1P2, StatusWord.WRONG_LENGTH)
_NO_SHORT_IDS = (
    StatusWord.WRONG_P1P2, StatusWord.FUNCTION_NOT_SUPPORTED, StatusWord.OUTSIDE_FILE, StatusWord.FILE_NOT_FOUND,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileInfo:
    """Answer of the card on a selected file. `size` in bytes, None where it does not say."""

    size: int | None = None
    records: bool = False


class CardFiles:
    """The files of one connection. Not for several threads."""

    def __init__(self, channel: ApduChannel, habits: FileHabits | None = None) -> None:
        """`habits`: of the product, kept by the caller."""
        self._channel = channel
        self.habits = habits or FileHabits()
        self._selection = FileSelection(channel, self.habits)
        self._known: dict[bytes, bytes] = {}
        self._cut: set[bytes] = set()
        """What is known only as far as its objects go."""
        self._short = self.habits.short_ids
        """READ BINARY by short identifier has not failed yet."""
        self._selected: bytes | None = None
        """Absolute path of the EF that READ BINARY reads."""
        self._current: bytes | None = None
        """Absolute path of the current DF, or the application's AID behind a slash; None where that is not certain."""
        self._entered: bytes | None = None
        """The DF of the file that was selected last: the current one where `file_enters_its_df`."""
        self._here: bytes | None = None
        """The DF in which a file is found by its identifier alone."""
        self.guarded = False
        """A file was refused because the security status is not satisfied (6982)."""
        self.base = Base()
        self.file_enters_its_df = False
        """See `drivers.reader.profiles.CommandRules`."""

    def read_value(self, where: FilePath) -> bytes:
        """The objects of a file, or the part of it that a path names. Raises CommandRefusedError, CardGoneError,
        CardAnswerError."""
        return self._value(where, "objects")

    def read_object(self, where: FilePath) -> bytes:
        """As `read_value`, of a file with one object: what is behind that is not read."""
        return self._value(where, "object")

    def _value(self, where: FilePath, extent: Extent) -> bytes:
        if where.index == 0 and where.length is None:
            return self.read(where.path, extent)
        end = None if where.length is None else where.index + where.length
        cached = self._known.get(self._place(where.path), b"")
        whole = cached if end is not None and len(cached) >= end else self.read(where.path, "file")
        return whole[where.index : end]

    def read(self, path: bytes, extent: Extent = "objects") -> bytes:
        """A file, from memory where it was read before. A path without the MF starts at the application."""
        key = self._place(path)
        if key not in self._known or (extent == "file" and key in self._cut):
            self._keep(key, self.read_again(path, extent=extent), extent)
        return self._known[key]

    def read_short(self, short_id: int, path: bytes, sound: Callable[[bytes], bool]) -> bytes | None:
        """As `read`, but by short identifier in the application that was entered last (ISO/IEC 7816-4 7.3.2).

        None where that is not to be had, or not `sound`: cards differ in what they take for a short identifier.
        """
        key = self._place(path)
        if key in self._known:
            return self._known[key]
        if not self._short or self._here != self._place(b""):
            return None
        self._selected = None
        response = self._first_part(lambda most: iso7816.read_short(short_id, most))
        self.habits.short_ids = self.habits.short_ids and response.sw not in _NO_SHORT_IDS
        try:
            exists = response.ok or response.sw >> 8 == 0x62
            data = self._rest(response.data) if exists else b""
            self._short = bool(data) and sound(data)
        except (CommandRefusedError, TlvError):
            self._short = False
        if not self._short:
            return None
        self._keep(key, data, "objects")
        return data

    def _rest(self, data: bytes) -> bytes:
        """The objects of a file, of which an answer of full length is only the beginning."""
        return self._binary(None, MAX_BYTES, data) if len(data) >= self.habits.most else data

    def _keep(self, key: bytes, data: bytes, extent: Extent) -> None:
        if len(self._known) >= MAX_FILES:
            raise TlvError("more files than a card has")
        self._known[key] = data
        if extent == "file":
            self._cut.discard(key)
        else:
            self._cut.add(key)

    @property
    def known(self) -> dict[bytes, bytes]:
        """Content that was read, by place; to be given to `recall` when the very same card is back."""
        return dict(self._known)

    def holding(self, data: bytes) -> FilePath | None:
        """Return where those bytes begin, in what was read; None where they are nowhere."""
        nameless = b"/" + self.base.aid
        positions = ((key, content.find(data)) for key, content in self._known.items())
        return next((FilePath(key.removeprefix(nameless), at) for key, at in positions if at >= 0), None)

    def recall(self, base: "Base", contents: Mapping[bytes, bytes]) -> None:
        """The card is one whose files are known: take them from memory."""
        self.base, self._known, self._cut = base, dict(contents), set(contents)

    def place_application(self, base: Base) -> None:
        """The application that was entered has another name too, its path or its AID; what was read of it stays read."""
        before = self._place(b"")
        self.base = base
        after = self._place(b"")

        def placed(key: bytes) -> bytes:
            return after + key.removeprefix(before) if key.startswith(before) else key

        self._known = {placed(key): data for key, data in self._known.items()}
        self._cut = {placed(key) for key in self._cut}
        current, here, selected, entered = (
            None if key is None else placed(key) for key in (self._current, self._here, self._selected, self._entered)
        )
        self._current, self._here, self._selected, self._entered = current, here, selected, entered

    def forget(self, path: bytes) -> None:
        """The file has changed, or is gone: the next `read` asks the card."""
        self._known.pop(self._place(path), None)

    def forget_all(self) -> None:
        """Forget what was remembered: what is written next must not rest on it."""
        self._known.clear()

    def read_selected(self, path: bytes, most: int) -> bytes | None:
        """As `read_again`, of the file that is selected still: without a SELECT. None where another is, or it is refused."""
        if self._selected != self._place(path):
            return None
        try:
            return self._binary(None, most, extent="file")
        except CommandRefusedError:
            return None

    def read_again(self, path: bytes, most: int = MAX_BYTES, *, extent: Extent = "file") -> bytes:
        """At most `most` bytes of a file, from the card itself."""
        info = self._info(self.select(path))
        if info.records:
            return self._records()
        self._selected = self._place(path)
        try:
            return self._binary(info.size, most, extent=extent)
        except CommandRefusedError as fault:
            if fault.status != StatusWord.WRONG_STRUCTURE:
                raise
            self._selected = None
            return self._records()  # the card did not say that the file has records

    def enter(self, path: bytes = b"") -> None:
        """Make a DF the current one, the application's own without a path. Not again where it is current already,
        because on many cards a SELECT ends what a verified code allows.
        """
        place = self._place(path or self.base.path) if path or not self.base.aid else self._place(b"")
        if (self._current or self._here or (self._entered if self.file_enters_its_df else None)) == place:
            return
        if path or not self.base.aid:
            self.select(path or self.base.path, "df")
        else:
            self._current = self._selected = None
            self._demand(self._selection.by_name(self.base.aid))
        self._current = self._entered = self._here = place

    def select(self, path: bytes, kind: FileKind = "ef") -> ResponseApdu:
        """Select a DF or EF. Raises CommandRefusedError with the card's status where it is not there."""
        here, self._here, self._current, self._entered, self._selected = self._here, None, None, None, None
        response = self._selected_somehow(path, here, kind)
        self._entered = self._place(path[:-2])
        return response

    def _place(self, path: bytes) -> bytes:
        """One name for one DF, however it is written."""
        return self._absolute(path) or b"/" + self.base.aid + path

    def _selected_somehow(self, path: bytes, here: bytes | None, kind: FileKind) -> ResponseApdu:
        absolute = self._absolute(path)
        if not absolute:
            return self._selected_within(path, here, kind)
        if absolute == MF:
            return self._step(MF, "df")
        df, name = absolute[: -len(MF)], absolute[-len(MF) :]
        if here == df and kind == "ef":
            near = self._selection.by_identifier(name, kind)
            if is_selected(near):
                self._here = df
                return near
        response = self._selection.by_path(absolute)
        if response is not None:
            return self._demand(response)
        response = self._step(absolute, kind)
        self._selection.forget_paths()
        self._here = df if kind == "ef" else None
        return response

    def _selected_within(self, path: bytes, here: bytes | None, kind: FileKind) -> ResponseApdu:
        """A file of an application that is known by its AID alone; the application is not selected again in vain."""
        home = self._place(b"")
        if here != home:
            self._demand(self._selection.by_name(self.base.aid))
        response = self._step(path, kind)
        self._here = home if len(path) == len(MF) and kind == "ef" else None
        return response

    def _absolute(self, path: bytes) -> bytes:
        """The path from the MF; empty where the application is known by AID alone."""
        if path[:2] == MF:
            return path
        return b"" if self.base.aid else self.base.path + path

    def _step(self, path: bytes, kind: FileKind) -> ResponseApdu:
        response = ResponseApdu(b"", StatusWord.OK)
        for at in range(0, len(path), 2):
            last = at + len(MF) >= len(path)
            response = self._demand(self._selection.by_identifier(path[at : at + 2], kind if last else "df"))
        return response

    def _info(self, response: ResponseApdu) -> FileInfo:
        try:
            template = next((node for node in tlv.parse(response.data) if node.tag in (0x62, 0x6F)), None)
            if template is None:
                return FileInfo()
            size, descriptor = template.find(0x80) or template.find(0x81), template.find(0x82)
        except TlvError:
            return FileInfo()
        records = bool(descriptor and descriptor.value and descriptor.value[0] & 0x87 in (2, 3, 4, 5, 6))
        usable = size is not None and 1 <= len(size.value) <= 4
        return FileInfo(int.from_bytes(size.value, "big") if size and usable else None, records)

    def _binary(self, size: int | None, most: int, begun: bytes = b"", extent: Extent = "objects") -> bytes:
        data = bytearray(begun)
        length = min(most if size is None else min(size, most), BINARY_REACH)
        while len(data) < length:
            end = _end_of(bytes(data), extent)
            if end is not None and end <= len(data):
                break
            if extent == "object" and end is not None:
                length = size = min(length, end)
            left = length - len(data)
            response = self._next_part(len(data), left, sized=size is not None)
            if not self._part(response, started=bool(data)):
                break
            data += response.data
            short = len(response.data) < min(left, self.habits.most)
            cut = len(response.data) >= LEAST_READ and (_end_of(bytes(data), extent) or 0) > len(data)
            if short and cut:
                self.habits.most = len(response.data)  # it gives no more at once
            if not response.data or (short and size is None and not cut):
                break
        return bytes(data[:length])

    def _next_part(self, at: int, length: int, *, sized: bool) -> ResponseApdu:
        """By an extended command where the card offers that, and it is known how much there is: a short answer is no end."""
        if sized and length > SHORT_LE and self._channel.extended:
            response = self._channel.send(iso7816.read_binary(at, length))
            if response.sw not in (StatusWord.WRONG_LENGTH, StatusWord.CLA_NOT_SUPPORTED):
                return response
            self._channel.extended = False  # it, or the reader, promised more than it does
        if at:
            return self._channel.send(iso7816.read_binary(at, min(length, self.habits.most)))
        return self._first_part(lambda most: iso7816.read_binary(0, min(length, most)))

    def _first_part(self, command: Callable[[int], CommandApdu]) -> ResponseApdu:
        """In fewer bytes where the card refuses so many at once."""
        response = self._channel.send(command(self.habits.most))
        for most in _SMALLER_READS:
            if response.sw == StatusWord.WRONG_LENGTH and most < self.habits.most:
                response = self._channel.send(command(most))
                self.habits.most = most if response.ok else self.habits.most
        return response

    def _part(self, response: ResponseApdu, *, started: bool) -> bool:
        """Is there a part of the file in this answer? 62xx is data with a warning, such as the end of the file."""
        if response.ok or response.sw >> 8 == 0x62:
            return True
        if response.sw == StatusWord.OUTSIDE_FILE or (started and response.sw in _END):
            return False
        raise self._refused("READ BINARY", response)

    def _records(self) -> bytes:
        data = bytearray()
        for number in range(1, MAX_RECORDS):
            response = self._channel.send(iso7816.read_record(number))
            if not response.ok or len(data) > MAX_BYTES:
                break
            data += response.data
        return bytes(data)

    def _demand(self, response: ResponseApdu) -> ResponseApdu:
        if not is_selected(response):
            raise self._refused("SELECT", response)
        return response

    def _refused(self, command: str, response: ResponseApdu) -> CommandRefusedError:
        self.guarded = self.guarded or response.sw == StatusWord.SECURITY_NOT_SATISFIED
        return CommandRefusedError("the card refused", reader=self._channel.reader, command=command, status=response.sw)


def _end_of(data: bytes, extent: Extent) -> int | None:
    """Return where what is wanted ends, as far as the beginning of the file tells; None where it does not tell yet."""
    if extent == "file" or not data:
        return None
    try:
        end = tlv.end_of_objects(data, 1 if extent == "object" else tlv.MAX_OBJECTS)
    except TlvError:
        return None
    if extent == "object" and end:
        return end
    return end if end > len(data) or len(data) - end >= FILLER_BYTES else None
