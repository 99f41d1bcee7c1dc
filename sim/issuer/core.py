"""Core of the simulated issuer: authority, database, rules and clock, and what they publish. The apps are ways to ask it."""

from collections.abc import Callable
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp as x509_ocsp

from fleet.server.issuers.card_keys import CardKeys
from fleet.server.issuers.certificate_offers import OfferRules
from fleet.server.issuers.certificate_requests import der_of
from sim.issuer.authority import CertificateHierarchy, RevocationEntry
from sim.issuer.database import IssuerDatabase, Seed, count, keep_card, keep_person
from sim.issuer.enrollment import EnrollmentTerms, first_certificates

OCSP_LIFE = timedelta(hours=1)


class Simulator:
    """One simulated issuer. Thread-safe: the state takes turns."""

    def __init__(
        self,
        state: IssuerDatabase,
        hierarchy: CertificateHierarchy,
        rules: OfferRules,
        clock: Callable[[], datetime],
        keys: CardKeys | None = None,
    ) -> None:
        self.state = state
        self.hierarchy = hierarchy
        self.rules = rules
        self.clock = clock
        self.keys = keys or CardKeys({})
        self.url = "http://localhost"
        """Where the open app is found: goes into certificates."""

    def terms(self) -> EnrollmentTerms:
        """Terms of an enrolment at this time."""
        return EnrollmentTerms(self.url, self.rules, self.clock().replace(microsecond=0))

    def fill(self, seed: Seed) -> None:
        """Put people and cards in. Raises ValueError where a certificate of the seed is none."""
        with self.state.change() as cx:
            for person in seed.people:
                keep_person(cx, person)
            for card in seed.cards:
                keep_card(cx, card)
                first_certificates(
                    cx, card.card_number, tuple(map(der_of, seed.certificates.get(card.card_number, ())))
                )
            for number, puk in seed.pukes.items():
                cx.execute("UPDATE card SET puk = ? WHERE number = ?", (puk, number))
            if seed.orders:
                cx.execute("INSERT OR REPLACE INTO orders VALUES (1, ?)", (seed.orders.encode(),))

    def crl(self, loa: int) -> bytes:
        """The list of that issuer as of now."""
        with self.state.change() as cx:
            rows = cx.execute(
                "SELECT serial, revoked, held FROM certificate WHERE loa = ? AND revoked IS NOT NULL", (loa,)
            )
            revoked = [RevocationEntry(int(row[0], 16), datetime.fromisoformat(row[1]), bool(row[2])) for row in rows]
            number = count(cx, f"crl-{loa}")
        return self.hierarchy.crl(loa, revoked, number, self.clock().replace(microsecond=0))

    def ocsp_answer(self, question: bytes) -> bytes:
        """The answer to an OCSP request (RFC 6960), by the issuer's own key."""
        try:
            ocsp_request = x509_ocsp.load_der_ocsp_request(question)
            serial, name = ocsp_request.serial_number, ocsp_request.issuer_key_hash
            algorithm = ocsp_request.hash_algorithm
        except ValueError:
            return _unsuccessful(x509_ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
        loa = next(
            (level for level, pair in self.hierarchy.issuers.items() if _key_hash(pair.certificate, algorithm) == name),
            None,
        )
        if loa is None:
            return _unsuccessful(x509_ocsp.OCSPResponseStatus.UNAUTHORIZED)
        return self._ocsp_response(ocsp_request, loa, serial)

    def _ocsp_response(self, ocsp_request: x509_ocsp.OCSPRequest, loa: int, serial: int) -> bytes:
        issuer, now = self.hierarchy.issuers[loa], self.clock().replace(microsecond=0)
        with self.state.change() as cx:
            row = cx.execute(
                "SELECT revoked, held FROM certificate WHERE serial = ? AND loa = ?", (f"{serial:x}", loa)
            ).fetchone()
        revoked = datetime.fromisoformat(row[0]) if row and row[0] else None
        reason = x509.ReasonFlags.certificate_hold if row and row[1] else x509.ReasonFlags.unspecified
        status = x509_ocsp.OCSPCertStatus.UNKNOWN if row is None else x509_ocsp.OCSPCertStatus.GOOD
        builder = (
            x509_ocsp.OCSPResponseBuilder()
            .add_response_by_hash(
                issuer_name_hash=ocsp_request.issuer_name_hash,
                issuer_key_hash=ocsp_request.issuer_key_hash,
                serial_number=serial,
                algorithm=ocsp_request.hash_algorithm,
                cert_status=x509_ocsp.OCSPCertStatus.REVOKED if revoked else status,
                this_update=now,
                next_update=now + OCSP_LIFE,
                revocation_time=revoked,
                revocation_reason=reason if revoked else None,
            )
            .responder_id(x509_ocsp.OCSPResponderEncoding.HASH, issuer.certificate)
        )
        for extension in ocsp_request.extensions:
            if isinstance(extension.value, x509.OCSPNonce):
                builder = builder.add_extension(extension.value, critical=False)
        return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def _unsuccessful(status: x509_ocsp.OCSPResponseStatus) -> bytes:
    return x509_ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)


def _key_hash(certificate: x509.Certificate, algorithm: hashes.HashAlgorithm) -> bytes:
    """Over the bits of the public key alone (RFC 6960 4.1.1)."""
    raw = certificate.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    digest = hashes.Hash(algorithm)
    digest.update(raw)
    return digest.finalize()
