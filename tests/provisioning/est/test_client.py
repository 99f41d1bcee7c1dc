"""A station enrols over the network: through real TLS, after a power cut at each write, with a clock that is wrong by years, and
never at another fleet's server."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from fleet.agent.identity import Broker, Identity, IdentityError, staging
from provisioning.cli import main
from provisioning.est.claim_codes import ClaimCode
from provisioning.est.client import (
    EstError,
    FileKey,
    KeyShown,
    KnownServer,
    claim_under_way,
    enrol,
    wait_for_certificate,
)
from tests.fakes.issuers import estserver
from tests.fakes.machine.http_proxy import http_proxy
from tests.fakes.server.enrolling import EnrolmentSite, enrolment_site, wall_clock
from tests.provisioning.conftest import stopped_at


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnrolmentSite]:
    with enrolment_site(tmp_path_factory.mktemp("site")) as running:
        yield running


class Person:
    """At the dashboard, while the station shows its key: approves it at the first look, and remembers what was shown."""

    def __init__(self, site: EnrolmentSite) -> None:
        self._site = site
        self.shown: list[KeyShown] = []

    def __call__(self, shown: KeyShown) -> None:
        if shown not in self.shown:
            self._site.approve(shown.station)
        self.shown.append(shown)


def test_a_station_enrols_through_a_proxy_and_is_told_what_it_refuses(site: EnrolmentSite, tmp_path: Path) -> None:
    with http_proxy() as proxy:
        enrol(site.claim("behind"), tmp_path / "identity", tell=Person(site), sleep=nothing, proxy=proxy.address)
        assert set(proxy.asked) == {f"localhost:{site.at.port}"}
        proxy.refused = {site.at.port}
        with pytest.raises(EstError, match="403 Forbidden") as caught:
            enrol(site.claim("refused"), tmp_path / "other", sleep=nothing, proxy=proxy.address)
    assert caught.value.code == "unreachable"


def nothing(_seconds: float) -> None:
    """No time need pass."""


def test_a_station_shows_its_key_and_becomes_the_station_of_its_claim(site: EnrolmentSite, tmp_path: Path) -> None:
    person, into = Person(site), tmp_path / "identity"
    enrolled = enrol(site.claim("entre-a"), into, tell=person, sleep=nothing)
    identity = enrolled.identity
    assert (identity.station, identity.epoch, identity.broker) == ("entre-a", 1, Broker("localhost", 8883))
    (shown,) = person.shown
    (row,) = [row for row in site.people.claims() if row.station == "entre-a"]
    assert shown == KeyShown("entre-a", row.key)
    assert identity.signing_key == site.authority.signing_key
    assert x509.load_pem_x509_certificates((into / "ca.pem").read_bytes()) == [site.authority.issuer().certificate]
    assert not staging(into).exists()
    assert abs(enrolled.clock_off) < timedelta(minutes=1)
    with pytest.raises(IdentityError, match="is not empty"):
        enrol(site.claim("entre-a"), into, sleep=nothing)


def test_a_power_cut_at_any_write_costs_nothing(
    site: EnrolmentSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before its first, second, … write, it starts again with what it has kept, and gets one certificate in all."""
    number = 1
    while True:
        name, into = f"cut-{number}", tmp_path / f"cut-{number}"
        claim, person = site.claim(name), Person(site)

        def work() -> None:
            enrol(claim_under_way(into) or claim, into, tell=person, sleep=nothing)  # noqa: B023 called at once

        was_cut = stopped_at(number, monkeypatch, work)
        if was_cut:
            with contextlib.suppress(IdentityError):  # put into place already
                work()
        assert Identity.load(into).epoch == 1, number
        assert not staging(into).exists()
        assert len({shown.fingerprint for shown in person.shown}) == 1, number
        if not was_cut:
            break
        number += 1
    assert number > 8


def test_a_clock_that_is_wrong_by_years_enrols_and_is_told(site: EnrolmentSite, tmp_path: Path) -> None:
    for years in (-20, 30):
        off = timedelta(days=365 * years)
        enrolled = enrol(
            site.claim(f"clock{abs(years)}"), tmp_path / str(years), tell=Person(site), sleep=nothing,
            now=lambda off=off: wall_clock() + off,  # type: ignore[misc]
        )  # fmt: skip
        assert abs(enrolled.clock_off - off) < timedelta(minutes=1)


def test_another_fleets_server_hears_no_code(site: EnrolmentSite, tmp_path: Path) -> None:
    with enrolment_site(tmp_path / "stranger") as stranger:
        claim = replace(site.claim("entre-b"), server=stranger.url)
        theirs = stranger.claim("entre-b")
        with pytest.raises(EstError) as caught:
            enrol(claim, tmp_path / "identity", sleep=nothing)
        assert caught.value.code == "other_authority"
        assert [row.wrong for row in stranger.people.claims()] == [0]
        assert theirs.code.names(stranger.authority.issuer().certificate)


