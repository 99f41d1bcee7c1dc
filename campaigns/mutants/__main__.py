"""The run of `make mutants`: which mutants of which file no test notices.

For each module a sample of mutants (the same for the same seed), each judged by the tests that `modules.toml` names,
which stop at the first failure; a time-out is a mutant killed. The working tree is never touched: mutants stand in
copies under `build/mutants`. What was judged is kept there, so a run that was cut off goes on: a kill stands while the
mutant and the test that killed it are the same, a survival while all the tests are.

    python -m campaigns.mutants [MODULE ...] [--sample 60] [--seed 1] [--processes 2]
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import queue
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/mutants"
TOOLS = BUILD / "tools/bin/python"
_FIRST_RUN_S = 900.0


@dataclass(frozen=True)
class Module:
    """Files that are mutated together, the tests that judge them, and the share of mutants that has to be killed."""

    name: str
    goal: int
    files: tuple[str, ...]
    tests: tuple[str, ...]
    only: str = ""
    """An expression of pytest's `-k`: tests that are too slow to judge are left out."""
    options: tuple[str, ...] = ()
    """More for pytest."""

    @property
    def arguments(self) -> list[str]:
        """Arguments that pytest is given."""
        return [*self.tests, *(["-k", self.only] if self.only else []), *self.options]


@dataclass(frozen=True)
class Mutant:
    """One changed file."""

    module: Module
    file: str
    line: int
    was: str
    now: str
    text: str = field(repr=False)


@dataclass(frozen=True)
class Verdict:
    """Verdict on a mutant: `killed`, `time-out` or `passed`, and the test that killed it."""

    mutant: Mutant
    said: str
    test: str


def modules() -> dict[str, Module]:
    """The modules of `modules.toml` by name."""
    rows = tomllib.loads((Path(__file__).parent / "modules.toml").read_text("utf-8"))["module"]
    return {
        row["name"]: Module(
            row["name"],
            row["goal"],
            tuple(row["files"]),
            tuple(row["tests"]),
            row.get("only", ""),
            tuple(row.get("options", ())),
        )
        for row in rows
    }


def explained() -> dict[tuple[str, str, str], str]:
    """Why a survivor changes nothing that a test could see, by file, lines before and lines after."""
    rows = tomllib.loads((Path(__file__).parent / "equivalent.toml").read_text("utf-8"))["equivalent"]
    return {(row["file"], row["was"], row["now"]): row["why"] for row in rows}


def mutants_of(module: Module, seed: int, most: int) -> tuple[int, list[Mutant]]:
    """Return how many there are, and a sample that is shared out between the files by how many each has."""
    made = {file: _mutants_of_file(file, seed, most) for file in module.files}
    total = sum(count for count, _ in made.values())
    share = min(1.0, most / total) if total else 0.0
    chosen = [
        Mutant(module, file, **mutant)
        for file, (count, mutants) in made.items()
        for mutant in mutants[: max(1, round(count * share))]
    ]
    return total, chosen


def _mutants_of_file(file: str, seed: int, most: int) -> tuple[int, list[dict[str, Any]]]:
    command = [str(TOOLS), "-m", "campaigns.mutants.operators", file, str(seed), str(most)]
    answer = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    return answer["total"], answer["mutants"]


class Judge:
    """A copy of the project and the process in it that runs tests (`judge.py`)."""

    def __init__(self, place: Path) -> None:
        self._place = place
        listed = subprocess.run(
            ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).is_file():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, place / name)
        (place / ".venv").symlink_to(ROOT / ".venv")
        self._limits: dict[str, float] = {}
        self._process: subprocess.Popen[str] | None = None

    def judge(self, mutant: Mutant) -> Verdict:
        """Put the mutant in its place, run the tests, and take it out again."""
        limit_s = self._limit(mutant.module)
        path = self._place / mutant.file
        original = path.read_bytes()
        try:
            path.write_text(mutant.text, "utf-8")
            answer = self._ask(mutant.module, limit_s)
        finally:
            path.write_bytes(original)
        return Verdict(mutant, answer["verdict"], answer["test"])

    def close(self) -> None:
        """End the process and remove the copy."""
        self._end()
        shutil.rmtree(self._place)

    def _end(self) -> None:
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _limit(self, module: Module) -> float:
        """Five times what the tests take without a mutant, and half a minute. Raises SystemExit where they fail without one."""
        if module.name not in self._limits:
            self._end()  # each module has libraries of its own, and its first run compiles
            begun = time.monotonic()
            answer = self._ask(module, _FIRST_RUN_S)
            if answer["verdict"] != "passed":
                raise SystemExit(f"{module.name}: without a mutant {answer['test']} fails")
            for file in module.files:
                for compiled in (self._place / file).parent.glob(f"__pycache__/{Path(file).stem}.*.pyc"):
                    compiled.unlink()
            self._limits[module.name] = 5 * (time.monotonic() - begun) + 30
        return self._limits[module.name]

    def _ask(self, module: Module, limit_s: float) -> dict[str, str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "campaigns.mutants.judge"],
                cwd=self._place,
                env={**os.environ, "PYTHONPATH": str(self._place)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"tests": module.arguments, "limit_s": limit_s}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, str] = json.loads(self._process.stdout.readline())
        return answer


