"""The authority's key sealed with a passphrase or on a token: OpenSSL and pkcs11-tool judge what is made."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from provisioning.appliance.recovery import seal
from provisioning.authority import Authority, AuthorityError
from provisioning.keys import sealing, storage
from provisioning.keys.secrets import KeyFileError, SecretFileError, read_secret
from tests.provisioning.conftest import Program

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PASSPHRASE, PIN = "made up passphrase", "987654"

needs_token = pytest.mark.skipif(
    not MODULE.exists() or shutil.which("pkcs11-tool") is None, reason="needs softhsm2 and opensc"
)


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.touch(0o600)
    path.write_text(f"{PASSPHRASE}\n")
    return path


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A SoftHSM token, and a URI of an object on it."""
    folder = tmp_path_factory.mktemp("hsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n")
    (folder / "pin").touch(0o600)
    (folder / "pin").write_text(PIN)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        make = ["softhsm2-util", "--init-token", "--free", "--label", "fleet", "--pin", PIN, "--so-pin", "123456"]
        subprocess.run(make, check=True, capture_output=True)
        yield f"pkcs11:token=fleet;object=ca?module-path={MODULE}&pin-source=file:{folder / 'pin'}"


def openssl(*arguments: object) -> str:
    ended = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr


def test_openssl_opens_what_is_sealed_and_nothing_else_does(tmp_path: Path) -> None:
    key, path = ec.generate_private_key(ec.SECP256R1()), tmp_path / "ca.key"
    path.write_bytes(sealing.seal(key, PASSPHRASE.encode()))
    assert ":scrypt" in openssl("asn1parse", "-in", path)
    assert "Private-Key: (256 bit)" in openssl("pkey", "-in", path, "-passin", f"pass:{PASSPHRASE}", "-noout", "-text")
    assert "Private-Key" not in openssl("pkey", "-in", path, "-passin", "pass:other", "-noout", "-text")
    opened = storage.load(path.read_bytes(), "ca.key", lambda what: PASSPHRASE.encode())
    assert opened.private_numbers() == key.private_numbers()
    with pytest.raises(KeyFileError, match="the passphrase does not open it"):
        storage.load(path.read_bytes(), "ca.key", lambda what: b"other")


