"""QEMU machine protocol: one command, one answer, over a Unix socket; events in between are dropped, but for those at the end."""

import json
import socket
from pathlib import Path
from typing import Any


class QmpError(Exception):
    """QEMU refused a command."""


class Qmp:
    """The monitor of one emulated machine."""

    def __init__(self, path: Path) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(str(path))
        self._lines = self._connection.makefile("r", encoding="utf-8")
        json.loads(self._lines.readline())
        self.command("qmp_capabilities")

    def command(self, name: str, **arguments: object) -> Any:
        """Run a command and return its answer. Raises QmpError, OSError."""
        self._connection.sendall(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        while line := self._lines.readline():
            said = json.loads(line)
            if "error" in said:
                raise QmpError(f"{name}: {said['error']['desc']}")
            if "return" in said:
                return said["return"]
        raise QmpError(f"{name}: the machine is gone")

    def events_until_the_end(self) -> list[str]:
        """The names of what happens from now on, until the machine is gone. Raises TimeoutError."""
        return [json.loads(line).get("event", "") for line in self._lines]

    def close(self) -> None:
        self._lines.close()
        self._connection.close()
