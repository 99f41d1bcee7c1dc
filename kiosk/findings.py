"""What is wrong with a card, in plain words, and which errand mends it. Pure: facts and time in, findings out.

Locked is not blocked: a locked code has no tries left, a blocked (revoked) card is finished for good.

>>> findings_of(facts, at=now)        # doctest: +SKIP
(Finding(code='pin_locked', text='...', errand='unblock'),)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from drivers.reader.model import CardFacts, Certificate, Pin
from drivers.reader.outcomes import Role

SOON = timedelta(days=30)
"""So long before its end a certificate is said to expire soon."""
_PURPOSES = {"identification": "identification", "signature": "signatures"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `errand` is the id of the errand that mends it; None where only a person can."""

    code: str
    text: str
    errand: str | None


def findings_of(facts: CardFacts, at: datetime) -> tuple[Finding, ...]:
    """Everything that is known to be wrong at an aware time, codes first."""
    return (*_about_codes(facts), *_about_certificates(facts, at))


def _about_codes(facts: CardFacts) -> Iterator[Finding]:
    puk = facts.pin(Role.PUK)
    dead = puk is not None and puk.state == "locked"
    for pin in facts.pins:
        if pin.state == "locked" and pin.role is not Role.PUK:
            yield _locked(pin, mendable=not dead)
    if dead:
        text = "The PUK is locked: the card's PIN can never be unlocked again. Ask for a new card."
        yield Finding("puk_locked", text, None)


def _locked(pin: Pin, *, mendable: bool) -> Finding:
    which = "signature PIN" if pin.role is Role.SIGNATURE else "PIN"
    text = f"The {which} is locked after too many wrong tries."
    if mendable:
        return Finding("pin_locked", f"{text} It can be unlocked with the PUK from the letter.", "unblock")
    return Finding("pin_locked", text, None)


def _about_certificates(facts: CardFacts, at: datetime) -> Iterator[Finding]:
    for label in facts.damaged:
        yield Finding("certificate_damaged", f"The certificate “{label}” is damaged and cannot be read.", None)
    for certificate in facts.certificates:
        if certificate.purpose != "other":
            yield from _about(certificate, at)


def _about(certificate: Certificate, at: datetime) -> Iterator[Finding]:
    what = f"The certificate for {_PURPOSES[certificate.purpose]}"
    if certificate.not_after < at:
        text = f"{what} expired on {certificate.not_after:%Y-%m-%d}."
        yield Finding("certificate_expired", text, "renew_certificate")
    elif certificate.not_after - SOON < at:
        text = f"{what} expires soon, on {certificate.not_after:%Y-%m-%d}."
        yield Finding("certificate_expires_soon", text, "renew_certificate")
    elif certificate.not_before > at:
        yield Finding("certificate_not_yet_valid", f"{what} is not valid yet.", None)
    if certificate.chain == "untrusted":
        text = f"{what} is not from an issuer that is trusted here: {certificate.issuer}."
        yield Finding("chain_untrusted", text, None)
    if certificate.chain == "revoked":
        yield Finding("certificate_revoked", f"{what} is revoked: the card is blocked.", None)
