"""Output of `kortkiosk card`: JSON with stable keys, and short lines for people. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from drivers.reader.card_state import CardUnreadable
from drivers.reader.model import CardFacts, Certificate, Exchange, Holder, Pin
from drivers.reader.outcomes import (
    Accepted,
    CodeOutcome,
    Locked,
    RefusalReason,
    Refused,
    Role,
    Signed,
    SignOutcome,
    Unknown,
    WrongCode,
)
from fleet.messages.vocabulary import FindingCode, Outcome
from kiosk.findings import CardFinding

Json = dict[str, Any]
READ_ONLY = ", read-only: nobody has tried it on a real card"
_REASONS = {
    RefusalReason.BELOW_FLOOR: "so few tries remain that this program stops; the code was not sent",
    RefusalReason.LAST_TRY: "one try is left, and a wrong code locks it; say --use-last-try to use it",
    RefusalReason.POLICY: "the code has a length or characters that are not allowed; the card did not see it",
    RefusalReason.NOT_ALLOWED: "the profile of its product does not let its holder do it",
    RefusalReason.SAME_CODE: "the card has just called this code wrong; it was not sent again",
    RefusalReason.NEW_CODE: "the card has had the new PIN before, or calls it too easy; the old one applies",
    RefusalReason.NOT_PROVED: "this product can be read here, not changed yet: nobody has tried it on a real card",
    RefusalReason.CHANGE_FIRST: "the card signs nothing before its PIN was changed: kortkiosk card change-pin",
    RefusalReason.NOT_AT_PAD: "the reader's keys cannot do it",
    RefusalReason.KEY_KIND: "the key is of a kind that this program does not know",
    RefusalReason.NO_FORM: "the card took no form of signature that this program knows; its profile can name one",
    RefusalReason.CARD: "the card refused",
}
_OWN_COUNT = "the card does not tell how many tries are left, and by this program's own count, one stricter,"
_CAUTION = {
    RefusalReason.BELOW_FLOOR: f"{_OWN_COUNT} so few remain that it stops; the code was not sent",
    RefusalReason.LAST_TRY: f"{_OWN_COUNT} this may be the last; say --use-last-try to use it",
}
"""The same where the card itself has told no tries."""


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def facts_json(facts: CardFacts, exchange: Exchange, findings: Sequence[CardFinding]) -> Json:
    return {
        "reader": facts.reader,
        "atr": facts.atr.hex().upper(),
        "kind": facts.kind,
        "profile": facts.profile,
        "read_only": facts.rules.read_only,
        "serial": facts.serial,
        "card_number": facts.card_number,
        "holder": {"name": facts.holder.name, "hsa_id": facts.holder.hsa_id},
        "pins": [pin_json(pin) for pin in facts.pins],
        "certificates": [certificate_json(certificate) for certificate in facts.certificates],
        "findings": findings_json(findings),
        "exchange": exchange_json(exchange),
    }


def findings_json(findings: Sequence[CardFinding]) -> list[Json]:
    """`findings`, of a card or of its certificates."""
    return [{"code": f.code.value, "text": f.text, "errand": f.errand} for f in findings]


def unknown_json(reader: str, stranger: CardUnreadable) -> Json:
    """The same keys for a card that is not understood: `profile` by its answer to reset alone, `tried` where its directory was
    looked for, and `why`, what it wants before it can be read (`secure_messaging`, `pace`; empty where it does not say)."""
    nobody = CardFacts(reader, stranger.atr, "unknown", stranger.product, "", "", Holder("", ""), (), (), b"")
    code = FindingCode.UNREAD_CARD if stranger.product else FindingCode.UNKNOWN_CARD
    finding = CardFinding(code, None, "administrator")
    return facts_json(nobody, stranger.exchange, [finding]) | {"tried": list(stranger.tried), "why": stranger.why}


def pin_json(pin: Pin) -> Json:
    return {
        "id": pin.id, "label": pin.label, "role": pin.role.value, "reference": pin.reference,
        "tries_left": pin.tries_left, "state": pin.state,
        "min_length": pin.min_length, "max_length": pin.max_length,
    }  # fmt: skip


def certificate_json(certificate: Certificate) -> Json:
    """One of `certificates`. Times are UTC, ISO 8601."""
    c = certificate
    return {
        "id": c.id, "label": c.label, "subject": c.subject, "issuer": c.issuer, "serial": c.serial,
        "not_before": _time(c.not_before), "not_after": _time(c.not_after), "purpose": c.purpose,
        "loa": c.loa, "chain": c.chain,
    }  # fmt: skip


def exchange_json(exchange: Exchange) -> Json:
    """`exchange`: APDUs, bytes, milliseconds."""
    return {
        "apdus": exchange.apdus, "bytes_sent": exchange.bytes_sent,
        "bytes_received": exchange.bytes_received, "ms": round(exchange.ms, 1),
    }  # fmt: skip


def outcome_json(outcome: CodeOutcome | SignOutcome) -> Json:
    """`outcome` and what goes with it; every key is always there."""
    answer: Json = {"outcome": Outcome.ACCEPTED, "reason": None, "status": None, "tries_left": None}
    match outcome:
        case Accepted() | Signed():
            pass
        case WrongCode(tries_left):
            answer |= {"outcome": Outcome.WRONG_CODE, "tries_left": tries_left}
        case Locked():
            answer |= {"outcome": Outcome.LOCKED, "tries_left": 0}
        case Refused(reason, status, tries_left):
            word = None if status is None else f"{status:04X}"
            answer |= {
                "outcome": Outcome.REFUSED,
                "reason": reason.value,
                "status": word,
                "tries_left": tries_left,
            }
        case Unknown():
            answer["outcome"] = Outcome.UNKNOWN
    return answer


def outcome_text(outcome: CodeOutcome | SignOutcome, done: str) -> str:
    """One line for a person."""
    match outcome:
        case Accepted() | Signed():
            return done
        case WrongCode(tries_left):
            return f"Wrong code. {_left(tries_left)}"
        case Locked():
            return "Locked: no tries are left."
        case Refused(reason, status, tries_left):
            word = "" if status is None else f" (status {status:04X})"
            left = "" if tries_left is None else f" {_left(tries_left)}"
            why = _CAUTION.get(reason, _REASONS[reason]) if tries_left is None else _REASONS[reason]
            return f"Not done: {why}{word}.{left}"
        case Unknown():
            return "The card left in the middle: it may or may not have been done. Look at the card again."


def _left(tries: int | None) -> str:
    return "Tries left: not known." if tries is None else f"Tries left: {tries}."


def facts_lines(facts: CardFacts, findings: Sequence[CardFinding]) -> list[str]:
    """`card show` for a person."""
    holder = " ".join(part for part in (facts.holder.name, facts.holder.hsa_id) if part) or "not known"
    return [
        f"Reader       {facts.reader}",
        f"Holder       {holder}",
        f"Card number  {facts.card_number or 'not known'}",
        f"Serial       {facts.serial}",
        f"Product      {facts.profile} ({facts.kind})" + (READ_ONLY if facts.rules.read_only else ""),
        *(_pin_line(pin) for pin in facts.pins),
        *certificate_lines(facts.certificates),
        *(f"! {finding.text}" for finding in findings),
    ]


_NAMES = {Role.IDENTIFICATION: "PIN", Role.SIGNATURE: "Sign. PIN", Role.PUK: "PUK"}


def _pin_line(pin: Pin) -> str:
    tries = "tries not known" if pin.tries_left is None else f"{pin.tries_left} tries left"
    if pin.counted and pin.state == "locked":
        tries = "as the card said before"
    return f"{_NAMES[pin.role]:<12} {pin.state}, {tries}, {_lengths(pin)}"


def _lengths(pin: Pin) -> str:
    span = f"{pin.min_length} to {pin.max_length}" if pin.min_length != pin.max_length else f"{pin.min_length}"
    return f"{span} characters"


def lengths_line(pins: Sequence[Pin]) -> str:
    """Return a line with the lengths of a new PIN and of the PUK, for a person who typed another length."""
    return f"Allowed are: {', '.join(f'{_NAMES[pin.role]} {_lengths(pin)}' for pin in pins)}."


def certificate_lines(certificates: Sequence[Certificate]) -> list[str]:
    """One line for each certificate."""
    lines = []
    for c in certificates:
        loa = f"LoA{c.loa}" if c.loa else "LoA not known"
        lines.append(f"Certificate  {c.purpose}, {loa}, to {c.not_after:%Y-%m-%d}, chain {c.chain}, id {c.id}")
    return lines


def chain_lines(certificates: Sequence[Certificate], at: datetime) -> list[str]:
    """`card certificates` for a person: what each is for, who issued it, and whether it counts."""
    lines = []
    for c, head in zip(certificates, certificate_lines(certificates), strict=True):
        days = (c.not_after - at).days
        left = f"{days} days left" if days >= 0 else "expired"
        lines += [head, f"             {c.subject}", f"             by {c.issuer}",
                  f"             revocation {c.revocation}, {left}, serial {c.serial}"]  # fmt: skip
    return lines
