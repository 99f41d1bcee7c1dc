"""What a station's readers know: issuers, revocation that was handed in, and product profiles that a pinned key signed."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from drivers.reader.card_reader import CardReader
from drivers.reader.certificates.revocation.store import RevocationStore
from drivers.reader.outcomes import Role
from drivers.reader.profiles import builtin
from drivers.reader.profiles.signed import sign
from kiosk.clock import SystemClock
from kiosk.config import Config, ConfigError, load
from kiosk.station.build import open_station
from kiosk.station.reader_settings import NoAnchorsError, card_profiles, reader_settings, reader_settings_or_problems
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.revocation import TestRevocation
from tests.fakes.station.visitor import Visitor

PROFILE = """
name = "region"
title = "Card of a region"
source = "made up"
[match]
label = "^region"
[pin]
min_length = 6
max_length = 8
tries = 3
[puk]
min_length = 8
max_length = 8
tries = 10
floor = 3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    key = ed25519.Ed25519PrivateKey.generate()
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "region.toml").write_text(PROFILE)
    (tmp_path / "profiles" / "region.toml.jws").write_text(sign(PROFILE.encode(), key))
    (tmp_path / "keys.pem").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return tmp_path


def config(**sections: object) -> Config:
    return Config.model_validate(sections)


WITH_PROFILES = {"folder": "profiles", "keys": "keys.pem"}


def test_a_station_takes_signed_profiles_and_its_own_table_of_levels(folder: Path) -> None:
    known = card_profiles(config(profiles=WITH_PROFILES, trust={"loa": {"1.2.3": 3}}), folder)
    assert known.refused == ()
    assert known.profiles.match_name("region").certificates.loa == {"1.2.3": 3}
    assert known.profiles.match_name("virtual-b").certificates.loa["1.2.3"] == 3
    assert {p.name for p in card_profiles(config(), folder).profiles} == {p.name for p in builtin()}


async def test_what_is_refused_is_reported_and_what_ships_stays(folder: Path) -> None:
    (folder / "profiles" / "region.toml").write_text(PROFILE.replace("floor = 3", "floor = 4"))
    readers = {"holder": "", "administrator": ""}
    async with open_station(config(profiles=WITH_PROFILES, readers=readers), folder, Visitor()) as station:
        pass
    (problem,) = [one for one in station.problems if one.code == "profiles"]
    assert problem.text == "region.toml: signature: is not over this content"
    (folder / "keys.pem").unlink()
    known = card_profiles(config(profiles=WITH_PROFILES), folder)
    assert known.refused == (f"{folder / 'keys.pem'}: No such file or directory",)
    assert {p.name for p in known.profiles} == {p.name for p in builtin()}


async def test_the_regions_length_of_new_codes_counts_at_its_stations(tmp_path: Path) -> None:
    (tmp_path / "region.toml").write_text("[pin]\nmin_length = 7\n")
    readers = {"holder": "a reader that is not there", "administrator": ""}
    given = config(readers=readers, station={"region": "region.toml"})
    async with open_station(given, tmp_path, Visitor()) as station:
        reader = station.devices.reader
        assert isinstance(reader, CardReader)
        for product in ("pkcs15", "virtual-b"):
            assert reader.settings.profiles.match_name(product).new_rules(Role.IDENTIFICATION).min_length == 7


def test_a_folder_of_profiles_without_a_key_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text('[profiles]\nfolder = "profiles"\n[trust]\nloa = { "no oid" = 3 }\n')
    with pytest.raises(ConfigError) as fault:
        load(tmp_path / "station.toml")
    assert "profiles: folder needs keys: only what a key signs counts" in str(fault.value)
    assert "trust.loa" in str(fault.value)


async def test_a_station_judges_by_what_was_handed_in(folder: Path) -> None:
    now = datetime.now(UTC)
    authority = TestAuthority.create(now)
    authority.save(folder / "anchors")
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    lost = authority.issue(person(1).new, key, "identification", now)
    der = lost.public_bytes(Encoding.DER)
    trust = {"anchors": "anchors", "revocation": "revocation", "require_revocation": True}
    settings = reader_settings(config(trust=trust), folder, SystemClock(), None)
    assert await settings.trust.judge(der, now) == "unchecked"
    desk, store = TestRevocation(authority), RevocationStore(folder / "revocation")
    store.take(desk.crl(None, now))
    store.take(desk.crl(3, now))
    assert await settings.trust.judge(der, now) == "ok"
    store.take(desk.crl(3, now, [lost]))
    assert await settings.trust.judge(der, now) == "revoked"


def test_without_anchors_nobody_is_believed(tmp_path: Path) -> None:
    with pytest.raises(NoAnchorsError, match=r"no trust\.anchors"):
        reader_settings(config(), tmp_path, SystemClock(), None)
    with pytest.raises(NoAnchorsError, match="gone"):
        reader_settings(config(trust={"anchors": "gone"}), tmp_path, SystemClock(), None)


def test_without_anchors_tries_are_counted_for_good_all_the_same_and_products_are_known(folder: Path) -> None:
    (folder / "keys.pem").unlink()
    told: list[tuple[str, str]] = []
    broken = config(profiles=WITH_PROFILES, trust={"anchors": "gone", "loa": {"1.2.3": 3}})
    for _start in range(2):
        settings, trust = reader_settings_or_problems(
            broken, folder, SystemClock(), None, lambda code, text: told.append((code, text))
        )
        settings.ledger.spend("9752 (made up)", "02")
    assert trust is None
    assert [code for code, _text in told] == ["profiles", "anchors"] * 2
    assert settings.ledger.used("9752 (made up)", "02") == 2
    assert settings.profiles.match_name("virtual-b").certificates.loa["1.2.3"] == 3


@pytest.mark.parametrize(
    ("loa", "codes"), [({}, {"levels"}), ({"1.2.3": 3}, set())], ids=["without a table", "with one"]
)
def test_a_station_of_real_cards_that_knows_no_level_says_so(
    loa: dict[str, int], codes: set[str], tmp_path: Path
) -> None:
    """The levels of our virtual cards are nobody else's."""
    authority = TestAuthority.create(datetime(2026, 6, 1, tzinfo=UTC))
    pem = b"".join(one.public_bytes(Encoding.PEM) for one in (*authority.anchors(), *authority.intermediates()))
    (tmp_path / "anchors.pem").write_bytes(pem)
    told: set[str] = set()
    trust = {"anchors": "anchors.pem", "loa": loa}
    reader_settings_or_problems(config(trust=trust), tmp_path, SystemClock(), None, lambda code, _: told.add(code))
    assert told == codes
