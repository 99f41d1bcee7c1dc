"""The renewal of a station's certificate, with the power cut at each step, in an emulated PC: `make image-test`.

The station that `installed.py` has set up is given, for its own key, a certificate whose renewal is due: it renews it by itself,
over its link. What must hold wherever it was cut: the next start goes on in the same epoch, and in the end the server has issued
one certificate more, for a new key, and the station has it.
"""

import base64
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from sim.demo.seed import STATION
from tests.fakes.emulated_pc.installation import Station
from tests.fakes.emulated_pc.machine import BOOT_S, EmulatedPc
from tests.fakes.emulated_pc.visits import HOME

pytestmark = [pytest.mark.timeout(3600)]

IDENTITY = "/data/kortkiosk/identity"
CERTIFICATE, NEXT_KEY, NEXT_CERTIFICATE = (
    f"{IDENTITY}/{name}" for name in ("station.pem", "station.key.next", "station.pem.next")
)
AGE = timedelta(days=61)
"""Of ninety days, renewed at sixty."""


@pytest.fixture(scope="module")
def station() -> Iterator[Station]:
    with Station.set_up("renewed") as station:
        yield station


@pytest.fixture(scope="module")
def older(station: Station) -> x509.Certificate:
    """The certificate that is due: the station has it when it starts the next time."""
    machine = station.power_on()
    machine.wait_for(HOME, BOOT_S)
    machine.shell.run("systemctl stop kortkiosk-station.service", BOOT_S)
    public = certificate_of(machine).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    chain = station.around.desk.issue_earlier(STATION, public, datetime.now(UTC) - AGE)
    machine.shell.run(f"echo {base64.b64encode(chain).decode()} | base64 -d >{CERTIFICATE}; sync")
    machine.cut_power()
    return x509.load_pem_x509_certificate(chain)


def test_power_is_cut_once_the_new_key_is_made(station: Station, older: x509.Certificate) -> None:
    machine = station.power_on()
    machine.shell.run(f"until [ -e {NEXT_KEY} ]; do :; done", BOOT_S)
    machine.cut_power()


def test_power_is_cut_once_the_server_has_issued(station: Station, older: x509.Certificate) -> None:
    """What it has issued is under way, or was just taken."""
    before = serials(station)
    machine = station.power_on()
    end = time.monotonic() + BOOT_S
    while serials(station) == before and time.monotonic() < end:
        time.sleep(0.02)
    machine.cut_power()
    assert len(serials(station)) == len(before) + 1


def test_power_is_cut_once_the_certificate_is_there(station: Station, older: x509.Certificate) -> None:
    machine = station.power_on()
    machine.shell.run(f"until cp {CERTIFICATE} /run/before 2>/dev/null; do sleep 0.2; done", BOOT_S)
    machine.shell.run(f"until [ -e {NEXT_CERTIFICATE} ] || ! cmp -s {CERTIFICATE} /run/before; do :; done", BOOT_S)
    machine.cut_power()


def test_it_is_renewed_once_and_goes_on_in_its_epoch(station: Station, older: x509.Certificate) -> None:
    machine = station.power_on()
    machine.wait_for(HOME, BOOT_S)
    station.wait_until(lambda: certificate_of(machine).serial_number != older.serial_number)
    issued = station.around.desk.certificates(STATION)
    assert {one.epoch for one in issued} == {1}
    newest = max(issued, key=lambda one: one.issued)
    assert certificate_of(machine).serial_number == newest.serial
    assert len(issued) == 3, "that of the enrolment, that which was due, and one more"
    assert machine.shell.run(f"ls {NEXT_KEY} {NEXT_CERTIFICATE} 2>/dev/null") == ""
    assert certificate_of(machine).public_key() != older.public_key()
    machine.cut_power()


def test_it_is_in_service_with_it(station: Station) -> None:
    """After one more start the station and the server still understand each other."""
    machine = station.power_on()
    machine.wait_for(HOME, BOOT_S)
    station.wait_until_whole()
    assert machine.shell.run("systemctl --failed --no-legend --plain") == ""


def certificate_of(machine: EmulatedPc) -> x509.Certificate:
    """The station's own, as it has it on disk."""
    return x509.load_pem_x509_certificate(base64.b64decode(machine.shell.run(f"base64 -w0 {CERTIFICATE}")))


def serials(station: Station) -> set[int]:
    return {one.serial for one in station.around.desk.certificates(STATION)}
