"""Report of a verification, in words and as an object.

Rules: both say the verdict first, then what is proved, then what is not: nobody should take more from a file than it shows.

>>> as_text(VerificationReport("altered", "byte 0", "it is no evidence file")).partition("\\n")[0]
'altered: byte 0: it is no evidence file'
"""

from collections.abc import Iterator
from dataclasses import asdict

import msgspec

from fleet.server.evidence.verification.chains import ProvedStretch
from fleet.server.evidence.verification.trusted_times import TrustedTime
from fleet.server.evidence.verification.verify import VerificationReport

_NEVER = (
    "that a station told the truth, or that its clock was right",
    "that nothing happened after the last signed point of a chain",
    "the receipts' own signatures: check each with kortkiosk verify-receipt",
)


def as_object(report: VerificationReport) -> dict[str, object]:
    """With stable keys, see docs/evidence.md."""
    manifest = report.manifest
    return {
        "ok": report.verdict == "genuine",
        "verdict": report.verdict,
        "where": report.where or None,
        "why": report.why or None,
        "asked": msgspec.to_builtins(manifest.asked) if manifest else None,
        "made": manifest.made if manifest else None,
        "authority": report.authority or None,
        "authority_given": report.authority_given,
        "chains": [_chain(stretch) for stretch in report.stretches],
        "receipts": list(report.receipts),
        "audit_entries": report.audit_entries,
        "revocations_of": report.revocations.updated.isoformat() if report.revocations.updated else None,
        "tsa_given": report.tsa_given,
        "proved": list(_proved(report)),
        "not_proved": list(_not_proved(report)),
    }


def as_text(report: VerificationReport) -> str:
    lines = [report.verdict if report.verdict == "genuine" else f"{report.verdict}: {report.where}: {report.why}"]
    if report.manifest is not None:
        request = report.manifest.asked
        days = "".join(f" {word} {day}" for word, day in (("from", request.first), ("to", request.last)) if day)
        lines.append(f"about {request.kind} {request.value}{days}, written {report.manifest.made}")
        named = "as named with --ca" if report.authority_given else "by its own word: compare it, or name it with --ca"
        lines.append(f"authority SHA-256 {report.authority} ({named})")
    lines += [f"proved: {line}" for line in _proved(report)]
    lines += [f"not proved: {line}" for line in _not_proved(report)]
    return "\n".join(lines)


def _chain(stretch: ProvedStretch) -> dict[str, object]:
    fields = asdict(stretch)
    for end in ("signed_from", "signed_to"):
        signed = getattr(stretch, end)
        fields[end] = None if signed is None else {"sequence": signed.sequence, "time": signed.time}
    fields["trusted_to"] = None if stretch.trusted_to is None else _trusted(stretch.trusted_to)
    return fields


def _trusted(trusted: TrustedTime) -> dict[str, str]:
    return {"time": trusted.at.isoformat(), "by": trusted.by}


def _proved(report: VerificationReport) -> Iterator[str]:
    if report.verdict != "genuine":
        return
    yield "the file is as the server wrote it, by the server's own certificate"
    for stretch in report.stretches:
        place = f"{stretch.station} {stretch.epoch}:{stretch.first}-{stretch.last}"
        signed = stretch.with_content - stretch.unsigned
        if signed and stretch.signed_to is not None:
            until = f"{stretch.signed_to.sequence} at {stretch.signed_to.time}"
            yield f"{place}: {signed} events with content, unchanged and in this order, signed by the station up to {until}"
        if stretch.trusted_to is not None:
            witness = "a time stamp" if stretch.trusted_to.by == "timestamp" else "the server's countersignature"
            points = f"{stretch.countersigned} signed points were there in time"
            yield f"{place}: {points}, the last not later than {_at(stretch)} by {witness}"
    if report.receipts:
        yield f"{len(report.receipts)} receipts are those that the events hold"


def _at(stretch: ProvedStretch) -> str:
    return stretch.trusted_to.at.isoformat() if stretch.trusted_to else ""


def _not_proved(report: VerificationReport) -> Iterator[str]:
    if report.verdict == "revoked":
        yield "what the station named above signed: whoever has its key can have done so, and have chosen the time"
        return
    if report.verdict != "genuine":
        yield "anything"
        return
    if report.revocations.updated is not None:
        yield f"that no station was revoked after {report.revocations.updated.isoformat()}: give a newer list with --crl"
    if not report.tsa_given and any(stretch.countersigned for stretch in report.stretches):
        yield "that the server countersigned at the time that it states: name the region's time-stamping authority with --tsa-ca"
    if not report.authority_given:
        yield "that this is your fleet's authority: its fingerprint stands above"
    for stretch in report.stretches:
        place = f"{stretch.station} {stretch.epoch}:{stretch.first}-{stretch.last}"
        if stretch.unsigned:
            yield f"{place}: {stretch.unsigned} events have no later signature of the station; the server alone vouches for them"
        if stretch.erased:
            yield f"{place}: what {stretch.erased} events said, since it has been erased"
        if stretch.absent:
            yield f"{place}: {stretch.absent} places hold no event, so the chain has holes there"
    yield from _NEVER
