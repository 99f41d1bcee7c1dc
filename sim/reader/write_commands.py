"""The commands by which a kind B card is written: files created, updated and deleted, and keys made on the card.

Rules: each file says whose code allows what (`CardFile.rights`), and without it the answer is 6982; a key file says by its
descriptor and size which key is made in it; the public key is asked for by GET DATA while its key file is selected;
whatever was written is durable before the answer.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sim.reader import status
from sim.reader.command_apdu import Ins, ReceivedCommand
from sim.reader.der import octets, sequence
from sim.reader.file_system import FCP_TEMPLATE, TRANSPARENT, CardFile, FileSystem
from sim.reader.keys import CardKey, CardPrivateKey, generate
from sim.reader.persona import KeyAlgorithm
from sim.reader.pkcs15_codes import SIGNATURE_PIN_REFERENCE, Pkcs15Codes
from sim.reader.pkcs15_files import EC_KEY_FILE, EF_AODF, EF_ODF, EF_TOKENINFO, RSA_KEY_FILE
from sim.reader.pki import KeyPurpose
from sim.reader.status import StatusError
from sim.reader.t0 import Answer
from sim.reader.written_files import Written, WrittenFile

OF_DIRECTORY, OF_FILE, OF_KEY = bytes.fromhex("11FFFF"), bytes.fromhex("011FFF"), bytes.fromhex("111100")
"""Rights of what a card is issued with: whoever has verified the PIN may write."""
OF_SIGNATURE_KEY = bytes([SIGNATURE_PIN_REFERENCE << 4 | OF_KEY[0] & 0x0F, *OF_KEY[1:]])
"""On a card with two PINs."""
NEVER_WRITTEN = (EF_ODF, EF_AODF, EF_TOKENINFO)
MEMORY = 32 * 1024
"""Bytes that all files of the application may take."""
PUBLIC_EXPONENT = sequence(octets(bytes.fromhex("010001"), 0x81))
KEYS: dict[tuple[int, int], KeyAlgorithm] = {
    (RSA_KEY_FILE, 2048): "RSA-2048",
    (EC_KEY_FILE, 256): "EC-P256",
    (EC_KEY_FILE, 384): "EC-P384",
}
"""By descriptor and size of the key file, in bits."""
KEY_DATA, MODULUS, EXPONENT, POINT = 0x01, 0x01, 0x02, 0x86
EVERYBODY = 0x0

READ_OR_USE, UPDATE, DELETE, GENERATE = range(4)
CREATE = READ_OR_USE


@dataclass(frozen=True, slots=True)
class _FileRequest:
    """File that CREATE FILE asks for."""

    id: int
    size: int
    descriptor: int
    rights: bytes


class WriteCommands:
    """See the module. `keys` and `written` change in place; `store` makes that durable."""

    def __init__(
        self, files: FileSystem, codes: Pkcs15Codes, keys: list[CardKey], written: Written, store: Callable[[], None]
    ) -> None:
        self._files = files
        self._codes = codes
        self._keys = keys
        self._written = written
        self._store = store
        self._allow()
        for number, file in written.items():
            self._restore(number, file)

    def commands(self) -> dict[int, Callable[[ReceivedCommand], Answer]]:
        """Handlers of its commands by instruction byte."""
        return {
            Ins.CREATE_FILE: self._create,
            Ins.DELETE_FILE: self._delete,
            Ins.UPDATE_BINARY: self._update,
            Ins.GENERATE_KEY_PAIR_OLD: self._generate,
        }

    def public_key(self) -> dict[tuple[int, int], bytes]:
        """Return what GET DATA tells of the key in the selected key file, by P1 and P2: modulus and exponent, or the point."""
        file = self._files.current_ef
        key = None if file is None else self._key_in(file)
        if key is None:
            return {}
        public = key.private.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            modulus = numbers.n.to_bytes(public.key_size // 8, "big")
            return {(KEY_DATA, MODULUS): modulus, (KEY_DATA, EXPONENT): numbers.e.to_bytes(3, "big")}
        point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        return {(KEY_DATA, POINT): octets(point, POINT)}

    def _allow(self) -> None:
        application = self._files.application
        application.rights = OF_DIRECTORY
        for file in application.children.values():
            if file.id not in NEVER_WRITTEN:
                file.rights = OF_KEY if file.internal else OF_FILE
        for key in self._keys:
            if self._codes.guard(key.purpose) is self._codes.signature_pin:
                application.children[key.file_id].rights = OF_SIGNATURE_KEY

    def _restore(self, number: int, file: WrittenFile | None) -> None:
        removed = self._files.application.children.pop(number, None)
        if removed is not None and removed.internal:
            self._drop_key(removed)
        if file is None:
            return
        internal = file.descriptor != TRANSPARENT
        content = bytes(file.size) if internal else file.content
        new_file = CardFile(number, content, descriptor=file.descriptor, internal=internal, rights=file.rights)
        self._files.application.add(new_file)
        if file.private is not None:
            self._set_key(new_file, file.private)

    def _create(self, command: ReceivedCommand) -> Answer:
        request = _parse_file_request(command)
        directory = self._files.current_df
        self._demand(directory, CREATE)
        if request.id in directory.children:
            raise StatusError(status.FILE_EXISTS)
        internal = request.descriptor != TRANSPARENT
        used_bytes = sum(len(file.content) for file in directory.children.values() if not file.internal)
        if not internal and used_bytes + request.size > MEMORY:
            raise StatusError(status.NO_SPACE)
        new_file = CardFile(
            request.id, bytes(request.size), descriptor=request.descriptor, internal=internal, rights=request.rights
        )
        self._files.current_ef = directory.add(new_file)
        self._keep(new_file)
        return b"", status.OK

    def _delete(self, command: ReceivedCommand) -> Answer:
        file = self._selected(command)
        self._demand(file, DELETE)
        del self._files.application.children[file.id]
        self._files.current_ef = None
        self._drop_key(file)
        self._written[file.id] = None
        self._store()
        return b"", status.OK

    def _update(self, command: ReceivedCommand) -> Answer:
        file = self._files.current_ef
        if file is None or file.internal:
            raise StatusError(status.NO_CURRENT_EF)
        self._demand(file, UPDATE)
        offset, data = command.p1 << 8 | command.p2, command.data
        if offset > len(file.content):
            raise StatusError(status.BEYOND_END)
        if not data or offset + len(data) > len(file.content):
            raise StatusError(status.WRONG_LENGTH)
        file.content = file.content[:offset] + data + file.content[offset + len(data) :]
        self._keep(file)
        return b"", status.OK

    def _generate(self, command: ReceivedCommand) -> Answer:
        file = self._selected(command)
        self._demand(file, GENERATE)
        algorithm = KEYS.get((file.descriptor, len(file.content)))
        if algorithm is None:
            raise StatusError(status.CONDITIONS)
        if command.data != (PUBLIC_EXPONENT if algorithm == "RSA-2048" else None):
            raise StatusError(status.BAD_DATA)
        self._set_key(file, generate(algorithm))
        self._keep(file)
        return b"", status.OK

    def _selected(self, command: ReceivedCommand) -> CardFile:
        if command.p1 or command.p2:
            raise StatusError(status.WRONG_P1P2)
        file = self._files.current_ef
        if file is None or file.parent is not self._files.application:
            raise StatusError(status.NO_CURRENT_EF)
        return file

    def _demand(self, file: CardFile, right: int) -> None:
        """Raises StatusError(6982) unless the code that this right wants was verified."""
        required_reference = file.rights.hex()[right]
        code = self._codes.by_reference(int(required_reference, 16))
        if int(required_reference, 16) != EVERYBODY and (code is None or not code.verified):
            raise StatusError(status.SECURITY_STATUS)

    def _keep(self, file: CardFile) -> None:
        key = self._key_in(file)
        content = b"" if file.internal else file.content
        private = None if key is None else key.private
        self._written[file.id] = WrittenFile(file.descriptor, file.rights, len(file.content), content, private)
        self._store()

    def _key_in(self, file: CardFile) -> CardKey | None:
        return next((key for key in self._keys if file.internal and key.file_id == file.id), None)

    def _set_key(self, file: CardFile, private: CardPrivateKey) -> None:
        """The code that its file names guards it; by its reference it is the low byte of its file's number."""
        self._drop_key(file)
        second = int(file.rights.hex()[READ_OR_USE], 16) == SIGNATURE_PIN_REFERENCE
        purpose: KeyPurpose = "signature" if second else "identification"
        self._keys.append(CardKey(purpose, b"", file.id & 0xFF, file.id, private))

    def _drop_key(self, file: CardFile) -> None:
        self._keys[:] = [key for key in self._keys if key.file_id != file.id]


