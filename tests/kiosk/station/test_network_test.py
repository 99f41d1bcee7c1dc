"""What a test of the network tells: against files as the kernel writes them, and a server that is there or not."""

import socket
from pathlib import Path

from kiosk.station import network_test as module


def test_a_server_that_answers_is_reached_each_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        *_, name, connections = module.check_network("127.0.0.1", port)
    assert name.startswith("name 127.0.0.1: 127.0.0.1 in ")
    assert connections.startswith(f"connections to 127.0.0.1:{port}: 5 of 5, ")


def test_a_name_that_nobody_knows_is_said() -> None:
    *_, name, connections = module.check_network("no-such-host.invalid", 8883)
    assert name.startswith("name no-such-host.invalid: gaierror ")
    assert "0 of 5, failed:" in connections


def test_interfaces_gateway_and_names_are_read_as_the_kernel_writes_them(tmp_path: Path) -> None:
    (tmp_path / "net/eth0/statistics").mkdir(parents=True)
    (tmp_path / "net/lo").mkdir()
    for name, value in {"operstate": "up", "carrier_changes": "7", "speed": "100", "statistics/rx_errors": "3"}.items():
        (tmp_path / "net/eth0" / name).write_text(f"{value}\n")
    (tmp_path / "route").write_text(
        "Iface\tDestination\tGateway\tFlags\neth0\t00000000\t0104A8C0\t0003\neth0\t0004A8C0\t00000000\t0001\n"
    )
    (tmp_path / "resolv").write_text("# by hand\nnameserver 192.0.2.53\n")
    assert module.interfaces(tmp_path / "net") == [
        "interface eth0: up, carrier_changes 7, speed 100, rx_errors 3, tx_errors , rx_dropped "
    ]
    assert module.gateways(tmp_path / "route") == ["gateway 192.168.4.1 by eth0"]
    assert module.gateways(tmp_path / "none") == ["gateway of IPv4: none"]
    assert module.nameservers(tmp_path / "resolv") == ["nameserver 192.0.2.53"]
    assert module.nameservers(tmp_path / "none") == ["nameserver: none"]
