"""What somebody who runs code as the station's user gets out of the machine's root, in an emulated PC: `make image-test`.

The user has neither a capability nor a way to one, as the station's unit has it. Its bundle is signed by an authority of its own,
and a hook of it, which RAUC runs, would leave a file that says who ran it. Bundles are small: nothing is started from them.
"""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from fleet.agent.identity import Broker
from fleet.messages.commands import COMMAND_TYP, Command, UpdateOrder
from fleet.messages.vocabulary import CommandName
from image import layout
from image.build import make_data
from kiosk.station.updates import BUNDLE, RECORD, UpdateRecord
from provisioning.authority import Authority
from provisioning.enrol import enrol
from provisioning.updates import bundle
from provisioning.updates.bundle import SIGNER, Images, issue_signer, make_bundle
from tests.fakes.emulated_pc.disks import ARCHITECTURE, EPOCH, STATION_TOML, copy_of_disk, fresh_folder, write_at
from tests.fakes.emulated_pc.machine import BOOT_S, EmulatedPc

pytestmark = [pytest.mark.timeout(3600)]
STATION, VERSION = "entre-a", "2099.1.1"
AS_USER = (
    "setpriv --reuid=kortkiosk --regid=kortkiosk --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs"
)
FORGED_HOOK = "#!/bin/sh\nid -un >/run/forged\n"
MORE = '[usb]\nallowed = ["dead:beef"]\n[network]\nservers = ["192.0.2.66:443"]\n'
FOLDER, GIVEN = "/data/kortkiosk", "/data/kortkiosk/given"
UPDATE = "systemctl start --no-ask-password kortkiosk-update@install.service"


class Attack:
    """What lies on the disk in `given`: a station's identity, a right bundle and its order, and what an attacker made."""

    def __init__(self, folder: Path) -> None:
        self.given = folder / "kortkiosk/given"
        now = datetime.now(UTC).replace(microsecond=0)
        made = folder.parent / "made"
        self.authority = Authority.init(made / "authority", [], now - timedelta(hours=2))
        code = self.authority.claim(STATION, now)
        enrol(self.authority, self.given / "identity", Broker("fleet.test", 8883), code, now)
        (self.given.parent / "station.toml").write_text(STATION_TOML)
        (self.given / "more.toml").write_text(MORE)
        forger = Authority.init(made / "forger", [], now - timedelta(hours=2))
        shutil.copy(forger.directory / "ca/ca.pem", self.given / "forged.pem")
        right = self._bundle("right.raucb", self.authority, now)
        order = UpdateOrder(VERSION, right.size, right.sha256, 8444)
        self._sign("right.json", order, now, 7)
        self._sign("older.json", msgspec.structs.replace(order, older=True), now, 6)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bundle, "HOOK", FORGED_HOOK)
            self._bundle("forged.raucb", forger, now)

    def _bundle(self, name: str, authority: Authority, now: datetime) -> bundle.Bundle:
        images = Images(*(authority.directory / part for part in ("root", "verity", "boot-a", "boot-b")))
        for path in (images.rootfs, images.verity, images.boot_a, images.boot_b):
            path.write_bytes(os.urandom(64 * 1024))
        issue_signer(authority, now - timedelta(hours=1))
        return make_bundle(
            self.given / name, images, f"kortkiosk-{ARCHITECTURE}", VERSION, authority.directory / SIGNER
        )

    def _sign(self, name: str, order: UpdateOrder, now: datetime, number: int) -> None:
        times = now.isoformat(), (now + timedelta(hours=1)).isoformat()
        command = Command(STATION, number, CommandName.UPDATE, *times, "a test", "tove.test", update=order)
        key = ECKey.import_key((self.authority.directory / "server/signing.key").read_bytes())
        signed = jws.serialize_compact(
            {"alg": "ES256", "typ": COMMAND_TYP}, msgspec.json.encode(command), key, algorithms=["ES256"]
        )
        record = UpdateRecord(order, "installing", now.isoformat(), signed=signed)
        (self.given / name).write_bytes(msgspec.json.encode(record))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedPc]:
    folder = tmp_path_factory.mktemp("attacked")
    disk = copy_of_disk(folder)
    Attack(folder / "data")
    make_data(folder / "data.ext4", folder / "data", EPOCH)
    write_at(disk, layout.offset_of("data", ARCHITECTURE), (folder / "data.ext4").read_bytes())
    with EmulatedPc(disk, fresh_folder("attacked")) as machine:
        machine.shell.wait_until_there(BOOT_S)
        machine.shell.run("systemctl is-system-running --wait; systemctl stop kortkiosk-station.service", BOOT_S)
        machine.shell.run(f"chown -R kortkiosk: {FOLDER}; install -d -o kortkiosk -g kortkiosk {FOLDER}/data")
        yield machine


