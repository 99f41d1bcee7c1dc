"""A NetworkManager that `nmcli` speaks to: a program of that name, with the real one's words, checks and exit statuses (nmcli(1)
1.52). What it was told lies in a file."""

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

_PROGRAM = """\
import ipaddress, json, sys
STORE = {store!r}
with open(STORE) as file:
    state = json.load(file)
words = sys.argv[1:]

def leave(status, text):
    print("Error: " + text, file=sys.stderr)
    sys.exit(status)

if not state["runs"]:
    leave(8, "NetworkManager is not running.")
while words and words[0].startswith("--"):
    option = words.pop(0)
    if option in ("--fields", "--wait"):
        value = words.pop(0)
KNOWN = {{"type", "con-name", "ifname"}}
NAMES = {{"connection.autoconnect", "connection.interface-name"}}
for family in ("ipv4", "ipv6"):
    NAMES |= {{family + "." + name for name in ("method", "addresses", "gateway", "dns")}}

def take(connection, pairs):
    for name, value in zip(pairs[::2], pairs[1::2], strict=True):
        if name not in NAMES:
            leave(2, "invalid property '%s'" % name)
        if name.endswith((".addresses", ".gateway", ".dns")):
            for part in filter(None, value.split(",")):
                found = ipaddress.ip_interface(part)
                if found.version != int(name[3]):
                    leave(2, "failed to modify %s: invalid IP address" % name)
        connection[name] = value
    for family in ("ipv4", "ipv6"):
        if connection.get(family + ".method") == "manual" and not connection.get(family + ".addresses"):
            leave(1, "%s.addresses: this property cannot be empty for 'method=manual'" % family)

if words == ["device"]:
    for name, kind in state["devices"].items():
        print(name + ":" + kind)
elif words == ["connection", "show"]:
    print("\\n".join(state["connections"]))
elif words[:2] == ["connection", "add"]:
    new = dict(zip(words[2:8:2], words[3:9:2], strict=True))
    if set(new) != KNOWN or new["type"] != "ethernet":
        leave(2, "this type is not known")
    connection = {{}}
    take(connection, words[8:])
    state["connections"].setdefault(new["con-name"], []).append(connection)
elif words[:2] in (["connection", "modify"], ["connection", "up"]):
    if words[2] not in state["connections"]:
        leave(10, "unknown connection '%s'." % words[2])
    if words[1] == "modify":
        take(state["connections"][words[2]][0], words[3:])
    elif not state["cable"]:
        leave(4, "Connection activation failed: IP configuration could not be reserved")
    else:
        state["up"].append(words[2])
else:
    leave(2, "argument '%s' not understood" % words[0])
with open(STORE, "w") as file:
    json.dump(state, file)
"""


class FakeNetworkManager:
    """Put first on the path. `devices`: kinds by name."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, devices: dict[str, str]) -> None:
        self._store = folder / "network.json"
        self._tell({"runs": True, "cable": True, "devices": devices, "connections": {}, "up": []})
        program = folder / "nmcli"
        program.write_text(f"#!{sys.executable} -IS\n" + _PROGRAM.format(store=str(self._store)))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    @property
    def connections(self) -> dict[str, list[dict[str, str]]]:
        """Properties of each connection, by name: names may be given twice."""
        return dict(self._state()["connections"])

    @property
    def up(self) -> list[str]:
        return list(self._state()["up"])

    def set(self, **values: bool) -> None:
        """`runs` and `cable`."""
        self._tell({**self._state(), **values})

    def _state(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self._store.read_text())
        return content

    def _tell(self, content: dict[str, Any]) -> None:
        self._store.write_text(json.dumps(content))
