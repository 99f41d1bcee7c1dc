"""Trusted times of checkpoints, compared with revocations: a time that the station did not choose.

Rules: the server's countersignature is a trusted time; where who checks names a time-stamping authority (`tsa`), only its token
is, since a dishonest server states any time. A token that cannot be checked, because no authority was named, speaks against and
never for: of the two times the later counts. A countersignature about another checkpoint than the one at its place is a
contradiction.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec
from cryptography import x509

from fleet.messages.checkpoints import Checkpoint
from fleet.messages.countersignatures import TYP, Countersignature, digest_of, read_countersignature
from fleet.messages.revocations import Revocations
from fleet.messages.statements import Authorities, StatementError, fault_of, name_of, verify_statement
from fleet.server.evidence import model as contents
from fleet.server.evidence.model import CountersignatureLine
from fleet.server.evidence.timestamp_tokens import Stamp, TimestampError, read_stamp
from fleet.server.evidence.verification.problems import EvidenceProblem, StrangerError

Place = tuple[str, int, int]
"""Station, epoch and sequence of the checkpoint's own event."""


@dataclass(frozen=True, slots=True)
class TrustedTime:
    """A moment not later than which a checkpoint was there, and whose word that is."""

    at: datetime
    by: Literal["server", "timestamp"]


@dataclass(frozen=True, slots=True)
class _Word:
    where: str
    stated: Countersignature
    certificate: x509.Certificate
    stamp: Stamp | None


class TrustedTimes:
    """The countersignatures of a file, and the revocations that they are compared with."""

    def __init__(
        self, words: Mapping[Place, _Word], revocations: Revocations, tsa: tuple[x509.Certificate, ...]
    ) -> None:
        self._words = dict(words)
        self._unused = set(words)
        self._revocations = revocations
        self._tsa = tsa

    @classmethod
    def read(
        cls,
        content: bytes,
        authorities: Authorities,
        revocations: Revocations,
        tsa: tuple[x509.Certificate, ...] = (),
    ) -> "TrustedTimes":
        """The member of a file; `tsa` are the roots of a time-stamping authority. Raises EvidenceProblem."""
        words: dict[Place, _Word] = {}
        for number, raw in enumerate(content.splitlines(), 1):
            where = f"{contents.COUNTERSIGNATURES} line {number}"
            line = _line(where, raw)
            place = (line.station, line.epoch, line.sequence)
            if place in words:
                raise EvidenceProblem(where, "there is a second countersignature of one checkpoint")
            words[place] = _word(where, line, authorities, tsa)
        return cls(words, revocations, tsa)

    def of(self, place: Place, stated: Checkpoint, text: str) -> TrustedTime | None:
        """The trusted time of the checkpoint at that place; None where it has none. Raises EvidenceProblem."""
        word = self._words.get(place)
        if word is None:
            return None
        self._unused.discard(place)
        countersigned = word.stated
        about = (
            countersigned.station,
            countersigned.epoch,
            countersigned.sequence,
            countersigned.hash,
            countersigned.checkpoint,
        )
        if about != (stated.station, stated.epoch, stated.sequence, stated.hash, digest_of(text)):
            raise EvidenceProblem(
                word.where, "the countersignature is about another checkpoint than the one at its place"
            )
        return self._time(word)

    def revocation_fault(self, certificate: x509.Certificate, trusted: TrustedTime | None) -> str | None:
        """Why a checkpoint under this certificate cannot count; None where it can."""
        if not self._revocations.covers(certificate):
            issued = f"that issued {name_of(certificate)}'s certificate"
            return f"cannot be told: there is no list of revocations of the authority {issued}"
        revoked = self._revocations.date_of(certificate)
        if revoked is None or (trusted is not None and trusted.at < revoked):
            return None
        name = f"station {name_of(certificate)} was revoked {revoked.isoformat()}"
        if trusted is None:
            return f"cannot be told: {name}, and no trusted time shows that the checkpoint was signed before"
        how = "time stamped" if trusted.by == "timestamp" else "countersigned"
        return f"signed after its station was revoked: {name}, the checkpoint is {how} {trusted.at.isoformat()}"

    def check_all_used(self) -> None:
        """Every countersignature was about a checkpoint of the file. Raises EvidenceProblem."""
        for place in sorted(self._unused):
            raise EvidenceProblem(self._words[place].where, "the countersignature is about no checkpoint of this file")

    def _time(self, word: _Word) -> TrustedTime | None:
        server, stamp = word.stated.at, word.stamp
        if stamp is not None and (stamp.checked or stamp.at >= server):
            trusted = TrustedTime(stamp.at, "timestamp")
        else:
            trusted = TrustedTime(server, "server")
        if self._tsa and trusted.by == "server":
            return None
        revoked = self._revocations.date_of(word.certificate)
        return None if revoked is not None and trusted.at >= revoked else trusted


def _line(where: str, raw: bytes) -> CountersignatureLine:
    try:
        return msgspec.json.decode(raw, type=CountersignatureLine)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EvidenceProblem(where, f"cannot be read: {error}") from None


def _word(where: str, line: CountersignatureLine, authorities: Authorities, tsa: tuple[x509.Certificate, ...]) -> _Word:
    try:
        statement = verify_statement(line.jws, TYP)
        stated = read_countersignature(statement.payload)
    except (StatementError, ValueError) as error:
        raise EvidenceProblem(where, f"the countersignature does not hold: {error}") from None
    if name_of(statement.certificate) != contents.SERVER_NAME:
        raise StrangerError(where, f"is signed by {name_of(statement.certificate)!r}, which is no fleet server")
    fault = fault_of(statement.certificate, authorities, stated.at)
    if fault is not None:
        raise StrangerError(where, fault)
    return _Word(where, stated, statement.certificate, _stamp(where, line, tsa))


def _stamp(where: str, line: CountersignatureLine, tsa: tuple[x509.Certificate, ...]) -> Stamp | None:
    if line.token is None:
        return None
    try:
        return read_stamp(base64.b64decode(line.token, validate=True), line.jws.encode(), tsa)
    except (TimestampError, binascii.Error, ValueError) as error:
        raise EvidenceProblem(where, f"the time stamp does not hold: {error}") from None
