"""Time stamps: asked for, checked in all their parts, and fetched until they are there."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CalledProcessError

import msgspec
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from sqlalchemy import select

from fleet.server.checkpoints.tables import countersignatures
from fleet.server.checkpoints.timestamping import LOOK_EVERY_S, Timestamper, TimestampService
from fleet.server.database.database import Database
from fleet.server.evidence.settings import EvidenceSettings
from fleet.server.evidence.timestamp_tokens import Stamp, TimestampError, make_request, read_response, read_stamp
from fleet.server.process.default_settings import SettingsError
from tests.fakes.server.time_stamping import Tsa, serving
from tests.fleet.server.conftest import NOW
from tests.fleet.server.evidence.conftest import ERRAND, Fleet, SigningStation, a_week, exported, members, taken

CONTENT = b"what is stamped"
SLACK = timedelta(minutes=5)


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Tsa:
    return Tsa(tmp_path_factory.mktemp("tsa") / "tsa")


@pytest.fixture(scope="module")
def token(tsa: Tsa) -> bytes:
    return read_response(tsa.answer(make_request(CONTENT, 7)), CONTENT, 7, [tsa.root])


def test_a_token_says_when_the_bytes_were_there(tsa: Tsa, token: bytes) -> None:
    stamp = read_stamp(token, CONTENT, [tsa.root])
    assert abs(stamp.at - datetime.now(UTC)) < SLACK
    assert (stamp.checked, stamp.authority) == (True, "CN=made-up stamper")
    assert read_stamp(token, CONTENT, []) == Stamp(stamp.at, checked=False)


def test_a_token_is_over_these_bytes_and_of_this_request(tsa: Tsa, token: bytes) -> None:
    with pytest.raises(TimestampError, match="over something else"):
        read_stamp(token, CONTENT + b"!", [tsa.root])
    with pytest.raises(TimestampError, match="over something else"):
        read_stamp(token, CONTENT + b"!", [])
    with pytest.raises(TimestampError, match="its nonce is another one"):
        read_response(tsa.answer(make_request(CONTENT, 8)), CONTENT, 7, [tsa.root])


def test_no_changed_byte_makes_a_token_say_something_else(tsa: Tsa, token: bytes) -> None:
    """Some bytes are under no signature (a certificate that is not needed, say); they change nothing that is told."""
    stamp, found = read_stamp(token, CONTENT, [tsa.root]), 0
    for at in range(0, len(token), 3):
        changed = token[:at] + bytes([token[at] ^ 0x04]) + token[at + 1 :]
        try:
            assert read_stamp(changed, CONTENT, [tsa.root]) == stamp, at
        except TimestampError:
            found += 1
    assert found > len(token) // 6


def test_who_stamps_must_lead_to_a_root_and_be_for_that_alone(tsa: Tsa, token: bytes, tmp_path: Path) -> None:
    other = Tsa(tmp_path / "other")
    with pytest.raises(TimestampError, match="not believed here"):
        read_stamp(token, CONTENT, [other.root])
    wide = Tsa(tmp_path / "wide", ess="sha512")
    assert read_response(wide.answer(make_request(CONTENT, 1)), CONTENT, 1, [wide.root])
    # OpenSSL stamps with nothing but a certificate for it, so the twin's is exchanged for one that is for more.
    broad = Tsa(tmp_path / "broad", usage=(ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.SERVER_AUTH))
    with pytest.raises((TimestampError, CalledProcessError)):
        read_response(broad.answer(make_request(CONTENT, 1)), CONTENT, 1, [broad.root])


@pytest.mark.parametrize("raw", [b"", b"\x30\x00", b"<html>", bytes(70_000)])
def test_what_is_no_answer_is_named(raw: bytes) -> None:
    with pytest.raises(TimestampError):
        read_response(raw, CONTENT, 7, [])


def test_a_request_that_is_refused_is_said_to_be(tsa: Tsa) -> None:
    with pytest.raises(TimestampError, match="not granted: rejection"):
        read_response(tsa.answer(b"no request"), CONTENT, 7, [tsa.root])


async def test_what_waits_is_stamped_when_the_service_is_back(
    database: Database, fleet: Fleet, signing: SigningStation, tsa: Tsa
) -> None:
    a_week(signing)
    taken(database, signing, fleet=fleet)
    with serving(tsa) as site:
        client = Timestamper(site.url, [tsa.root])
        service = TimestampService(database, lambda: client, lambda: NOW)
        for instead in (
            (503, "text/plain", b"away"),
            (200, "text/html", b"<html>"),
            (200, "application/timestamp-reply", b""),
        ):
            site.instead = instead
            assert await service.attempt(client, LOOK_EVERY_S) == 2 * LOOK_EVERY_S
        assert await service.attempt(client, 3000.0) == 3600.0
        assert tokens(database) == [None, None, None]
        site.instead = None
        assert await service.attempt(client, 3600.0) == LOOK_EVERY_S
        asked = len(site.asked)
        assert await service.stamp_waiting(client) == 0
        assert (len(site.asked), all(site.asked)) == (asked, True)
        await client.close()
    with database.reading.begin() as connection:
        for row in connection.execute(select(countersignatures)):
            assert read_stamp(row.token, row.jws.encode(), [tsa.root]).checked
    assert members(exported(database, fleet, ERRAND))["countersignatures.jsonl"].count(b'"token":') == 2


async def test_a_token_of_another_service_is_not_stored(
    database: Database, fleet: Fleet, signing: SigningStation, tsa: Tsa, tmp_path: Path
) -> None:
    a_week(signing)
    taken(database, signing, fleet=fleet)
    stranger = Tsa(tmp_path / "stranger")
    with serving(stranger) as site:
        client = Timestamper(site.url, [tsa.root])
        with pytest.raises(TimestampError, match="not believed here"):
            await TimestampService(database, lambda: client, lambda: NOW).stamp_waiting(client)
        await client.close()
    assert tokens(database) == [None, None, None]


def tokens(database: Database) -> list[bytes | None]:
    with database.reading.begin() as connection:
        return list(connection.execute(select(countersignatures.c.token)).scalars())


def test_settings_are_checked_at_the_start(tmp_path: Path, tsa: Tsa) -> None:
    path = tmp_path / "evidence.toml"
    path.write_text(f'tsa_url = "http://tsa.example/tsr"\ntsa_ca = "{tsa.root_file}"\n')
    settings = EvidenceSettings.load(path)
    assert settings.roots() == (tsa.root,)
    assert settings.tls() is None
    with pytest.raises(SettingsError, match="tls_ca: "):
        replace_tls(settings, str(path)).tls()
    for text, reason in (
        ("tsa_url = 7\n", "tsa_url"),
        ('tsa_url = "ftp://x"\ntsa_ca = ""\n', "tsa_url"),
        ('tsa_url = "http://x"\n', "tsa_ca"),
        ('tsa_url = "http://x"\ntsa_ca = "x"\nmore = 1\n', "more"),
    ):
        path.write_text(text)
        with pytest.raises(SettingsError, match=reason):
            EvidenceSettings.load(path)
    path.write_text('tsa_url = "http://x"\ntsa_ca = "none.pem"\n')
    with pytest.raises(SettingsError, match=r"none\.pem: No such file"):
        EvidenceSettings.load(path).roots()
    with pytest.raises(SettingsError, match="No such file"):
        EvidenceSettings.load(tmp_path / "none.toml")


def replace_tls(settings: EvidenceSettings, path: str) -> EvidenceSettings:
    return msgspec.structs.replace(settings, tls_ca=path)
