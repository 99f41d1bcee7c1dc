"""Where revocation comes from: what was handed in at a station, and what a desk asks for and remembers."""

import http.server
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.reader.certificates.revocation import UNKNOWN, RevocationResult, weigh
from drivers.reader.certificates.revocation import http as over_http
from drivers.reader.certificates.revocation.fetching import FetchError, FetchingRevocation
from drivers.reader.certificates.revocation.offline import OfflineRevocation
from drivers.reader.certificates.revocation.store import MAX_FILES, RevocationStore
from sim.reader.pki import TestAuthority
from sim.reader.revocation import CRL_URL, OCSP_URL, TestFetch, TestRevocation
from tests.drivers.reader.certificates.revocation.conftest import issue
from tests.drivers.reader.conftest import NOW

DAY = timedelta(days=1)


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RevocationStore:
    return RevocationStore(tmp_path / "revocation" if request.param == "folder" else None)


async def test_a_station_judges_by_what_was_handed_in(
    store: RevocationStore, desk: TestRevocation, certificate: x509.Certificate, other: x509.Certificate,
    issuer: x509.Certificate,
) -> None:  # fmt: skip
    offline = OfflineRevocation(store)
    assert await offline.status(certificate, issuer, NOW) == UNKNOWN
    assert store.take(desk.crl(3, NOW, [certificate]))
    assert (await offline.status(certificate, issuer, NOW)).status == "revoked"
    assert (await offline.status(other, issuer, NOW)).by == "CRL"
    assert (await offline.status(other, issuer, NOW + 8 * DAY)).status == "unknown"
    assert store.take(desk.own_responder(3).answer(other, issuer, NOW + 8 * DAY))
    assert (await offline.status(other, issuer, NOW + 8 * DAY)).by == "OCSP"


async def test_revoked_outweighs_good_whoever_says_it(
    store: RevocationStore, desk: TestRevocation, certificate: x509.Certificate, issuer: x509.Certificate
) -> None:
    store.take(desk.crl(3, NOW, [certificate]))
    store.take(desk.own_responder(3).answer(certificate, issuer, NOW, status="good"))
    assert (await OfflineRevocation(store).status(certificate, issuer, NOW)).status == "revoked"
    assert weigh() == UNKNOWN


async def test_an_older_list_never_takes_the_place_of_a_newer(
    store: RevocationStore, desk: TestRevocation, certificate: x509.Certificate, issuer: x509.Certificate
) -> None:
    older, newer = desk.crl(3, NOW - DAY), desk.crl(3, NOW, [certificate])
    assert store.take(newer)
    assert not store.take(older)
    assert (await OfflineRevocation(store).status(certificate, issuer, NOW)).status == "revoked"


def test_pem_is_taken_and_junk_is_not(
    store: RevocationStore, desk: TestRevocation, certificate: x509.Certificate, issuer: x509.Certificate
) -> None:
    pem = x509.load_der_x509_crl(desk.crl(3, NOW)).public_bytes(Encoding.PEM)
    assert store.take(pem)
    assert store.crl(issuer.subject) is not None
    sha256 = desk.own_responder(3).answer(certificate, issuer, NOW, algorithm=hashes.SHA256())
    for junk in (b"", b"junk", pem.replace(b"M", b"", 1), b"-----BEGIN X509 CRL-----\njunk", sha256):
        assert not store.take(junk)


def test_a_damaged_file_says_nothing(
    tmp_path: Path, desk: TestRevocation, certificate: x509.Certificate, issuer: x509.Certificate
) -> None:
    store = RevocationStore(tmp_path)
    store.take(desk.crl(3, NOW))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-7] + b"damaged")
    assert OfflineRevocation(store).look(certificate, issuer, NOW) == UNKNOWN
    path.write_bytes(bytes(9_000_000))
    assert OfflineRevocation(store).look(certificate, issuer, NOW) == UNKNOWN


