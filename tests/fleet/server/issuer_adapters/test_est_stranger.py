"""Certificates are renewed against an EST server that is not ours, Debian's `estserver`; skipped where it is not installed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.asking import DeclinedResult, IssuedResult
from fleet.messages.issuing import Offer
from fleet.server.issuer_adapters.est import EstIssuer
from fleet.server.issuers.certificate_requests import check_issued, der_of
from fleet.server.issuers.http_client import IssuerHttp, client_tls
from fleet.server.issuers.ports import CertificateRequest
from fleet.server.issuers.proofs.certificate_chains import path
from tests.fakes.issuers.estserver import PROGRAM, EstServer, estserver

pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="estserver is not installed (Debian: libest-utils)"),
    pytest.mark.filterwarnings("error"),
]
HSA_ID, CARD = "TEST000000-0001", "9999000020260011"
NOW = datetime.now(UTC)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EstServer]:
    async with estserver(tmp_path, NOW) as running:
        yield running


def wanted(days: int = 400, current: bytes | None = b"\x30\x00", key: object = None) -> CertificateRequest:
    oid = x509.oid.NameOID
    name = x509.Name([x509.NameAttribute(oid.COMMON_NAME, "ANNA EK"), x509.NameAttribute(oid.SERIAL_NUMBER, HSA_ID)])
    signer = key or ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(signer, hashes.SHA256())  # type: ignore[arg-type]
    offer = Offer("identification", 3, (NOW + timedelta(days=days)).date().isoformat())
    return CertificateRequest(request.public_bytes(Encoding.DER), offer, CARD, HSA_ID, current)


async def test_a_card_is_enrolled_and_renewed_there(server: EstServer) -> None:
    keys = (ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048))
    asked = [wanted(), wanted(current=None), *(wanted(key=key) for key in keys)]
    async with IssuerHttp(server.url, client_tls(server.tls.ca, *server.tls.client)) as http:
        est = EstIssuer(http, labels={"*": ""})
        for request in asked:
            issued = await est.certificate(request)
            assert isinstance(issued, IssuedResult)
            assert check_issued(issued, request.request, request.offer, HSA_ID, datetime.now(UTC)) is None
            leaf, *above = [x509.load_der_x509_certificate(der_of(one)) for one in issued.chain]
            assert path(leaf, above, [server.root], datetime.now(UTC)) is not None


async def test_what_it_refuses_is_refused_and_what_lasts_too_long_is_not_taken(server: EstServer) -> None:
    async with IssuerHttp(server.url, client_tls(server.tls.ca, *server.tls.client)) as http:
        est, long = EstIssuer(http, labels={"*": ""}), wanted(days=30)
        assert await est.certificate(CertificateRequest(b"no request", long.offer, CARD, HSA_ID)) == (
            DeclinedResult("issuer_refused")
        )
        issued = await est.certificate(long)
        assert isinstance(issued, IssuedResult)
        assert check_issued(issued, long.request, long.offer, HSA_ID, datetime.now(UTC)) == (
            DeclinedResult("issuer_gave_another")
        )
