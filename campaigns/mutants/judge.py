"""A judge of mutants: one process in a copy of the project that has every library loaded, and forks for each run of the tests.

Run in the copy's root; reads requests as lines of JSON (`tests`: arguments of pytest; `limit_s`), answers each with
one line: `verdict` (passed, killed, time-out) and `test`, the first that failed.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

_LOG = Path("judged.log")
_PIPE_CLOSED = b""
_NOT_BEFORE = ("_pytest", "pytest", "xdist", "hypothesis", "_hypothesis", "kivy", "anyio.pytest")
"""Plugins that pytest loads itself, and what opens windows."""


class _First:
    """Notes the first test that fails, or the file that cannot be read."""

    test = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.failed:
            self.test = self.test or report.nodeid


def run(tests: list[str], limit_s: float) -> dict[str, Any]:
    """Verdict of one run in a process of its own, and the libraries that it loaded."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _run_here(tests, writer)
    os.close(writer)
    try:
        return _answer(child, reader, time.monotonic() + limit_s)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)


def _answer(child: int, reader: int, end: float) -> dict[str, Any]:
    os.set_blocking(reader, False)
    answer = b""
    while time.monotonic() < end:
        try:
            part = os.read(reader, 1 << 16)
        except BlockingIOError:
            time.sleep(0.02)
            continue
        if part == _PIPE_CLOSED:
            return json.loads(answer) if answer else {"verdict": "killed", "test": "the process ended"}
        answer += part
    return {"verdict": "time-out", "test": ""}


def _run_here(tests: list[str], writer: int) -> None:
    os.setsid()
    log = os.open(_LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    first = _First()
    code = pytest.main(["-x", "-q", "-n0", "--tb=short", "-p", "no:cacheprovider", *tests], plugins=[first])
    verdict = "passed" if code == pytest.ExitCode.OK else "killed"
    libraries = [
        name for name, module in sys.modules.items() if "site-packages" in str(getattr(module, "__file__", ""))
    ]
    answer = {"verdict": verdict, "test": first.test, "libraries": libraries}
    os.write(writer, json.dumps(answer).encode())
    os._exit(0)


def load(libraries: list[str]) -> None:
    """Import what a first run loaded, so that each further run finds it there."""
    for name in libraries:
        if not name.startswith(_NOT_BEFORE):
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def main() -> None:
    """Answer until the input ends. The first run writes compiled files; runs of mutants leave none."""
    for line in sys.stdin:
        request = json.loads(line)
        answer = run(request["tests"], request["limit_s"])
        load(answer.pop("libraries", []))
        sys.dont_write_bytecode = True
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
