"""Request handler of the verifier: one question, counted and then judged; from the bytes of a line to those of the answer."""

import logging

import msgspec

from fleet.server.verifier.attempt_counters import AttemptCounters
from fleet.server.verifier.judge import Judge, envelope_digest
from fleet.server.verifier.model import Check, EnvelopeVerdict, TryReset, TryResetVerdict

_log = logging.getLogger("fleet.server.verifier")


def answer(check: Check, judge: Judge, counters: AttemptCounters, now: float) -> EnvelopeVerdict:
    """Count, then evaluate; what cannot be evaluated costs no try. Raises the database's error where it cannot be counted: then
    nothing is evaluated."""
    if not judge.has_key(check):
        return EnvelopeVerdict(check.id, "no_key")
    envelope = envelope_digest(check.order, check.envelope, check.what)
    admission = counters.admit(check.station, envelope, check.nonce, now)
    if admission.refused is not None:
        return EnvelopeVerdict(check.id, admission.refused, admission.alarm)
    return EnvelopeVerdict(check.id, "match" if judge.is_match(check) else "no_match")


def reset(question: TryReset, counters: AttemptCounters, now: float) -> TryResetVerdict:
    """Give the codes of that letter their tries again, once. Raises the database's error where that cannot be written."""
    envelopes = [envelope_digest(question.order, question.envelope, code) for code in ("puk", "release")]
    result = counters.reset(envelopes, now)
    _log.warning("tries of order %s: %s, as %s want it", question.order, result, " and ".join(question.persons))
    return TryResetVerdict(question.id, result)


def reply(line: bytes, judge: Judge, counters: AttemptCounters, now: float) -> bytes | None:
    """The answer as a line; None where the question cannot be read. Raises as `answer`."""
    question = _question(line)
    if question is None:
        return None
    if isinstance(question, TryReset):
        return msgspec.json.encode(reset(question, counters, now)) + b"\n"
    verdict = answer(question, judge, counters, now)
    if verdict.alarm:
        _log.warning("too many tries: station %s, order %s", question.station, question.order)
    return msgspec.json.encode(verdict) + b"\n"


def _question(line: bytes) -> Check | TryReset | None:
    """By its members, which tell one from the other."""
    try:
        if "persons" in msgspec.json.decode(line, type=dict[str, object]):
            return msgspec.json.decode(line, type=TryReset)
        return msgspec.json.decode(line, type=Check)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        _log.error("a question that cannot be read: %s", type(error).__name__)
        return None
