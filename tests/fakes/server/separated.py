"""The server and its verifier as two users of this machine, as their units run them: for tests that are root.

Debian has users that own nothing of ours: `daemon` stands for the server's, `nobody` for the verifier's, `games` for a
stranger's. The folders are as docs/operations.md says.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioning.authority import Authority
from provisioning.exporting import export_server, export_verifier
from sim.stories.patience import LIMIT_S

SERVER, VERIFIER, STRANGER = "daemon", "nobody", "games"
PROGRAM = (sys.executable, "-m", "fleet.server.cli")


def run_as(user: str, *command: str) -> "subprocess.CompletedProcess[bytes]":
    """A program of that user, with no group but the user's own."""
    return subprocess.run(
        command, user=user, group=pwd.getpwnam(user).pw_gid, extra_groups=[], capture_output=True, timeout=LIMIT_S
    )


def need_users() -> None:
    """Skip where this is not root, or where other users do not reach the program."""
    if os.geteuid() != 0:
        pytest.skip("only root has processes of several users")
    if run_as(VERIFIER, *PROGRAM, "--help").returncode != 0:
        pytest.skip("other users do not reach this copy of the program")


@dataclass
class Separated:
    """Folders of both, and what runs."""

    folder: Path
    running: "list[subprocess.Popen[str]]" = field(default_factory=list)

    @property
    def authority(self) -> Path:
        return self.folder / "authority"

    @property
    def keys(self) -> Path:
        return self.folder / "verifier-keys"

    @property
    def socket(self) -> Path:
        return self.folder / "verifier-run" / "socket"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Started by root. It has said its first line."""
        process = subprocess.Popen(
            [*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/"
        )
        self.running.append(process)
        assert process.stdout is not None
        if not process.stdout.readline().startswith("ready"):
            assert process.stderr is not None
            raise AssertionError(process.stderr.read())
        return process

    def verifier(self) -> "subprocess.Popen[str]":
        """As its unit runs it."""
        return self.start(
            "verifier", "--user", VERIFIER, "--socket", str(self.socket), "--keys", str(self.keys),
            "--data", str(self.folder / "verifier-data"), "--peer", SERVER,
        )  # fmt: skip

    def serve(self) -> "subprocess.Popen[str]":
        """As its unit runs it."""
        return self.start(
            "serve", "--init", "--user", SERVER, "--verifier", str(self.socket), "--data", str(self.data),
            "--authority", str(self.authority), "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0",
        )  # fmt: skip

    def end(self) -> None:
        for process in reversed(self.running):
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=LIMIT_S)


@contextmanager
def separated() -> Iterator[Separated]:
    """A fleet's folders, each its user's own. What was started has ended after it."""
    folder = Path(tempfile.mkdtemp(prefix="kortkiosk-separated-"))
    folder.chmod(0o711)
    parts = Separated(folder)
    try:
        made = Authority.init(folder / "offline", [], datetime.now(UTC))
        export_server(made, parts.authority, SERVER)
        export_verifier(made, parts.keys, VERIFIER)
        for place in (parts.socket.parent, folder / "verifier-data"):
            place.mkdir(mode=0o711)
            shutil.chown(place, VERIFIER)
        yield parts
    finally:
        parts.end()
        shutil.rmtree(folder)


def uid_of(process: "subprocess.Popen[str]") -> int:
    """The user that a process has now, as the kernel says it."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("Uid:")).split()[2])
