"""PKCS#15 key management on MyEID-like cards: keys and certificates are made, written and deleted once the PIN is verified.

Rules: no directory ever names what is not there, so a file is written before its entry, and an entry is deleted before its
file; a torn operation may leave a file that nothing names, which is passed over the next time. A certificate and the key of
its id must be a pair, by public key. What was written is read back before it counts as done.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from drivers.reader import tlv
from drivers.reader.certificates import key_usage as usage
from drivers.reader.certificates import public_keys
from drivers.reader.certificates.public_keys import PublicKey
from drivers.reader.iso7816 import MF
from drivers.reader.keys import Generated, KeyAlgorithm, KeyOutcome
from drivers.reader.outcomes import Accepted, RefusalReason, Refused, Unknown
from drivers.reader.pkcs15 import apdus as commands
from drivers.reader.pkcs15 import directory as pkcs15
from drivers.reader.pkcs15 import directory_entries as entries
from drivers.reader.pkcs15 import objects
from drivers.reader.pkcs15.directory_entries import NewKey
from drivers.reader.pkcs15.files import CardFiles
from drivers.reader.pkcs15.values import CodeObject, DirectoryKind, FilePath, KeyObject, PublicKeyObject
from drivers.reader.pkcs15.writer import CardWriter, OperationEndedError
from drivers.reader.tlv import Tlv
from drivers.reader.transport.channel import ApduChannel

WriteOutcome = Accepted | Refused | Unknown
MAX_FILE = 0x7FFF
LABELS = {"identification": "Identification", "signature": "Signature", "other": "Certificate"}
KEY_FAMILY, PUBLIC_FAMILY, CERTIFICATE_FAMILY = (bytes.fromhex(number) for number in ("4B00", "5500", "4300"))
"""Files are numbered from here, as the makers of such cards do it."""


class _Named(Protocol):
    @property
    def id(self) -> bytes: ...


T = TypeVar("T", bound=_Named)
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class OperationHooks:
    """Hooks to call `before` an operation (forget what may be old) and `after` it (read the card anew)."""

    before: Callable[[], None]
    after: Callable[[], None]


class Pkcs15KeyManager:
    """See the module. Raises CardGoneError and CardChangedError before anything was changed, and CardAnswerError."""

    def __init__(
        self, channel: ApduChannel, files: CardFiles, same_card: Callable[[], None], around: OperationHooks
    ) -> None:
        self._files = files
        self._around = around
        self._writer = CardWriter(channel, files, same_card)

    def key(self, key_id: bytes) -> KeyObject | None:
        """The private key of that id, as the card lists it. Raises CommandRefusedError, TlvError."""
        key = self._find(DirectoryKind.PRIVATE_KEYS, objects.parse_keys, key_id)
        return None if key is None else key[1]

    def generate(self, key_id: bytes, algorithm: KeyAlgorithm, guard: CodeObject) -> KeyOutcome:
        """Make a key pair: in the file of the key that has that id, which is then gone, or else in a new one, used with
        the code `guard`. A key of another kind is not replaced.
        """
        return self._done(lambda: self._generate(key_id, algorithm, guard))

    def write(self, key_id: bytes, der: bytes) -> WriteOutcome:
        """Write the certificate of the key with that id, in the place of the one there is."""
        return self._done(lambda: self._write(key_id, der))

    def delete(self, key_id: bytes) -> WriteOutcome:
        """Delete the certificate of that id."""
        return self._done(lambda: self._delete(key_id))

    def delete_key(self, key_id: bytes) -> WriteOutcome:
        """Delete the key pair of that id, whose certificate must be gone already; what a torn deletion left goes too."""
        return self._done(lambda: self._delete_key(key_id))

    def _done(self, steps: Callable[[], D]) -> D | Refused | Unknown:
        """Reading back is part of the operation: a card that leaves before it may not hold what it should."""

        def whole() -> D:
            self._around.before()
            outcome = steps()
            self._around.after()
            return outcome

        return self._writer.run(whole)

    def _generate(self, key_id: bytes, algorithm: KeyAlgorithm, guard: CodeObject) -> Generated:
        if algorithm not in commands.KEY_FILES:
            raise _not_allowed()
        old = self.key(key_id)
        public = self._new_key(key_id, algorithm, guard) if old is None else self._new_pair(old, algorithm)
        return Generated(public_keys.encode_spki(public))

    def _new_pair(self, old: KeyObject, algorithm: KeyAlgorithm) -> PublicKey:
        """In the key's own file."""
        listed = self._find(DirectoryKind.PUBLIC_KEYS, objects.parse_public_keys, old.id)
        public_key = pkcs15.read_public_keys(self._files).get(old.id)
        if listed is None or public_key is None or not isinstance(listed[1].value, FilePath):
            raise _not_allowed()
        if _algorithm(public_key) != algorithm or not old.path or not _whole(listed[1].value):
            raise _not_allowed()
        public = self._writer.generate(old.path, algorithm)
        self._writer.fill(listed[1].value.path, _value(public))
        return public

    def _new_key(self, key_id: bytes, algorithm: KeyAlgorithm, guard: CodeObject) -> PublicKey:
        private_directory, public_directory = (
            self._path(DirectoryKind.PRIVATE_KEYS),
            self._path(DirectoryKind.PUBLIC_KEYS),
        )
        application, taken = private_directory[:-2], self._used_paths()
        bits = commands.KEY_FILES[algorithm][1]
        elliptic, place = algorithm != "RSA-2048", application + KEY_FAMILY
        draft = NewKey(key_id, "Key", guard.auth_id, 0xFF, bits, elliptic, place, application + PUBLIC_FAMILY)
        stale = self._find(
            DirectoryKind.PUBLIC_KEYS, objects.parse_public_keys, key_id
        )  # of an operation that was torn
        self._room(private_directory, entries.private_key(draft))
        self._room(public_directory, entries.public_key(draft), stale and stale[0])
        file = self._writer.create(
            place, taken, lambda number: commands.create_key_file(number, algorithm, guard.reference)
        )
        public = self._writer.generate(file, algorithm)
        public_file = self._new_file(application + PUBLIC_FAMILY, _value(public), guard.reference)
        new_key = NewKey(key_id, "Key", guard.auth_id, file[-1], bits, elliptic, file, public_file)
        self._append(public_directory, entries.public_key(new_key), stale and stale[0])
        self._append(private_directory, entries.private_key(new_key))
        if stale is not None:
            self._discard(stale[1].value)
        return public

    def _write(self, key_id: bytes, der: bytes) -> Accepted:
        public = public_keys.of_certificate(der)
        key, directory = self.key(key_id), self._path(DirectoryKind.CERTIFICATES)
        if key is None or public is None or len(der) > MAX_FILE:
            raise _not_allowed()
        if public != pkcs15.read_public_keys(self._files).get(key_id):
            raise _not_allowed()
        old = self._find(DirectoryKind.CERTIFICATES, objects.parse_certificates, key_id)
        label = _label(der) if old is None else old[1].label
        place = directory[:-2] + CERTIFICATE_FAMILY
        self._room(directory, entries.certificate(key_id, label, place), old and old[0])
        file = self._new_file(place, der, self._code_of(key))
        self._append(directory, entries.certificate(key_id, label, file), old and old[0])
        if old is not None:
            self._discard(old[1].value)
        return Accepted()

    def _delete(self, key_id: bytes) -> Accepted:
        directory = self._path(DirectoryKind.CERTIFICATES)
        old = self._find(DirectoryKind.CERTIFICATES, objects.parse_certificates, key_id)
        if old is None:
            raise _not_allowed()
        self._append(directory, b"", old[0])
        self._discard(old[1].value)
        return Accepted()

    def _delete_key(self, key_id: bytes) -> Accepted:
        private = self._find(DirectoryKind.PRIVATE_KEYS, objects.parse_keys, key_id)
        public = self._find(DirectoryKind.PUBLIC_KEYS, objects.parse_public_keys, key_id)
        certified = self._find(DirectoryKind.CERTIFICATES, objects.parse_certificates, key_id)
        if certified is not None or (private is None and public is None):
            raise _not_allowed()
        if private is not None:
            self._append(self._path(DirectoryKind.PRIVATE_KEYS), b"", private[0])
            if private[1].path:
                self._discard(FilePath(private[1].path))
        if public is not None:
            self._append(self._path(DirectoryKind.PUBLIC_KEYS), b"", public[0])
            self._discard(public[1].value)
        return Accepted()

    def _discard(self, value: FilePath | bytes) -> None:
        """Delete a file, unless another entry names it, or it may hold more than that value."""
        if isinstance(value, FilePath) and _whole(value) and value.path not in self._used_paths():
            self._writer.discard(value.path)

    def _new_file(self, family: bytes, content: bytes, code: int) -> bytes:
        file = self._writer.create(
            family, self._used_paths(), lambda number: commands.create_file(number, len(content), code)
        )
        self._writer.fill(file, content)
        return file

    def _code_of(self, key: KeyObject) -> int:
        """The reference of the code that guards a key, which guards its certificate too."""
        codes = (code for data in self._contents(DirectoryKind.AUTHENTICATION) for code in objects.parse_codes(data))
        reference = next((code.reference for code in codes if code.auth_id == key.auth_id), None)
        if reference is None:
            raise _not_allowed()
        return reference

    def _append(self, directory: bytes, entry: bytes, old: Tlv | None = None) -> None:
        """Write an entry behind the others, or in the place of `old`; an empty one deletes it."""
        self._writer.change(directory, self._room(directory, entry, old))

    def _room(self, directory: bytes, entry: bytes, old: Tlv | None = None) -> entries.DirectoryChange:
        content = self._files.read(directory, "file")
        kept = [node.raw for node in entries.entries(content)]
        if old is None:
            kept.append(entry)
        else:
            kept[kept.index(old.raw)] = entry
        change = entries.change(content, b"".join(kept))
        if change is None:
            raise _not_allowed()
        return change

    def _find(
        self, directory: DirectoryKind, parse: Callable[[bytes], tuple[T, ...]], entry_id: bytes
    ) -> tuple[Tlv, T] | None:
        """The entry with that id. One of several is never taken for another: a key may have two people's certificates, or one
        person's with a personal identity number too."""
        nodes = (node for data in self._contents(directory) for node in entries.entries(data))
        matches = [(node, entry) for node in nodes for entry in parse(node.raw) if entry.id == entry_id]
        if len(matches) > 1:
            raise _not_allowed()
        return matches[0] if matches else None

    def _used_paths(self) -> set[bytes]:
        """Paths of all files that the directories name."""
        keys = (k.path for data in self._contents(DirectoryKind.PRIVATE_KEYS) for k in objects.parse_keys(data))
        return {*keys, *(value.path for value in self._values() if isinstance(value, FilePath))}

    def _values(self) -> Iterator[FilePath | bytes]:
        public: tuple[PublicKeyObject, ...]
        for data in self._contents(DirectoryKind.PUBLIC_KEYS):
            public = objects.parse_public_keys(data)
            yield from (key.value for key in public)
        for directory in (
            DirectoryKind.CERTIFICATES,
            DirectoryKind.TRUSTED_CERTIFICATES,
            DirectoryKind.USEFUL_CERTIFICATES,
        ):
            for data in self._contents(directory):
                yield from (certificate.value for certificate in objects.parse_certificates(data))

    def _contents(self, kind: DirectoryKind) -> list[bytes]:
        values = [e.value for e in objects.parse_odf(self._files.read(self._files.base.odf)) if e.directory is kind]
        return [value if isinstance(value, bytes) else self._files.read_value(value) for value in values]

    def _path(self, kind: DirectoryKind) -> bytes:
        """The first directory file of that kind, which must be a whole file below the MF."""
        for entry in objects.parse_odf(self._files.read(self._files.base.odf)):
            value = entry.value
            if entry.directory is kind and isinstance(value, FilePath) and _whole(value):
                return value.path
        raise _not_allowed()


def _not_allowed() -> OperationEndedError:
    return OperationEndedError(Refused(RefusalReason.NOT_ALLOWED))


def _whole(value: FilePath) -> bool:
    return value.index == 0 and value.length is None and value.path[:2] == MF and len(value.path) > 2 * 2


def _algorithm(spki: bytes) -> str:
    key = serialization.load_der_public_key(spki)
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA-{key.key_size}"
    return f"EC-P{getattr(key, 'key_size', 0)}"


def _value(key: PublicKey) -> bytes:
    """RSAPublicKey (RFC 8017 A.1.1), or a point in an OCTET STRING (8.5.3)."""
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return tlv.encode(tlv.OCTET_STRING, point)


def _label(der: bytes) -> str:
    """By what it is for, and never a name: whose it is the certificate says."""
    return LABELS[usage.purpose_by_usage(x509.load_der_x509_certificate(der))]
