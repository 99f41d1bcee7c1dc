"""What ends when: each thing with its day, and what cannot be read named and left out."""

import json
import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fleet.server.diagnosis.expiry_sources import sources_of
from fleet.server.keys.expiry import FINISH_WITHIN, RENEWAL, SECRET_GOOD, End, ExpiryWatch, Sources, ends_of
from fleet.server.process.addresses import Address
from fleet.server.process.config import ServerConfig
from provisioning import pki
from provisioning.authority import Authority
from provisioning.exporting import export_server
from provisioning.issuing import Issuing, issue_issuing
from provisioning.processes import issue_process
from provisioning.rotation import PARTS, finish_rotation, rotate
from provisioning.updates.bundle import issue_signer

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.init(tmp_path / "authority", [], NOW)


def ends(sources: Sources) -> dict[str, datetime]:
    found = list(ends_of(sources))
    assert all(isinstance(one, End) for one in found), found
    return {f"{one.what} {one.subject}".strip(): one.at for one in found if isinstance(one, End)}


def test_everything_of_an_authority_has_its_day_and_its_renewal(authority: Authority) -> None:
    assert ends(Sources(authority.directory)) == {
        "broker": NOW + 730 * DAY,
        "server": NOW + 730 * DAY,
        "authority": NOW + 7300 * DAY,
        "keys": NOW + 730 * DAY,
        "list crl.pem": NOW + 3650 * DAY,
    }
    assert all(
        one.renewal == RENEWAL[one.what] for one in ends_of(Sources(authority.directory)) if isinstance(one, End)
    )


def test_a_further_process_of_the_server_has_its_day(authority: Authority) -> None:
    until = issue_process(authority, "fleet-server-worker-1", NOW)
    assert ends(Sources(authority.directory))["process fleet-server-worker-1"] == until


def test_the_key_that_signs_updates_has_its_day_at_the_server_too(authority: Authority, tmp_path: Path) -> None:
    until = issue_signer(authority, NOW)
    export_server(authority, tmp_path / "server")
    assert ends(Sources(tmp_path / "server"))["signer"] == until == NOW + 730 * DAY
    assert not (tmp_path / "server/updates/signer.key").exists()


def test_a_rotation_that_nobody_finishes_ends_too(authority: Authority) -> None:
    begun = rotate(authority, PARTS, NOW, 30)
    assert ends(Sources(authority.directory))["rotation"] == begun.old_until + FINISH_WITHIN
    finish_rotation(authority, begun.old_until)
    found = ends(Sources(authority.directory))
    assert "rotation" not in found
    assert found["keys"] == begun.not_after


def test_an_issuing_key_and_the_lists_of_revocations_have_theirs(authority: Authority, tmp_path: Path) -> None:
    """The key is to be replaced before stations' certificates would have to be shorter."""
    made = Authority.init(tmp_path / "issuing", [], NOW)
    issue_issuing(made, NOW)
    issuing = Issuing.load(made.directory)
    assert issuing is not None
    (made.directory / "ca/issuing-crl.pem").write_bytes(issuing.revocations([], NOW))
    found = ends(Sources(made.directory))
    assert found["issuing"] == NOW + (5 * 365 - 90) * DAY
    assert found["list crl.pem"] == found["list issuing-crl.pem"] == NOW + 3650 * DAY
    assert "issuing" not in ends(Sources(authority.directory))


def test_pages_and_secrets_have_their_days(authority: Authority, tmp_path: Path) -> None:
    """By the files that the server is told of."""
    key = pki.new_key()
    made = pki.issue_server(authority.issuer(), ["dash.example"], key.public_key(), NOW - 700 * DAY)
    (tmp_path / "web.pem").write_bytes(pki.certificate_pem(made))
    for name in ("hook", "webhook", "mail", "openid"):
        (tmp_path / name).write_text("made-up")
        os.utime(tmp_path / name, (NOW.timestamp(), NOW.timestamp()))
    (tmp_path / "web.toml").write_text(
        '[site]\npublic = "https://dash.example"\ncertificate = "web.pem"\nkey = "web.key"\n'
        '[openid]\nissuer = "https://i.example"\nclient_id = "k"\ntitle = "R"\nacr = ["x"]\ngrants = []\n'
        'client_secret_file = "openid"\n'
    )
    (tmp_path / "alerts.toml").write_text(
        f'[[webhook]]\nname = "w"\nurl = "https://w.example"\nsecret_file = "{tmp_path}/webhook"\n'
        f'[[email]]\nname = "e"\nhost = "h"\nsender = "s@x"\nto = ["t@x"]\nuser = "u"\npassword_file = "{tmp_path}/mail"\n'
    )
    config = ServerConfig(
        tmp_path, authority.directory, http=Address("127.0.0.1", 0), web=tmp_path / "web.toml",
        alerts=tmp_path / "alerts.toml", order_hook=tmp_path / "hook",
    )  # fmt: skip
    found = ends(sources_of(config))
    assert found["web"] == NOW + 30 * DAY
    assert {name: found[f"secret {name}"] for name in ("hook", "webhook", "mail", "openid")} == dict.fromkeys(
        ("hook", "webhook", "mail", "openid"), NOW + SECRET_GOOD
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("server/broker.pem", "nonsense", "no certificate in PEM"),
        ("public.json", "[]", "cannot be read"),
        ("keys.json", "{}", "no chain"),
        ("keys.json", json.dumps(["a.b.c"] * 99), "no chain"),
    ],
)
def test_what_cannot_be_read_is_named_once_an_hour_and_the_others_count(
    name: str, content: str, said: str, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    (authority.directory / name).write_text(content)
    now = NOW
    known = ExpiryWatch(Sources(authority.directory), lambda: now)
    for _ in range(3):
        assert {"server", "authority"} <= {one.what for one in known()}
    assert sum(said in line and str(authority.directory / name) in line for line in caplog.messages) == 1
    now += timedelta(hours=1)
    known()
    assert sum(said in line for line in caplog.messages) == 2