def test_an_authority_whose_key_is_sealed(tmp_path: Path, passphrase: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, place = Program(capsys), tmp_path / "authority"
    opens = ("--passphrase-file", passphrase)
    assert run("authority", "init", place, "--issuing") == 2
    assert "passphrase of ca.key is wanted" in run.said, "nobody has a key in the clear without having said so"
    assert run("authority", "init", place, "--issuing", *opens) == 0
    assert (place / "ca/ca.key").read_bytes().startswith(sealing.MARKER)
    code = run.object("claim", place, "entre-a")["code"]
    (tmp_path / "code").write_text(code)
    enrolment = ("enrol", "--authority", place, "--into", tmp_path / "identity", "--broker", "h:1", "--code-file",
                 tmp_path / "code")  # fmt: skip
    assert run(*enrolment) == 2
    assert "passphrase of ca.key is wanted" in run.said
    assert run(*enrolment, *opens) == 0
    assert run("revoke", place, "entre-a", *opens) == 0
    assert run("authority", "rotate", place, "--only", "ca", *opens) == 0
    assert (place / "ca/ca-next.key").read_bytes().startswith(sealing.MARKER), "a new key is kept as the one before"
    run.now += timedelta(days=31)
    assert run("authority", "rotate", place, "--finish", *opens) == 0
    assert run("authority", "renew", place, "--early", *opens) == 0
    former = x509.load_pem_x509_certificates((place / "ca/ca.pem").read_bytes())[-1].public_key()
    assert isinstance(former, ec.EllipticCurvePublicKey)
    (tmp_path / "released").write_text(seal(former, "entre-a", "0123456789ABCDEFGHJK"))
    assert run("authority", "recovery-key", place, "entre-a", tmp_path / "released", *opens) == 0
    assert run.said == "0123-4567-89AB-CDEF-GHJK\n", "sealed before the rotation"
    assert run("authority", "recovery-key", place, "entre-b", tmp_path / "released", *opens) == 2
    assert "no recovery key of entre-b" in run.said
    passphrase.write_text("another\n")
    assert run("authority", "crl", place, *opens) == 2
    assert "does not open it" in run.said
    passphrase.chmod(0o644)
    assert run("authority", "crl", place, *opens) == 2
    assert "others may read it" in run.said


def test_a_secret_is_of_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with pytest.raises(SecretFileError, match="No such file"):
        read_secret(path)
    path.touch(0o600)
    with pytest.raises(SecretFileError, match="is empty"):
        read_secret(path)
    path.write_bytes(b"made up\r\nmore\n")
    assert read_secret(path) == b"made up"


@needs_token
def test_an_authority_on_a_token(tmp_path: Path, token: str, capsys: pytest.CaptureFixture[str]) -> None:
    run, place = Program(capsys), tmp_path / "authority"
    assert run("authority", "init", place, "--pkcs11", token, "--issuing") == 0
    assert (place / "ca/ca.key").read_text() == f"{token}\n", "the key is not here"
    ca = place / "ca/ca.pem"
    assert "OK" in openssl("verify", "-check_ss_sig", "-attime", int(NOW.timestamp()), "-CAfile", ca, ca)
    leaf = place / "server/broker.pem"
    assert "OK" in openssl("verify", "-attime", int(NOW.timestamp()), "-CAfile", ca, leaf)
    assert "verify OK" in openssl("crl", "-in", place / "ca/crl.pem", "-CAfile", ca, "-noout")
    (tmp_path / "released").write_text("AAAA")
    assert run("authority", "recovery-key", place, "entre-a", tmp_path / "released") == 2
    assert "on a token, which opens nothing" in run.said
    listed = _pkcs11_tool("--login", "--pin", PIN, "--list-objects")
    assert "EC_POINT" in listed
    assert "sensitive, always sensitive, never extractable, local" in listed
    run.now += timedelta(days=1)
    assert run("authority", "rotate", place, "--only", "ca") == 0
    assert "object=ca-2" in (place / "ca/ca-next.key").read_text()
    run.now += timedelta(days=31)
    assert run("authority", "rotate", place, "--finish") == 0
    made = x509.load_pem_x509_certificates(ca.read_bytes())
    assert [one.subject.rfc4514_string() for one in made] == [
        "CN=kortkiosk fleet authority 2",
        "CN=kortkiosk fleet authority",
    ]


@needs_token
def test_what_a_token_signs_is_verified_by_the_token_itself(tmp_path: Path, token: str) -> None:
    uri = token.replace("object=ca", "object=referee")
    key = storage.load(storage.keep_new(uri.encode(), "referee.key", _nobody), "referee.key", _nobody)
    data, signature = tmp_path / "data", tmp_path / "signature"
    data.write_bytes(hashlib.sha256(b"made up").digest())
    r, s = decode_dss_signature(key.sign(b"made up", ec.ECDSA(hashes.SHA256())))
    signature.write_bytes(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    said = _pkcs11_tool(
        "--verify", "--mechanism", "ECDSA", "--id", b"referee".hex(), "--input-file", data,
        "--signature-file", signature, "--signature-format", "rs",
    )  # fmt: skip
    assert "Signature is valid" in said
    with pytest.raises(TypeError):
        key.private_numbers()


def _nobody(what: str) -> bytes:
    raise AssertionError(f"{what} is in a file")


def _pkcs11_tool(*arguments: object) -> str:
    command = ["pkcs11-tool", "--module", str(MODULE), "--token-label", "fleet", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr


@needs_token
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("object=ca", "object=none"), "none"),
        (("token=fleet", "token=other"), "other"),
        (("module-path=", "module="), "names no module-path"),
        (("pin-source=file:", "pin-source=file:/nowhere"), "/nowhere"),
    ],
)
def test_a_token_that_cannot_be_used_is_named(tmp_path: Path, token: str, change: tuple[str, str], said: str) -> None:
    with pytest.raises(KeyFileError, match=said):
        storage.load(token.replace(*change).encode(), "ca.key", _nobody)
    authority = Authority.init(tmp_path / "authority", [], NOW)
    (authority.directory / "ca/ca.key").write_text(token.replace(*change))
    with pytest.raises(AuthorityError, match=said):
        authority.issuer()
