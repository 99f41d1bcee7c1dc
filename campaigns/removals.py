"""Planted removals: defences that are taken out one at a time in a copy of the tree, and whether attacks alone notice.

`tests/attacks/removals.toml` has the table: a defence, where it stands, and the attack that is to fail without it. The
whole that is attacked is started once, its server anew for each; without `--all` a seeded sample is tried.

    python -m campaigns.removals [--count 6] [--seed 1] [--all] [NAME ...]
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tests.attacks.running.world import World, started

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "tests/attacks/removals.toml"
LIMIT_S = 600


@dataclass(frozen=True)
class Removal:
    """One defence, and what stands in its place."""

    name: str
    file: str
    old: str
    new: str
    attack: str
    """A function of `tests.attacks` that takes the running whole and `values`, or what pytest is told."""
    values: tuple[object, ...] = ()

    def planted(self, text: str) -> str:
        """The file without the defence. Raises ValueError where it is not there once."""
        if text.count(self.old) != 1:
            raise ValueError(
                f"{self.name}: {self.file} has its text {text.count(self.old)} times: bring {TABLE.name} up to date"
            )
        return text.replace(self.old, self.new)


def removals() -> list[Removal]:
    """The table."""
    return [Removal(**row) for row in tomllib.loads(TABLE.read_text("utf-8"))["removal"]]


def copy_tree(into: Path) -> None:
    """Copy what git knows of, as it lies here."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if not name.startswith("docs/") and (ROOT / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, into / name)


def succeeds(world: World, removal: Removal, tree: Path) -> str:
    """Return how the attack succeeds on the server of that tree, in a line; empty where it is refused."""
    if "::" in removal.attack or removal.attack.endswith(".py"):
        return _succeeds_in_parts(removal, tree)
    module, _, name = removal.attack.rpartition(".")
    try:
        getattr(import_module(f"tests.attacks.{module}"), name)(world, *removal.values)
    except AssertionError as error:
        return f"{name}: {str(error).splitlines()[0][:60] if str(error) else 'it succeeded'}"
    return ""


def _succeeds_in_parts(removal: Removal, tree: Path) -> str:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-qxn0",
        "-p",
        "no:cacheprovider",
        "--attacks",
        f"tests/attacks/{removal.attack}",
    ]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=LIMIT_S)
    succeeded = [line for line in done.stdout.splitlines() if line.startswith("SUCCEEDED")]
    if done.returncode not in (0, 1) or bool(succeeded) != bool(done.returncode):
        raise SystemExit(f"{removal.name}: {removal.attack} did not run\n{done.stdout[-2000:]}{done.stderr[-500:]}")
    return " ".join(succeeded[0].split()[1:]) if succeeded else ""


def judge(world: World, removal: Removal, tree: Path) -> str:
    """Return what came of taking that defence out."""
    file = tree / removal.file
    whole = file.read_text("utf-8")
    file.write_text(removal.planted(whole), "utf-8")
    try:
        world.serve_again(tree)
        success = succeeds(world, removal, tree)
    finally:
        file.write_text(whole, "utf-8")
    return f"{'noticed' if success else 'SURVIVED':<8} {removal.name:<52} {success or removal.attack}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Take defences out, and see whether attacks notice.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="beginnings of names")
    parser.add_argument("--count", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args(arguments)
    chosen = removals()
    if options.names:
        chosen = [candidate for candidate in chosen if candidate.name.startswith(tuple(options.names))]
    elif not options.all:
        chosen = random.Random(options.seed).sample(chosen, min(options.count, len(chosen)))
    verdicts = []
    with ExitStack() as parts:
        tree, folder = (Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="kk-"))) for _ in range(2))
        copy_tree(tree)
        world = parts.enter_context(started(folder, holders=260))
        for removal in chosen:
            if success := succeeds(world, removal, ROOT):
                raise SystemExit(f"{removal.name}: {success}, with the defence too")
        for removal in chosen:
            verdicts.append(judge(world, removal, tree))
            print(verdicts[-1], flush=True)
    noticed = sum(line.startswith("noticed") for line in verdicts)
    print(f"{noticed} of {len(chosen)} were noticed by attacks alone")
    return 0 if noticed == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
