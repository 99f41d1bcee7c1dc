"""Recording of a card: a backend that keeps what passes, and the trace that is made of it.

What was exchanged stays in memory until nothing of a person is left in it (`scrubbing`); nothing else is ever written.
"""

import contextlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from drivers.reader.card_reader import CardReader, CardVisit, ReaderSettings, visiting
from drivers.reader.errors import CardAnswerError, UnknownCardError
from drivers.reader.model import CardFacts, Purpose
from drivers.reader.outcomes import Accepted, Role, Signed
from drivers.reader.port import Backend, CardConnection, Look
from drivers.reader.secret import Secret
from drivers.reader.traces.scrubbing import MadeSignature, Scrubber
from drivers.reader.traces.trace import Trace, TraceError, check_trace

CODE, SIGNATURE_CODE = "7391846205173946", "5820639174628305"
"""What the twin takes, as far as the code was long. Made up."""


@dataclass(slots=True)
class Recording:
    """Exchanges that have passed. An empty pair is a reset."""

    atr: bytes = b""
    protocol: Literal["T=0", "T=1"] = "T=1"
    exchanges: list[tuple[bytes, bytes]] = field(default_factory=list, repr=False)


class RecordingConnection:
    """A connection that keeps what passes."""

    def __init__(self, connection: CardConnection, recording: Recording) -> None:
        self._connection = connection
        self._recording = recording
        self.atr, self.protocol = connection.atr, connection.protocol
        recording.atr, recording.protocol = self.atr, self.protocol
        recording.exchanges.append((b"", b""))

    def transmit(self, apdu: bytes) -> bytes:
        """As the other. Raises CardGoneError."""
        answer = self._connection.transmit(apdu)
        self._recording.exchanges.append((apdu, answer))
        return answer

    def close(self) -> None:
        self._connection.close()


class RecordingBackend:
    """Implements `drivers.reader.port.Backend` over another one. A reader's own key pad is not offered: its codes are unknown."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.recording = Recording()

    def readers(self) -> tuple[str, ...]:
        return self._backend.readers()

    def connect(self, reader: str) -> CardConnection:
        """As the other, which raises the same."""
        return RecordingConnection(self._backend.connect(reader), self.recording)

    def look(self, reader: str) -> Look:
        return self._backend.look(reader)

    def wait_for_change(self, reader: str, last: Look, timeout_s: float) -> Look:
        return self._backend.wait_for_change(reader, last, timeout_s)

    def cancel(self, reader: str) -> None:
        self._backend.cancel(reader)


async def record_card(
    backend: Backend, reader: str, settings: ReaderSettings, today: date, code: Callable[[Role], Secret] | None = None
) -> Trace:
    """Read the card in that reader, and with its codes sign with each key by which its holder is named, for every employer.
    `code` is asked once the card is read, for each PIN. Of a card that cannot be read there is a trace too, without it.

    Raises TraceError, ReaderError, and what `code` raises.
    """
    recording, made = RecordingBackend(backend), list[MadeSignature]()
    codes: dict[Role, Secret] = {}
    card_reader = CardReader(recording, reader, settings)
    facts: CardFacts | None = None
    try:
        async with visiting(card_reader) as visit:
            facts = await visit.complete()
            if code is not None:
                roles = (pin.role for pin in facts.pins if pin.role is not Role.PUK)
                codes |= {role: code(role) for role in dict.fromkeys(roles)}
                made = await _signatures(visit, codes)
    except UnknownCardError:
        if code is not None:
            raise TraceError("a card that cannot be read takes no code") from None
    finally:
        await card_reader.close()
    try:
        return make_trace(recording.recording, facts, today, codes, made)
    finally:
        for typed in codes.values():
            typed.wipe()


async def _signatures(visit: CardVisit, codes: Mapping[Role, Secret]) -> list[MadeSignature]:
    """The code before each: some keys want it just before their use (SP 800-73-4 part 1, table 4b). It is the right one, or the
    first is the last."""
    purposes: tuple[Purpose, ...] = ("signature", "identification")
    made = []
    for holder, purpose in [(holder, purpose) for holder in visit.facts.holders or (None,) for purpose in purposes]:
        if holder is not None and holder.hsa_id:
            visit.act_as(holder.hsa_id)
        guard = visit.facts.guard(purpose)
        if guard is None:
            continue
        if not isinstance(await visit.verify(guard.role, codes[guard.role]), Accepted):
            raise TraceError("the card did not take the code")
        message = secrets.token_bytes(32)
        with contextlib.suppress(CardAnswerError):  # of a card that signs with another key than it was asked for
            outcome = await visit.sign(purpose, message)
            if isinstance(outcome, Signed):
                made.append(MadeSignature(message, outcome))
    return made


def make_trace(
    recording: Recording,
    facts: CardFacts | None,
    today: date,
    codes: Mapping[Role, Secret] | None = None,
    made: Sequence[MadeSignature] = (),
) -> Trace:
    """The trace, with test keys, test names and test numbers. `codes`: those that were typed. Of a stranger (`facts` None), whose
    files nobody understands, only what SELECT answered is kept. Raises TraceError."""
    scrubber = Scrubber(recording.exchanges, facts)
    scrubber.cover_codes([code.reveal().encode() for code in (codes or {}).values()])
    signatures = [scrubber.cover_signature(number, signature) for number, signature in enumerate(made)]
    scrubber.map_certificates()
    scrubber.map_identifiers()
    scrubber.map_words()
    trace = Trace(
        recorded=today,
        atr=recording.atr.hex(),
        protocol=recording.protocol,
        profile="" if facts is None else facts.profile,
        steps=tuple(scrubber.steps()),
        signatures=tuple(signatures),
        **_made_up_codes(facts, scrubber.code_lengths),
    )
    check_trace(trace)
    scrubber.check_nothing_is_left()
    return trace


def _made_up_codes(facts: CardFacts | None, lengths: Mapping[int, int]) -> dict[str, Any]:
    """The twin's code for each PIN that went out, of the same length; `lengths` by reference."""
    second = None if facts is None else facts.pin(Role.SIGNATURE)
    others = [length for reference, length in lengths.items() if second is None or reference != second.reference]
    made_up: dict[str, Any] = {"code": CODE[: max(others, default=0)]}
    if second is not None and second.reference in lengths:
        made_up |= {
            "signature_code": SIGNATURE_CODE[: lengths[second.reference]],
            "signature_reference": second.reference,
        }
    return made_up
