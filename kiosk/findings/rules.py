"""Rules of findings, worst first. Each looks at what is known and yields the arguments of its sentences, once for each thing
found.

Locked is not blocked: a locked code has no tries left, a blocked (revoked) card is finished for good. Periods are those of
docs/rules.md: 3 months for a new name or after leaving, 90 days to activate.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations

from cryptography.x509 import ExtendedKeyUsage, ExtensionNotFound, load_der_x509_certificate
from cryptography.x509.oid import ExtendedKeyUsageOID

from drivers.reader.certificates.key_usage import purpose_by_usage
from drivers.reader.model import Certificate, Pin
from drivers.reader.outcomes import Role
from fleet.messages.vocabulary import FindingCode
from kiosk.findings.known import Args, CardEvidence, Who
from kiosk.issuer.ports import NotFound
from kiosk.steps.view_helpers import common_name, date_text, puk_floor_cause
from kiosk.views import Say, say

SOON = timedelta(days=30)
"""So long before its end a certificate is said to expire soon."""
NEW_NAME = timedelta(days=92)
"""Three months: how long a card with the former name goes on."""
_USES = {"identification": "finding.use.identification", "signature": "finding.use.signature"}

When = Callable[[CardEvidence], Iterable[Args]]


@dataclass(frozen=True, slots=True)
class FindingRule:
    """One row of the table. Texts: `finding.CODE.title`, `.means`, `.do`."""

    code: FindingCode
    when: When
    errand: str | None = None
    """The errand that mends it."""
    who: Who = "holder"
    works: bool = False
    """Whether the card works meanwhile: it has to be mended in time."""


def _if(true: bool) -> Iterable[Args]:
    return ({},) if true else ()


def _puk_dead(evidence: CardEvidence) -> bool:
    puk = evidence.card.pin(Role.PUK)
    return puk is not None and puk.state == "locked"


def _unsendable_puk(evidence: CardEvidence) -> Pin | None:
    """The PUK where it is not sent: so few tries are left, or may be."""
    puk = evidence.card.pin(Role.PUK)
    return puk if puk is not None and puk.below_floor else None


def _puk_floor(evidence: CardEvidence) -> Iterable[Args]:
    """Neither the holder nor an administrator who attends is invited to type a PUK that is not sent."""
    puk, rules = _unsendable_puk(evidence), evidence.card.rules
    if puk is not None and _locked(evidence) and not rules.read_only and not rules.administrable:
        yield {"why": puk_floor_cause(puk)}


def _locked(evidence: CardEvidence) -> bool:
    return any(pin.state == "locked" for pin in evidence.card.pins if pin.role is not Role.PUK)


def _revoked(evidence: CardEvidence) -> Iterable[Args]:
    return _if(any(certificate.chain == "revoked" for certificate in evidence.in_use))


def _blocked(evidence: CardEvidence) -> Iterable[Args]:
    return _if(evidence.record is not None and evidence.record.state == "blocked")


def _held(evidence: CardEvidence) -> Iterable[Args]:
    return _if(evidence.record is not None and evidence.record.state == "held")


def _left(evidence: CardEvidence) -> Iterable[Args]:
    return _if(evidence.record is not None and evidence.record.holder == "left")


def _not_registered(evidence: CardEvidence) -> Iterable[Args]:
    return _if(isinstance(evidence.register, NotFound))


def _printed_differs(evidence: CardEvidence) -> Iterable[Args]:
    return _if(bool(evidence.printed) and not evidence.card.card_number.endswith(evidence.printed[-8:]))


_HOLDER = ("holder", "printed")
"""Where what is printed on the card decides, `unblock` asks for it."""


def _pin_locked(evidence: CardEvidence) -> Iterable[Args]:
    by_holder = evidence.card.rules.unblocking in _HOLDER and _unsendable_puk(evidence) is None
    return _if(_locked(evidence) and not _puk_dead(evidence) and by_holder)


def _not_by_holder(evidence: CardEvidence) -> Iterable[Args]:
    rules, floor = evidence.card.rules, _unsendable_puk(evidence) is not None
    helped = rules.administrable if floor else rules.unblocking not in _HOLDER
    return _if(_locked(evidence) and not _puk_dead(evidence) and helped and not rules.read_only)


def _read_only(evidence: CardEvidence) -> Iterable[Args]:
    """Nobody has tried the product: no errand that changes a card is offered for it."""
    return _if(evidence.card.rules.read_only and not _locked(evidence))


def _locked_read_only(evidence: CardEvidence) -> Iterable[Args]:
    return _if(evidence.card.rules.read_only and _locked(evidence) and not _puk_dead(evidence))


def _foreign(evidence: CardEvidence) -> Iterable[Args]:
    issuers = {certificate.issuer: None for certificate in evidence.in_use if certificate.chain == "untrusted"}
    return ({"issuer": common_name(issuer)} for issuer in issuers)


def _no_identification(evidence: CardEvidence) -> Iterable[Args]:
    card = evidence.card
    return _if(not card.damaged and not card.guarded and card.certificate("identification") is None)


def _guarded(evidence: CardEvidence) -> Iterable[Args]:
    return ({"label": label or "–"} for label in evidence.card.guarded)


def _unlisted(evidence: CardEvidence) -> Iterable[Args]:
    return ({"label": label or "–"} for label in evidence.card.unlisted)


def _damaged(evidence: CardEvidence) -> Iterable[Args]:
    return ({"label": label or "–"} for label in evidence.card.damaged)


def _of(evidence: CardEvidence, matches: Callable[[Certificate], bool]) -> Iterator[Args]:
    """Each use of the card's newest certificates that match, and its last day."""
    for purpose, use in _USES.items():
        certificate = evidence.card.certificate(purpose)  # type: ignore[arg-type]  # keys of _USES are purposes
        if certificate is not None and matches(certificate):
            last = certificate.not_after.astimezone().date()
            yield {
                "use": say(use),
                "day": date_text(last),
                "from": date_text(certificate.not_before.astimezone().date()),
            }


