"""The commands of the PKCS#15 cards (kinds A and B), one method each: parsed command in, data and status word out.

Nothing here knows of power, tearing or transmission; `sim.reader.cards` does.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sim.reader import keys, status
from sim.reader.administrative_key import AdministrativeKey
from sim.reader.command_apdu import Ins, ReceivedCommand
from sim.reader.file_system import FCI_TEMPLATE, FCP_TEMPLATE, CardFile, FileSystem
from sim.reader.file_traits import (
    BY_AID,
    FCI,
    FCP,
    FROM_MF,
    NO_ANSWER,
    PARENT,
    FileWays,
)
from sim.reader.keys import CardKey, SecurityEnvironment
from sim.reader.pkcs15_codes import Pkcs15Codes, StoredCode
from sim.reader.signing_traits import (
    ALGORITHM_TAG,
    FILE_TAG,
    PRIVATE_KEY_TAG,
    PUBLIC_KEY_TAG,
    SigningWays,
)
from sim.reader.status import StatusError
from sim.reader.t0 import Answer
from sim.reader.write_commands import WriteCommands

SET_FOR_COMPUTATION = 0x41
SIGNATURE_TEMPLATE, AUTHENTICATION_TEMPLATE, CONFIDENTIALITY_TEMPLATE = 0xB6, 0xA4, 0xB8
COMPUTE_SIGNATURE, HASH, DECIPHER = (0x9E, 0x9A), (0x90, 0xA0), (0x80, 0x86)  # P1, P2 of PSO, ISO/IEC 7816-8 clause 11
HASH_CODE_TAG = 0x90  # a hash that was made elsewhere, ISO/IEC 7816-8 table 11
SHORT_ID_BIT = 0x80
CERTIFICATE_FILES = range(0x4301, 0x4381)
CARD_DATA, SERIAL_TAG, CAPABILITIES_TAG = 0x01, 0xA0, 0xAA
SERIAL_BYTES = 10
APPLET_ID, VERSION, CHANGE_COUNTER = bytes.fromhex("A000000063"), bytes([4, 0, 1]), bytes(2)
CAPABILITIES = bytes.fromhex("01 0009 0800 0000 0000 0180")
"""Layout 1; RSA and EC; longest RSA, DES, AES and EC keys in bits."""


@dataclass(frozen=True, slots=True)
class ApplicationTraits:
    """Differences between the kinds, codes apart."""

    algorithms: keys.Algorithms
    has_data_objects: bool = False
    """Serial number and capabilities by GET DATA."""
    refused: frozenset[int] = frozenset()
    """Instructions that write: known, and never allowed."""
    greeting: bytes | None = None
    """Answer to SELECT by AID in the place of file control information."""
    signing: SigningWays = field(default_factory=SigningWays)
    """What a trait changes in how it signs."""
    files: FileWays = field(default_factory=FileWays)
    """What a trait changes in how it selects and reads files."""

    @property
    def allowed(self) -> keys.Algorithms:
        """Algorithm references that it takes."""
        return self.signing.algorithms or self.algorithms


WAYS_B = ApplicationTraits(keys.ALGORITHMS_B, has_data_objects=True)
WAYS_A = ApplicationTraits(
    keys.ALGORITHMS_A,
    refused=frozenset(
        {
            Ins.GENERATE_KEY_PAIR_OLD, Ins.GENERATE_KEY_PAIR, Ins.UPDATE_BINARY, Ins.PUT_DATA, Ins.PUT_DATA_BER,
            Ins.CREATE_FILE, Ins.DELETE_FILE,
        }
    ),
    greeting=bytes([0, 6, 6]),  # version 0.6; random numbers and elliptic curves
)  # fmt: skip


class Pkcs15Application:
    """Files, codes and keys behind their commands. Raises StatusError where a command ends early."""

    def __init__(
        self, serial: bytes, files: FileSystem, codes: Pkcs15Codes, card_keys: Sequence[CardKey], ways: ApplicationTraits,
        writing: WriteCommands | None = None, administrator: StoredCode | None = None,
    ) -> None:  # fmt: skip
        self._serial = serial
        self.files = files
        self._codes = codes
        self.keys = card_keys
        self._ways = ways
        self._writing = writing
        self._environments: dict[int, SecurityEnvironment] = {}
        self._half = b""
        self._hashed = b""
        self._commands: dict[int, Callable[[ReceivedCommand], Answer]] = {
            Ins.VERIFY: self._verify,
            Ins.MANAGE_SECURITY_ENVIRONMENT: self._set_environment,
            Ins.CHANGE_REFERENCE_DATA: self._change,
            Ins.PERFORM_SECURITY_OPERATION: self._operate,
            Ins.RESET_RETRY_COUNTER: self._unblock,
            Ins.GET_CHALLENGE: self._challenge,
            Ins.INTERNAL_AUTHENTICATE: self._authenticate,
            Ins.SELECT: self._select,
            Ins.READ_BINARY: self._read,
        }
        if not ways.signing.environment:
            del self._commands[Ins.MANAGE_SECURITY_ENVIRONMENT]
        if ways.has_data_objects:
            self._commands[Ins.GET_DATA] = self._get_data
        if writing is not None:
            self._commands |= writing.commands()
        self._administration = None if administrator is None else AdministrativeKey(codes, administrator)
        if self._administration is not None:
            self._commands |= self._administration.commands()

    def reset(self) -> None:
        """Lose what does not outlive the power."""
        self.files.reset()
        self._leave()

    def execute(self, command: ReceivedCommand) -> Answer:
        if command.cla != 0:
            raise StatusError(status.UNKNOWN_CLA)
        if command.ins in self._ways.refused:
            raise StatusError(status.SECURITY_STATUS)
        run = self._commands.get(command.ins)
        if run is None:
            raise StatusError(status.UNKNOWN_INS)
        if command.ins in (Ins.GENERATE_KEY_PAIR_OLD, Ins.DELETE_FILE):
            self._environments.clear()  # they may name a key that is gone
        if self._administration is not None and command.ins != Ins.EXTERNAL_AUTHENTICATE:
            self._administration.forget_challenge()
        return run(command)

    def _leave(self) -> None:
        self._codes.forget()
        self._environments.clear()
        self._half = self._hashed = b""

    def _select(self, command: ReceivedCommand) -> Answer:
        if command.p2 not in (NO_ANSWER, FCI, FCP) or command.p2 not in self._ways.files.answers:
            raise StatusError(status.WRONG_P1P2)
        file = self._find(command.p1, command.data or b"")
        if command.p2 == NO_ANSWER:
            return b"", status.OK
        if command.p1 == BY_AID and self._ways.greeting is not None:
            return self._ways.greeting, status.OK
        return file.control_parameters(FCI_TEMPLATE if command.p2 == FCI else FCP_TEMPLATE), status.OK

    def _find(self, how: int, name: bytes) -> CardFile:
        tree = self.files
        if how == BY_AID:
            file = tree.select_aid(name)
            self._leave()
            return file
        ways = self._ways.files
        if how in ways.path_p1:
            return tree.select_path(name, from_mf=how == FROM_MF)
        if how == PARENT and not name:
            return tree.select_parent()
        if how not in ways.df_p1 | ways.ef_p1:
            raise StatusError(status.WRONG_P1P2)
        if len(name) not in (0, 2):
            raise StatusError(status.WRONG_LENGTH)
        number = int.from_bytes(name, "big") if name else tree.mf.id
        return tree.select_id(number, dfs=how in ways.df_p1, efs=how in ways.ef_p1)

    def _read(self, command: ReceivedCommand) -> Answer:
        offset = command.p1 << 8 | command.p2
        file, ways = self.files.current_ef, self._ways.files
        if command.p1 & SHORT_ID_BIT:
            if ways.no_short_ids is not None:
                raise StatusError(ways.no_short_ids)
            file, offset = self.files.by_short_id(command.p1 & 0x1F), command.p2
        if file is None or file.internal:
            raise StatusError(status.NO_CURRENT_EF)
        if ways.certificates_guarded and file.id in CERTIFICATE_FILES and not self._codes.pin.verified:
            raise StatusError(status.SECURITY_STATUS)
        if offset > len(file.content):
            raise StatusError(status.BEYOND_END)
        most = command.le or 0 if ways.most_read is None else min(command.le or 0, ways.most_read)
        if ways.refuses_longer and most < (command.le or 0):
            raise StatusError(status.WRONG_LENGTH)
        return file.content[offset : offset + most], status.OK

    def _get_data(self, command: ReceivedCommand) -> Answer:
        objects = {
            (CARD_DATA, SERIAL_TAG): APPLET_ID + VERSION + self._serial.rjust(SERIAL_BYTES, b"\0") + CHANGE_COUNTER,
            (CARD_DATA, CAPABILITIES_TAG): CAPABILITIES,
        }
        if self._writing is not None:
            objects |= self._writing.public_key()
        value = objects.get((command.p1, command.p2))
        if value is None:
            raise StatusError(status.NO_REFERENCE)
        return value, status.OK

    def _verify(self, command: ReceivedCommand) -> Answer:
        if command.p1:
            raise StatusError(status.WRONG_P1P2)
        code = self._codes.by_reference(command.p2)
        if code is None:
            raise StatusError(status.NO_REFERENCE)
        if command.data is not None:
            return b"", self._codes.verify(code, command.data)
        if command.le is not None and not self._codes.answers_lc_zero:
            raise StatusError(status.WRONG_LENGTH)
        return b"", self._codes.state(code)

    def _change(self, command: ReceivedCommand) -> Answer:
        pin = self._pin(command, (0,))
        return b"", self._codes.change(pin, command.data or b"")

    def _unblock(self, command: ReceivedCommand) -> Answer:
        pin = self._pin(command, (0, 1, 2, 3))
        return b"", self._codes.unblock(pin, command.p1, command.data or b"")

    def _pin(self, command: ReceivedCommand, modes: tuple[int, ...]) -> StoredCode:
        """A PIN by P2; the PUK is neither changed nor unlocked."""
        if command.p1 not in modes:
            raise StatusError(status.WRONG_P1P2)
        code = self._codes.by_reference(command.p2)
        if code is None:
            raise StatusError(status.NO_REFERENCE)
        if code is self._codes.puk:
            raise StatusError(status.CONDITIONS)
        return code

    def _set_environment(self, command: ReceivedCommand) -> Answer:
        templates = (SIGNATURE_TEMPLATE, AUTHENTICATION_TEMPLATE, CONFIDENTIALITY_TEMPLATE)
        if command.p1 != SET_FOR_COMPUTATION or command.p2 not in templates:
            raise StatusError(status.WRONG_P1P2)
        named = _simple_tlv(command.data or b"")
        expected_tags = self._ways.signing.template
        if expected_tags is not None and named.keys() != expected_tags:
            raise StatusError(self._ways.signing.refusal)
        key = self._named_key(named)
        allowed = self._ways.allowed.of(key)
        algorithm = named[ALGORITHM_TAG][0] if named.get(ALGORITHM_TAG) else allowed[0]
        if algorithm not in allowed:
            raise StatusError(status.BAD_DATA)
        self._environments[command.p2] = SecurityEnvironment(key, algorithm)
        self._half = self._hashed = b""
        return b"", status.OK

    def _named_key(self, named: dict[int, bytes]) -> CardKey:
        """By file (81), else by reference (84, or 83), else the key file that is selected."""
        file_id = int.from_bytes(named.get(FILE_TAG, b"")[-2:], "big")
        reference = int.from_bytes(named.get(PRIVATE_KEY_TAG, named.get(PUBLIC_KEY_TAG, b"")), "big")
        current = self.files.current_ef
        for key in self.keys:
            if key.file_id == file_id or (not file_id and key.reference == reference):
                return key
            if not file_id and not reference and current is not None and current.id == key.file_id:
                return key
        raise StatusError(status.NO_REFERENCE)

    def _operate(self, command: ReceivedCommand) -> Answer:
        if (command.p1, command.p2) == COMPUTE_SIGNATURE:
            return self._sign(command), status.OK
        if (command.p1, command.p2) == HASH and "hash-first" in self._ways.signing.operations:
            self._hashed = _simple_tlv(command.data or b"").get(HASH_CODE_TAG, b"")
            return b"", status.OK
        if (command.p1, command.p2) == DECIPHER:
            return self._decipher(self._environment(CONFIDENTIALITY_TEMPLATE), command.data or b"")
        raise StatusError(status.WRONG_P1P2)

    def _authenticate(self, command: ReceivedCommand) -> Answer:
        if command.p1 or command.p2:
            raise StatusError(status.WRONG_P1P2)
        if "internal-authenticate" not in self._ways.signing.operations:
            raise StatusError(status.UNKNOWN_INS)
        return self._use_key(AUTHENTICATION_TEMPLATE, command.data or b""), status.OK

    def _sign(self, command: ReceivedCommand) -> bytes:
        operations, data = self._ways.signing.operations, command.data or b""
        if "hash-first" in operations:
            data, self._hashed = (b"", b"") if data else (self._hashed, b"")
        if "hash-first" in operations and not data:
            raise StatusError(status.CONDITIONS)
        if not operations & {"data", "hash-first"}:
            raise StatusError(status.UNKNOWN_INS)
        return self._use_key(SIGNATURE_TEMPLATE, data)

    def _use_key(self, template: int, data: bytes) -> bytes:
        environment = self._environment(template)
        if self._ways.signing.consent and environment.key.purpose != "card":
            self._codes.guard(environment.key.purpose).verified = False
        return keys.sign(environment, data, self._ways.signing.bare)

    def _environment(self, template: int) -> SecurityEnvironment:
        environment = self._environments.get(template) if self._ways.signing.environment else self._fixed_key(template)
        if environment is None:
            raise StatusError(status.CONDITIONS)
        purpose = environment.key.purpose
        if purpose != "card" and not self._codes.guard(purpose).verified:
            raise StatusError(status.SECURITY_STATUS)
        return environment

    def _fixed_key(self, template: int) -> SecurityEnvironment:
        """Of a card that can be told neither key nor algorithm: each command has its own."""
        purpose = "identification" if template == AUTHENTICATION_TEMPLATE else "signature"
        key = next((key for key in self.keys if key.purpose == purpose), self.keys[0])
        return SecurityEnvironment(key, self._ways.allowed.of(key)[0])

    def _decipher(self, environment: SecurityEnvironment, data: bytes) -> Answer:
        marker, part = data[:1], data[1:]
        if marker == bytes([keys.FIRST_HALF]):
            self._half = part
            return b"", status.OK
        if marker == bytes([keys.SECOND_HALF]):
            part, self._half = self._half + part, b""
        elif marker != bytes([keys.WHOLE]):
            raise StatusError(status.BAD_DATA)
        return keys.decipher(environment, part), status.OK

    def _challenge(self, command: ReceivedCommand) -> Answer:
        if command.p1 or command.p2:
            raise StatusError(status.WRONG_P1P2)
        return secrets.token_bytes(command.le or 0), status.OK


def _simple_tlv(data: bytes) -> dict[int, bytes]:
    """Control reference data objects: one-byte tags, short lengths (ISO/IEC 7816-4 10.3)."""
    objects: dict[int, bytes] = {}
    while data:
        if len(data) < 2 or len(data) < 2 + data[1]:
            raise StatusError(status.BAD_DATA)
        objects[data[0]] = data[2 : 2 + data[1]]
        data = data[2 + data[1] :]
    return objects