def as_user(machine: EmulatedPc, script: str) -> str:
    return machine.shell.run(f"{AS_USER} sh -c '{script}' 2>&1", BOOT_S)


def forged(machine: EmulatedPc) -> str:
    """Who ran the attacker's program, if anybody did."""
    return machine.shell.run("cat /run/forged 2>/dev/null")


def test_the_station_s_user_installs_nothing_of_its_own(machine: EmulatedPc) -> None:
    """Its authority in the place where RAUC once looked for the fleet's, and its bundle handed to RAUC."""
    said = as_user(machine, f"mkdir -p {FOLDER}/identity; cp {GIVEN}/forged.pem {FOLDER}/identity/ca.pem;"
        f" rauc install {GIVEN}/forged.raucb")  # fmt: skip
    print(said)
    assert forged(machine) == ""
    assert "succeeded" not in said


def test_root_pins_the_station_and_obeys_no_other_settings_then(machine: EmulatedPc) -> None:
    as_user(machine, f"rm -r {FOLDER}/identity; cp -r {GIVEN}/identity {FOLDER}/identity")
    machine.shell.run("systemctl start kortkiosk-settings.service", BOOT_S)
    assert "ca.pem" in machine.shell.run("ls /data/machine/trust")
    as_user(machine, f"cat {GIVEN}/more.toml >>{FOLDER}/station.toml")
    machine.shell.run("systemctl start kortkiosk-settings.service", BOOT_S)
    assert "dead:beef" not in machine.shell.run("cat /run/kortkiosk-appliance/usb-allowed")
    assert "192.0.2.66" not in machine.shell.run("nft list ruleset")


def test_the_service_takes_no_bundle_that_the_server_has_not_ordered(machine: EmulatedPc) -> None:
    as_user(machine, f"cp {GIVEN}/forged.raucb {FOLDER}/data/{BUNDLE}; cp {GIVEN}/right.json {FOLDER}/data/{RECORD}")
    as_user(machine, f"cp {GIVEN}/forged.pem {FOLDER}/identity/ca.pem")
    print(as_user(machine, UPDATE))
    assert forged(machine) == ""
    assert "signature" in journal(machine)
    assert get_primary(machine) == "A"


def test_what_the_server_has_ordered_is_installed_once_nobody_writes_to_it(machine: EmulatedPc) -> None:
    as_user(machine, f"cp --remove-destination {GIVEN}/right.raucb {FOLDER}/data/{BUNDLE}")
    print(as_user(machine, f"exec 9>>{FOLDER}/data/{BUNDLE}; {UPDATE}"))
    assert "open for writing" in journal(machine)
    assert get_primary(machine) == "A"
    as_user(machine, f"cp --remove-destination {GIVEN}/right.raucb {FOLDER}/data/{BUNDLE}")
    print(as_user(machine, UPDATE))
    assert get_primary(machine) == "B", journal(machine)


def test_an_order_of_before_is_not_taken_again(machine: EmulatedPc) -> None:
    as_user(machine, f"cp {GIVEN}/older.json {FOLDER}/data/{RECORD}; {UPDATE}")
    assert "order 6 is older than 7" in journal(machine)


def test_the_station_has_root_confirm_and_start_nothing_else(machine: EmulatedPc) -> None:
    start = "systemctl start --no-ask-password"
    assert "confirmed" in as_user(machine, f"{start} kortkiosk-update@confirm.service && echo confirmed"), journal(
        machine
    )
    said = as_user(machine, f"{start} kortkiosk-erase.service || {start} kortkiosk-update@x.service || echo refused")
    assert "refused" in said, said


def journal(machine: EmulatedPc) -> str:
    return machine.shell.run("journalctl --boot --no-pager --unit='kortkiosk-update@*' --lines=8 | cat")


def get_primary(machine: EmulatedPc) -> str:
    return machine.shell.run("/opt/kortkiosk/bin/kortkiosk-slots get-primary")
