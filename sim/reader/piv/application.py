"""The commands of the PIV card application, one method each (SP 800-73-4 part 2).

Security: 9A and 9D want the PIN once, 9C before each use, 9E never (part 1 table 4b); GENERATE and PUT DATA want the
management key. Instructions that the card does not know answer 6982, as both kinds that this stands for do.
"""

from collections.abc import Callable

from sim.reader import status
from sim.reader.command_apdu import Ins, ReceivedCommand
from sim.reader.der import octets, tlv
from sim.reader.piv import keys
from sim.reader.piv import references as names
from sim.reader.piv.codes import PivCodes
from sim.reader.piv.extensions import Extensions
from sim.reader.piv.management import CHALLENGE, RESPONSE, ManagementKeyState
from sim.reader.piv.memory import PivMemory
from sim.reader.piv.references import CERTIFICATE_OBJECTS, KeyReference
from sim.reader.piv.tlv import inside, parse
from sim.reader.piv.traits import PivTraits
from sim.reader.status import StatusError
from sim.reader.t0 import Answer

BY_AID = 0x04
CURRENT_APPLICATION = (0x3F, 0xFF)
TAG_LIST, DATA, DYNAMIC_AUTHENTICATION, CONTROL, EXPONENTIATION = 0x5C, 0x53, 0x7C, 0xAC, 0x85
ALGORITHM_TAG = 0x80
LOG_OUT = 0xFF
MOVE_KEY, NOWHERE = 0xF6, 0xFF


