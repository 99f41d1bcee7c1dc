"""Certificates for further processes of the server: names that no station has, and files where processes look for them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from fleet.server.broker.mqtt5_client import Credentials, tls_context
from provisioning.authority import Authority, AuthorityError
from provisioning.cli import main
from provisioning.exporting import export_server
from provisioning.processes import issue_process, process_names

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.init(tmp_path / "authority", [], NOW)


def test_a_process_shows_its_own_name_with_its_own_key(authority: Authority) -> None:
    until = issue_process(authority, "fleet-server-worker-1", NOW)
    credentials = Credentials.of(authority.directory, "fleet-server-worker-1")
    assert credentials.name == "fleet-server-worker-1"
    tls_context(credentials)
    certificate = x509.load_pem_x509_certificate(credentials.certificate.read_bytes())
    assert certificate.not_valid_after_utc == until
    certificate.verify_directly_issued_by(authority.issuer().certificate)
    assert credentials.key.stat().st_mode & 0o777 == 0o600
    assert process_names(authority) == ["fleet-server-worker-1"]


def test_issued_again_it_has_a_new_key(authority: Authority) -> None:
    issue_process(authority, "fleet-server-a", NOW)
    before = Credentials.of(authority.directory, "fleet-server-a").key.read_bytes()
    issue_process(authority, "fleet-server-a", NOW)
    assert Credentials.of(authority.directory, "fleet-server-a").key.read_bytes() != before


@pytest.mark.parametrize(
    "name",
    ["fleet-server", "fleet-server-", "entre-a", "fleet-server-A", "fleet-server-../x", "fleet-server-" + "a" * 25],
)
def test_another_name_is_none_of_a_process(authority: Authority, name: str) -> None:
    with pytest.raises(AuthorityError, match="a process is called fleet-server-"):
        issue_process(authority, name, NOW)


@pytest.mark.parametrize("name", ["fleet-server", "fleet-server-worker-1"])
def test_no_station_is_given_a_name_of_the_servers(authority: Authority, name: str) -> None:
    with pytest.raises(AuthorityError, match="a name of the server's own"):
        authority.claim(name, NOW)


def test_the_servers_part_has_them(authority: Authority, tmp_path: Path) -> None:
    assert main(["authority", "issue", str(authority.directory), "fleet-server-worker-1"]) == 0
    export_server(authority, tmp_path / "export")
    assert Credentials.of(tmp_path / "export", "fleet-server-worker-1").name == "fleet-server-worker-1"
