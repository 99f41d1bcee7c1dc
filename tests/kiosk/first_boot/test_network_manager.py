"""The wired network by NetworkManager: one connection however often it is set up, and words where it cannot be."""

from pathlib import Path

import pytest

from kiosk.first_boot.network_manager import CONNECTION, NetworkError, NmcliNetwork
from kiosk.first_boot.plan import WiredSection
from tests.fakes.machine.nmcli import FakeNetworkManager

STATIC = WiredSection(
    method="static", address="192.0.2.10/24", gateway="192.0.2.1", dns=("192.0.2.53", "192.0.2.54")
)  # fmt: skip


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNetworkManager:
    return FakeNetworkManager(tmp_path, monkeypatch, {"lo": "loopback", "enp1s0": "ethernet", "wlan0": "wifi"})


def test_a_static_address_then_dhcp_leaves_one_connection_and_nothing_of_the_address(
    manager: FakeNetworkManager,
) -> None:
    assert NmcliNetwork().apply(STATIC) == "enp1s0"
    (connection,) = manager.connections[CONNECTION]
    assert connection == {
        "connection.autoconnect": "yes", "connection.interface-name": "enp1s0",
        "ipv4.method": "manual", "ipv4.addresses": "192.0.2.10/24", "ipv4.gateway": "192.0.2.1",
        "ipv4.dns": "192.0.2.53,192.0.2.54",
        "ipv6.method": "auto", "ipv6.addresses": "", "ipv6.gateway": "", "ipv6.dns": "",
    }  # fmt: skip
    NmcliNetwork().apply(WiredSection(method="dhcp"))
    (connection,) = manager.connections[CONNECTION]
    left = {name: value for name, value in connection.items() if name.startswith("ipv4")}
    assert left == {"ipv4.method": "auto", "ipv4.addresses": "", "ipv4.gateway": "", "ipv4.dns": ""}
    assert manager.up == [CONNECTION] * 2


def test_what_keeps_the_network_from_being_set_up_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manager: FakeNetworkManager
) -> None:
    manager.set(cable=False)
    assert refusal(STATIC) == (
        "refused",
        "NetworkManager: Connection activation failed: IP configuration could not be reserved",
    )
    manager.set(runs=False)
    assert refusal(STATIC)[0] == "absent"
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert refusal(STATIC) == ("absent", "there is no NetworkManager on this machine")


def test_where_there_are_two_interfaces_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = FakeNetworkManager(tmp_path, monkeypatch, {"end0": "ethernet", "enx1": "ethernet"})
    assert refusal(STATIC) == ("which_interface", "name the interface in the file: end0, enx1")
    assert NmcliNetwork().apply(STATIC.model_copy(update={"interface": "enx1"})) == "enx1"
    assert [one["connection.interface-name"] for one in manager.connections[CONNECTION]] == ["enx1"]
    FakeNetworkManager(tmp_path, monkeypatch, {"wlan0": "wifi"})
    assert refusal(STATIC)[0] == "no_interface"


def refusal(wired: WiredSection) -> tuple[str, str]:
    with pytest.raises(NetworkError) as caught:
        NmcliNetwork().apply(wired)
    return caught.value.code, str(caught.value)
