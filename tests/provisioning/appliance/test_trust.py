"""What root believes of the station's user: nothing but what the fleet has signed, under the keys that root has pinned.

RAUC verifies the bundles; what it writes into a slot is noted by a program in its place, which hands all else on.
"""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from fleet.agent.identity import Broker
from fleet.messages.commands import COMMAND_TYP, Command, UpdateOrder
from fleet.messages.vocabulary import CommandName
from kiosk.station.updates import BUNDLE, RECORD, UpdateRecord
from provisioning.appliance.trust import RootTrust, UpdateRefusedError, take_file
from provisioning.authority import Authority
from provisioning.cli import main as provision
from provisioning.enrol import enrol
from provisioning.rotation import rotate
from provisioning.updates.bundle import SIGNER, BundleError, issue_signer, make_bundle
from tests.fakes.machine.bundle import MadeBundle, small_bundle

pytestmark = pytest.mark.skipif(shutil.which("rauc") is None, reason="Debian's rauc is not installed")
RAUC = """#!/bin/sh
[ "$1" = install ] || exec {rauc} "$@"
cat "$2" >{folder}/installed
"""


class Machine:
    """`config`: the station user's; `trust`: root's."""

    def __init__(self, folder: Path, made: MadeBundle) -> None:
        self.folder, self.made, self.authority = folder, made, made.authority
        self.config, self.trust = folder / "station/station.toml", folder / "machine/trust"
        self.data = folder / "station/data"
        for path in (self.data, self.trust.parent):
            path.mkdir(parents=True)
        self.config.write_text('[network]\nservers = ["first.example:443"]\n')
        shutil.copy(made.path, self.data / BUNDLE)

    def enrol(self, station: str = "entre-a") -> None:
        code = self.authority.claim(station, self.made.now)
        shutil.rmtree(self.folder / "station/identity", ignore_errors=True)
        enrol(self.authority, self.folder / "station/identity", Broker("broker.example", 8883), code, self.made.now)

    def order(
        self, number: int = 7, *, key: str = "signing.key", keys: tuple[str, ...] = (), older: bool = False,
        station: str = "entre-a", kind: CommandName = CommandName.UPDATE, file: Path | None = None,
    ) -> None:  # fmt: skip
        """Put the server's order where the station keeps it."""
        bundle = self.made.bundle
        order = UpdateOrder(bundle.version, bundle.size, bundle.sha256, 8444, older)
        times = (self.made.now.isoformat(), (self.made.now + timedelta(hours=1)).isoformat())
        update = order if kind is CommandName.UPDATE else None
        command = Command(station, number, kind, *times, "a test", "tove.test", update=update)
        signer = ECKey.import_key((file or self.authority.directory / "server" / key).read_bytes())
        header = {"alg": "ES256", "typ": COMMAND_TYP, "kid": signer.thumbprint()}
        signed = jws.serialize_compact(header, msgspec.json.encode(command), signer, algorithms=["ES256"])
        record = UpdateRecord(order, "installing", times[0], signed=signed, keys=keys)
        (self.data / RECORD).write_bytes(msgspec.json.encode(record))

    def install(self, version: str = "2026.47") -> str:
        return RootTrust(self.trust, self.config).install(self.trust / "ca.pem", "kortkiosk-test", version)

    @property
    def installed(self) -> bool:
        path = self.folder / "installed"
        return path.exists() and path.read_bytes() == self.made.path.read_bytes()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeBundle:
    return small_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def machine(tmp_path: Path, made: MadeBundle, monkeypatch: pytest.MonkeyPatch) -> Machine:
    program = tmp_path / "bin/rauc"
    program.parent.mkdir()
    program.write_text(RAUC.format(rauc=shutil.which("rauc"), folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return Machine(tmp_path, made)


@pytest.fixture
def pinned(machine: Machine) -> Machine:
    machine.enrol()
    assert RootTrust(machine.trust, machine.config).pin()
    return machine


def test_what_the_server_has_ordered_is_installed_again_after_a_cut_too(pinned: Machine) -> None:
    pinned.order()
    for _ in range(2):
        assert pinned.install() == "2026.48.1"
        assert pinned.installed
    assert not (pinned.trust / BUNDLE).exists()


REFUSED: dict[str, tuple[Callable[[Machine], None], str]] = {
    "nobody has ordered": (lambda machine: None, "not signed by the server"),
    "another key has signed": (lambda machine: machine.order(file=_foreign_key(machine)), "not signed by the server"),
    "another station": (lambda machine: machine.order(station="entre-b"), "for another station"),
    "another command": (lambda machine: machine.order(kind=CommandName.RESTART), "no update"),
    "another bundle": (lambda machine: _other_bundle(machine), "another one than the server has ordered"),
    "an authority of the user's": (lambda machine: _foreign_bundle(machine), "RAUC: "),
    "a link": (lambda machine: _link(machine), "symbolic links"),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_nothing_else_is_installed(why: str, pinned: Machine) -> None:
    prepare, said = REFUSED[why]
    prepare(pinned)
    with pytest.raises((UpdateRefusedError, BundleError, OSError), match=said):
        pinned.install()
    assert not pinned.installed
    assert not (pinned.folder / "installed").exists()


def _foreign_key(machine: Machine) -> Path:
    return Authority.init(machine.folder / "forger", [], machine.made.now).directory / "server/signing.key"


def _other_bundle(machine: Machine) -> None:
    machine.order()
    signer = machine.authority.directory / SIGNER
    make_bundle(machine.data / BUNDLE, machine.made.images, "kortkiosk-test", "2026.48.1", signer)


def _foreign_bundle(machine: Machine) -> None:
    forger = Authority.init(machine.folder / "forger", [], machine.made.now - timedelta(hours=1))
    issue_signer(forger, machine.made.now)
    machine.order()
    make_bundle(machine.data / BUNDLE, machine.made.images, "kortkiosk-test", "2026.48.1", forger.directory / SIGNER)
    shutil.copy(forger.directory / "ca/ca.pem", machine.folder / "station/identity/ca.pem")
    assert RootTrust(machine.trust, machine.config).pin(), "once"


def _link(machine: Machine) -> None:
    machine.order()
    (machine.data / BUNDLE).unlink()
    (machine.data / BUNDLE).symlink_to(machine.made.path)


def test_a_file_that_somebody_may_still_write_to_is_not_taken(pinned: Machine) -> None:
    with (pinned.data / BUNDLE).open("r+b"):
        pinned.order()
        with pytest.raises(UpdateRefusedError, match="open for writing"):
            pinned.install()
    take_file(pinned.data / BUNDLE, pinned.trust / BUNDLE)


def test_an_older_order_and_an_older_version_are_refused_unless_the_server_says_so(pinned: Machine) -> None:
    pinned.order(7)
    with pytest.raises(BundleError, match=r"2026\.49 runs"):
        pinned.install("2026.49")
    pinned.order(8, older=True)
    pinned.install("2026.49")
    pinned.order(7, older=True)
    with pytest.raises(UpdateRefusedError, match="order 7 is older than 8"):
        pinned.install()
    (pinned.trust / "installed.json").write_text('{"sequence": 8, "version": "2026.50"}')
    pinned.order(9)
    with pytest.raises(BundleError, match=r"2026\.50 runs"):
        pinned.install("2026.47")


def test_the_server_s_key_gives_way_to_another_by_a_statement_of_the_old_one(pinned: Machine, tmp_path: Path) -> None:
    pinned.authority = Authority(shutil.copytree(pinned.authority.directory, tmp_path / "rotated"))
    rotate(pinned.authority, ("signing",), pinned.made.now)
    chain = tuple(pinned.authority.chain())
    pinned.order(7, key="signing-next.key")
    with pytest.raises(UpdateRefusedError, match="not signed by the server"):
        pinned.install()
    pinned.order(8, key="signing-next.key", keys=chain)
    pinned.install()
    pinned.order(9, key="signing-next.key")
    pinned.install()
    assert (pinned.trust / "ca.pem").read_bytes() == (tmp_path / "station/identity/ca.pem").read_bytes()


def test_it_is_pinned_once_when_the_setup_is_over(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    run, trust = machine.folder / "run", RootTrust(machine.trust, machine.config)

    def addresses() -> str:
        words = ("--config", machine.config, "--trust", machine.trust, "--output", run)
        assert provision(["appliance", "settings", *map(str, words)]) == 0
        return capsys.readouterr().err

    assert "first.example" in addresses()
    machine.order()
    with pytest.raises(UpdateRefusedError, match="not enrolled"):
        machine.install()
    machine.enrol()
    progress = machine.data / "setup.json"
    progress.write_text('{"written": "0"}')
    assert not trust.pin(), "the installer is at it"
    progress.unlink()
    assert "broker.example" in addresses()
    machine.config.write_text('[network]\nservers = ["second.example:443"]\n[usb]\nallowed = ["dead:beef"]\n')
    shutil.rmtree(machine.folder / "station/identity")
    said = addresses()
    assert "first.example" in said
    assert "broker.example" in said
    assert "second.example" not in said
    assert (run / "usb-allowed").read_text() == ""
    machine.config.write_text("nothing of ours")
    assert "first.example" in addresses()


def test_an_identity_that_cannot_be_read_is_not_pinned(machine: Machine) -> None:
    machine.enrol()
    (machine.folder / "station/identity/identity.json").write_text("{}")
    with pytest.raises(ValueError, match=r"identity\.json"):
        RootTrust(machine.trust, machine.config).pin()
    assert not machine.trust.exists()


def test_the_command_says_why_it_refuses(pinned: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--config", pinned.config, "--trust", pinned.trust, "--keyring", pinned.trust / "ca.pem")
    command = ["appliance", "update", "install", *map(str, words), "--compatible", "kortkiosk-test"]
    assert provision(command) == 2
    assert "not signed by the server" in capsys.readouterr().err
    pinned.order()
    assert provision(command) == 0
    assert pinned.installed
    command[2] = "confirm"
    assert provision(command) == 2, "RAUC's service is not there"
