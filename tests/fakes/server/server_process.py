"""The fleet server as a process of its own, which a test may kill and start again."""

import json
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from fleet.server.process.addresses import Address
from sim.stories.patience import LIMIT_S


@dataclass
class Serving:
    """`kortkiosk-fleet serve` as a process of its own, on ports that stay the same."""

    data: Path
    authority: Path
    mqtt: Address
    options: tuple[str, ...] = ()
    process: subprocess.Popen[str] | None = None
    ready: dict[str, object] = field(default_factory=dict)

    def start(self) -> None:
        command = [sys.executable, "-m", "fleet.server.cli", "serve", "--json", "--unseparated", "--init"]
        places = [
            "--http",
            "127.0.0.1:0",
            "--data",
            str(self.data),
            "--authority",
            str(self.authority),
            "--mqtt",
            str(self.mqtt),
        ]
        self.process = subprocess.Popen([*command, *places, *self.options], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.ready = json.loads(self.process.stdout.readline())
        assert self.ready["ready"] is True

    def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.send_signal(how)
        code = self.process.wait(LIMIT_S)
        self.process.stdout.close()
        return code
