"""EST clients that are not ours enrol and renew at the stations' listener: curl with OpenSSL, libest, strongSwan.

Each is skipped where its program is not installed (Debian: curl, openssl, libest-utils, strongswan-pki with
libstrongswan-extra-plugins).
"""

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from provisioning import pki
from provisioning.est import wire
from provisioning.est.wire import ROOT
from tests.fakes.server.enrolling import EnrolmentSite, MovedClock, enrolment_site

CLOCK, YESTERDAY = MovedClock(), timedelta(hours=25)
OPENSSL = shutil.which("openssl")
CURL, ESTCLIENT, PKI = (shutil.which(name) for name in ("curl", "estclient", "pki"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnrolmentSite]:
    CLOCK.moved = -YESTERDAY
    with enrolment_site(tmp_path_factory.mktemp("site"), CLOCK) as running:
        yield running


@pytest.fixture(autouse=True)
def yesterday() -> None:
    """Stations enrol yesterday and renew today: for a day the same key gets the same certificate again."""
    CLOCK.moved = -YESTERDAY


def run(*command: object, given: bytes = b"", env: dict[str, str] | None = None) -> tuple[int, bytes, str]:
    done = subprocess.run(
        [str(part) for part in command],
        input=given,
        capture_output=True,
        check=False,
        env={**os.environ, **(env or {})},
    )
    return done.returncode, done.stdout, done.stderr.decode()


def new_request(folder: Path, station: str) -> tuple[Path, Path]:
    """A key and a request for it, by OpenSSL."""
    key, request = folder / "key.pem", folder / "request.der"
    assert run(OPENSSL, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)[0] == 0
    made = run(OPENSSL, "req", "-new", "-key", key, "-subj", f"/CN={station}", "-outform", "DER", "-out", request)
    assert made[0] == 0, made
    return key, request


def certificates(path: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(path.read_bytes())


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
def test_curl_and_openssl_enrol_and_renew(site: EnrolmentSite, tmp_path: Path) -> None:
    claim = site.claim("by-curl")
    key, request = new_request(tmp_path, "by-curl")
    body = tmp_path / "request.b64"
    body.write_bytes(run(OPENSSL, "base64", "-in", request)[1])
    post = (CURL, "-sS", "--cacert", site.ca, "-w", "%{http_code}", "-H", "Content-Type: application/pkcs10")
    post_it = (*post, "--data-binary", f"@{body}", "-o", tmp_path / "answer.b64")
    enrol = (*post_it, "-u", f"by-curl:{claim.code}", f"{site.url}/.well-known/est/simpleenroll")
    assert run(*enrol)[1] == b"202"
    site.approve("by-curl")
    assert run(*enrol)[1] == b"200"
    place = tmp_path / "station.pem"
    decoded = run(OPENSSL, "base64", "-d", "-in", tmp_path / "answer.b64")[1]
    written = run(OPENSSL, "pkcs7", "-inform", "DER", "-print_certs", "-out", place, given=decoded)
    assert written[0] == 0, written
    assert {one.subject.rfc4514_string() for one in certificates(place)} >= {"CN=by-curl"}
    CLOCK.moved = timedelta()
    renew = (*post_it, "--cert", place, "--key", key, f"{site.url}/.well-known/est/simplereenroll")
    assert run(*renew)[1] == b"200"
    listed = run(CURL, "-sS", "--cacert", site.ca, f"{site.url}/.well-known/est/csrattrs")[1]
    parsed = run(OPENSSL, "asn1parse", "-inform", "DER", given=run(OPENSSL, "base64", "-d", given=listed)[1])[1]
    assert b"prime256v1" in parsed


def let_in(site: EnrolmentSite, request: Path, station: str) -> str:
    """Ask once, as these programs do before they wait ten seconds, and approve it. Gives the code."""
    claim = site.claim(station)
    body = base64.encodebytes(request.read_bytes())
    assert site.ask(f"{ROOT}/simpleenroll", body, basic=(station, str(claim.code))).status == 202
    site.approve(station)
    return str(claim.code)


@pytest.mark.skipif(ESTCLIENT is None, reason="estclient is not installed (Debian: libest-utils)")
def test_libest_enrols_and_renews(site: EnrolmentSite, tmp_path: Path) -> None:
    """It asks without a code first, takes the 401, and comes again with one; its HTTP is 1.0."""
    key, request = new_request(tmp_path, "by-libest")
    pem = tmp_path / "request.pem"
    assert run(OPENSSL, "req", "-inform", "DER", "-in", request, "-out", pem)[0] == 0
    code, trust = let_in(site, request, "by-libest"), {"EST_OPENSSL_CACERT": str(site.ca)}
    common = (ESTCLIENT, "-s", "localhost", "-p", site.at.port, "-o", tmp_path)
    enrolled = run(*common, "-e", "-y", pem, "-u", "by-libest", "-h", code, env=trust)
    place = from_pkcs7(tmp_path / "cert-0-0.pkcs7", tmp_path / "station.pem", enrolled)
    (tmp_path / "cert-0-0.pkcs7").unlink()
    CLOCK.moved = timedelta()
    renewed = run(*common, "-r", "-c", place, "-k", key, env=trust)
    again = from_pkcs7(tmp_path / "cert-0-0.pkcs7", tmp_path / "renewed.pem", renewed)
    assert certificates(again)[0].serial_number != certificates(place)[0].serial_number


def from_pkcs7(answer: Path, place: Path, said: tuple[int, bytes, str]) -> Path:
    """The station's certificate of an answer, in PEM."""
    assert answer.exists(), said
    found = wire.read_certificates(answer.read_bytes())
    first = next(one for one in found if one.subject.rfc4514_string().startswith("CN=by-"))
    place.write_bytes(pki.certificate_pem(first))
    return place


@pytest.mark.skipif(PKI is None, reason="pki is not installed (Debian: strongswan-pki)")
def test_strongswan_enrols_and_renews(site: EnrolmentSite, tmp_path: Path) -> None:
    key, request = new_request(tmp_path, "by-strongswan")
    trusted = run(PKI, "--estca", "--url", site.url, "--cacert", site.ca, "--caout", tmp_path / "ca")
    assert "Root CA cert is trusted" in trusted[2], trusted
    code = let_in(site, request, "by-strongswan")
    est = (
        PKI,
        "--est",
        "--url",
        site.url,
        "--in",
        request,
        "--outform",
        "pem",
        "--interval",
        "1",
        "--maxpolltime",
        "5",
    )
    trust = ("--cacert", site.ca, "--cacert", tmp_path / "ca-1.der")
    enrolled = run(*est, *trust, "--userpass", f"by-strongswan:{code}")
    assert enrolled[0] == 0, enrolled
    (tmp_path / "station.pem").write_bytes(enrolled[1])
    CLOCK.moved = timedelta()
    renewed = run(*est, *trust, "--cert", tmp_path / "station.pem", "--key", key)
    assert renewed[0] == 0, renewed
    first, second = (x509.load_pem_x509_certificate(said[1]) for said in (enrolled, renewed))
    assert first.subject == second.subject
    assert first.serial_number != second.serial_number


@pytest.mark.skipif(ESTCLIENT is None, reason="estclient is not installed (Debian: libest-utils)")
def test_libest_is_told_that_its_code_is_wrong(site: EnrolmentSite, tmp_path: Path) -> None:
    _, request = new_request(tmp_path, "by-guess")
    pem = tmp_path / "request.pem"
    assert run(OPENSSL, "req", "-inform", "DER", "-in", request, "-out", pem)[0] == 0
    site.claim("by-guess")
    common = (ESTCLIENT, "-s", "localhost", "-p", site.at.port, "-o", tmp_path, "-v")
    said = run(*common, "-e", "-y", pem, "-u", "by-guess", "-h", "x", env={"EST_OPENSSL_CACERT": str(site.ca)})
    assert b"HTTP status 401" in said[1] + said[2].encode()
    assert not list(tmp_path.glob("*.pkcs7"))
