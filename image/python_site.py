"""Python packages of a station, for its machine: unpacked from the lock, without an environment and without emulation.

Rules: what the lock names has wheels, but for `SOURCE_ONLY`, which are compiled here from the same lock. Modules are compiled
to be believed without a look at their source, whose times an image does not keep. Nothing names the folder that it was built in.
"""

import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from image.commands import run

SOURCE_ONLY = ("evdev", "pyscard")
PYTHON = (3, 13)
GLIBC_MINOR = 41  # Debian 13
FIXED = {"CFLAGS": "-g0", "SOURCE_DATE_EPOCH": "315532800"}
"""No folder of this machine in what is compiled, and no time of today (ZIP begins in 1980)."""
PROGRAMS = {
    "kortkiosk": "kiosk.cli",
    "kortkiosk-provision": "provisioning.cli",
    "kortkiosk-slots": "provisioning.updates.slots",
}
LAUNCHERS = "../../bin/"
"""How a package's record names the programs that pip made for it."""
SHIPPED = ("kiosk", "drivers", "provisioning", "fleet")


class PythonVersionError(Exception):
    """The interpreter that builds is not the one of the image."""


@dataclass(frozen=True)
class Target:
    """The machine that the packages are for: as pip names it, and what its C compiler wants to be told."""

    machine: str
    compiler: dict[str, str] = field(default_factory=dict)


def native() -> Target:
    """A machine like the one that builds: x86_64."""
    return Target("x86_64")


def aarch64(root: Path) -> Target:
    """A Raspberry Pi. `root`: where Debian's headers and libraries for it lie, of PC/SC and of Python."""
    compiler = f"aarch64-linux-gnu-gcc --sysroot={root}"
    headers = (root / "usr/include/PCSC", root / "usr/include/python3.13")
    return Target("aarch64", {
        "_PYTHON_HOST_PLATFORM": "linux-aarch64",
        "_PYTHON_SYSCONFIGDATA_NAME": "_sysconfigdata__aarch64-linux-gnu",
        "PYTHONPATH": str(root / "usr/lib/python3.13"),
        "CC": compiler,
        "LDSHARED": f"{compiler} -shared",
        "CFLAGS": " ".join((FIXED["CFLAGS"], *(f"-I{folder}" for folder in headers))),
    })  # fmt: skip


def split_lock(lock: str) -> tuple[str, str]:
    """A lock's entries as two: those that have wheels, and those that are compiled here.

    >>> split_lock("a==1 \\\\\\n    --hash=sha256:0\\nevdev==2 \\\\\\n    --hash=sha256:1\\n")[1]
    'evdev==2 \\\\\\n    --hash=sha256:1\\n'
    """
    wheels: list[str] = []
    sources: list[str] = []
    for entry in re.split(r"(?m)^(?=[A-Za-z0-9])", lock):
        name = re.match(r"[A-Za-z0-9._-]+", entry)
        if name:
            (sources if name[0] in SOURCE_ONLY else wheels).append(entry)
    return "".join(wheels), "".join(sources)


def install_packages(lock: str, target: Target, folder: Path) -> None:
    """The packages of a lock into `folder/site`. Raises CommandError, PythonVersionError, OSError."""
    _check_interpreter()
    wheels, sources = split_lock(lock)
    (folder / "wheels.txt").write_text(wheels, "utf-8")
    (folder / "sources.txt").write_text(sources, "utf-8")
    built = folder / "built"
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-binary", ":all:", "--require-hashes", "--wheel-dir", built,
        "--requirement", folder / "sources.txt", env={**FIXED, **target.compiler})  # fmt: skip
    tags = [f"manylinux_2_{minor}_{target.machine}" for minor in range(GLIBC_MINOR, 4, -1)]
    tags += [f"{tag}_{target.machine}" for tag in ("manylinux2014", "manylinux2010", "manylinux1")]
    place: list[str | Path] = ["--target", folder / "site", "--no-deps", "--no-compile"]
    platform = [word for tag in tags for word in ("--platform", tag)]
    pip("install", *place, *platform, "--implementation", "cp", "--python-version", "3.13", "--only-binary", ":all:",
        "--require-hashes", "--requirement", folder / "wheels.txt")  # fmt: skip
    unpack_wheels(sorted(built.glob("*.whl")), folder / "site")


def build_wheel(project: Path, folder: Path, epoch: int) -> Path:
    """Our own wheel, from the files that git keeps. Raises CommandError."""
    source = folder / "source"
    source.mkdir()
    kept = run(
        "git",
        "ls-files",
        "-z",
        "--",
        *SHIPPED,
        "setup.cfg",
        "setup.py",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        cwd=project,
    )
    run("cp", "--parents", "--target-directory", source, *kept.rstrip("\0").split("\0"), cwd=project)
    pip(
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        folder,
        source,
        env={"SOURCE_DATE_EPOCH": str(epoch)},
    )
    return next(folder.glob("*.whl"))


def unpack_wheels(wheels: list[Path], site: Path) -> None:
    """Wheels beside what is in `site`. Raises CommandError."""
    for wheel in wheels:
        run(sys.executable, "-m", "zipfile", "-e", wheel, site)


def drop_launchers(site: Path) -> None:
    """Without the programs that packages bring, and without their lines in the packages' records: those name the interpreter
    that built the image, and so the folder that it was built in. Raises OSError."""
    shutil.rmtree(site / "bin", ignore_errors=True)
    for record in site.glob("*.dist-info/RECORD"):
        lines = record.read_text("utf-8").splitlines(keepends=True)
        record.write_text("".join(line for line in lines if not line.startswith(LAUNCHERS)), "utf-8")


def compile_modules(site: Path, inside: str) -> None:
    """Compile all modules of `site` as if it lay at `inside`. What a package ships that does not compile is left out."""
    run("sh", "-c", '"$@" || true', "sh", sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash",
        "-s", site, "-p", inside, site, env={"PYTHONHASHSEED": "0"})  # fmt: skip


def write_programs(folder: Path) -> None:
    """The programs' launchers. Raises OSError."""
    folder.mkdir(parents=True)
    for name, module in PROGRAMS.items():
        text = f"#!/usr/bin/python3\nimport sys\n\nfrom {module} import main\n\nsys.exit(main())\n"
        (folder / name).write_text(text, "utf-8")
        (folder / name).chmod(0o755)


def pip(*words: str | Path, env: dict[str, str] | None = None) -> None:
    """Raises CommandError."""
    run(sys.executable, "-m", "pip", words[0], "--quiet", "--disable-pip-version-check", *words[1:], env=env)


def _check_interpreter() -> None:
    if sys.version_info[:2] != PYTHON:
        raise PythonVersionError("the image's Python is 3.13: build it with one (make clean setup PYTHON=python3.13)")
