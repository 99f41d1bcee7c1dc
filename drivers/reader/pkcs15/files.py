"""Elementary file reader and cache: SELECT by path, READ BINARY, within bounds.

How long a file is comes from its control parameters where the card gives them (ISO/IEC 7816-4 7.4.3, tags 80 and 82),
else it is read until an answer is short or the card says that the offset is outside (6B00). Cards differ in how they
take a path, so SELECT by path falls back to one SELECT for each file identifier. A file with a short identifier of its
own is read without a SELECT, where the card takes that and the answer is what it must be.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drivers.reader import iso7816, tlv
from drivers.reader.apdu import SHORT_LE, CommandApdu, ResponseApdu, StatusWord
from drivers.reader.errors import CommandRefusedError
from drivers.reader.iso7816 import MF
from drivers.reader.pkcs15.values import FilePath
from drivers.reader.tlv import MAX_BYTES, TlvError
from drivers.reader.transport.channel import ApduChannel

MAX_RECORDS = 255
BINARY_REACH = 0x8000
"""So much of a file can be read: the offset of READ BINARY has 15 bits (ISO/IEC 7816-4 11.3.3)."""
MAX_FILES = 128
"""Most different files read in one visit."""
_END = (StatusWord.WRONG_P1P2, StatusWord.WRONG_LENGTH)
_OTHER_WAY = (StatusWord.WRONG_P1P2, StatusWord.FUNCTION_NOT_SUPPORTED, StatusWord.OUTSIDE_FILE, StatusWord.INS_NOT_SUPPORTED,
              StatusWord.FILE_NOT_FOUND, StatusWord.WRONG_DATA)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What the card says of a selected file. `size` in bytes, None where it does not say."""

    size: int | None = None
    records: bool = False


@dataclass(frozen=True, slots=True)
class Base:
    """Where an application lives: its DF path from the MF, or its AID where no path is known."""

    path: bytes = MF
    aid: bytes = b""


