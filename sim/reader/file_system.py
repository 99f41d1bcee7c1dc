"""The card's file system: dedicated and elementary files, and how SELECT finds them (ISO/IEC 7816-4 7.3, 11.2.2).

Who may create, update and delete is said by each file's `rights`; by default nobody may.
"""

from dataclasses import dataclass, field

from sim.reader import status
from sim.reader.der import integer, octets, tlv
from sim.reader.status import StatusError

MF_ID = 0x3F00
FCP_TEMPLATE = 0x62
FCI_TEMPLATE = 0x6F
LIFE_CYCLE_ACTIVATED = 0x07  # ISO/IEC 7816-4 table 14
TRANSPARENT = 0x01
DF_DESCRIPTOR = 0x38
READ_ONLY = bytes.fromhex("0FFFFF")


@dataclass(slots=True, eq=False)
class CardFile:
    """One file. A DF has children, an EF has content; a key file (`internal`) can be selected, never read."""

    id: int
    content: bytes = field(default=b"", repr=False)
    is_df: bool = False
    aid: bytes = b""
    descriptor: int = TRANSPARENT
    internal: bool = False
    records: tuple[bytes, ...] = field(default=(), repr=False)
    """Of an EF that is read by record."""
    rights: bytes = READ_ONLY
    """A nibble for each right: 0 everybody, F nobody, else the reference of the code that must have been verified. Of an
    EF: read, update, delete; of a DF: create, create, delete; of a key file: use, update, delete, generate."""
    children: dict[int, "CardFile"] = field(default_factory=dict, repr=False)
    parent: "CardFile | None" = field(default=None, repr=False)

    def add(self, child: "CardFile") -> "CardFile":
        """Put a file below this DF, and give it."""
        child.parent = self
        self.children[child.id] = child
        return child

    def control_parameters(self, template: int, *, sized: bool = True) -> bytes:
        """Return what SELECT tells of the file: FCP, or the same within an FCI (ISO/IEC 7816-4 table 10)."""
        size = octets(
            (len(self.content) or sum(map(len, self.records))).to_bytes(2, "big"),
            0x81 if self.is_df or self.internal else 0x80,
        )
        kind = octets(bytes([DF_DESCRIPTOR if self.is_df else self.descriptor]), 0x82)
        name = octets(self.aid, 0x84) if self.aid else b""
        life = integer(LIFE_CYCLE_ACTIVATED, 0x8A)
        return tlv(template, size if sized else b"", kind, octets(self.id.to_bytes(2, "big"), 0x83), name, life)


class FileSystem:
    """The tree and the current file. `application` is the DF that is found by its AID before others."""

    def __init__(self, mf: CardFile, application: CardFile) -> None:
        self.mf = mf
        self.application = application
        self.current_df = mf
        self.current_ef: CardFile | None = None

    def reset(self) -> None:
        """After power-on the MF is current."""
        self._enter(self.mf)

    def select_aid(self, name: bytes) -> CardFile:
        """By DF name; a leading part of it is enough. Raises StatusError(6A82)."""
        for application in (self.application, *self.mf.children.values()):
            if name and application.is_df and application.aid.startswith(name):
                return self._enter(application)
        raise StatusError(status.NO_FILE)

    def select_path(self, path: bytes, *, from_mf: bool) -> CardFile:
        """P1=08 from the MF (whose own identifier is left out), P1=09 from the current DF."""
        if not path or len(path) % 2:
            raise StatusError(status.BAD_DATA)
        file = self.mf if from_mf else self.current_df
        ids = [int.from_bytes(path[i : i + 2], "big") for i in range(0, len(path), 2)]
        if from_mf and ids[0] == MF_ID:
            del ids[0]
        for file_id in ids:
            file = _child(file, file_id)
        return self._enter(file)

    def select_id(self, file_id: int, *, dfs: bool = True, efs: bool = True) -> CardFile:
        """A file near the current DF by its identifier: P1=00 any, P1=01 a DF, P1=02 an EF."""
        for file in self._near():
            if file.id == file_id and (dfs if file.is_df else efs):
                return self._enter(file)
        raise StatusError(status.NO_FILE)

    def select_parent(self) -> CardFile:
        """SELECT with P1=03: the parent DF."""
        return self._enter(self.current_df.parent or self.mf)

    def by_short_id(self, short_id: int) -> CardFile:
        """An EF of the current DF by the five low bits of its identifier (ISO/IEC 7816-4 7.3.2)."""
        for file in self.current_df.children.values():
            if not file.is_df and file.id & 0x1F == short_id:
                self.current_ef = file
                return file
        raise StatusError(status.NO_FILE)

    def _near(self) -> list[CardFile]:
        parent = self.current_df.parent
        siblings = [f for f in parent.children.values() if f.is_df] if parent else []
        return [self.mf, *self.current_df.children.values(), self.current_df, *siblings]

    def _enter(self, file: CardFile) -> CardFile:
        if file.is_df:
            self.current_df, self.current_ef = file, None
        else:
            self.current_df, self.current_ef = file.parent or self.mf, file
        return file


def _child(df: CardFile, file_id: int) -> CardFile:
    try:
        return df.children[file_id]
    except KeyError:
        raise StatusError(status.NO_FILE) from None
