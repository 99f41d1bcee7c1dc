"""Report of a receipt's verification, in sentences and as one object with stable keys (docs/receipts.md).

>>> sentences(Altered("it is not written as a receipt is"))
['Not genuine: it is not written as a receipt is.']
"""

from datetime import datetime
from typing import Any

import msgspec

from kiosk.receipts.facts import ReceiptFacts, ReceiptStatement
from kiosk.receipts.verification import (
    Altered,
    Genuine,
    ReceiptSigner,
    SignedAfterRevocation,
    Undecided,
    UnknownSigner,
    Verdict,
)


def sentences(verdict: Verdict) -> list[str]:
    """The verdict in words, a line each."""
    match verdict:
        case Altered(reason):
            return [f"Not genuine: {reason}."]
        case UnknownSigner(reason):
            return [f"Not known to be genuine: {reason}."]
        case SignedAfterRevocation(statement, revoked):
            return [
                f"Not genuine: signed after its station was revoked: station {statement.station} was revoked"
                f" {revoked.isoformat()}, receipt {statement.number} is of {statement.time.isoformat()}."
            ]
        case Undecided(statement, revoked, witnessed):
            return _undecided(statement, revoked, witnessed)
        case Genuine(statement, signers, facts):
            begins = "Genuine" if verdict.is_decided else "Cannot be told without a list of revoked stations"
            lines = [
                f"{begins}: receipt {statement.number}, {statement.kind}, {statement.time.isoformat()}.",
                *([f"Card: number ending in {statement.card_tail}."] if statement.card_tail else []),
                *(_signer_sentence(signer) for signer in signers),
            ]
            return [*lines, *_content(facts, len(signers)), _STANDING[verdict.revocation]]


def _content(facts: ReceiptFacts | None, signers: int) -> list[str]:
    """Return the sentences on what a whole receipt says beyond its short statement."""
    if facts is None:
        return ["This is its short statement; the whole receipt can be had by its number."]
    if not facts.card_number:
        return [*_work(facts), "The station attests it."]
    holder = f"Holder: {facts.holder.name or '(protected identity)'}, {facts.holder.hsa_id}. Place: {facts.place}."
    return [holder] if signers > 1 else [holder, "The holder's card did not sign; the station attests it."]


_STANDING = {
    "unchecked": "Whether its station has been revoked was not checked: give --crl, or --evidence.",
    "not_revoked": "Its station is not revoked.",
    "signed_before": "Its station has been revoked since; a trusted time shows that the receipt was there before.",
}


def _undecided(statement: ReceiptStatement, revoked: datetime, witnessed: datetime | None) -> list[str]:
    lines = [
        f"Cannot be told: station {statement.station} was revoked {revoked.isoformat()}, and that receipt"
        f" {statement.number} is of {statement.time.isoformat()} is its own claim."
    ]
    if witnessed is not None:
        return [*lines, f"The evidence shows it only from {witnessed.isoformat()} on."]
    return [*lines, "An evidence file that covers it can show that it was there before: give --evidence."]


def _work(facts: ReceiptFacts) -> list[str]:
    """Return the sentences on work that is about no single card: who did it, and what came of it."""
    people = [person for person in (facts.holder, facts.administrator) if person is not None]
    named = " and ".join(f"{person.name or '(protected identity)'}, {person.hsa_id}" for person in people)
    figures = [f"{detail.code}: {detail.value}" for detail in facts.details]
    return [f"Done by: {named}. Place: {facts.place}.", f"Figures: {'; '.join(figures)}."]


def as_json(verdict: Verdict) -> dict[str, Any]:
    """The verdict as one object with stable keys."""
    match verdict:
        case Altered(reason):
            return {"verdict": "altered", "reason": reason}
        case UnknownSigner(reason):
            return {"verdict": "unknown_signer", "reason": reason}
        case SignedAfterRevocation(statement, revoked):
            return {"verdict": "revoked", **_stated(statement), "revoked": revoked.isoformat()}
        case Undecided(statement, revoked, witnessed):
            at = witnessed.isoformat() if witnessed else None
            return {"verdict": "undecided", **_stated(statement), "revoked": revoked.isoformat(), "witnessed": at}
        case Genuine(statement, signers, facts):
            return {
                "verdict": "genuine" if verdict.is_decided else "undecided",
                **_stated(statement),
                "revocation": verdict.revocation,
                "signers": msgspec.to_builtins(signers),
                "receipt": msgspec.to_builtins(facts),
            }


def _stated(statement: ReceiptStatement) -> dict[str, str]:
    return {
        "number": statement.number,
        "kind": statement.kind,
        "time": statement.time.isoformat(),
        "station": statement.station,
        "card_tail": statement.card_tail,
        "sha256": statement.digest.hex(),
    }


def _signer_sentence(signer: ReceiptSigner) -> str:
    if signer.role == "station":
        return f"Signed by station {signer.name}."
    if signer.signature == "unchecked":
        return (
            f"The card's signature was made by the card with thumbprint {signer.thumbprint}, not checked"
            " (give --holder-certificate); the station vouches for it."
        )
    name = f"{signer.name}, {signer.hsa_id}" if signer.name else signer.hsa_id
    checked = "" if signer.chain == "trusted" else " (the card's own chain was not checked: give --anchors)"
    return f"Signed by the holder's card: {name}{checked}."
