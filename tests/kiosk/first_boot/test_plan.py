"""The setup file: what is wrong is said by its key, a claim is for its owner alone, and settings come out as they went in."""

import tomllib
from pathlib import Path

import pytest

from kiosk.config import Config, ConfigError
from kiosk.first_boot.plan import load_plan, settings_text

CODE = "0123-4567-89AB-CDEF-GHJK"
WRONG = [
    ('[network]\nmethod = "static"', "network: address belongs to method 'static'"),
    ('[network]\naddress = "192.0.2.10/24"', "network: address belongs to method 'static'"),
    ('[network]\nmethod = "static"\naddress = "192.0.2.10"', "network.address: '192.0.2.10' has no length"),
    ('[network]\nmethod = "static"\naddress = "192.0.2.10/40"', "network.address: '192.0.2.10/40'"),
    ('[network]\nmethod = "static"\naddress = "192.0.2.10/24"\ngateway = "2001:db8::1"', "all of IPv4 or all of IPv6"),
    ('[network]\nmethod = "dhcp"\ndns = ["192.0.2.53"]', "gateway and dns belong to method 'static'"),
    ('[network]\ninterface = "-x"', "network.interface"),
    ('[network]\nproxy = "http://proxy.example"', "network.proxy: there is no such key"),
    ('[claim]\nserver = "https://fleet.example"\nstation = "entre-a"', "claim: write text alone, or server, station and code"),
    ('[claim]\ntext = "https://fleet.example"', "claim: this is no claim of a station"),
    ('[settings.printer]\nkind = "network"', "settings.printer: kind 'network' needs host"),
    ("[devices]\nslots = 0", "devices.slots"),
    (f'[claim]\ncode = "{CODE}', "is not TOML"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_is_said_by_its_key_and_never_with_the_code(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_plan(written(tmp_path, text))
    assert said in str(caught.value)
    assert CODE not in str(caught.value)


def test_a_file_with_a_claim_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = written(tmp_path, f'[claim]\nserver = "https://fleet.example"\nstation = "entre-a"\ncode = "{CODE}"')
    claim = load_plan(file).claim.claim
    assert claim is not None
    assert (claim.station, str(claim.code)) == ("entre-a", CODE)
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="0600"):
        load_plan(file)


def test_settings_come_out_as_they_went_in() -> None:
    settings = {
        "station": {"title": 'Entré "A"\\ \x7f\t', "language": "en"},
        "trust": {"anchors": "anchors", "loa": {"1.2.752.1": 3}},
        "pins": {"kind": "pi", "fitted": ["lamp", "door"], "lamp": {"bcm": 17}},
        "display": {"position": [0, 40], "fullscreen": False},
        "timeouts": {"idle_s": 45.5},
        "touch": {},
    }
    assert tomllib.loads(settings_text(Config.model_validate(settings))) == settings


def written(folder: Path, text: str) -> Path:
    file = folder / "setup.toml"
    file.write_text(text)
    file.chmod(0o600)
    return file
