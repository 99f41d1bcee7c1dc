"""Renewal of a test card's certificate over EST, and what the issuer then publishes of the new one."""

from collections.abc import Callable
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.asking import DeclinedResult, IssuedResult
from fleet.messages.issuing import Offer
from fleet.server.issuer_adapters.conformance.conversation import Conversation, MismatchError, check_equal
from fleet.server.issuer_adapters.conformance.settings import CheckCard
from fleet.server.issuer_adapters.est import EstIssuer
from fleet.server.issuers.certificate_offers import OfferRules, offers_of
from fleet.server.issuers.certificate_requests import check_issued, der_of
from fleet.server.issuers.ports import CertificateRequest, Standing, StatusSource
from fleet.server.issuers.proofs.certificate_chains import path, standing_by_lists
from fleet.server.keys.card_numbers import CARD_NUMBER_OID


class Renewals:
    """Renewals with keys that are made here and thrown away. All methods raise IssuerAwayError, MismatchError."""

    def __init__(
        self,
        issuer: Conversation,
        est: EstIssuer,
        rules: OfferRules,
        anchors: list[x509.Certificate],
        clock: Callable[[], datetime],
    ) -> None:
        self._issuer = issuer
        self._est = est
        self._rules = rules
        self._anchors = anchors
        self._clock = clock

    async def renew(self, card: CheckCard, current: x509.Certificate) -> x509.Certificate:
        """The new certificate, of our key and the same subject, with a chain to an anchor."""
        csr, offer = _request(current.subject, card.number), await self._offer(card)
        request = CertificateRequest(csr, offer, card.number, card.hsa_id, current.public_bytes(Encoding.DER))
        issued = await self._est.certificate(request)
        if isinstance(issued, DeclinedResult):
            raise MismatchError("the renewal is refused")
        if check_issued(issued, csr, offer, card.hsa_id, self._clock()) is not None:
            raise MismatchError("the certificate has another key, another person, no chain, or does not end in time")
        return self._with_path(issued)

    async def check_refused(self, card: CheckCard, subject: x509.Name, circumstance: str) -> None:
        """Nothing is given for that subject now."""
        offer = Offer("identification", 3, "9999-12-31")
        request = CertificateRequest(_request(subject, card.number), offer, card.number, card.hsa_id, b"\x30\x00")
        if not isinstance(await self._est.certificate(request), DeclinedResult):
            raise MismatchError(f"a certificate is given {circumstance}")

    async def _offer(self, card: CheckCard) -> Offer:
        """The first that the region's rules have for the card."""
        entry = await self._issuer.look_up(card_number=card.number)
        record = await self._issuer.card(card.number)
        offers = offers_of(entry.person, record, self._clock().date(), self._rules)
        if not offers:
            raise MismatchError("by directory and register the card may have no certificate")
        return offers[0]

    def _with_path(self, issued: IssuedResult) -> x509.Certificate:
        leaf, *above = [x509.load_der_x509_certificate(der_of(encoded)) for encoded in issued.chain]
        if path(leaf, above, self._anchors, self._clock()) is None:
            raise MismatchError("the chain does not lead to an anchor")
        return leaf


class Published:
    """Responder and lists of revoked certificates. Raises IssuerAwayError, MismatchError."""

    def __init__(
        self, status: StatusSource, authorities: list[x509.Certificate], clock: Callable[[], datetime]
    ) -> None:
        self._status = status
        self._authorities = authorities
        self._clock = clock

    async def check(self, certificate: x509.Certificate, due: Standing) -> None:
        """Both say the same of it, and that is what is due."""
        now = self._clock()
        above = next((authority for authority in self._authorities if authority.subject == certificate.issuer), None)
        if above is None:
            raise MismatchError("the certificate's issuer is none of trust.authorities")
        check_equal("what the responder says", await self._status.standing(certificate, above, now), due)
        check_equal("what the lists say", standing_by_lists(certificate, await self._status.lists(), now), due)


def stranger(hsa_id: str) -> x509.Name:
    """A subject that no certificate of that person has."""
    oid = x509.oid.NameOID
    return x509.Name(
        [x509.NameAttribute(oid.COMMON_NAME, "ISSUER CHECK"), x509.NameAttribute(oid.SERIAL_NUMBER, hsa_id)]
    )


def _request(subject: x509.Name, number: str) -> bytes:
    """As a station makes it: the subject, and the card's number as requested extension."""
    key = ec.generate_private_key(ec.SECP256R1())
    extension = x509.UnrecognizedExtension(CARD_NUMBER_OID, b"\x13" + bytes([len(number)]) + number.encode())
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(extension, critical=False)
    return request.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