def _parse_file_request(command: ReceivedCommand) -> _FileRequest:
    """File control parameters (ISO/IEC 7816-4 table 10): size 80, or 81 of a key; descriptor, identifier, rights."""
    if command.p1 or command.p2:
        raise StatusError(status.WRONG_P1P2)
    data = command.data or b""
    if len(data) < 2 or data[0] != FCP_TEMPLATE or data[1] != len(data) - 2:
        raise StatusError(status.BAD_DATA)
    parameters = _parts(data[2:])
    sizes = [parameters[tag] for tag in (0x80, 0x81) if tag in parameters]
    number, descriptor, rights = (parameters.get(tag, b"") for tag in (0x83, 0x82, 0x86))
    if [len(part) for part in (*sizes, number, descriptor, rights)] != [2, 2, 1, 3]:
        raise StatusError(status.BAD_DATA)
    if descriptor[0] not in ((TRANSPARENT,) if 0x80 in parameters else (RSA_KEY_FILE, EC_KEY_FILE)):
        raise StatusError(status.BAD_DATA)
    return _FileRequest(int.from_bytes(number, "big"), int.from_bytes(sizes[0], "big"), descriptor[0], rights)


def _parts(data: bytes) -> dict[int, bytes]:
    parts: dict[int, bytes] = {}
    while data:
        if len(data) < 2 or len(data) < 2 + data[1]:
            raise StatusError(status.BAD_DATA)
        parts[data[0]], data = data[2 : 2 + data[1]], data[2 + data[1] :]
    return parts