def _expired(evidence: CardEvidence) -> Iterable[Args]:
    return _of(evidence, lambda certificate: certificate.not_after < evidence.at)


def _expires_soon(evidence: CardEvidence) -> Iterable[Args]:
    return _of(evidence, lambda certificate: evidence.at <= certificate.not_after < evidence.at + SOON)


def _not_yet(evidence: CardEvidence) -> Iterable[Args]:
    return _of(evidence, lambda certificate: certificate.not_before > evidence.at)


def _keyless(evidence: CardEvidence) -> Iterable[Args]:
    """Certificates of a person whose key on the card is missing, or another: the reader gives such a one no purpose."""
    for certificate in evidence.card.certificates:
        if certificate.purpose == "other" and _of_a_person(evidence, certificate):
            yield {"label": certificate.label or certificate.id}


def _of_a_person(evidence: CardEvidence, certificate: Certificate) -> bool:
    """A PIV card has one more that names the card itself, for doors (SP 800-73-4 part 1, key reference 9E)."""
    if not certificate.der or (evidence.card.kind == "piv" and certificate.id == "9e"):
        return False
    return purpose_by_usage(load_der_x509_certificate(certificate.der)) != "other"


def _initial_pin(evidence: CardEvidence) -> Iterable[Args]:
    return _if(any(pin.must_change for pin in evidence.card.pins if pin.role is not Role.PUK))


def _not_activated(evidence: CardEvidence) -> Iterable[Args]:
    record = evidence.record
    if record is not None and record.state == "handed_out" and record.activate_by is not None:
        how = say("finding.not_activated.attended" if evidence.activates else "finding.not_activated.letter")
        yield {"within": _within(date.fromisoformat(record.activate_by), evidence.today), "how": how}


def _not_handed_over(evidence: CardEvidence) -> Iterable[Args]:
    """In place of `not_activated`, with its day where there is one."""
    if evidence.pending is None:
        return
    last = None if evidence.record is None else evidence.record.activate_by
    within = None if last is None else _within(date.fromisoformat(last), evidence.today)
    until = (
        say("finding.not_handed_over.until") if within is None else say("finding.not_handed_over.within", within=within)
    )
    yield {"until": until, "how": say(f"not_handed_over.{evidence.hands_over or 'administrator'}")}


def _within(last: date, today: date) -> Say:
    """By when, today included. A day that has passed is said to be today, as in `_until`."""
    days = (last - today).days
    if days <= 0:
        return say("finding.within.today")
    return say("finding.within.one") if days == 1 else say("finding.within.days", days=days)


def _name_changed(evidence: CardEvidence) -> Iterable[Args]:
    person = evidence.person
    if person is not None and person.name_changed is not None:
        yield {"left": _until(date.fromisoformat(person.name_changed) + NEW_NAME, evidence.today)}


def _until(last: date, today: date) -> Say:
    """Say how many days are left after today. A day that has passed is said to be today: the register has the last word
    on it."""
    days = (last - today).days
    if days <= 0:
        return say("finding.left.today")
    return say("finding.left.one") if days == 1 else say("finding.left.days", days=days)


