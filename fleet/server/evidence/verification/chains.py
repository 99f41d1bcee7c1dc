"""Verification of the chains in an evidence file, line by line, in memory of one line and a few figures.

Rules: parts of one chain come in order; each envelope names station, epoch and place where it lies; it states the hash of the one
before, unless that place holds none. Content fits the hash in its envelope. A checkpoint's signature covers all before it as far
back as the chain is unbroken; what comes after the last one is vouched for by the server alone. A checkpoint of a station that is
revoked counts only where a trusted time says that it was there before: its own time is the word of whoever has the key.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from fleet.messages.checkpoints import TYP, Checkpoint, read_checkpoint
from fleet.messages.events import GENESIS, Event, EventError, restore
from fleet.messages.statements import Authorities, StatementError, fault_of, name_of, verify_statement
from fleet.messages.vocabulary import EventType
from fleet.server.evidence.model import ChainLine, CheckpointData, ReceiptData
from fleet.server.evidence.verification.problems import EvidenceProblem, StrangerError
from fleet.server.evidence.verification.trusted_times import TrustedTime, TrustedTimes

MOST_LINE_BYTES = 512 * 1024
"""An event has 64 KiB; as text in JSON it may grow sixfold."""

_decoder = msgspec.json.Decoder(ChainLine)


@dataclass(slots=True)
class ProvedStretch:
    """Findings about one unbroken run of a chain's places."""

    station: str
    epoch: int
    first: int
    last: int
    with_content: int = 0
    erased: int = 0
    absent: int = 0
    """Places of which no event is there: it never came, or could not be read."""
    unsigned: int = 0
    """Events with content that no station's signature covers."""
    signed_from: Checkpoint | None = None
    signed_to: Checkpoint | None = None
    countersigned: int = 0
    """Checkpoints with a trusted time."""
    trusted_to: TrustedTime | None = None
    """That of the last of them."""


@dataclass(frozen=True, slots=True)
class WitnessedReceipt:
    """A receipt of the file, and a trusted time at which it was in the chain."""

    number: str
    document: bytes
    at: datetime


@dataclass(slots=True)
class _Run:
    stretch: ProvedStretch
    before: Event | None = None
    uncovered: int = 0
    """Events with content since the last checkpoint, in an unbroken chain."""
    unwitnessed: list[tuple[str, bytes]] = field(default_factory=list)
    """Receipts since the last checkpoint with a trusted time, in an unbroken chain."""


