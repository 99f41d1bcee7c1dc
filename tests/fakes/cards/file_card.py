"""A card that holds nothing but files, for reading PKCS #15."""

from drivers.reader import tlv
from tests.drivers.reader.conftest import ScriptedConnection

MF, ODF_PATH = "3f00", "3f0050155031"


class FileCard(ScriptedConnection):
    """A card with some files by path, and what it will not do."""

    def __init__(self, files: dict[str, str], *, by_path: bool = True, fcp: bool = True, aid: str = "") -> None:
        super().__init__([])
        self.files = {path: bytes.fromhex(content) for path, content in files.items()}
        self.by_path, self.fcp, self.aid = by_path, fcp, aid
        self.current = ""
        self.reads: list[str] = []

    def transmit(self, apdu: bytes) -> bytes:
        self.sent.append(apdu.hex())
        if apdu[1] == 0xA4:
            return self._select(apdu)
        if apdu[1] == 0xB0:
            return self._read(int.from_bytes(apdu[2:4], "big"), apdu[4] or 256)
        return b"\x6d\x00"

    def _select(self, apdu: bytes) -> bytes:
        name = apdu[5 : 5 + apdu[4]].hex()
        if apdu[2] == 0x04:
            path = "aid" if self.aid and name.upper() == self.aid else ""
        elif apdu[2] == 0x08:
            if not self.by_path:
                return b"\x6a\x86"
            path = MF + name
        else:
            path = MF if name == MF else self._near(name)
        if not path or not any(known.startswith(path) for known in self.files):
            return b"\x6a\x82"
        self.current = path
        content = self.files.get(path)
        if content is None or not self.fcp:
            return b"\x90\x00"
        return tlv.encode(0x62, tlv.encode(0x80, len(content).to_bytes(2, "big"))) + b"\x90\x00"

    def _near(self, name: str) -> str:
        inside = self.current if self.current not in self.files else self.current[:-4]
        return inside + name

    def _read(self, offset: int, length: int) -> bytes:
        self.reads.append(self.current)
        content = self.files.get(self.current, b"")
        if offset >= len(content):
            return b"\x6b\x00"
        part = content[offset : offset + length]
        return part + b"\x90\x00"
