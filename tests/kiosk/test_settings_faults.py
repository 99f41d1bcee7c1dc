"""The station's own rules over settings that a fleet wants to give: every fault names its key."""

from datetime import UTC, datetime
from importlib.metadata import entry_points
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.settings_faults import find_faults
from sim.reader.pki import TestAuthority as MadeUpAuthority


def test_settings_of_a_region_are_well() -> None:
    values = {
        "speech": {"volume": 4},
        "printer": {"kind": "network", "host": "skrivare.example", "width_mm": 58},
        "network": {"proxy": "proxy.example:3128", "time": ["ntp.example"]},
        "trust": {"loa": {"1.2.3": 3}},
        "updates": {"hours": ["02:00", "04:00"]},
    }
    assert find_faults(values, {}) == []


@pytest.mark.parametrize(
    ("values", "files", "fault"),
    [
        ({"speech": {"volume": 9}}, {}, "speech.volume: Input should be less"),
        ({"speech": {"pitch": 1}}, {}, "speech.pitch: there is no such key"),
        ({"spoken": {"rate": 1}}, {}, "spoken: there is no such key"),
        ({"speech": 3}, {}, "speech: is no section"),
        ({"station": {"identity": "/etc"}}, {}, "station.identity: only the station's own"),
        ({"commands": {"allowed": []}}, {}, "commands.allowed: only the station's own"),
        ({"printer": {"kind": "network"}}, {}, "printer: kind 'network' needs host"),
        ({"readers": {"holder": "virtual"}}, {}, "readers.holder: a virtual device is for a bench"),
        ({"network": {"proxy": "proxy"}}, {}, "network: 'proxy' is no host and port"),
        ({"trust": {"anchors": "fleet:roots.pem"}}, {}, "trust.anchors: there is no file 'roots.pem'"),
        ({"trust": {"anchors": "fleet:r"}}, {"r": "no PEM"}, "trust.anchors: fleet:r: no certificate in PEM form"),
        ({"trust": {"anchors": "roots.pem"}}, {}, "trust.anchors: [Errno 2] No such file"),
        ({"station": {"region": "fleet:r"}}, {"r": "[pin]\nlength = 1"}, "station.region: fleet:r: pin.length"),
        ({"profiles": {"folder": "p", "keys": "fleet:k"}}, {"k": "none"}, "profiles: fleet:k"),
        ({"station": {"title": "fleet:t"}}, {"t": "x"}, "station.title: names no file"),
        ({}, {"../a": ""}, "files.../a: is no name of a file"),
    ],
)
def test_each_fault_names_its_key(values: dict[str, Any], files: dict[str, str], fault: str) -> None:
    faults = find_faults(values, files)
    assert [line for line in faults if line.startswith(fault)], faults


def test_anchors_without_a_root_would_call_every_card_false() -> None:
    authority = MadeUpAuthority.create(datetime(2026, 3, 2, tzinfo=UTC))
    pem = authority.intermediates()[0].public_bytes(Encoding.PEM).decode()
    root = authority.anchors()[0].public_bytes(Encoding.PEM).decode()
    values = {"trust": {"anchors": "fleet:roots.pem"}}
    assert find_faults(values, {"roots.pem": root + pem}) == []
    (fault,) = find_faults(values, {"roots.pem": pem})
    assert "no certificate in it is a root" in fault


def test_the_server_finds_the_rules_by_their_entry_point() -> None:
    (entry,) = entry_points(group="kortkiosk.settings", name="faults")
    assert entry.load() is find_faults
