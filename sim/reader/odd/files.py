"""The files of an odd card, written as its oddity says (ISO/IEC 7816-15 clause 8)."""

from cryptography.hazmat.primitives import serialization

from sim.reader import pkcs15_files as objects
from sim.reader.der import (
    ENUMERATED,
    OCTET_STRING,
    UTF8_STRING,
    bits,
    constructed,
    integer,
    octets,
    sequence,
    tlv,
    utf8,
)
from sim.reader.file_system import MF_ID, CardFile, FileSystem
from sim.reader.keys import CardKey
from sim.reader.odd.oddity import DirectoryChoices, Oddity
from sim.reader.pkcs15_codes import PIN_MAX_LENGTH, PIN_MIN_LENGTH, PUK_LENGTH
from sim.reader.pkcs15_files import (
    CHANGE_DISABLED,
    EF_DIR,
    EF_ODF,
    EF_TOKENINFO,
    INITIALIZED,
    LOCAL,
    NEEDS_PADDING,
    PRIVATE,
    UNBLOCKING_PIN,
    KeyWithCertificate,
)

LINEAR_VARIABLE = 0x04  # file descriptor, ISO/IEC 7816-4 table 14
MAX_RECORD = 250
FILLING = {"none": b"", "zeros": bytes(40), "ones": b"\xff" * 40}
DECOY_DF, DECOY_AID = 0x6F00, bytes.fromhex("F099990000DEC0")
SHARED_FILE = 0x4300


