"""NetworkManager, by its `nmcli`: the one wired connection of a station.

Rules: the connection has a name of its own and is changed, not added again. Only Ethernet is set up; Wi-Fi is not.
"""

import shutil
import subprocess
from typing import Protocol

from kiosk.first_boot.plan import WiredSection

CONNECTION = "kortkiosk"
UP_S = 60
"""Seconds that an address is waited for."""
NOT_RUNNING = 8
"""How `nmcli` ends where NetworkManager does not run (nmcli(1), exit status)."""


class NetworkError(Exception):
    """The network cannot be set up. `code`: `absent` (no NetworkManager runs here), `no_interface`, `which_interface` or
    `refused`. The text is for an installer."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Network(Protocol):
    """Service that sets up the machine's wired network."""

    def interfaces(self) -> tuple[str, ...]:
        """Names of the wired interfaces. Raises NetworkError."""

    def apply(self, wired: WiredSection) -> str:
        """Set it up and bring it up; gives the interface's name. Raises NetworkError."""


class NmcliNetwork:
    """See the module. Implements `Network`."""

    def apply(self, wired: WiredSection) -> str:
        interface = wired.interface or self._only_interface()
        properties = ["connection.autoconnect", "yes", "connection.interface-name", interface, *_addresses(wired)]
        if CONNECTION in self._nmcli("--terse", "--fields", "NAME", "connection", "show").splitlines():
            self._nmcli("connection", "modify", CONNECTION, *properties)
        else:
            new = ["type", "ethernet", "con-name", CONNECTION, "ifname", interface]
            self._nmcli("connection", "add", *new, *properties)
        self._nmcli("--wait", str(UP_S), "connection", "up", CONNECTION)
        return interface

    def _only_interface(self) -> str:
        """The wired interface. Where there are two it has to be named."""
        wired = self.interfaces()
        if not wired:
            raise NetworkError("no_interface", "this machine has no wired network: look for adapter and driver")
        if len(wired) > 1:
            raise NetworkError("which_interface", f"name the interface in the file: {', '.join(wired)}")
        return wired[0]

    def interfaces(self) -> tuple[str, ...]:
        rows = [row.split(":") for row in self._nmcli("--terse", "--fields", "DEVICE,TYPE", "device").splitlines()]
        return tuple(sorted(name for name, kind in (row[:2] for row in rows if len(row) == 2) if kind == "ethernet"))

    def _nmcli(self, *words: str) -> str:
        """Run `nmcli` and return its output. Raises NetworkError."""
        program = shutil.which("nmcli")
        if program is None:
            raise NetworkError("absent", "there is no NetworkManager on this machine")
        done = subprocess.run([program, *words], capture_output=True, text=True, check=False)  # noqa: S603 - no shell; each word was validated
        if done.returncode == NOT_RUNNING:
            raise NetworkError("absent", "NetworkManager does not run on this machine")
        if done.returncode != 0:
            text = done.stderr.strip().removeprefix("Error: ") or f"it ended with {done.returncode}"
            raise NetworkError("refused", f"NetworkManager: {text}")
        return done.stdout


def _addresses(wired: WiredSection) -> list[str]:
    """Of both families, so that nothing stays of what was set before."""
    words: list[str] = []
    for version in (4, 6):
        family, is_meant = f"ipv{version}", wired.method == "static" and wired.version == version
        values = (wired.address, wired.gateway, ",".join(wired.dns)) if is_meant else ("", "", "")
        words += [f"{family}.method", "manual" if is_meant else "auto"]
        for name, value in zip(("addresses", "gateway", "dns"), values, strict=True):
            words += [f"{family}.{name}", value]
    return words