def test_the_folder_is_bounded_and_a_full_disk_is_told(
    tmp_path: Path, desk: TestRevocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(MAX_FILES):
        (tmp_path / f"old-{n}.der").touch()
    store = RevocationStore(tmp_path)
    store.take(desk.crl(3, NOW))
    assert len(list(tmp_path.iterdir())) == MAX_FILES

    def full(self: Path, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        store.take(desk.crl(2, NOW))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.fixture
def network(desk: TestRevocation, certificate: x509.Certificate, other: x509.Certificate) -> TestFetch:
    network = desk.fetch(NOW, [certificate])
    network.known = [certificate, other]
    return network


async def test_a_desk_asks_the_responder_once_and_remembers(
    network: TestFetch, certificate: x509.Certificate, other: x509.Certificate, issuer: x509.Certificate, tmp_path: Path
) -> None:
    desk = FetchingRevocation(RevocationStore(tmp_path), network)
    assert (await desk.status(certificate, issuer, NOW)).status == "revoked"
    assert await desk.status(other, issuer, NOW) == RevocationResult("good", "OCSP", NOW, NOW + DAY)
    assert network.asked == [OCSP_URL, OCSP_URL]
    again = FetchingRevocation(RevocationStore(tmp_path), network)
    assert (await again.status(certificate, issuer, NOW)).status == "revoked"
    assert (await again.status(other, issuer, NOW)).status == "good"
    assert len(network.asked) == 2
    assert await again.status(other, issuer, NOW + 9 * DAY) == UNKNOWN  # what is on the network has run out too
    assert len(network.asked) == 4


async def test_where_the_responder_is_silent_the_list_is_fetched(
    network: TestFetch, certificate: x509.Certificate, other: x509.Certificate, issuer: x509.Certificate
) -> None:
    network.down.add(OCSP_URL)
    desk = FetchingRevocation(RevocationStore(), network)
    assert await desk.status(certificate, issuer, NOW) == RevocationResult("revoked", "CRL", NOW, NOW + 7 * DAY)
    assert (await desk.status(other, issuer, NOW)).by == "CRL"
    assert network.asked == [OCSP_URL, CRL_URL.format(3)]
    assert desk.faults == [f"{OCSP_URL}: does not answer"]


async def test_without_the_network_nothing_is_known(
    network: TestFetch, certificate: x509.Certificate, issuer: x509.Certificate, authority: TestAuthority
) -> None:
    network.down |= {OCSP_URL, CRL_URL.format(3)}
    desk = FetchingRevocation(RevocationStore(), network)
    assert await desk.status(certificate, issuer, NOW) == UNKNOWN
    assert len(desk.faults) == 2
    assert await desk.status(issue(authority, []), issuer, NOW) == UNKNOWN  # it names nobody to ask


async def test_another_questions_answer_and_a_refusal_count_for_nothing(
    desk: TestRevocation, certificate: x509.Certificate, issuer: x509.Certificate
) -> None:
    for said in (desk.own_responder(3).answer(certificate, issuer, NOW, nonce=b"another one's"), b"junk",
                 desk.own_responder(2).answer(certificate, issuer, NOW)):  # fmt: skip
        asker = FetchingRevocation(RevocationStore(), lambda *_asked, said=said: said)
        assert await asker.status(certificate, issuer, NOW) == UNKNOWN


async def test_a_disk_that_is_full_costs_the_next_look_not_this_one(
    network: TestFetch, certificate: x509.Certificate, issuer: x509.Certificate, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    desk = FetchingRevocation(RevocationStore(tmp_path / "file"), network)
    assert (await desk.status(certificate, issuer, NOW)).status == "revoked"


class Site(http.server.BaseHTTPRequestHandler):
    """What a desk may meet: a list, a refusal, a way round, a way out."""

    def do_GET(self) -> None:
        ways = {"/to-list": "/list", "/to-ftp": "ftp://a.invalid/", "/round": "/round"}
        self.send_response(302 if self.path in ways else 200 if self.path == "/list" else 404)
        if self.path in ways:
            self.send_header("Location", ways[self.path])
        self.end_headers()
        if self.path == "/list":
            self.wfile.write(b"x" * 1000)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.headers["Content-Type"].encode() + b" " + body)

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_fetching_is_bounded(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def get(path: str, limit: int = 2000) -> bytes:
        return over_http.fetch(f"{site}{path}", None, "", limit)

    assert get("/list") == get("/to-list") == b"x" * 1000
    assert over_http.fetch(site, b"asked", "application/ocsp-request", 2000) == b"application/ocsp-request asked"
    for path, limit, reason in (
        ("/list", 999, "more than 999 bytes"),
        ("/gone", 2000, "HTTP 404"),
        ("/to-ftp", 2000, "not http"),
        ("/round", 2000, "HTTP 302"),
    ):
        with pytest.raises(FetchError, match=reason):
            get(path, limit)
    monkeypatch.setattr(over_http, "TOTAL_S", -1.0)
    with pytest.raises(FetchError, match="took longer"):
        get("/list")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://a.invalid/", "http://127.0.0.1:1/", "http://[", "http:///x"]
)
def test_what_cannot_be_fetched_is_told(url: str) -> None:
    with pytest.raises(FetchError):
        over_http.fetch(url, None, "", 10)