def test_a_server_that_shows_the_authority_and_has_none_of_its_keys_hears_no_code(
    site: EnrolmentSite, tmp_path: Path
) -> None:
    """It repeats what the true one gives to everybody; its TLS is of its own making."""
    with enrolment_site(tmp_path / "liar", shows=site.authority) as liar:
        claim = replace(site.claim("entre-c"), server=liar.url)
        with pytest.raises(EstError) as caught:
            enrol(claim, tmp_path / "identity", sleep=nothing)
        assert caught.value.code == "not_trusted"
    with pytest.raises(EstError) as caught:
        enrol(replace(claim, server=f"https://127.0.0.2:{site.at.port}"), tmp_path / "identity", sleep=nothing)
    assert caught.value.code in ("not_trusted", "unreachable")


REFUSALS = [
    ({"code": ClaimCode.parse("0000-0000" + "0" * 12)}, "other_authority"),
    ({"station": "entre-z"}, "wrong_code"),
    ({"server": "http://localhost:1"}, "bad_address"),
    ({"server": "https://localhost:1"}, "unreachable"),
]


@pytest.mark.parametrize(("wrong", "code"), REFUSALS)
def test_what_is_wrong_is_said_by_a_code(
    site: EnrolmentSite, tmp_path: Path, wrong: dict[str, object], code: str
) -> None:
    claim = replace(site.claim("entre-d"), **wrong)
    with pytest.raises(EstError) as caught:
        enrol(claim, tmp_path / "identity", sleep=nothing)
    assert caught.value.code == code
    assert str(claim.code) not in str(caught.value)
    assert claim_under_way(tmp_path / "identity") is None, "a mistyped one is typed anew"


def test_a_station_that_nobody_approves_stops_waiting_and_goes_on_later(site: EnrolmentSite, tmp_path: Path) -> None:
    claim, into, asked = site.claim("entre-e"), tmp_path / "identity", list[float]()
    with pytest.raises(EstError) as caught:
        enrol(claim, into, sleep=asked.append, wait=timedelta(seconds=25))
    assert (caught.value.code, asked) == ("timed_out", [10.0, 10.0, 10.0])
    site.approve("entre-e")
    assert claim_under_way(into) == claim
    assert enrol(claim, into, sleep=nothing).identity.station == "entre-e"


def test_a_refused_station_is_told_and_takes_a_new_claim_with_the_same_key(site: EnrolmentSite, tmp_path: Path) -> None:
    into, shown = tmp_path / "identity", list[KeyShown]()

    def refuse(key: KeyShown) -> None:
        shown.append(key)
        (row,) = [row for row in site.people.claims() if row.station == "entre-f"]
        site.people.decide(row.id, row.key, ("tove", ""), approves=False)

    with pytest.raises(EstError) as caught:
        enrol(site.claim("entre-f"), into, tell=refuse, sleep=nothing)
    assert caught.value.code == "refused"
    assert claim_under_way(into) is None
    person = Person(site)
    enrol(site.claim("entre-f"), into, tell=person, sleep=nothing)
    assert person.shown == shown


def test_an_installer_enrols_by_the_text_of_the_qr_code(
    site: EnrolmentSite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    claim, file = site.claim("entre-g"), tmp_path / "claim"
    file.write_text(claim.text)
    arguments = ["enrol", "--into", str(tmp_path / "id"), "--code-file", str(file), "--wait-hours", "0", "--json"]
    assert main(arguments) == 5
    out, err = capsys.readouterr()
    assert '"timed_out"' in out
    assert "waits for approval; its key is " in err
    site.approve("entre-g")
    assert main(arguments) == 0
    assert '"station": "entre-g"' in capsys.readouterr().out
    file.write_text("kortkiosk:claim?station=entre-g")
    assert main(arguments) == 3
    file.write_text(str(claim.code))
    assert main(arguments) == 2
    assert str(claim.code) not in "".join(capsys.readouterr())


@pytest.mark.skipif(estserver.PROGRAM is None, reason="estserver is not installed (Debian: libest-utils)")
async def test_our_client_enrols_at_libests_server(tmp_path: Path) -> None:
    now = wall_clock()
    async with estserver.estserver(tmp_path, now, passwords=True) as running:
        server = KnownServer.recognise(running.url, lambda one: one == running.root, wall_clock)
        key = FileKey.load_or_make(tmp_path)
        chain = wait_for_certificate(server, ("estuser", "estpwd"), "entre-h", key, sleep=nothing)
        assert chain[0].public_key() == key.public
        chain[0].verify_directly_issued_by(chain[1])
        chain[1].verify_directly_issued_by(running.root)
        with pytest.raises(EstError):
            wait_for_certificate(server, ("estuser", "wrong"), "entre-h", key, sleep=nothing)
