"""A time-stamping authority (RFC 3161): certificates of its own, and OpenSSL's `ts` that makes its tokens."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from provisioning import pki

_SETTINGS = """\
[tsa]
default_tsa = made_up
[made_up]
serial = serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = {ess}
"""
Key = ec.EllipticCurvePrivateKey


def _certificate(name: str, key: Key, issuer: str, by: Key, usage: list[ObjectIdentifier]) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
    )
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=True)
    return builder.sign(by, hashes.SHA256())


@dataclass
class Tsa:
    """Made-up; its clock is the machine's."""

    folder: Path
    usage: tuple[ObjectIdentifier, ...] = (ExtendedKeyUsageOID.TIME_STAMPING,)
    ess: str = "sha256"
    root: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        root_key, key = pki.new_key(), pki.new_key()
        self.root = _certificate("made-up stamps", root_key, "made-up stamps", root_key, [])
        leaf = _certificate("made-up stamper", key, "made-up stamps", root_key, list(self.usage))
        self.root_file.write_bytes(self.root.public_bytes(Encoding.PEM))
        (self.folder / "stamper.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
        (self.folder / "stamper.key").write_bytes(pki.key_pem(key))
        (self.folder / "serial").write_text("01\n")
        (self.folder / "tsa.cnf").write_text(_SETTINGS.format(ess=self.ess))

    @property
    def root_file(self) -> Path:
        return self.folder / "roots.pem"

    def answer(self, request: bytes) -> bytes:
        """A TimeStampResp."""
        (self.folder / "request.tsq").write_bytes(request)
        subprocess.run(
            ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "request.tsq", "-signer", "stamper.pem",
             "-inkey", "stamper.key", "-out", "answer.tsr"],
            cwd=self.folder, check=True, capture_output=True, timeout=30,
        )  # fmt: skip
        return (self.folder / "answer.tsr").read_bytes()


@dataclass
class TsaSite:
    """Where it listens, and what it answers instead while `instead` is set: status, content type, body."""

    url: str
    asked: list[bytes] = field(default_factory=list)
    instead: tuple[int, str, bytes] | None = None


@contextmanager
def serving(tsa: Tsa) -> Iterator[TsaSite]:
    """Over HTTP on the loopback, as RFC 3161 section 3.4 says."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["content-length"]))
            good = self.headers["content-type"] == "application/timestamp-query"
            site.asked.append(request if good else b"")
            status, kind, body = site.instead or (200, "application/timestamp-reply", tsa.answer(request))
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Not into the tests' output."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    site = TsaSite(f"http://127.0.0.1:{server.server_port}/tsr")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
