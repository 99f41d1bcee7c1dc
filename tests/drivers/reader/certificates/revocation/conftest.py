"""Certificates of the test authority that say where they can be asked about, and the authority's word on them."""

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from sim.reader.pki import TestAuthority
from sim.reader.revocation import TestRevocation, points
from tests.drivers.reader.conftest import NOW


def issue(
    authority: TestAuthority, extensions: list[x509.ExtensionType] | None = None, start: datetime = NOW
) -> x509.Certificate:
    """A plain certificate of the LoA3 issuer; where it says nothing else, with its responder and list."""
    issuer, key = authority.signer(3)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Made Up")])
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(issuer.subject)
        .public_key(ec.generate_private_key(ec.SECP256R1()).public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(start - timedelta(days=1)).not_valid_after(start + timedelta(days=365))
    )  # fmt: skip
    for extension in points(3) if extensions is None else extensions:
        builder = builder.add_extension(extension, False)
    return builder.sign(key, hashes.SHA256())


@pytest.fixture(scope="session")
def certificate(authority: TestAuthority) -> x509.Certificate:
    return issue(authority)


@pytest.fixture(scope="session")
def other(authority: TestAuthority) -> x509.Certificate:
    return issue(authority)


@pytest.fixture(scope="session")
def issuer(authority: TestAuthority) -> x509.Certificate:
    return authority.signer(3)[0]


@pytest.fixture(scope="session")
def desk(authority: TestAuthority) -> TestRevocation:
    return TestRevocation(authority)
