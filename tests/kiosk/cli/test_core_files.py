"""I5: a program that may hold codes leaves no core file behind."""

import resource

import pytest

from kiosk.cli import main


def test_every_command_switches_core_files_off(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the limit was before."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        assert main(["virtual-card", "--list"]) == 0
        assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
    capsys.readouterr()