@dataclass(slots=True)
class ChainChecker:
    """Takes the parts in the order of the file."""

    authorities: Authorities
    times: TrustedTimes
    witnessed: list[WitnessedReceipt] = field(default_factory=list)
    revoked: list[EvidenceProblem] = field(default_factory=list)
    """Checkpoints that no trusted time puts before the revocation of their station."""
    receipts: dict[str, bytes] = field(default_factory=dict)
    """SHA-256 of each receipt that an event holds, by number."""
    _done: list[ProvedStretch] = field(default_factory=list)
    _run: _Run | None = None
    _keys: dict[tuple[str, int], object] = field(default_factory=dict)

    def part(self, name: str, station: str, epoch: int, first: int, content: bytes) -> None:
        """One member. Raises EvidenceProblem."""
        lines = content.splitlines(keepends=True)
        if not lines:
            raise EvidenceProblem(name, "holds nothing")
        for number, raw in enumerate(lines):
            where = f"{name} line {number + 1} ({station} {epoch}:{first + number})"
            line = _read(where, raw)
            if line.sequence != first + number:
                raise EvidenceProblem(where, "is not the place that comes next")
            self._take(where, self._run_at(station, epoch, line.sequence), line)

    def stretches(self) -> tuple[ProvedStretch, ...]:
        self._end()
        return tuple(self._done)

    def _run_at(self, station: str, epoch: int, sequence: int) -> _Run:
        run = self._run
        if run is None or (run.stretch.station, run.stretch.epoch, run.stretch.last + 1) != (station, epoch, sequence):
            self._end()
            run = self._run = _Run(ProvedStretch(station, epoch, sequence, sequence))
        run.stretch.last = sequence
        return run

    def _end(self) -> None:
        if self._run is not None:
            self._run.stretch.unsigned += self._run.uncovered
            self._done.append(self._run.stretch)
            self._run = None

    def _take(self, where: str, run: _Run, line: ChainLine) -> None:
        if line.withheld == "lost":
            raise EvidenceProblem(where, "was held by the server's own record of the chain, and is not there any more")
        if line.withheld == "gone":
            raise EvidenceProblem(where, "its content is not there, and nothing says that it was erased")
        if line.envelope is None:
            if line.withheld not in ("spoilt", "missing") or line.data is not None or line.salt is not None:
                raise EvidenceProblem(where, "holds no envelope, and does not say why")
            run.stretch.absent += 1
            run.stretch.unsigned += run.uncovered  # no later signature reaches over the hole
            run.uncovered, run.before = 0, None
            run.unwitnessed.clear()
            return
        event = _event(where, line)
        if (event.station, event.epoch, event.sequence) != (run.stretch.station, run.stretch.epoch, line.sequence):
            raise EvidenceProblem(where, "holds an event of another place")
        if event.prev != (run.before.hash if run.before else GENESIS) and (run.before or event.sequence == 1):
            raise EvidenceProblem(where, "does not follow the event before it: the chain is broken")
        self._count(where, run, line, event)
        run.before = event

    def _count(self, where: str, run: _Run, line: ChainLine, event: Event) -> None:
        if event.type == EventType.CHAIN_CHECKPOINT and event.data is not None:
            self._cover(run, *self._checkpoint(where, event))
        if line.withheld == "erased":
            run.stretch.erased += 1
        elif event.data is not None and event.type != EventType.CHAIN_CHECKPOINT:
            run.stretch.with_content += 1
            run.uncovered += 1
            self._keep_receipt(run, event)

    def _cover(
        self, run: _Run, signed: Checkpoint, trusted: TrustedTime | None, problem: EvidenceProblem | None
    ) -> None:
        """Note what a checkpoint vouches for, unless it may be the word of who has stolen a revoked station's key."""
        if problem is not None:
            self.revoked.append(problem)
            return
        run.stretch.signed_from = run.stretch.signed_from or signed
        run.stretch.signed_to = signed
        run.uncovered = 0
        if trusted is not None:
            run.stretch.countersigned += 1
            run.stretch.trusted_to = trusted
            self.witnessed += [WitnessedReceipt(*receipt, trusted.at) for receipt in run.unwitnessed]
            run.unwitnessed.clear()

    def _keep_receipt(self, run: _Run, event: Event) -> None:
        if event.type == EventType.RECEIPT_ISSUED:
            try:
                receipt = msgspec.json.decode(event.data or b"", type=ReceiptData)
            except (msgspec.MsgspecError, RecursionError):
                return
            self.receipts.setdefault(receipt.number, hashlib.sha256(bytes(receipt.receipt)).digest())
            run.unwitnessed.append((receipt.number, bytes(receipt.receipt)))

    def _checkpoint(self, where: str, event: Event) -> tuple[Checkpoint, TrustedTime | None, EvidenceProblem | None]:
        """Verify a checkpoint: return what it states, when it is trusted to have been there, and why it cannot count."""
        try:
            text = msgspec.json.decode(event.data or b"", type=CheckpointData).jws
            statement = verify_statement(text, TYP)
            stated = read_checkpoint(statement.payload)
        except (StatementError, ValueError, msgspec.MsgspecError, RecursionError) as error:
            raise EvidenceProblem(where, f"the checkpoint does not hold: {error}") from None
        if name_of(statement.certificate) != event.station:
            raise StrangerError(where, "the checkpoint is signed with a certificate of somebody else")
        fault = fault_of(statement.certificate, self.authorities, stated.at)
        if fault is not None:
            raise StrangerError(where, fault)
        place = (event.station, event.epoch, event.sequence - 1, event.prev)
        if (stated.station, stated.epoch, stated.sequence, stated.hash) != place:
            raise EvidenceProblem(where, "the checkpoint is about another chain")
        key = statement.certificate.public_key()
        if self._keys.setdefault((event.station, event.epoch), key) != key:
            raise StrangerError(where, "the checkpoint is signed with another key than the one before")
        trusted = self.times.of((event.station, event.epoch, event.sequence), stated, text)
        fault = self.times.revocation_fault(statement.certificate, trusted)
        return stated, trusted, None if fault is None else EvidenceProblem(where, fault)


def _read(where: str, raw: bytes) -> ChainLine:
    if len(raw) > MOST_LINE_BYTES or not raw.endswith(b"\n"):
        raise EvidenceProblem(where, "is too long, or not a whole line")
    try:
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EvidenceProblem(where, f"cannot be read: {error}") from None


def _event(where: str, line: ChainLine) -> Event:
    assert line.envelope is not None
    if (line.data is None) != (line.salt is None) or (line.data is None) != (line.withheld in ("erased", "not_asked")):
        raise EvidenceProblem(where, "holds content without its salt, or does not say why there is none")
    try:
        data = None if line.data is None else line.data.encode()
        return restore(line.envelope.encode(), data, line.salt)
    except (EventError, UnicodeEncodeError) as error:
        raise EvidenceProblem(where, str(error)) from None