class PivApplication:
    """Objects, codes and keys behind their commands. Raises StatusError where a command ends early."""

    def __init__(
        self, memory: PivMemory, codes: PivCodes, traits: PivTraits, serial: bytes, store: Callable[[], None]
    ) -> None:
        self._memory = memory
        self._codes = codes
        self._traits = traits
        self._store = store
        self._management = ManagementKeyState(memory.management_algorithm, memory.management_key)
        self._selected = False
        self._commands: dict[int, Callable[[ReceivedCommand], Answer]] = {
            Ins.VERIFY: self._verify,
            Ins.CHANGE_REFERENCE_DATA: self._change,
            Ins.RESET_RETRY_COUNTER: self._unblock,
            Ins.GENERATE_KEY_PAIR: self._generate,
            Ins.GENERAL_AUTHENTICATE: self._authenticate,
            Ins.GET_DATA_BER: self._get,
            Ins.PUT_DATA_BER: self._put,
        }
        self._commands |= Extensions(memory, codes, serial, traits).commands
        if traits.metadata:
            self._commands[MOVE_KEY] = self._move_key

    def reset(self) -> None:
        """Lose what does not outlive the power."""
        self._selected = False
        self._forget()

    def execute(self, command: ReceivedCommand) -> Answer:
        if command.cla != 0:
            raise StatusError(status.UNKNOWN_CLA)
        if command.ins == Ins.SELECT:
            return self._select(command)
        if not self._selected:
            raise StatusError(status.UNKNOWN_INS)
        run = self._commands.get(command.ins)
        if run is None:
            raise StatusError(status.SECURITY_STATUS)
        return run(command)

    def _forget(self) -> None:
        self._codes.forget()
        self._management.forget()

    def _select(self, command: ReceivedCommand) -> Answer:
        """By the whole name, or a leading part no shorter than its RID; another name leaves all as it was."""
        name = command.data or b""
        if command.p1 != BY_AID or len(name) < len(names.RID) or not names.AID.startswith(name):
            raise StatusError(status.NO_FILE)
        if not (self._selected and self._traits.keeps_status):
            self._forget()
        self._selected = True
        return self._traits.property_template, status.OK

    def _verify(self, command: ReceivedCommand) -> Answer:
        if command.p2 == names.PUK_REFERENCE:
            raise StatusError(status.NO_REFERENCE)
        code = self._codes.by_reference(command.p2)
        if command.p1 == LOG_OUT and command.data is None:
            self._codes.forget()
            return b"", status.OK
        if command.p1:
            raise StatusError(status.WRONG_P1P2)
        if command.data is None:
            return b"", self._codes.state(code)
        return b"", self._codes.verify(code, command.data)

    def _change(self, command: ReceivedCommand) -> Answer:
        if command.p1:
            raise StatusError(status.WRONG_P1P2)
        return b"", self._codes.change(self._codes.by_reference(command.p2), command.data or b"")

    def _unblock(self, command: ReceivedCommand) -> Answer:
        if command.p1:
            raise StatusError(status.WRONG_P1P2)
        if command.p2 != names.PIN_REFERENCE:
            raise StatusError(status.NO_REFERENCE)
        return b"", self._codes.unblock(command.data or b"")

    def _get(self, command: ReceivedCommand) -> Answer:
        tag = self._object_tag(command)
        content = self._memory.objects.get(tag)
        if content is None:
            raise StatusError(status.NO_FILE)
        guarded = self._traits.guards_certificates and tag in names.CERTIFICATE_OBJECTS.values()
        if (guarded or tag in names.NEEDS_PIN) and not self._codes.verified:
            raise StatusError(status.SECURITY_STATUS)
        return tlv(names.DISCOVERY if tag == names.DISCOVERY else DATA, content), status.OK

    def _put(self, command: ReceivedCommand) -> Answer:
        self._only_managed()
        tag = self._object_tag(command)
        content = parse(command.data or b"").get(DATA)
        if content is None or tag == names.DISCOVERY:
            raise StatusError(status.BAD_DATA)
        if content:
            self._memory.objects[tag] = content
        else:
            self._memory.objects.pop(tag, None)
        self._store()
        return b"", status.OK

    def _object_tag(self, command: ReceivedCommand) -> int:
        if (command.p1, command.p2) != CURRENT_APPLICATION:
            raise StatusError(status.WRONG_P1P2)
        named = parse(command.data or b"").get(TAG_LIST, b"")
        if not named:
            raise StatusError(status.BAD_DATA)
        return int.from_bytes(named, "big")

    def _only_managed(self) -> None:
        if not self._management.authenticated:
            raise StatusError(status.SECURITY_STATUS)

    def _generate(self, command: ReceivedCommand) -> Answer:
        self._only_managed()
        if command.p1 or command.p2 not in CERTIFICATE_OBJECTS:
            raise StatusError(status.WRONG_P1P2)
        algorithm = inside(command.data or b"", CONTROL).get(ALGORITHM_TAG, b"")
        key = keys.generate(int.from_bytes(algorithm, "big"))
        self._memory.keys[command.p2] = key
        self._memory.generated.add(command.p2)
        self._store()
        return keys.public_key_template(key), status.OK

    def _move_key(self, command: ReceivedCommand) -> Answer:
        """The maker's own: from the slot P2 to the slot P1; to nowhere, it is deleted."""
        self._only_managed()
        if command.p2 not in self._memory.keys:
            raise StatusError(status.NO_REFERENCE)
        if command.p1 != NOWHERE and command.p1 not in CERTIFICATE_OBJECTS:
            raise StatusError(status.WRONG_P1P2)
        key, generated = self._memory.keys.pop(command.p2), self._memory.generated
        was_generated = command.p2 in generated
        generated.difference_update({command.p1, command.p2})
        if command.p1 != NOWHERE:
            self._memory.keys[command.p1] = key
            generated.update({command.p1} if was_generated else ())
        self._store()
        return b"", status.OK

    def _authenticate(self, command: ReceivedCommand) -> Answer:
        objects = inside(command.data or b"", DYNAMIC_AUTHENTICATION)
        if command.p2 == KeyReference.MANAGEMENT:
            answer = self._management.answer(command.p1, objects)
        else:
            answer = octets(self._use_key(command, objects), RESPONSE)
        return tlv(DYNAMIC_AUTHENTICATION, answer) if answer else b"", status.OK

    def _use_key(self, command: ReceivedCommand, objects: dict[int, bytes]) -> bytes:
        key = self._memory.keys.get(command.p2)
        if key is None:
            raise StatusError(status.NO_REFERENCE if command.p2 in CERTIFICATE_OBJECTS else status.WRONG_P1P2)
        if command.p1 != keys.algorithm_of(key):
            raise StatusError(status.WRONG_P1P2)
        self._only_with_pin(command.p2)
        if EXPONENTIATION in objects:
            return keys.agree(key, objects[EXPONENTIATION])
        if CHALLENGE not in objects:
            raise StatusError(status.BAD_DATA)
        return keys.sign(key, objects[CHALLENGE])

    def _only_with_pin(self, slot: int) -> None:
        verified = self._codes.fresh if slot == KeyReference.SIGNATURE else self._codes.verified
        if slot == KeyReference.CARD_AUTHENTICATION:
            return
        self._codes.fresh = False
        if not verified:
            raise StatusError(status.SECURITY_STATUS)
