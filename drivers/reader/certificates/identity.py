"""Card holder, card number and purposes, from the certificates and codes of the card directory.

Pure: directory, profile and time in, values out. What decides: keyUsage tells signature (contentCommitment) from
identification (digitalSignature), where extendedKeyUsage does not speak against it; certificatePolicies tell the level of
assurance; subject serialNumber is the HSA-id.
A personal identity number never leaves this module: a subject that holds one shows it as dots (reliability I5), and its
certificate is marked `personal`, so that nothing uses it.

>>> looks_personal("199001012380"), looks_personal("SE2321000016-1A2B")
(True, False)
"""

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from cryptography import x509
from cryptography.x509.oid import NameOID

from drivers.reader import tlv
from drivers.reader.certificates.key_usage import is_authority, purpose_by_usage
from drivers.reader.certificates.public_keys import PARSE_FAULTS as PARSE_FAULTS
from drivers.reader.model import CardRules, Certificate, Holder, Pin, PinState, Purpose
from drivers.reader.outcomes import Role
from drivers.reader.pin.try_counter import RemainingTries
from drivers.reader.pkcs15.directory import CardDirectory, CertificateFile
from drivers.reader.pkcs15.values import NON_REPUDIATION, SIGN, CertificateObject, CodeFlag, CodeObject, KeyObject
from drivers.reader.profiles import BY_SERIAL, Profile
from drivers.reader.signatures.signing import scheme_of

_STRING_TAGS = (0x0C, 0x12, 0x13, 0x16)
_PERSONAL = re.compile(r"^([A-Z]{3}SE-)?(\d{2})?\d{6}[-+]?\d{4}$")
"""The prefix is that of ETSI EN 319 412-1 5.1.3: PNOSE- for a national personal number."""
_PERSONAL_WITHIN = re.compile(rb"(?<!\d)(19|20)\d{2}(0[1-9]|1[0-2])\d{2}[-+]?\d{4}(?!\d)")
"""With its century, anywhere in an alternative name."""
_SHORT_NAMES = {
    NameOID.SERIAL_NUMBER: "serialNumber",
    NameOID.GIVEN_NAME: "givenName",
    NameOID.SURNAME: "surname",
    NameOID.TITLE: "title",
    NameOID.EMAIL_ADDRESS: "emailAddress",
}
"""Names of attributes for which RFC 4514 has only numbers."""
_HIDDEN = "••••••••"


def looks_personal(text: str) -> bool:
    """Return whether a text has the form of a Swedish personal identity or co-ordination number."""
    return _PERSONAL.match(text.strip()) is not None


@dataclass(frozen=True, slots=True)
class ReadCertificate:
    """A certificate of the card that could be read, its `chain` not yet judged."""

    facts: Certificate
    x509: x509.Certificate
    key_id: bytes


def card_rules_of(profile: Profile, atr: bytes = b"") -> CardRules:
    """Rules of a card product, of a card with that answer to reset: who may do what."""
    return CardRules(
        profile.unblocking.by,
        (profile.writable or profile.kind == "piv") and not profile.read_only,
        profile.one_code,
        profile.unblocking.admin != "none",
        profile.piv.management if profile.kind == "piv" else None,
        (profile.piv.delete_key if profile.kind == "piv" else profile.writable) and not profile.read_only,
        profile.genuine,
        profile.stocked_by,
        profile.read_only,
        profile.read_only and bool(profile.match.atr) and not any(mask.fits(atr) for mask in profile.match.atr),
        profile.self_described,
        profile.first_code,
        profile.unblocking.admin_digits,
        bool(profile.certificates.loa),
    )


PurposeOf = Callable[[CertificateObject, x509.Certificate], Purpose]


def read_certificates(
    directory: CardDirectory, profile: Profile, purpose_of: PurposeOf | None = None
) -> tuple[ReadCertificate, ...]:
    """The holder's certificates and the authorities' among them; what is not a certificate is left out.

    What one is for: by keyUsage, or as `purpose_of` says.
    """
    certificates: list[ReadCertificate] = []
    for file in directory.certificates:
        try:
            certificates.append(_read(file, directory, profile, purpose_of or _by_usage))
        except PARSE_FAULTS:
            continue
    return tuple(certificates)


def needs_keys(directory: CardDirectory) -> bool:
    """Does it take the list of keys to say what each code and certificate is for?

    Not where there is one code for a person, and the certificates are one for identification and at most one for
    signatures, by their keyUsage, with no authority's among them.
    """
    for_people = [code for code in directory.codes if not code.has(CodeFlag.UNBLOCKING) and not code.has(CodeFlag.SO)]
    try:
        certificates = [
            x509.load_der_x509_certificate(file.der) for file in directory.certificates if not file.entry.authority
        ]
        meant = [purpose_by_usage(certificate) for certificate in certificates]
        authority = any(is_authority(certificate) for certificate in certificates)
    except PARSE_FAULTS:
        return True
    plain = meant.count("identification") == 1 and meant.count("signature") <= 1 and meant.count("other") == 0
    return len(for_people) != 1 or authority or not plain


