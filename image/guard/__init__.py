"""Root guard: a program of the initial RAM disk that stops a machine whose root differs from its hashes, and says so.

It is compiled for the image's machine and comes as an archive of its own behind the initial RAM disk. Its unit is in the root
too, or the system that takes over would not know it and end it. Before it begins, the unit counts the starts of the slot.
"""

import os
from pathlib import Path

from image.commands import run
from provisioning.appliance.layout import Machine

HERE = Path(__file__).parent
COMPILERS: dict[Machine, str] = {"amd64": "x86_64-linux-gnu-gcc", "arm64": "aarch64-linux-gnu-gcc"}
PROGRAM = "usr/lib/kortkiosk/guard"
COUNTER = "usr/lib/kortkiosk/count-start"
UNITS = "etc/systemd/system"
UNIT = "kortkiosk-guard.service"
UNIT_FILE = HERE.parent / "root/usr/lib/systemd/system" / UNIT


def make_archive(architecture: Machine, folder: Path, epoch: int) -> Path:
    """The archive, in `folder`. `epoch`: Unix seconds of every file. Raises CommandError, OSError."""
    tree = folder / "guard"
    for part in (PROGRAM, f"{UNITS}/sysinit.target.wants/x"):
        (tree / part).parent.mkdir(parents=True)
    run(COMPILERS[architecture], "-static", "-Os", "-s", "-o", tree / PROGRAM, HERE / "guard.c")
    (tree / COUNTER).write_bytes((HERE / "count-start").read_bytes())
    (tree / UNITS / UNIT).write_bytes(UNIT_FILE.read_bytes())
    (tree / UNITS / "sysinit.target.wants" / UNIT).symlink_to(f"/{UNITS}/{UNIT}")
    names = sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*"))
    for name in names:
        os.utime(tree / name, (epoch, epoch), follow_symlinks=False)
        if not (tree / name).is_symlink():
            (tree / name).chmod(0o644 if name.endswith(UNIT) else 0o755)
    archive = folder / "guard.cpio"
    run("cpio", "--quiet", "--create", "--format=newc", "--reproducible", "--owner=0:0", f"--file={archive.resolve()}",
        cwd=tree, stdin="".join(f"{name}\n" for name in names))  # fmt: skip
    return archive
