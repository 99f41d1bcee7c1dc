"""Releases: which commit each one is, and its wheels built from that commit again.

`docs/releases.toml` names the commits: a tag may be lost on the way, a commit in the history of `main` is not.
`python -m scripts.releases VERSION [FOLDER]` builds the three wheels of a release into FOLDER (build/releases/VERSION/wheels),
with their digests in `SHA256SUMS`. What is built twice is the same byte for byte.
"""

import configparser
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIST = ROOT / "docs/releases.toml"
BUILD = ROOT / "build/releases"
WHEELS = (".", "sim", "drivers/reader")
"""Folders of what is released; each `setup.cfg` has the version."""


class ReleaseError(Exception):
    """A release is not listed, or its commit is not what the list says."""


@dataclass(frozen=True, slots=True)
class Release:
    """A version, and the whole name of its commit."""

    version: str
    commit: str


def releases() -> list[Release]:
    """All, the first one first; none before the first release. Raises ReleaseError."""
    if not LIST.exists():
        return []
    listed = [
        Release(str(row["version"]), str(row["commit"])) for row in tomllib.loads(LIST.read_text("utf-8"))["release"]
    ]
    if wrong := [entry.version for entry in listed if not re.fullmatch("[0-9a-f]{40}", entry.commit)]:
        raise ReleaseError(f"{LIST.name}: {wrong[0]}: `commit` is the whole name of a commit, 40 hexadecimal digits")
    return listed


def release(version: str) -> Release:
    """The release of this version. Raises ReleaseError."""
    for entry in (listed := releases()):
        if entry.version == version:
            return entry
    raise ReleaseError(
        f"no release {version} in docs/{LIST.name}; there are: {', '.join(r.version for r in listed) or 'none'}"
    )


def tree(of: Release) -> Path:
    """The release's files in `build/releases/VERSION/tree`, fetched from the history once. Raises ReleaseError."""
    folder = BUILD / of.version / "tree"
    made = folder.with_name("tree.commit")
    if made.exists() and made.read_text() == of.commit:
        return folder
    archive = subprocess.run(["git", "archive", "--format=tar", of.commit], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        raise ReleaseError(f"release {of.version}: commit {of.commit} is not in this clone: fetch the history of main")
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    for place in WHEELS:
        settings = configparser.ConfigParser()
        settings.read(folder / place / "setup.cfg", "utf-8")
        if (stated_version := settings.get("metadata", "version", fallback="none")) != of.version:
            raise ReleaseError(
                f"release {of.version}: {place}/setup.cfg of commit {of.commit} has version {stated_version}"
            )
    made.write_text(of.commit)
    return folder


def build_wheels(of: Release, folder: Path) -> list[Path]:
    """The release's wheels, and `SHA256SUMS` beside them in `folder`. Raises ReleaseError, CalledProcessError."""
    source, copy = tree(of), BUILD / of.version / "sources"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(source, copy)  # a build leaves files behind
    for place in WHEELS[1:]:
        shutil.copy(copy / "LICENSE", copy / place / "LICENSE")
    when = subprocess.run(
        ["git", "show", "--no-patch", "--format=%ct", of.commit], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "wheel", "--no-deps", "--no-build-isolation",
         "--wheel-dir", folder, *(copy / place for place in WHEELS)],
        check=True, env={**os.environ, "SOURCE_DATE_EPOCH": when, "PIP_NO_CACHE_DIR": "1"},
    )  # fmt: skip
    shutil.rmtree(copy)
    wheels = sorted(folder.glob(f"*-{of.version}-*.whl"))
    sums = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in wheels)
    (folder / "SHA256SUMS").write_text("".join(sums))
    return wheels


def main(words: list[str]) -> int:
    """Build the wheels of a release. Returns the exit code."""
    if not 1 <= len(words) <= 2:
        print("usage: python -m scripts.releases VERSION [FOLDER]", file=sys.stderr)
        return 2
    try:
        for path in build_wheels(release(words[0]), Path(words[1]) if words[1:] else BUILD / words[0] / "wheels"):
            print(path)
    except (ReleaseError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
