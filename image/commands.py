"""Programs that a build runs, each named when it fails."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

LAST_LINES = 60
DEBIAN_FIRST = f"/usr/sbin:/usr/bin:{os.environ.get('PATH', '')}"
"""Debian's own programs, some of which take the first python3 of the path for Debian's."""


class CommandError(Exception):
    """A program failed. The text has its name, exit code and last lines."""


def run(
    *command: str | Path, env: Mapping[str, str] | None = None, stdin: str | None = None, cwd: Path | None = None
) -> str:
    """Run a program to its end and return what it printed. Raises CommandError."""
    argv = [str(word) for word in command]
    try:
        done = subprocess.run(
            argv,
            env={**os.environ, "PATH": DEBIAN_FIRST, **(env or {})},
            input=stdin,
            cwd=cwd,
            text=True,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        raise CommandError(f"{argv[0]} is not there: make image-tools installs what an image is built with") from None
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-LAST_LINES:])
        raise CommandError(f"{' '.join(argv)}\nended with {done.returncode}:\n{last}")
    return done.stdout
