"""Twin of a card, made of its trace: it answers as the card did, and signs with the trace's test keys.

Rules:
- A command is answered by the next step of the trace, else by the next one with the same command and selection; a signature only
  in the same security environment. What the card was never asked is refused as it refused such a command, else with 6A82 (SELECT)
  or 6D00, and `missed` counts it.
- It takes the trace's made-up code and no other. Wrong ones count down, from what the card told where it told; 6983 at the end.
- It may be spoken to in the other protocol than its card was: T=0 has Le only where there are no data.
- Power and reset take it back to the beginning; tries stay.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import load_der_private_key

from drivers.reader.errors import CardBusyError, NoReaderError
from drivers.reader.port import NO_READER, CardConnection, Look, Presence
from drivers.reader.traces.reissue import PrivateKey, sign_in
from drivers.reader.traces.trace import VERIFY, SignatureForm, Span, Step, Trace, TraceError

SELECT, GET_RESPONSE, MANAGE_ENVIRONMENT = 0xA4, 0xC0, 0x22
NOT_FOUND, NOT_SUPPORTED, LOCKED = b"\x6a\x82", b"\x6d\x00", b"\x69\x83"
TRIES = 3
"""Where the card did not tell how many it has left."""
SELECTIONS = 3
"""So many of the last SELECTs stand for what is selected."""
READER = "Trace"
_HASHES: Mapping[str, hashes.HashAlgorithm] = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384()}


@dataclass(frozen=True, slots=True)
class Context:
    """State that commands refer to: the last selections, and the security environment (ISO/IEC 7816-4 11.5.11)."""

    selected: tuple[bytes, ...] = ()
    environment: bytes = b""

    def after(self, command: bytes) -> "Context":
        """Return what holds after a command."""
        if command[1] == SELECT:
            return Context((*self.selected, command)[-SELECTIONS:], b"")
        return Context(self.selected, command) if command[1] == MANAGE_ENVIRONMENT else self


class TraceTwin:
    """The card. Fits into a virtual slot, and into the virtual PC/SC reader. Raises TraceError for keys that are none."""

    def __init__(self, trace: Trace) -> None:
        self.atr = bytes.fromhex(trace.atr)
        self.protocol: Literal["T=0", "T=1"] = trace.protocol
        self.missed = 0
        self._steps = trace.steps
        self._commands = [without_le(bytes.fromhex(step.command)) for step in trace.steps]
        self._contexts = _contexts(self._commands)
        self._refusals = _refusals(self._commands, trace)
        self._forms = trace.signatures
        self._keys = [_key(form) for form in trace.signatures]
        self._code_of = trace.code_of
        self._most = _tries_told(trace)
        self._tries: dict[int, int] = {}
        self._signatures: dict[int, bytes] = {}
        self._digests: dict[int, bytes] = {}
        self._at = 0
        self._context = Context()

    def power_on(self) -> bytes:
        """Back to the beginning. Gives the ATR."""
        self._at, self._context = 0, Context()
        self._signatures.clear()
        return self.atr

    def power_off(self) -> None:
        """Nothing is verified or selected any more."""

    def reset(self) -> bytes:
        """As `power_on`."""
        return self.power_on()

    def transmit(self, apdu: bytes) -> bytes:
        """The answer to one command."""
        apdu = without_le(apdu)
        index = self._find(apdu)
        self._context = self._context.after(apdu)
        if index is None:
            return self._unasked(apdu)
        self._at = index + 1
        step = self._steps[index]
        for span in step.spans:
            given = apdu[span.at : span.at + span.length]
            if span.what == "code":
                return self._verified(apdu[3], given, step)
            if span.what == "hash":
                self._digests[span.signature] = self._digests.get(span.signature, b"")[: span.start] + given
                if len(self._digests[span.signature]) == _HASHES[self._forms[span.signature].hash].digest_size:
                    self._sign(span, self._digests[span.signature])
        return self._counted(apdu, self._answer(step))

    def _unasked(self, apdu: bytes) -> bytes:
        if len(apdu) > 5 and apdu[1] == VERIFY and self._code_of(apdu[3]):
            return self._wrong(apdu[3])
        if apdu[1] == GET_RESPONSE and self._commands[self._at - 1][1:2] == bytes([SELECT]):
            return b"\x90\x00"  # the card had more to say (61xx), and in T=0 nobody asked for it
        self.missed += 1
        return NOT_FOUND if apdu[1] == SELECT else self._refusals.get(apdu[1:4], NOT_SUPPORTED)

    def _find(self, apdu: bytes) -> int | None:
        fitting = [number for number, command in enumerate(self._commands) if self._fits(number, command, apdu)]
        if apdu[1:2] == bytes([GET_RESPONSE]):
            fitting = [number for number in fitting if number == self._at]
        fitting = [number for number in fitting if not self._signs(number) or self._has_environment(number)]
        same = [number for number in fitting if self._contexts[number].selected == self._context.selected]
        likely = [number for number in same if number >= self._at] or same or fitting
        return next((number for number in (self._at, *likely) if number in fitting), None)

    def _signs(self, number: int) -> bool:
        return any(span.what == "hash" for span in self._steps[number].spans)

    def _has_environment(self, number: int) -> bool:
        return self._contexts[number].environment == self._context.environment

    def _fits(self, number: int, command: bytes, apdu: bytes) -> bool:
        if len(command) != len(apdu) or not any(command):
            return False
        free = [span for span in self._steps[number].spans if span.what != "signature"]
        if not free:
            return command == apdu
        at, to = free[0].at, free[0].at + free[0].length
        return command[:at] == apdu[:at] and command[to:] == apdu[to:]

    def _verified(self, reference: int, code: bytes, step: Step) -> bytes:
        if self._left(reference) == 0 or code != self._code_of(reference)[: len(code)]:
            return self._wrong(reference)
        self._tries.pop(reference, None)
        return bytes.fromhex(step.answer)

    def _left(self, reference: int) -> int:
        return self._tries.get(reference, self._most.get(reference, TRIES))

    def _wrong(self, reference: int) -> bytes:
        left = self._left(reference)
        if left == 0:
            return LOCKED
        self._tries[reference] = left - 1
        return b"\x63" + bytes([0xC0 | left - 1])

    def _counted(self, apdu: bytes, answer: bytes) -> bytes:
        """An answer that told how many tries are left, with how many are left now."""
        tells_tries = apdu[1] == VERIFY and answer[:1] == b"\x63" and len(answer) == 2
        return b"\x63" + bytes([0xC0 | self._left(apdu[3])]) if tells_tries else answer

    def _sign(self, span: Span, digest: bytes) -> None:
        form = self._forms[span.signature]
        how = padding.PKCS1v15() if form.form == "pkcs1" else padding.PSS(padding.MGF1(_HASHES[form.hash]), len(digest))
        key, algorithm = self._keys[span.signature], _HASHES[form.hash]
        if form.form != "raw":
            self._signatures[span.signature] = sign_in(key, digest, algorithm, how, form.length)
            return
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TraceError("a signature in a form that its key has not")
        pair = utils.decode_dss_signature(key.sign(digest, ec.ECDSA(utils.Prehashed(algorithm))))
        self._signatures[span.signature] = b"".join(part.to_bytes(form.length // 2, "big") for part in pair)

    def _answer(self, step: Step) -> bytes:
        answer = bytearray.fromhex(step.answer)
        for span in step.spans:
            if span.what == "signature":
                made = self._signatures.get(span.signature, b"")
                answer[span.at : span.at + span.length] = made[span.start : span.start + span.length]
        return bytes(answer)


class TwinConnection:
    """A connection to the twin."""

    def __init__(self, backend: "TwinBackend") -> None:
        self._backend = backend
        self.atr, self.protocol = backend.twin.power_on(), backend.twin.protocol

    def transmit(self, apdu: bytes) -> bytes:
        return self._backend.twin.transmit(apdu)

    def close(self) -> None:
        self._backend.connected = False


class TwinBackend:
    """One reader that holds the twin; implements `drivers.reader.port.Backend`."""

    def __init__(self, twin: TraceTwin) -> None:
        self.twin = twin
        self.connected = False

    def readers(self) -> tuple[str, ...]:
        return (READER,)

    def connect(self, reader: str) -> CardConnection:
        """Raises NoReaderError, CardBusyError."""
        if reader != READER:
            raise NoReaderError("no such reader", reader=reader)
        if self.connected:
            raise CardBusyError("the card is in use", reader=reader)
        self.connected = True
        return TwinConnection(self)

    def look(self, reader: str) -> Look:
        return Look(Presence.PRESENT) if reader == READER else NO_READER

    def wait_for_change(self, reader: str, last: Look, timeout_s: float) -> Look:
        """It never leaves."""
        return self.look(reader)

    def cancel(self, reader: str) -> None:
        """Nobody waits."""


def without_le(apdu: bytes) -> bytes:
    """A command as T=0 carries it (ISO/IEC 7816-3 12.2), whichever protocol it came by; one with extended length fields without
    its Le, and where it has no data asking for as many bytes as a short one may.

    >>> [without_le(bytes.fromhex(text)).hex() for text in ("00200001", "00a4000c023f0000", "00b00000000000")]
    ['0020000100', '00a4000c023f00', '00b0000000']
    """
    if len(apdu) <= 5 or (len(apdu) == 7 and apdu[4] == 0):
        return apdu[:5].ljust(5, b"\0")
    extended = apdu[4] == 0
    length = int.from_bytes(apdu[5:7], "big") if extended else apdu[4]
    return apdu[: (7 if extended else 5) + length]


def _contexts(commands: list[bytes]) -> list["Context"]:
    """Return what holds before each command."""
    context, before = Context(), []
    for command in commands:
        before.append(context)
        context = context.after(command) if any(command) else Context()
    return before


def _refusals(commands: list[bytes], trace: Trace) -> dict[bytes, bytes]:
    """Status words by instruction and parameters, of commands that the card refused."""
    refused: dict[bytes, bytes] = {}
    for command, step in zip(commands, trace.steps, strict=True):
        answer = bytes.fromhex(step.answer)
        if len(answer) == 2 and answer[0] in (0x69, 0x6A, 0x6D):
            refused.setdefault(command[1:4], answer)
    return refused


def _tries_told(trace: Trace) -> dict[int, int]:
    """By reference: what VERIFY without data was answered, 63Cx, the first time."""
    tries: dict[int, int] = {}
    for step in trace.steps:
        command = bytes.fromhex(step.command)
        if command[1:2] == bytes([VERIFY]) and len(command) <= 5 and step.answer.startswith("63c"):
            tries.setdefault(command[3], int(step.answer[3], 16))
    return tries


def _key(form: SignatureForm) -> PrivateKey:
    try:
        key = load_der_private_key(base64.b64decode(form.key, validate=True), None)
    except ValueError:
        key = None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise TraceError("signatures: a key that is none")
    return key