class Kept:
    """Verdicts of earlier runs, as lines of JSON."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        self._rows = {row["mutant"]: row for row in map(json.loads, lines)}

    def find(self, mutant: Mutant) -> Verdict | None:
        """Return what was said of it, while that still holds."""
        row = self._rows.get(_name(mutant))
        if row is None or row["proof"] != _proof(mutant.module, row["test"]):
            return None
        return Verdict(mutant, row["said"], row["test"])

    def add(self, verdict: Verdict) -> None:
        """Keep it."""
        mutant = verdict.mutant
        row = {
            "mutant": _name(mutant),
            "said": verdict.said,
            "test": verdict.test,
            "proof": _proof(mutant.module, verdict.test),
        }
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def _name(mutant: Mutant) -> str:
    return hashlib.sha256(f"{mutant.module.name}\0{mutant.file}\0{mutant.text}".encode()).hexdigest()


def _proof(module: Module, test: str) -> str:
    """Digest of what the verdict rests on: the test that failed, or where none did, all of them."""
    killer = ROOT / test.split("::")[0]
    paths = [killer] if test and killer.is_file() else [ROOT / each for each in module.tests]
    files = sorted(file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py")))
    return hashlib.sha256(b"\0".join([module.only.encode(), *(file.read_bytes() for file in files)])).hexdigest()


def judge_all(mutants: Sequence[Mutant], processes: int, kept: Kept) -> list[Verdict]:
    """Verdicts in the order of the mutants; those of earlier runs are taken over."""
    waiting = [mutant for mutant in mutants if kept.find(mutant) is None]
    verdicts = {_name(mutant): verdict for mutant in mutants if (verdict := kept.find(mutant)) is not None}
    print(f"{len(verdicts)} mutants were judged before, {len(waiting)} are to be", flush=True)
    if waiting:
        judges: queue.Queue[Judge] = queue.Queue()

        def judged(mutant: Mutant) -> Verdict:
            judge = judges.get()
            try:
                return judge.judge(mutant)
            finally:
                judges.put(judge)

        try:
            for number in range(processes):
                judges.put(Judge(BUILD / f"copy-{os.getpid()}-{number}"))
            with concurrent.futures.ThreadPoolExecutor(processes) as pool:
                for verdict in pool.map(judged, waiting):
                    kept.add(verdict)
                    verdicts[_name(verdict.mutant)] = verdict
        finally:
            while not judges.empty():
                judges.get().close()
    return [verdicts[_name(mutant)] for mutant in mutants]


@dataclass(frozen=True)
class Row:
    """One module's line of the table. The share leaves out survivors that are explained as equivalent."""

    module: Module
    total: int
    verdicts: list[Verdict]
    reasons: dict[tuple[str, str, str], str]

    @property
    def survivors(self) -> list[Verdict]:
        """Verdicts on the mutants that no test noticed."""
        return [verdict for verdict in self.verdicts if verdict.said == "passed"]

    def reason(self, verdict: Verdict) -> str:
        """Why it changes nothing; empty where nobody says."""
        mutant = verdict.mutant
        return self.reasons.get((mutant.file, mutant.was, mutant.now), "")

    @property
    def equivalent(self) -> int:
        """Survivors that are explained."""
        return sum(1 for verdict in self.survivors if self.reason(verdict))

    @property
    def share(self) -> float:
        """Killed, in per cent of those that could be."""
        able = len(self.verdicts) - self.equivalent
        return 100 * (len(self.verdicts) - len(self.survivors)) / able if able else 100.0


def table(rows: Iterable[Row]) -> str:
    """The table in Markdown."""
    lines = [
        "| module | mutants | judged | killed | by time-out | survived | of these equivalent | share | goal |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        late = sum(1 for verdict in row.verdicts if verdict.said == "time-out")
        killed = len(row.verdicts) - len(row.survivors)
        lines.append(
            f"| {row.module.name} | {row.total} | {len(row.verdicts)} | {killed} | {late} | {len(row.survivors)} "
            f"| {row.equivalent} | {row.share:.1f} % | {row.module.goal} % |"
        )
    return "\n".join(lines)


def survivors(row: Row) -> str:
    """Every survivor: where, what it changes, and why nothing notices it, if somebody says."""
    return "".join(
        f"{verdict.mutant.file}:{verdict.mutant.line}\n  - {verdict.mutant.was}\n  + {verdict.mutant.now}\n"
        f"  {row.reason(verdict) or 'NOT EXPLAINED'}\n"
        for verdict in row.survivors
    )


def main() -> int:
    """Judge, print the table, write the survivors; 1 where a module stays under its goal."""
    by_name = modules()
    parser = argparse.ArgumentParser(prog="make mutants", description="Mutants of the code that must not be wrong.")
    parser.add_argument("module", nargs="*", help=f"some of {', '.join(by_name)}")
    parser.add_argument("--sample", type=int, default=60, help="mutants of each module (60)")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (1)")
    parser.add_argument("--processes", type=int, default=2, help="judges at a time (2)")
    chosen = parser.parse_args()
    if unknown := set(chosen.module) - by_name.keys():
        parser.error(f"no module {', '.join(sorted(unknown))}: there are {', '.join(by_name)}")
    kept, reasons, rows = Kept(BUILD / "verdicts.jsonl"), explained(), []
    for name in chosen.module or by_name:
        total, mutants = mutants_of(by_name[name], chosen.seed, chosen.sample)
        print(f"{name}: ", end="")
        rows.append(Row(by_name[name], total, judge_all(mutants, chosen.processes, kept), reasons))
    for row in rows:
        (BUILD / f"survivors-{row.module.name}.txt").write_text(survivors(row), "utf-8")
    print(f"\n{table(rows)}\n\nSurvivors: {BUILD.relative_to(ROOT)}/survivors-MODULE.txt")
    return 1 if any(row.share < row.module.goal for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
