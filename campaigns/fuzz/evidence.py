"""Evidence files, and the parts of one: whatever the bytes are, the answer is a report or a named problem.

The first byte says how the rest is read: as a whole file, as the lines of a chain, as a signed statement, as
countersignatures, as a time-stamp token.

>>> check_evidence(b"")
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO

import msgspec

from campaigns.fuzz.card import anchors
from fleet.messages import events, statements
from fleet.messages.checkpoints import TYP, Checkpoint, encode_checkpoint, read_checkpoint
from fleet.messages.revocations import NO_REVOCATIONS
from fleet.messages.vocabulary import EventType
from fleet.server.evidence import model as contents
from fleet.server.evidence.container import ArchiveWriter
from fleet.server.evidence.model import ChainLine, CountersignatureLine
from fleet.server.evidence.timestamp_tokens import TimestampError, make_request, read_stamp
from fleet.server.evidence.verification.chains import ChainChecker
from fleet.server.evidence.verification.problems import EvidenceProblem
from fleet.server.evidence.verification.report import as_object, as_text
from fleet.server.evidence.verification.trusted_times import TrustedTimes
from fleet.server.evidence.verification.verify import TrustAnchors, check
from provisioning import pki

WHOLE, LINES, STATEMENT, WORDS, TOKEN = b"\0", b"\1", b"\2", b"\3", b"\4"
NAME = contents.chain_name("entre-a", 1, 1)


def check_evidence(data: bytes) -> None:
    kind, rest = data[:1], data[1:]
    if kind == LINES:
        chains = ChainChecker(anchors(), TrustedTimes.read(b"", anchors(), NO_REVOCATIONS))
        with suppress(EvidenceProblem):
            chains.part(NAME, "entre-a", 1, 1, rest)
        chains.stretches()
    elif kind == STATEMENT:
        with suppress(ValueError):
            read_checkpoint(statements.verify_statement(rest.decode(), TYP).payload)
    elif kind == WORDS:
        with suppress(EvidenceProblem):
            TrustedTimes.read(rest, anchors(), NO_REVOCATIONS)
    elif kind == TOKEN:
        with suppress(TimestampError):
            read_stamp(rest, b"", anchors())
    else:
        report = check(BytesIO(rest), TrustAnchors())
        assert report.verdict != "genuine" or report.manifest is not None
        assert as_text(report)
        assert as_object(report)


def evidence_seeds() -> Iterator[tuple[str, bytes]]:
    """A small one of each, under a key that is made for it."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    key = pki.new_key()
    certificate = pki.issue_client(pki.make_ca(now), "entre-a", key.public_key(), now)
    first = events.seal(events.Facts("entre-a", 1, 1, "boot", EventType.DOOR_OPENED, now.isoformat()), {})
    checkpoint = encode_checkpoint(Checkpoint("entre-a", 1, 1, first.hash, now.isoformat()))
    statement = statements.sign(key, certificate, TYP, checkpoint)
    facts = events.Facts("entre-a", 1, 2, "boot", EventType.CHAIN_CHECKPOINT, now.isoformat(), prev=first.hash)
    signed = events.seal(facts, {"jws": statement})
    lines = b"".join(msgspec.json.encode(_line(event)) + b"\n" for event in (first, signed))
    file = BytesIO()
    with ArchiveWriter(file) as archive:
        archive.add(contents.README, b"made up")
        archive.add(NAME, lines)
    yield "whole", WHOLE + file.getvalue()
    yield "lines", LINES + lines
    yield "statement", STATEMENT + statement.encode()
    yield "words", WORDS + msgspec.json.encode(CountersignatureLine("entre-a", 1, 2, statement)) + b"\n"
    yield "token", TOKEN + make_request(b"", 1)


def _line(event: events.Event) -> ChainLine:
    assert event.data is not None
    return ChainLine(event.sequence, event.envelope.decode(), event.data.decode(), event.salt)
