"""A station's key in a TPM (an emulator, swtpm) and sealed to its machine: TLS, signatures, renewal, and what is told of it."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from fleet.agent.endpoint import make_tls
from fleet.agent.identity import Broker, Identity, IdentityError
from provisioning import pki
from provisioning.authority import Authority
from provisioning.identity import write_identity
from provisioning.issuing import Issuing, issue_issuing
from provisioning.keys import machine_seal, station_keys, tpm
from provisioning.keys.secrets import KeyFileError
from provisioning.keys.storage import Kind
from sim.stories.patience import LIMIT_S

NOW = datetime.now(UTC)
HAS_TPM = shutil.which("swtpm") and any(Path("/usr/lib").glob("*/ossl-modules/tpm2.so"))
needs_tpm = pytest.mark.skipif(not HAS_TPM, reason="needs swtpm and tpm2-openssl")
FIRST_SIGNS = 10.0


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A TPM in software, for OpenSSL in this process's children."""
    folder = tmp_path_factory.mktemp("tpm")
    sockets = ["--server", f"type=unixio,path={folder}/sock", "--ctrl", f"type=unixio,path={folder}/sock.ctrl"]
    command = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}", *sockets]
    process = subprocess.Popen([*command, "--flags", "not-need-init,startup-clear"])
    try:
        for _ in range(int(LIMIT_S / 0.05)):
            if (folder / "sock").exists():
                break
            threading.Event().wait(0.05)
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("TPM2OPENSSL_TCTI", f"swtpm:path={folder}/sock")
            yield
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a machine's secret, as systemd gives it to a unit."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / machine_seal.CREDENTIAL).write_text("made up secret\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    return folder


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority.init(tmp_path / "authority", [], NOW)
    issue_issuing(made, NOW)
    return made


def enrolled(authority: Authority, into: Path, kind: Kind) -> Identity:
    """A station whose key is kept so."""
    beside = into.with_name("made.key")
    beside.write_bytes(station_keys.make(kind))
    key = station_keys.load(beside, beside.read_bytes())
    station = authority.enrol(authority.claim("entre-a", NOW), pki.make_request(key), NOW)
    return write_identity(into, beside.read_bytes(), station, Broker("localhost", 8883))


def serve(authority: Authority, listening: socket.socket, seen: list[str]) -> None:
    """Take one station, as the broker does, and note its name."""
    server = authority.directory / "server"
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.directory / "ca/ca.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(server / "broker.pem", server / "broker.key")
    plain, _ = listening.accept()
    with plain, context.wrap_socket(plain, server_side=True) as line:
        shown = line.getpeercert() or {}
        seen.append(str(shown["subject"]))
        line.sendall(b"!")


CLIENT = """
import socket, sys
from pathlib import Path
from fleet.agent.endpoint import make_tls
folder, port = Path(sys.argv[1]), int(sys.argv[2])
tls = make_tls(folder / "ca.pem", folder / "station.pem", folder / "station.key")
with tls.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost") as line:
    assert line.recv(1) == b"!"
"""


def meets_broker(authority: Authority, identity: Identity, environment: dict[str, str]) -> str:
    """Whom the broker sees, of a station in a process of its own: OpenSSL reads its configuration once."""
    seen = list[str]()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(LIMIT_S)
        thread = threading.Thread(target=serve, args=(authority, listening, seen))
        thread.start()
        port = str(listening.getsockname()[1])
        command = [sys.executable, "-c", CLIENT, str(identity.key_file.parent), port]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        thread.join()
    assert ended.returncode == 0, ended.stderr
    return seen[0]


def renewed(authority: Authority, identity: Identity) -> None:
    """By the issuing key, for the station's next key."""
    issuing, public = Issuing.load(authority.directory), identity.next_key().public_key()
    assert issuing is not None
    chain = issuing.chain(issuing.issue("entre-a", public, NOW))
    identity.put_renewed(b"".join(map(pki.certificate_pem, chain)))


