"""Resumable build steps: each writes a folder of its own and is made again only when what it is made from has changed.

Rules: a step is made in a folder beside its own, which takes its place in one move; so a step that was cut off is not there. Its
stamp is a SHA-256 over its inputs and the stamps of the steps that it reads.

    built = Steps(Path("build/image/amd64/steps"))
    root = built.make("root", [packages, sources], lambda folder: debootstrap(folder))
    disk = built.make("disk", [layout, root.stamp], lambda folder: generate(folder, root.folder))
"""

import hashlib
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

STAMP = ".stamp"


@dataclass(frozen=True)
class Built:
    """A step that is done: where its files are, and the digest of all that they were made from."""

    folder: Path
    stamp: str


@dataclass(frozen=True)
class Steps:
    """The steps of one build, below one folder. `say` tells what is made and how long it took."""

    root: Path
    say: Callable[[str], None] = print
    clock: Callable[[], float] = time.monotonic

    def make(self, name: str, inputs: Iterable[str], work: Callable[[Path], None]) -> Built:
        """The step, made unless it is there from the same inputs. Raises what `work` raises, and then keeps nothing."""
        folder = self.root / name
        stamp = digest_of(inputs)
        if (folder / STAMP).is_file() and (folder / STAMP).read_text("ascii") == stamp:
            self.say(f"{name}: as it was")
            return Built(folder, stamp)
        part = self.root / f"{name}.part"
        _remove(part)
        part.mkdir(parents=True)
        begin = self.clock()
        work(part)
        (part / STAMP).write_text(stamp, "ascii")
        _remove(folder)
        part.rename(folder)
        self.say(f"{name}: made in {self.clock() - begin:.0f} s")
        return Built(folder, stamp)


def digest_of(inputs: Iterable[str]) -> str:
    """The SHA-256 over texts, each with its length, so that no two lists give the same."""
    digest = hashlib.sha256()
    for text in inputs:
        digest.update(f"{len(text.encode())}:".encode() + text.encode())
    return digest.hexdigest()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of_tree(folder: Path) -> str:
    """One SHA-256 over the names, modes and contents of all files below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return digest_of(f"{path.relative_to(folder)} {path.stat().st_mode:o} {sha256_of(path)}" for path in files)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
