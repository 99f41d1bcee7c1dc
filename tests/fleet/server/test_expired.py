"""With a certificate that has ended no server and no worker says that it is ready: it names the file, and what to do."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.server.cli import main
from fleet.server.keys.expiry import CertificateFaultError, check_certificates
from provisioning.authority import Authority
from provisioning.processes import issue_process
from tests.fleet.server.conftest import wall_clock

RENEW = "kortkiosk-provision authority renew"
YEARS = timedelta(days=365)


def authority_of(folder: Path, years_ago: int) -> Path:
    return Authority.init(folder, [], wall_clock() - years_ago * YEARS).directory


def serve(folder: Path, authority: Path, *more: str) -> int:
    """Begin a server on a new store. Gives its exit code."""
    where = ["--data", str(folder / "data"), "--authority", str(authority), *more]
    return main(["serve", "--init", "--unseparated", *where, "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"])


@pytest.mark.parametrize(
    ("file", "renew"),
    [
        ("server/broker.pem", RENEW),
        ("server/fleet-server.pem", RENEW),
        ("ca/ca.pem", "kortkiosk-provision authority rotate --only ca"),
    ],
)
def test_serve_names_the_certificate_that_has_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, renew: str
) -> None:
    """Before, it printed `ready`, and its broker let nobody in."""
    now = authority_of(tmp_path / "now", 0)
    shutil.copyfile(authority_of(tmp_path / "then", 21) / file, now / file)
    assert serve(tmp_path, now) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"{now / file}: has ended on" in said.err
    assert renew in said.err


@pytest.mark.parametrize("file", ["server/broker.pem", "server/fleet-server.pem"])
def test_serve_names_a_certificate_that_is_not_its_authoritys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    """As one is with a flipped bit, which can be read like any other."""
    now = authority_of(tmp_path / "now", 0)
    shutil.copyfile(authority_of(tmp_path / "other", 0) / file, now / file)
    assert serve(tmp_path, now) == 2
    assert f"{now / file}: was not issued by the authority" in capsys.readouterr().err


def test_an_authority_s_certificate_with_a_flipped_bit_in_its_signature_is_named(tmp_path: Path) -> None:
    directory = authority_of(tmp_path / "now", 0)
    ca = directory / "ca" / "ca.pem"
    der = bytearray(x509.load_pem_x509_certificate(ca.read_bytes()).public_bytes(Encoding.DER))
    der[-1] ^= 1
    ca.write_bytes(x509.load_der_x509_certificate(bytes(der)).public_bytes(Encoding.PEM))
    with pytest.raises(CertificateFaultError, match=r"ca\.pem: is damaged"):
        check_certificates(directory, {}, wall_clock())


def test_serve_names_the_certificate_of_its_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now, then = authority_of(tmp_path / "now", 0), authority_of(tmp_path / "then", 3)
    shutil.copyfile(then / "server" / "broker.pem", tmp_path / "web.pem")
    shutil.copyfile(then / "server" / "broker.key", tmp_path / "web.key")
    (tmp_path / "web.toml").write_text(
        '[site]\npublic = "https://dash.example"\ncertificate = "web.pem"\nkey = "web.key"\n'
    )
    assert serve(tmp_path, now, "--web", str(tmp_path / "web.toml")) == 2
    assert f"{tmp_path / 'web.pem'}: has ended on" in capsys.readouterr().err


def test_a_worker_names_its_own_and_nobody_elses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    authority = Authority.init(tmp_path / "authority", [], datetime.now(UTC))
    then = authority_of(tmp_path / "then", 3)
    issue_process(authority, "fleet-server-worker-1", wall_clock() - 3 * YEARS)
    shutil.copyfile(then / "server" / "broker.pem", authority.directory / "server" / "broker.pem")
    broker = ["--broker", "mqtts://127.0.0.1:1?share=fleet", "--database", "postgresql://x@127.0.0.1:1/x"]
    worker = ["worker", "--unseparated", "--authority", str(authority.directory), *broker]
    assert main([*worker, "--certificate", "fleet-server-worker-1"]) == 2
    assert "fleet-server-worker-1.pem: has ended on" in capsys.readouterr().err
    assert main(worker) == 2
    assert "has ended on" not in capsys.readouterr().err, "the broker's is not its own"