def log_ins(directory: CardDirectory) -> tuple[int, ...]:
    """Places of the certificates for log-in among those that were not read yet, as far as the list of keys tells them from those
    for signatures; the likeliest of the holder's own, which is the one that was listed last, first."""
    logs_in = {key.id for key in directory.keys or () if SIGN in key.usage and NON_REPUDIATION not in key.usage}
    return tuple(at for at, entry in reversed(directory.unread) if entry.id in logs_in and not entry.authority)


def names_person(file: CertificateFile) -> bool:
    """Return whether it is for log-in and names a person, not by a personal identity number."""
    try:
        certificate = x509.load_der_x509_certificate(file.der)
        purpose, personal = purpose_by_usage(certificate), _has_personal_number(certificate)
    except PARSE_FAULTS:
        return False
    return purpose == "identification" and not personal and bool(_attribute(certificate, NameOID.SERIAL_NUMBER))


def damaged_certificates(directory: CardDirectory, read: Iterable[ReadCertificate]) -> tuple[str, ...]:
    """Labels, or ids, of what should be certificates and are none."""
    sound = {certificate.facts.der for certificate in read}
    return _names(file.entry for file in directory.certificates if file.der and file.der not in sound)


def guarded_certificates(directory: CardDirectory) -> tuple[str, ...]:
    """Labels, or ids, of what the card shows only after its code."""
    return _names(file.entry for file in directory.certificates if not file.der)


def unlisted_codes(directory: CardDirectory) -> tuple[str, ...]:
    """Labels, or ids, of keys that are guarded by a code which the card does not list; none while its keys were not read."""
    listed = {b"", *(code.auth_id for code in directory.codes)}
    return _names(key for key in directory.keys or () if key.auth_id not in listed)


def _names(entries: Iterable[CertificateObject | KeyObject]) -> tuple[str, ...]:
    return tuple(entry.label or entry.id.hex() for entry in entries)


def _by_usage(_entry: CertificateObject, certificate: x509.Certificate) -> Purpose:
    return purpose_by_usage(certificate)


def _read(file: CertificateFile, directory: CardDirectory, profile: Profile, purpose_of: PurposeOf) -> ReadCertificate:
    parsed = x509.load_der_x509_certificate(file.der)
    public = parsed.public_key()  # a key of an unknown kind is found out here, not in the middle of a signature
    has_key = directory.keys is None or any(key.id == file.entry.id for key in directory.keys)
    facts = Certificate(
        id=file.entry.id.hex(),
        label=file.entry.label,
        subject=_name_text(parsed.subject),
        issuer=_name_text(parsed.issuer),
        serial=f"{parsed.serial_number:X}",
        not_before=parsed.not_valid_before_utc,
        not_after=parsed.not_valid_after_utc,
        purpose=purpose_of(file.entry, parsed) if has_key and not file.entry.authority else "other",
        loa=_loa(parsed, profile),
        chain="unchecked",
        der=file.der,
        key_known=scheme_of(public) is not None,
        holder=_holder(parsed, profile),
        personal=_has_personal_number(parsed),
    )
    return ReadCertificate(facts, parsed, file.entry.id)


def _loa(certificate: x509.Certificate, profile: Profile) -> int | None:
    """The level of assurance by policy identifier; the lowest where there are several."""
    try:
        policies = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except x509.ExtensionNotFound:
        return None
    table = profile.certificates.loa
    levels = [table[p.policy_identifier.dotted_string] for p in policies
              if p.policy_identifier.dotted_string in table]  # fmt: skip
    return min(levels, default=None)


def _name_text(name: x509.Name) -> str:
    """RFC 4514 order and look, without personal identity numbers."""
    parts = []
    for attribute in name:
        value = _text(attribute.value)
        parts.append(f"{_short_name(attribute)}={_HIDDEN if looks_personal(value) else value}")
    return ", ".join(reversed(parts))


def _short_name(attribute: x509.NameAttribute[str | bytes]) -> str:
    return _SHORT_NAMES.get(attribute.oid, attribute.rfc4514_attribute_name)


def _text(value: str | bytes) -> str:
    text = value if isinstance(value, str) else value.decode("utf-8", "replace")
    return "".join(c for c in text if c.isprintable())[:256]


