"""Vendor extensions of the virtual PIV cards: a version (FD), the token's metadata of keys and codes (F7), its serial (F8).

The tags are those of the token that many hospitals have; a station reads from them what else would cost a try or a
guess: how many tries remain of PIN *and* PUK, and whether they are still the factory's.
"""

from collections.abc import Callable

from sim.reader import status
from sim.reader.command_apdu import ReceivedCommand
from sim.reader.der import octets
from sim.reader.piv import keys
from sim.reader.piv import references as names
from sim.reader.piv.codes import PivCodes
from sim.reader.piv.memory import FACTORY_MANAGEMENT_KEY, PivMemory
from sim.reader.piv.references import KeyReference
from sim.reader.piv.traits import PivTraits
from sim.reader.pkcs15_codes import StoredCode
from sim.reader.status import StatusError
from sim.reader.t0 import Answer

GET_METADATA, GET_SERIAL, GET_VERSION = 0xF7, 0xF8, 0xFD
ALGORITHM, POLICY, ORIGIN, PUBLIC_KEY, IS_DEFAULT, TRIES = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
CODE_ALGORITHM = 0xFF
GENERATED, IMPORTED = 1, 2
PIN_NEVER, PIN_ONCE, PIN_ALWAYS, NO_TOUCH = 1, 2, 3, 1
_PIN_POLICIES: dict[int, int] = {KeyReference.SIGNATURE: PIN_ALWAYS, KeyReference.CARD_AUTHENTICATION: PIN_NEVER}
FACTORY_PIN, FACTORY_PUK = b"123456", b"12345678"


class Extensions:
    """The maker's own instructions, by number in `commands`."""

    def __init__(self, memory: PivMemory, codes: PivCodes, serial: bytes, traits: PivTraits) -> None:
        self._memory = memory
        self._codes = codes
        self._serial = serial
        self.commands: dict[int, Callable[[ReceivedCommand], Answer]] = {
            GET_VERSION: lambda _: (traits.version, status.OK),
        }
        if traits.metadata:
            self.commands[GET_METADATA] = self._metadata
        if traits.metadata and traits.tells_serial:
            self.commands[GET_SERIAL] = lambda _: (self._serial[-4:], status.OK)

    def _metadata(self, command: ReceivedCommand) -> Answer:
        if command.p1:
            raise StatusError(status.WRONG_P1P2)
        if command.p2 == names.PIN_REFERENCE:
            return _code(self._codes.local, FACTORY_PIN), status.OK
        if command.p2 == names.PUK_REFERENCE:
            return _code(self._codes.puk, FACTORY_PUK), status.OK
        if command.p2 == KeyReference.MANAGEMENT:
            return self._management(), status.OK
        return self._key(command.p2), status.OK

    def _management(self) -> bytes:
        default = self._memory.management_key == FACTORY_MANAGEMENT_KEY
        algorithm = self._memory.management_algorithm
        return (
            octets(bytes([algorithm]), ALGORITHM)
            + octets(bytes([0, NO_TOUCH]), POLICY)
            + octets(bytes([default]), IS_DEFAULT)
        )

    def _key(self, slot: int) -> bytes:
        key = self._memory.keys.get(slot)
        if key is None:
            raise StatusError(status.NO_REFERENCE)
        policy = _PIN_POLICIES.get(slot, PIN_ONCE)
        origin = GENERATED if slot in self._memory.generated else IMPORTED
        return b"".join(
            (
                octets(bytes([keys.algorithm_of(key)]), ALGORITHM),
                octets(bytes([policy, NO_TOUCH]), POLICY),
                octets(bytes([origin]), ORIGIN),
                octets(keys.public_key_objects(key), PUBLIC_KEY),
            )
        )


def _code(code: StoredCode, factory: bytes) -> bytes:
    return (
        octets(bytes([CODE_ALGORITHM]), ALGORITHM)
        + octets(bytes([code.value == factory]), IS_DEFAULT)
        + octets(bytes([code.tries_max, code.tries_left]), TRIES)
    )