def _loa2(evidence: CardEvidence) -> Iterable[Args]:
    certificate = evidence.card.certificate("identification")
    if evidence.loa2_ends is not None and certificate is not None and certificate.loa == 2:
        yield {"day": date_text(evidence.loa2_ends)}


def _level_unknown(evidence: CardEvidence) -> Iterable[Args]:
    """None of the policies that the region's levels are told by, on the certificate that names the holder."""
    certificate = evidence.card.certificate("identification")
    unknown = certificate is not None and certificate.chain in ("ok", "unchecked") and certificate.loa is None
    return _if(unknown and evidence.card.rules.tells_levels)


def _alike(evidence: CardEvidence) -> Iterable[Args]:
    """Two valid certificates that a computer offers for logging in, of the same person and issuer."""
    valid = [
        certificate
        for certificate in evidence.card.certificates
        if certificate.purpose != "other"
        and certificate.chain in ("ok", "unchecked")
        and _offered_for_login(certificate)
    ]
    return _if(any(a.subject == b.subject and a.issuer == b.issuer for a, b in combinations(valid, 2)))


def _offered_for_login(certificate: Certificate) -> bool:
    """As a browser sorts them: by extended key usage, where there is any (RFC 5280 4.2.1.12)."""
    if not certificate.der:
        return False
    try:
        uses = load_der_x509_certificate(certificate.der).extensions.get_extension_for_class(ExtendedKeyUsage).value
    except ExtensionNotFound:
        return True
    return bool({ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(uses))


def _for_another(evidence: CardEvidence) -> Iterable[Args]:
    return _if(evidence.order is not None and evidence.order.card_number != evidence.card.card_number)


RULES = (
    FindingRule(FindingCode.CERTIFICATE_REVOKED, _revoked, "return_card", "administrator"),
    FindingRule(FindingCode.BLOCKED, _blocked, "return_card", "administrator"),
    FindingRule(FindingCode.LEAVER, _left, "return_card"),
    FindingRule(FindingCode.ON_HOLD, _held, "report_lost"),
    FindingRule(FindingCode.PRINTED_DIFFERS, _printed_differs, who="administrator"),
    FindingRule(FindingCode.OTHER_THAN_ORDERED, _for_another, who="administrator"),
    FindingRule(FindingCode.NOT_HANDED_OVER, _not_handed_over, "activate"),
    FindingRule(FindingCode.PUK_LOCKED, lambda evidence: _if(_puk_dead(evidence)), who="administrator"),
    FindingRule(FindingCode.PUK_FLOOR, _puk_floor, who="administrator"),
    FindingRule(FindingCode.PIN_LOCKED, _pin_locked, "unblock"),
    FindingRule(FindingCode.NOT_BY_HOLDER, _not_by_holder, "unblock", "administrator"),
    FindingRule(FindingCode.LOCKED_READ_ONLY, _locked_read_only, who="administrator"),
    FindingRule(FindingCode.CHAIN_UNTRUSTED, _foreign, who="administrator"),
    FindingRule(FindingCode.NO_IDENTIFICATION, _no_identification, "renew_certificate"),
    FindingRule(FindingCode.KEY_DIFFERS, _keyless, "renew_certificate"),
    FindingRule(FindingCode.CERTIFICATE_DAMAGED, _damaged, "renew_certificate"),
    FindingRule(FindingCode.CERTIFICATE_EXPIRED, _expired, "renew_certificate"),
    FindingRule(FindingCode.CERTIFICATE_NOT_YET_VALID, _not_yet, who="administrator"),
    FindingRule(FindingCode.PIN_INITIAL, _initial_pin, "change_pin"),
    FindingRule(FindingCode.NOT_ACTIVATED, _not_activated, "activate", works=True),
    FindingRule(FindingCode.NAME_CHANGED, _name_changed, who="administrator", works=True),
    FindingRule(FindingCode.CERTIFICATE_EXPIRES_SOON, _expires_soon, "renew_certificate", works=True),
    FindingRule(FindingCode.LOA2_ENDS, _loa2, who="administrator", works=True),
    FindingRule(FindingCode.NOT_REGISTERED, _not_registered, who="administrator"),
    FindingRule(FindingCode.LEVEL_UNKNOWN, _level_unknown, who="administrator", works=True),
    FindingRule(FindingCode.CODE_UNLISTED, _unlisted, who="administrator", works=True),
    FindingRule(FindingCode.CERTIFICATE_GUARDED, _guarded, who="nobody", works=True),
    FindingRule(FindingCode.READ_ONLY, _read_only, who="administrator", works=True),
    FindingRule(FindingCode.ALIKE, _alike, who="nobody"),
)
"""Worst first. `unknown_card` and `unread_card` stand beside them: nothing can be asked of a card that is not understood."""