def check_signature(identity: Identity) -> None:
    public = identity.certificate().public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(
        identity.private_key().sign(b"made up", ec.ECDSA(hashes.SHA256())), b"made up", ec.ECDSA(hashes.SHA256())
    )


@needs_tpm
@pytest.mark.usefixtures("emulator")
def test_a_key_in_a_tpm_shows_the_certificate_signs_and_is_renewed(authority: Authority, tmp_path: Path) -> None:
    identity = enrolled(authority, tmp_path / "identity", "tpm")
    assert identity.key_kept == "tpm"
    assert b"PRIVATE KEY-----" in identity.key_file.read_bytes()
    check_signature(identity)
    environment = {**os.environ, "OPENSSL_CONF": str(tpm.CONFIGURATION)}
    assert "entre-a" in meets_broker(authority, identity, environment)
    before = identity.certificate().public_key()
    renewed(authority, identity)
    assert identity.certificate().public_key() != before
    assert Identity.load(tmp_path / "identity").key_kept == "tpm", "the next key is kept as the one before"
    check_signature(identity)
    assert "entre-a" in meets_broker(authority, identity, environment)


@needs_tpm
@pytest.mark.usefixtures("emulator")
def test_another_machines_tpm_does_not_open_it(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = enrolled(authority, tmp_path / "identity", "tpm")
    monkeypatch.setenv("TPM2OPENSSL_TCTI", "swtpm:path=/nowhere")
    with pytest.raises(IdentityError, match=r"station\.key"):
        identity.private_key()


def test_a_sealed_key_opens_on_its_machine_alone(authority: Authority, tmp_path: Path, machine: Path) -> None:
    identity = enrolled(authority, tmp_path / "identity", "sealed")
    assert identity.key_kept == "sealed"
    check_signature(identity)
    make_tls(identity.ca_file, identity.certificate_file, identity.key_file)
    renewed(authority, identity)
    assert Identity.load(tmp_path / "identity").key_kept == "sealed"
    assert "entre-a" in meets_broker(authority, identity, dict(os.environ))
    (machine / machine_seal.CREDENTIAL).write_text("of another machine")
    with pytest.raises(IdentityError, match="the passphrase does not open it"):
        identity.private_key()
    (machine / machine_seal.CREDENTIAL).unlink()
    with pytest.raises(IdentityError, match="No such file"):
        identity.private_key()
    with pytest.raises(KeyFileError):
        make_tls(identity.ca_file, identity.certificate_file, identity.key_file)


def test_a_sealed_key_of_an_image_opens_after_the_next_start(
    authority: Authority, tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its root is read only and the same for all, so systemd makes another identifier of the machine at each start."""
    monkeypatch.setattr(machine_seal, "MACHINE_ID", tmp_path / "machine-id")
    board = machine / machine_seal.MACHINE_CREDENTIAL
    board.write_text("board 1\n")
    (tmp_path / "machine-id").write_text("0" * 32)
    identity = enrolled(authority, tmp_path / "identity", "sealed")
    (tmp_path / "machine-id").write_text("1" * 32)
    check_signature(identity)
    board.write_text("board 2\n")
    with pytest.raises(IdentityError, match="the passphrase does not open it"):
        identity.private_key()


def test_the_safest_that_a_machine_has_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.delenv("TPM2OPENSSL_TCTI", raising=False)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(tpm, "DEVICE", tmp_path / "tpm")
    assert station_keys.best_kind() == "file"
    (tmp_path / machine_seal.CREDENTIAL).write_text("made up")
    assert station_keys.best_kind() == "sealed"
    (tmp_path / "tpm").touch()
    assert station_keys.best_kind() == "sealed", "TLS could not use it"
    monkeypatch.setenv("OPENSSL_CONF", str(tpm.CONFIGURATION))
    assert station_keys.best_kind() == "tpm"