def _attribute(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    attributes = certificate.subject.get_attributes_for_oid(oid)
    return _text(attributes[0].value).strip() if attributes else ""


def _holder(certificate: x509.Certificate, profile: Profile) -> Holder:
    """Name and HSA-id in a subject. Empty where it has another form of name than the profile's, or a personal identity number."""
    hsa_id = _attribute(certificate, NameOID.SERIAL_NUMBER)
    if looks_personal(hsa_id) or not re.search(profile.certificates.holder_id, hsa_id):
        return Holder("", "")
    given, last = _attribute(certificate, NameOID.GIVEN_NAME), _attribute(certificate, NameOID.SURNAME)
    name = f"{given} {last}" if given and last else _attribute(certificate, NameOID.COMMON_NAME)
    return Holder(name, hsa_id, _attribute(certificate, NameOID.ORGANIZATION_NAME))


def _has_personal_number(certificate: x509.Certificate) -> bool:
    """In any attribute of its subject, or in an alternative name (RFC 5280 4.2.1.6)."""
    if any(looks_personal(_text(attribute.value)) for attribute in certificate.subject):
        return True
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    return _PERSONAL_WITHIN.search(names.public_bytes()) is not None


def birth_dates_of(certificates: Iterable[ReadCertificate]) -> tuple[date, ...]:
    """The holder's date of birth, from a personal identity number in a subject: no new PIN may hold it. It is shown to
    nobody. Of a number with ten digits both centuries count."""
    dates: list[date] = []
    for certificate in certificates:
        for attribute in certificate.x509.subject:
            dates += _births(_text(attribute.value).strip())
    return tuple(dict.fromkeys(dates))


def _births(text: str) -> list[date]:
    if not looks_personal(text):
        return []
    digits = re.sub(r"\D", "", text)[:-4]
    days: list[date] = []
    for century in ("",) if len(digits) == 8 else ("19", "20"):
        year, month, day = century + digits[:-4], digits[-4:-2], int(digits[-2:])
        with contextlib.suppress(ValueError):
            days.append(date(int(year), int(month), day - 60 if day > 60 else day))  # co-ordination numbers add 60
    return days


def card_number_of(certificates: Iterable[ReadCertificate], serial: str, profile: Profile) -> str:
    """The number that is printed on the card too, where the profile says that it is. Empty where it is not there.

    `serial` as the card tells it; one that is all zeros is every card's and no number.
    """
    if profile.certificates.card_number == BY_SERIAL:
        return serial if serial.strip("0") else ""
    numbers = (card_number_in(certificate.x509, profile) for certificate in _by_weight(certificates))
    return next((number for number in numbers if number), "")


def card_number_in(certificate: x509.Certificate, profile: Profile) -> str:
    """The card number in a certificate, where the profile says that it stands there; empty where it is not there."""
    where, _, field_name = profile.certificates.card_number.partition(":")
    if where == "token":
        return ""
    number = _extension(certificate, field_name) if where == "extension" else _subject(certificate, field_name)
    return "" if looks_personal(number) else number


def _by_weight(certificates: Iterable[ReadCertificate]) -> list[ReadCertificate]:
    order = {"identification": 0, "signature": 1}
    ours = [c for c in certificates if c.facts.purpose in order]
    return sorted(ours, key=lambda c: (c.facts.personal, order[c.facts.purpose], -c.facts.not_after.timestamp()))


def _extension(certificate: x509.Certificate, oid: str) -> str:
    """A certificate extension with a string in it (PrintableString, UTF8String and the like), or bare text."""
    try:
        value = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(oid)).value
    except (x509.ExtensionNotFound, *PARSE_FAULTS):
        return ""
    raw = value.value if isinstance(value, x509.UnrecognizedExtension) else b""
    try:
        nodes = tlv.parse(raw)
    except tlv.TlvError:
        return _text(raw)[:64]
    return nodes[0].text()[:64] if nodes and nodes[0].tag in _STRING_TAGS else ""


def _subject(certificate: x509.Certificate, name: str) -> str:
    for attribute in certificate.subject:
        if _short_name(attribute) == name:
            return _text(attribute.value).strip()[:64]
    return ""


def digest_of(certificates: Iterable[ReadCertificate]) -> bytes:
    """SHA-256 over all certificates, each hashed first, in the card's order."""
    return hashlib.sha256(b"".join(hashlib.sha256(c.facts.der).digest() for c in certificates)).digest()


def pin_of(code: CodeObject, role: Role, profile: Profile, tries: RemainingTries, *, refused: bool = False) -> Pin:
    """A code in the station's words. Its lengths are those that both card and profile allow for a new one. `refused`: the
    station does not send it without consent, or a PUK not at all."""
    rules = profile.rules(role)
    state: PinState = "unknown" if tries.shown is None else "ok" if tries.shown else "locked"
    return Pin(
        id=code.auth_id.hex(),
        label=code.label,
        role=role,
        reference=code.reference,
        tries_left=tries.shown,
        state=state,
        min_length=max(code.min_length, profile.new_rules(role).min_length),
        max_length=min(code.max_length, rules.max_length),
        last_try=refused and role is not Role.PUK,
        must_change=tries.must_change,
        entry_min_length=max(code.min_length, rules.min_length),
        below_floor=refused and role is Role.PUK,
        counted=tries.counted,
    )
