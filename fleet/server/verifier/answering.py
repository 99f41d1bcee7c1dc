"""Request handler of the verifier: one question, counted and then judged; from the bytes of a line to those of the answer."""

import logging

import msgspec

from fleet.server.verifier.attempt_counters import AttemptCounters
from fleet.server.verifier.judge import Judge, envelope_digest
from fleet.server.verifier.model import Check, EnvelopeVerdict

_log = logging.getLogger("fleet.server.verifier")


def answer(check: Check, judge: Judge, counters: AttemptCounters, now: float) -> EnvelopeVerdict:
    """Count, then evaluate. Raises the database's error where it cannot be counted: then nothing is evaluated."""
    admission = counters.admit(check.station, envelope_digest(check), check.nonce, now)
    if admission.refused is not None:
        return EnvelopeVerdict(check.id, admission.refused, admission.alarm)
    return EnvelopeVerdict(check.id, "match" if judge.is_match(check) else "no_match")


def reply(line: bytes, judge: Judge, counters: AttemptCounters, now: float) -> bytes | None:
    """The answer as a line; None where the question cannot be read. Raises as `answer`."""
    try:
        check = msgspec.json.decode(line, type=Check)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        _log.error("a question that cannot be read: %s", type(error).__name__)
        return None
    verdict = answer(check, judge, counters, now)
    if verdict.alarm:
        _log.warning("too many tries: station %s, order %s", check.station, check.order)
    return msgspec.json.encode(verdict) + b"\n"
