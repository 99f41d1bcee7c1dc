"""Keys and X.509 certificates of the fleet: all EC P-256 with SHA-256, profile by RFC 5280. Time is passed in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
CA_DAYS = 20 * 365
ISSUING_DAYS = 5 * 365
LEAF_DAYS = 2 * 365
STATION_DAYS = 90
"""Of a station's certificate where the fleet has an issuing key, which renews it over the link."""
CRL_DAYS = 10 * 365
"""Long, since a broker that holds an ended list refuses everyone; a revocation makes a new list at once."""

SIGNER_PURPOSES = [ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION]
CLOCK_SLACK = timedelta(minutes=10)
"""Certificates begin so much earlier, for a station whose clock is behind."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """The authority's certificate and key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def public(self) -> ec.EllipticCurvePublicKey:
        return self.key.public_key()


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS#8, not encrypted: the file's mode guards it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def make_ca(now: datetime, key: ec.EllipticCurvePrivateKey | None = None, number: int = 1) -> Issuer:
    """A self-signed authority, and below it at most one more (path length 1). Those that follow the first have a number."""
    key = key or new_key()
    common = "kortkiosk fleet authority" + (f" {number}" if number > 1 else "")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    builder = (
        _builder(name, None, key.public_key(), now, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
    )
    return Issuer(builder.sign(key, hashes.SHA256()), key)


def make_issuing(issuer: Issuer, public: ec.EllipticCurvePublicKey, now: datetime, number: int) -> x509.Certificate:
    """An authority below the fleet's, for the server: it issues certificates of TLS clients alone, and no authority (path length
    0). Its purpose is a constraint on what is below it, as OpenSSL and browsers read it: nobody takes a server of its making for
    the broker.
    """
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"kortkiosk fleet issuing {number}")])
    builder = (
        _builder(name, issuer, public, now, ISSUING_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=True)
    )
    return builder.sign(issuer.key, hashes.SHA256())


def may_have_issuing(certificate: x509.Certificate) -> bool:
    """Return whether this authority's certificate allows another below it."""
    length = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    return length is None or length > 0


def issue_client(
    issuer: Issuer, name: str, public: ec.EllipticCurvePublicKey, now: datetime, days: int = LEAF_DAYS
) -> x509.Certificate:
    """A TLS client certificate whose common name is who it is."""
    return _issue(issuer, name, public, now, [ExtendedKeyUsageOID.CLIENT_AUTH], None, days)


def issue_server(
    issuer: Issuer, names: list[str], public: ec.EllipticCurvePublicKey, now: datetime
) -> x509.Certificate:
    """A TLS server certificate for these host names and addresses."""
    alternative = x509.SubjectAlternativeName([_general_name(name) for name in names])
    return _issue(issuer, names[0], public, now, [ExtendedKeyUsageOID.SERVER_AUTH], alternative)


def issue_signer(issuer: Issuer, name: str, public: ec.EllipticCurvePublicKey, now: datetime) -> x509.Certificate:
    """A certificate that signs update bundles: OpenSSL's purposes `codesign` and S/MIME want both uses."""
    return _issue(issuer, name, public, now, SIGNER_PURPOSES, None)


def cross_sign(issuer: Issuer, newer: x509.Certificate, now: datetime) -> x509.Certificate:
    """Another certificate of a newer authority, under an older one: who knows the older one alone believes the newer one's
    signers of update bundles, and nobody else of its making."""
    public = newer.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    builder = (
        _builder(newer.subject, issuer, public, now, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(SIGNER_PURPOSES), critical=True)
    )
    return builder.sign(issuer.key, hashes.SHA256())


def make_crl(issuer: Issuer, revoked: list[tuple[int, datetime]], now: datetime) -> bytes:
    """The list of revoked serial numbers, as PEM (RFC 5280 section 5)."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now - CLOCK_SLACK)
        .next_update(now + CRL_DAYS * DAY)
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public), critical=False)
    )
    for serial, when in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def make_request(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A PKCS#10 request (RFC 2986) with an empty subject, as PEM: the authority names the station by its claim."""
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )


def read_request(pem: bytes) -> ec.EllipticCurvePublicKey:
    """The key of a request whose signature proves that the asker holds it. Raises ValueError."""
    try:
        request = x509.load_pem_x509_csr(pem)
    except ValueError:
        raise ValueError("the request is no PKCS#10 in PEM") from None
    return key_of_request(request)


def key_of_request(request: x509.CertificateSigningRequest) -> ec.EllipticCurvePublicKey:
    """The key that a request is for and is signed by. Raises ValueError, UnsupportedAlgorithm."""
    public = request.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise ValueError("the request must be for an EC key on P-256")
    if not request.is_signature_valid:
        raise ValueError("the request is not signed by its own key")
    return public


def _issue(
    issuer: Issuer,
    name: str,
    public: ec.EllipticCurvePublicKey,
    now: datetime,
    purposes: list[x509.ObjectIdentifier],
    alternative: x509.SubjectAlternativeName | None,
    days: int = LEAF_DAYS,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        _builder(subject, issuer, public, now, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    )
    if alternative is not None:
        builder = builder.add_extension(alternative, critical=False)
    return builder.sign(issuer.key, hashes.SHA256())


def _builder(
    subject: x509.Name, issuer: Issuer | None, public: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    """`issuer`: None where it signs itself. What it issues never outlives it."""
    end, above, key = now + days * DAY, subject, public
    if issuer is not None:
        end, above, key = min(end, issuer.certificate.not_valid_after_utc), issuer.certificate.subject, issuer.public
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SLACK)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key), critical=False)
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
