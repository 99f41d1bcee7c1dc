"""A root with the programs, and the appliance laid out in it."""

from pathlib import Path

import pytest

from provisioning.appliance.layout import PROGRAMS, write_appliance


def add_programs(root: Path) -> None:
    """The programs as an image has them, at their places."""
    programs = root / PROGRAMS.relative_to("/")
    programs.mkdir(parents=True)
    for name in ("kortkiosk", "kortkiosk-provision", "kortkiosk-slots"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Laid out twice: the second time changes nothing."""
    root = tmp_path_factory.mktemp("root")
    add_programs(root)
    assert write_appliance(root) == write_appliance(root)
    return root
