"""TLS of a station whose clock is wrong: what it takes for the broker, and what it does not."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fleet.agent.endpoint import make_tls
from provisioning import files, pki
from provisioning.authority import Authority
from provisioning.issuing import Issuing, issue_issuing
from sim.stories.patience import LIMIT_S

DAY = timedelta(days=1)
NOW = datetime.now(UTC)


async def shake_hands(server: Path, ca: Path, broker: str = "broker", floor: datetime | None = None) -> None:
    """Between a station that trusts `ca` and a broker with the pair of that name. Raises OSError."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(server / f"{broker}.pem", server / f"{broker}.key")
    listening = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=serving)
    tls = make_tls(ca, server / "fleet-server.pem", server / "fleet-server.key", floor=floor)
    try:
        await asyncio.to_thread(_connect, tls, listening.sockets[0].getsockname()[1])
    finally:
        listening.close()
        await listening.wait_closed()


def _connect(tls: ssl.SSLContext, port: int) -> None:
    with tls.wrap_socket(socket.create_connection(("127.0.0.1", port), LIMIT_S), server_hostname="localhost"):
        pass


def authority_of(folder: Path, made: datetime) -> Authority:
    return Authority.init(folder / "authority", [], made)


@pytest.mark.parametrize("years", [-10, 10])
async def test_a_clock_that_is_wrong_by_years_keeps_no_station_away(tmp_path: Path, years: int) -> None:
    place = authority_of(tmp_path, NOW + 365 * years * DAY).directory
    await shake_hands(place / "server", place / "ca/ca.pem")


async def test_what_had_ended_before_the_servers_last_word_is_refused(tmp_path: Path) -> None:
    made = NOW - 10 * 365 * DAY
    place = authority_of(tmp_path, made).directory
    await shake_hands(place / "server", place / "ca/ca.pem", floor=made + 729 * DAY)
    with pytest.raises(ssl.SSLCertVerificationError, match="had ended"):
        await shake_hands(place / "server", place / "ca/ca.pem", floor=made + 731 * DAY)


async def test_another_authority_is_none_at_any_time(tmp_path: Path) -> None:
    place, other = authority_of(tmp_path, NOW).directory, authority_of(tmp_path / "other", NOW).directory
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
        await shake_hands(place / "server", other / "ca/ca.pem")


async def test_a_certificate_of_an_issuing_key_is_no_brokers(tmp_path: Path) -> None:
    authority, key = authority_of(tmp_path, NOW), pki.new_key()
    issue_issuing(authority, NOW)
    issuing = Issuing.load(authority.directory)
    assert issuing is not None
    leaf = pki.issue_server(issuing.issuers[0], ["localhost"], key.public_key(), NOW)
    server = authority.directory / "server"
    files.write_file(server / "false.pem", b"".join(pki.certificate_pem(one) for one in issuing.chain(leaf)))
    files.write_file(server / "false.key", pki.key_pem(key))
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
        await shake_hands(server, authority.directory / "ca/ca.pem", "false")
