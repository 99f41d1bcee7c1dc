"""Revocation data of the test authority: real CRLs and OCSP answers, and a responder that a `Fetch` port can ask.

Everything is signed with the authority's own keys; what differs from a real issuer is that a caller decides the times,
who signs and what goes wrong.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from drivers.reader.certificates.revocation.fetching import FetchError
from sim.reader.pki import Loa, TestAuthority

DAY = timedelta(days=1)
OCSP_URL, CRL_URL = "http://ocsp.test.invalid/", "http://crl.test.invalid/{}.crl"
"""Addresses of a name that nobody can have (RFC 2606)."""
_STATUS = {"good": ocsp.OCSPCertStatus.GOOD, "revoked": ocsp.OCSPCertStatus.REVOKED,
           "unknown": ocsp.OCSPCertStatus.UNKNOWN}  # fmt: skip


def points(loa: Loa) -> list[x509.ExtensionType]:
    """The extensions that name responder and list, for a certificate of that level."""
    where = x509.UniformResourceIdentifier(OCSP_URL)
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(CRL_URL.format(loa))], None, None, None)
    access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, where)
    return [x509.AuthorityInformationAccess([access]), x509.CRLDistributionPoints([point])]


class TestRevocation:
    """Lists and answers of one authority. `loa` names the issuer; None is the root."""

    __test__ = False  # a test runner must not take it for a test

    def __init__(self, authority: TestAuthority) -> None:
        self._authority = authority

    def crl(
        self,
        loa: Loa | None,
        at: datetime,
        revoked: Iterable[x509.Certificate] = (),
        *,
        days: float = 7,
        reason: x509.ReasonFlags | None = None,
        extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
    ) -> bytes:
        """A list made at `at` that is good for so many days, DER."""
        issuer, key = self._authority.signer(loa)
        builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject).last_update(at)
        builder = builder.next_update(at + days * DAY).add_extension(x509.CRLNumber(int(at.timestamp())), False)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        for certificate in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(at)
            if reason is not None:
                entry = entry.add_extension(x509.CRLReason(reason), False)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)

    def responder(self, loa: Loa, at: datetime, *, for_ocsp: bool = True) -> "TestResponder":
        """A responder that the issuer certified; not for OCSP where `for_ocsp` is False."""
        issuer, key = self._authority.signer(loa)
        own = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "TEST OCSP responder")])
        use = ExtendedKeyUsageOID.OCSP_SIGNING if for_ocsp else ExtendedKeyUsageOID.CLIENT_AUTH
        certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(issuer.subject).public_key(own.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(at - DAY).not_valid_after(at + 30 * DAY)
            .add_extension(x509.ExtendedKeyUsage([use]), False).add_extension(x509.OCSPNoCheck(), False)
            .sign(key, hashes.SHA256())
        )  # fmt: skip
        return TestResponder(certificate, own, [certificate])

    def own_responder(self, loa: Loa | None) -> "TestResponder":
        """The issuer as its own OCSP responder."""
        return TestResponder(*self._authority.signer(loa), [])

    def fetch(self, at: datetime, revoked: Sequence[x509.Certificate] = ()) -> "TestFetch":
        """The network with responder and lists on it, at that time."""
        return TestFetch(self, self._authority, at, revoked)


class TestResponder:
    """OCSP responder: certificate and key that sign its answers."""

    __test__ = False

    def __init__(
        self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, enclosed: list[x509.Certificate]
    ) -> None:
        self.certificate = certificate
        self._key = key
        self._enclosed = enclosed

    def answer(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        at: datetime,
        *,
        status: str = "good",
        days: float | None = 1,
        reason: x509.ReasonFlags | None = None,
        nonce: bytes | None = None,
        by: ocsp.OCSPResponderEncoding = ocsp.OCSPResponderEncoding.HASH,
        algorithm: hashes.HashAlgorithm | None = None,
    ) -> bytes:
        """An answer made at `at`, good for so many days (None: it does not say), DER."""
        builder = ocsp.OCSPResponseBuilder().add_response(
            certificate, issuer, algorithm or hashes.SHA1(), _STATUS[status], at,  # noqa: S303  # names the issuer only
            None if days is None else at + days * DAY, at if status == "revoked" else None, reason,
        ).responder_id(by, self.certificate)  # fmt: skip
        if self._enclosed:
            builder = builder.certificates(self._enclosed)
        if nonce is not None:
            builder = builder.add_extension(x509.OCSPNonce(nonce), False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.DER)


class TestFetch:
    """A network with one responder and the lists on it; implements `Fetch`. Remembers what was asked."""

    __test__ = False

    def __init__(
        self, revocation: TestRevocation, authority: TestAuthority, at: datetime, revoked: Sequence[x509.Certificate]
    ) -> None:
        self._revocation = revocation
        self._authority = authority
        self._at = at
        self._revoked = {certificate.serial_number: certificate for certificate in revoked}
        self.known: list[x509.Certificate] = []
        """Certificates that the responder can tell about."""
        self.down: set[str] = set()
        """Addresses that do not answer."""
        self.asked: list[str] = []

    def __call__(self, url: str, body: bytes | None, content_type: str, limit_bytes: int) -> bytes:
        """See `Fetch`."""
        self.asked.append(url)
        if url in self.down:
            raise FetchError(f"{url}: does not answer")
        if body is not None:
            return self._answer(body)
        for loa in (3, 2):
            if url == CRL_URL.format(loa):
                issued = [c for c in self._revoked.values() if c.issuer == self._authority.signer(loa)[0].subject]
                return self._revocation.crl(loa, self._at, issued)
        raise FetchError(f"{url}: HTTP 404")

    def _answer(self, body: bytes) -> bytes:
        request = ocsp.load_der_ocsp_request(body)
        certificate = next((c for c in self.known if c.serial_number == request.serial_number), None)
        if certificate is None:
            return ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED).public_bytes(
                Encoding.DER
            )
        nonce = request.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
        status = "revoked" if certificate.serial_number in self._revoked else "good"
        loa: Loa = 3 if certificate.issuer == self._authority.signer(3)[0].subject else 2
        issuer = self._authority.signer(loa)[0]
        return self._revocation.own_responder(loa).answer(certificate, issuer, self._at, status=status, nonce=nonce)