class OddFiles:
    """Builds the tree of one card."""

    def __init__(self, oddity: Oddity, serial: bytes, entries: list[KeyWithCertificate]) -> None:
        self._odd = oddity
        self._serial = serial
        self._entries = entries
        self._ders = [entry.certificate.public_bytes(serialization.Encoding.DER) for entry in entries]
        self._next = oddity.first_file

    def build(self) -> FileSystem:
        mf = CardFile(MF_ID, is_df=True)
        if self._odd.entry != "absent":
            mf.add(self._listing(EF_DIR, self._dir()))
        if self._odd.decoy:
            mf.add(CardFile(DECOY_DF, is_df=True, aid=DECOY_AID))
        df = mf
        for number in self._odd.df:
            df = df.add(CardFile(number, is_df=True))
        df.aid = self._odd.aid
        odf = [entry for directory in self._odd.order for entry in self._directory(df, directory)]
        df.add(self._listing(EF_ODF, odf))
        df.add(CardFile(EF_TOKENINFO, self._token_info()))
        self._add_values(df)
        return FileSystem(mf, df)

    def _add_values(self, df: CardFile) -> None:
        for entry, der in zip(self._entries, self._ders, strict=True):
            df.add(CardFile(entry.key.file_id, bytes(32), descriptor=objects.EC_KEY_FILE, internal=True))
            df.add(CardFile(entry.public_file, objects.public_value(entry.key.private.public_key())))
            if self._odd.certificate == "file":
                df.add(CardFile(entry.certificate_file, der))
        if self._odd.certificate == "slice":
            df.add(CardFile(SHARED_FILE, b"".join(self._ders)))

    def _listing(self, number: int, listed: list[bytes]) -> CardFile:
        """A file of objects: in records, or one behind the other with what fills the gaps."""
        if self._odd.records and all(len(item) <= MAX_RECORD for item in listed):
            return CardFile(number, descriptor=LINEAR_VARIABLE, records=tuple(listed))
        gap = bytes(3) if self._odd.gaps else b""
        return CardFile(number, gap + gap.join(listed) + FILLING[self._odd.filler])

    def _path(self, *ids: int) -> bytes:
        return self._absolute(*ids) if self._odd.absolute else _path(ids)

    def _dir(self) -> list[bytes]:
        path = _path((MF_ID, *self._odd.df), 0x51)
        aid = octets(self._odd.aid, 0x4F)
        label = utf8(objects.LABEL, 0x50) if self._odd.labels else b""
        own = tlv(0x61, aid, label, b"" if self._odd.entry == "aid" else path)
        decoy = tlv(0x61, octets(DECOY_AID, 0x4F), octets(bytes.fromhex("3F006F00"), 0x51) if self._odd.labels else b"")
        return [decoy, own] if self._odd.decoy else [own]

    def _directory(self, df: CardFile, directory: DirectoryChoices) -> list[bytes]:
        """Entries of the ODF for one kind of object, and the files that they name."""
        listed = self._objects(directory)
        if directory in self._odd.inline:
            return [constructed(directory, constructed(0, *listed))]
        split = self._odd.split and directory is DirectoryChoices.CERTIFICATES
        parts = [[item] for item in listed] if split else [listed]
        entries: list[bytes] = []
        for part in parts:
            df.add(self._listing(self._next, part))
            entries.append(constructed(directory, sequence(self._path(self._next))))
            self._next += 1
        return entries

    def _objects(self, directory: DirectoryChoices) -> list[bytes]:
        if directory is DirectoryChoices.PRIVATE_KEYS:
            return [self._private_key(i, entry.key) for i, entry in enumerate(self._entries)]
        if directory is DirectoryChoices.PUBLIC_KEYS:
            return [self._public_key(i, entry) for i, entry in enumerate(self._entries)]
        if directory is DirectoryChoices.CERTIFICATES:
            return [self._certificate(i, entry) for i, entry in enumerate(self._entries)]
        if directory is DirectoryChoices.DATA:
            application = sequence(utf8("Kortkiosk"))
            return [sequence(self._common("Data"), application, constructed(1, octets(bytes(5))))]
        codes = [self._pin(), self._puk()]
        return codes[::-1] if self._odd.puk_first else codes

    def _common(self, label: str, *parts: bytes) -> bytes:
        return sequence(utf8(label, UTF8_STRING) if self._odd.labels else b"", *parts)

    def _pin(self) -> bytes:
        common = self._common("PIN", bits(PRIVATE), octets(self._odd.auth_ids[1]))
        longest = PIN_MAX_LENGTH if self._odd.form.padded else PIN_MIN_LENGTH
        return self._code(0, common, (), (PIN_MIN_LENGTH, longest))

    def _puk(self) -> bytes:
        common = self._common("PUK", bits(PRIVATE))
        return self._code(1, common, (CHANGE_DISABLED, UNBLOCKING_PIN), (PUK_LENGTH, PUK_LENGTH))

    def _code(self, index: int, common: bytes, flags: tuple[int, ...], lengths: tuple[int, int]) -> bytes:
        odd, form = self._odd, self._odd.form
        more = [INITIALIZED, *([LOCAL] if odd.local else []), *([NEEDS_PADDING] if form.padded else [])]
        shortest, longest = lengths
        attributes = sequence(
            bits(*flags, *more),
            integer(form.kind, ENUMERATED),
            integer(shortest),
            integer(form.size(shortest)),
            integer(longest) if odd.with_max else b"",
            self._reference(odd.references[index]),
            octets(bytes([form.pad])) if form.padded else b"",
            sequence(self._absolute()) if odd.with_path else b"",
        )
        return sequence(common, sequence(octets(odd.auth_ids[index])), constructed(1, attributes))

    def _absolute(self, *ids: int) -> bytes:
        return _path((MF_ID, *self._odd.df, *ids))

    def _reference(self, reference: int) -> bytes:
        """[0] pwdReference; 0 is the default and therefore left out."""
        if not reference:
            return b""
        negative = self._odd.negative and reference > 0x7F
        return octets(bytes([reference]), 0x80) if negative else integer(reference, 0x80)

    def _private_key(self, index: int, key: CardKey) -> bytes:
        common = self._common(objects.TITLES[key.purpose], bits(PRIVATE), octets(self._odd.auth_ids[0]))
        own = sequence(octets(self._odd.key_ids[index]), bits(*objects.private_usage(key)), integer(key.reference))
        return self._key(common, own, key.file_id)

    def _public_key(self, index: int, entry: KeyWithCertificate) -> bytes:
        common = self._common(objects.TITLES[entry.key.purpose])
        own = sequence(octets(self._odd.key_ids[index]), bits(objects.VERIFY))
        return self._key(common, own, entry.public_file)

    def _key(self, common: bytes, own: bytes, file: int) -> bytes:
        return constructed(0, common, own, constructed(1, sequence(sequence(self._path(file)))))

    def _certificate(self, index: int, entry: KeyWithCertificate) -> bytes:
        common = self._common(objects.TITLES[entry.key.purpose])
        own = sequence(octets(self._odd.key_ids[index]))
        return sequence(common, own, constructed(1, sequence(self._certificate_value(index, entry))))

    def _certificate_value(self, index: int, entry: KeyWithCertificate) -> bytes:
        der = self._ders[index]
        if self._odd.certificate == "file":
            return sequence(self._path(entry.certificate_file))
        if self._odd.certificate == "slice":
            start = sum(len(before) for before in self._ders[:index])
            return sequence(self._path(SHARED_FILE), integer(start), integer(len(der), 0x80))
        return constructed(0, der if self._odd.certificate == "direct-explicit" else _content(der))

    def _token_info(self) -> bytes:
        odd = self._odd
        return sequence(
            integer(odd.version),
            octets(self._serial) if odd.with_serial else b"",
            utf8(objects.MANUFACTURER) if odd.with_names else b"",
            utf8(objects.LABEL, 0x80) if odd.with_names else b"",
            bits(),
        )


def _path(ids: tuple[int, ...], tag: int = OCTET_STRING) -> bytes:
    return octets(b"".join(number.to_bytes(2, "big") for number in ids), tag)


def _content(der: bytes) -> bytes:
    """A certificate without its own SEQUENCE tag, which an implicit one replaces. Longer than 255 bytes."""
    return der[4:]
