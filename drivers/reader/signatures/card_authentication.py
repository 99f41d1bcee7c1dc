"""Card authentication: proof that a card is the one that its issuer made, by a key that is used without a code. Pure.

A PIV card has one in 9E (SP 800-73-4 part 1, table 4b); a PKCS#15 card where its list of keys names one without an authId
(ISO/IEC 7816-15 8.4). A copy of a card's files has neither, and is found out before anybody types a code.

Rules:
- The certificate of the key must be judged `ok`, and must name this very card: by the card number that stands in it as the
  profile says, or by the GUID of a PIV card in its subjectAltName (SP 800-73-4 part 1, appendix B). Else another card's key
  would do.
- A false signature is one whatever the profile says. Where it says that every card of the product has such a key
  (`genuine = "free-key"`), a card without one, or whose certificate does not hold, is not genuine; else nothing is known.

>>> from drivers.reader.outcomes import RefusalReason, Refused
>>> outcome_of_refusal(Refused(RefusalReason.CARD, 0x6982), required=False)
NoFreeKey()
"""

import uuid

from cryptography import x509

from drivers.reader.certificates import identity
from drivers.reader.certificates.public_keys import PARSE_FAULTS
from drivers.reader.model import CardFacts, Certificate
from drivers.reader.outcomes import CardAuthenticated, CardAuthentication, CardNotAuthenticated, NoFreeKey, Refused
from drivers.reader.profiles import Profile


def outcome_of_refusal(refused: Refused | None, *, required: bool) -> CardAuthentication:
    """Return what it means that there is no such key (None), or that the card does not sign with it."""
    if required:
        return CardNotAuthenticated("no_key" if refused is None else "refused")
    return NoFreeKey()


def outcome_of_certificate(certificate: Certificate, facts: CardFacts, profile: Profile) -> CardAuthentication:
    """Tell whose key it was that signed: this card's, by a certificate that holds."""
    named = _names(certificate, facts, profile)
    if certificate.chain == "ok" and named:
        return CardAuthenticated(certificate.id)
    if profile.genuine != "free-key":
        return NoFreeKey()
    return CardNotAuthenticated("certificate" if named else "another_card")


def _names(certificate: Certificate, facts: CardFacts, profile: Profile) -> bool:
    try:
        parsed = x509.load_der_x509_certificate(certificate.der)
        number = identity.card_number_in(parsed, profile)
        serials = _uuids(parsed)
    except PARSE_FAULTS:
        return False
    if number:
        return number == facts.card_number
    return bool(facts.serial) and facts.serial.upper() in serials


def _uuids(certificate: x509.Certificate) -> frozenset[str]:
    """GUIDs in subjectAltName, as `urn:uuid:`, in upper-case hex."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return frozenset(uuid.UUID(name).hex.upper() for name in uris if name.startswith("urn:uuid:"))