class CardFiles:
    """The files of one connection. Not for several threads."""

    def __init__(self, channel: ApduChannel) -> None:
        self._channel = channel
        self._known: dict[bytes, bytes] = {}
        self._by_steps = False
        self._short = True
        """READ BINARY by short identifier has not failed yet."""
        self._current: bytes | None = None
        """Absolute path of the current DF, or the application's AID behind a slash; None where that is not certain."""
        self._entered: bytes | None = None
        """The DF of the file that was selected last: the current one where `file_enters_its_df`."""
        self._here: bytes | None = None
        """The DF in which a file is found by its identifier alone."""
        self.base = Base()
        self.file_enters_its_df = False
        """See `drivers.reader.profiles.CommandRules`."""

    def read_value(self, where: FilePath) -> bytes:
        """The part of a file that a path names. Raises CommandRefusedError, CardGoneError, CardAnswerError."""
        whole = self.read(where.path)
        end = None if where.length is None else where.index + where.length
        return whole[where.index : end]

    def read(self, path: bytes) -> bytes:
        """All of a file, from memory where it was read before. A path without the MF starts at the application."""
        key = self._place(path)
        if key not in self._known:
            self._keep(key, self.read_again(path))
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
        response = self._channel.send(iso7816.read_short(short_id))
        try:
            exists = response.ok or response.sw >> 8 == 0x62
            data = self._rest(response.data) if exists else b""
            self._short = bool(data) and sound(data)
        except (CommandRefusedError, TlvError):
            self._short = False
        if not self._short:
            return None
        self._keep(key, data)
        return data

    def _rest(self, data: bytes) -> bytes:
        """The file, of which an answer of full length is only the beginning."""
        return self._binary(None, MAX_BYTES, data) if len(data) == SHORT_LE else data

    def _keep(self, key: bytes, data: bytes) -> None:
        if len(self._known) >= MAX_FILES:
            raise TlvError("more files than a card has")
        self._known[key] = data

    @property
    def known(self) -> dict[bytes, bytes]:
        """What was read, by place; to be given to `recall` when the very same card is back."""
        return dict(self._known)

    def holding(self, data: bytes) -> FilePath | None:
        """Where those bytes begin, in what was read; None where they are nowhere."""
        nameless = b"/" + self.base.aid
        positions = ((key, content.find(data)) for key, content in self._known.items())
        return next((FilePath(key.removeprefix(nameless), at) for key, at in positions if at >= 0), None)

    def recall(self, base: "Base", contents: Mapping[bytes, bytes]) -> None:
        """The card is one whose files are known: take them from memory."""
        self.base, self._known = base, dict(contents)

    def place_application(self, path: bytes) -> None:
        """The DF of an application that was found by AID is known now; what was read of it stays read."""
        before = self._place(b"")
        self.base = Base(path)
        if self._current == before:
            self._current = path
        if self._here == before:
            self._here = path
        self._known = {
            path + key.removeprefix(before) if key.startswith(before) else key: data
            for key, data in self._known.items()
        }

    def forget(self, path: bytes) -> None:
        """The file has changed, or is gone: the next `read` asks the card."""
        self._known.pop(self._place(path), None)

    def forget_all(self) -> None:
        """What is written next must not rest on what was remembered."""
        self._known.clear()

    def read_again(self, path: bytes, most: int = MAX_BYTES) -> bytes:
        """At most `most` bytes of a file, from the card itself."""
        info = self._info(self.select(path))
        if info.records:
            return self._records()
        try:
            return self._binary(info.size, most)
        except CommandRefusedError as fault:
            if fault.status != StatusWord.WRONG_STRUCTURE:
                raise
            return self._records()  # the card did not say that the file has records

    def enter(self, path: bytes = b"") -> None:
        """Make a DF the current one, the application's own without a path. Not again where it is current already,
        because on many cards a SELECT ends what a verified code allows.
        """
        wanted = self._place(path or self.base.path) if path or not self.base.aid else self._place(b"")
        if (self._current or (self._entered if self.file_enters_its_df else None)) == wanted:
            return
        if path or not self.base.aid:
            self.select(path or self.base.path)
        else:
            self._current = None
            self._demand(iso7816.select_by_name(self.base.aid))
        self._current = self._entered = self._here = wanted

    def select(self, path: bytes) -> ResponseApdu:
        """Select a DF or EF. Raises CommandRefusedError with the card's status where it is not there."""
        here, self._here, self._current, self._entered = self._here, None, None, None
        response = self._selected_somehow(path, here)
        self._entered = self._place(path[:-2])
        return response

    def _place(self, path: bytes) -> bytes:
        """One name for one DF, however it is written."""
        return self._absolute(path) or b"/" + self.base.aid + path

    def _selected_somehow(self, path: bytes, here: bytes | None) -> ResponseApdu:
        absolute = self._absolute(path)
        if not absolute:
            return self._selected_within(path, here)
        if absolute == MF:
            return self._step(MF)
        if not self._by_steps:
            response = self._channel.send(iso7816.select_by_path(absolute[2:]))
            if _selected(response):
                return response
            if response.sw not in _OTHER_WAY:
                raise self._refused(iso7816.select_by_path(b"").name, response)
        response = self._step(absolute)
        self._by_steps = True
        return response

    def _selected_within(self, path: bytes, here: bytes | None) -> ResponseApdu:
        """A file of an application that is known by its AID alone; the application is not selected again in vain."""
        home = self._place(b"")
        if here != home:
            self._demand(iso7816.select_by_name(self.base.aid))
        response = self._step(path)
        self._here = home if len(path) == len(MF) else None
        return response

    def _absolute(self, path: bytes) -> bytes:
        """The path from the MF; empty where the application is known by AID alone."""
        if path[:2] == MF:
            return path
        return b"" if self.base.aid else self.base.path + path

    def _step(self, path: bytes) -> ResponseApdu:
        response = ResponseApdu(b"", StatusWord.OK)
        for at in range(0, len(path), 2):
            response = self._channel.send(iso7816.select_file(path[at : at + 2]))
            if response.sw in (StatusWord.WRONG_P1P2, StatusWord.WRONG_LENGTH):
                response = self._channel.send(iso7816.select_file(path[at : at + 2], answer=False))
            if not _selected(response):
                raise self._refused("SELECT", response)
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

    def _binary(self, size: int | None, most: int, begun: bytes = b"") -> bytes:
        data = bytearray(begun)
        wanted = min(most if size is None else min(size, most), BINARY_REACH)
        while len(data) < wanted:
            left = wanted - len(data)
            response = self._next_part(len(data), left, sized=size is not None)
            if not self._part(response, started=bool(data)):
                break
            data += response.data
            if not response.data or (size is None and len(response.data) < min(left, SHORT_LE)):
                break
        return bytes(data[:wanted])

    def _next_part(self, at: int, wanted: int, *, sized: bool) -> ResponseApdu:
        """By an extended command where the card offers that, and it is known how much there is: a short answer is no end."""
        if sized and wanted > SHORT_LE and self._channel.extended:
            response = self._channel.send(iso7816.read_binary(at, wanted))
            if response.sw not in (StatusWord.WRONG_LENGTH, StatusWord.CLA_NOT_SUPPORTED):
                return response
            self._channel.extended = False  # it, or the reader, promised more than it does
        return self._channel.send(iso7816.read_binary(at, min(wanted, SHORT_LE)))

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

    def _demand(self, command: CommandApdu) -> ResponseApdu:
        response = self._channel.send(command)
        if not _selected(response):
            raise self._refused(command.name, response)
        return response

    def _refused(self, command: str, response: ResponseApdu) -> CommandRefusedError:
        return CommandRefusedError("the card refused", reader=self._channel.reader, command=command, status=response.sw)


def _selected(response: ResponseApdu) -> bool:
    """9000, or a warning that the file is there but deactivated (6283)."""
    return response.ok or response.sw >> 8 == 0x62
