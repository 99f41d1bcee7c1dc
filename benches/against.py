"""The same benches of a release and of the present code, in turn on one machine, and the quotient of what each measured.

A ratio to a peer says little about a change: the same code gives another one on another day. Both run here in one go, each
with its own benches, and what else the machine does slows both.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benches.figures import CannotMeasureError
from scripts.releases import ROOT, ReleaseError, release, tree

Values = dict[tuple[str, str, str], float]
"""What was measured, by bench, figure and unit."""


@dataclass(frozen=True, slots=True)
class Quotient:
    """The present value over the release's: the median of all rounds, the least and the greatest."""

    bench: str
    what: str
    unit: str
    median: float
    least: float
    most: float


def compare(version: str, names: Sequence[str], rounds: int) -> list[Quotient]:
    """Run the release and the present code in turn, `rounds` times each, who is first changing. Raises CannotMeasureError."""
    try:
        old = tree(release(version))
    except ReleaseError as error:
        raise CannotMeasureError(str(error)) from None
    pairs: list[tuple[Values, Values]] = []
    for number in range(rounds):
        order = (old, ROOT) if number % 2 == 0 else (ROOT, old)
        by_folder = {folder: _measured(folder, names) for folder in order}
        pairs.append((by_folder[old], by_folder[ROOT]))
        print(f"round {number + 1} of {rounds} is measured", file=sys.stderr, flush=True)
    return quotients(pairs)


def quotients(
    pairs: Sequence[tuple[Mapping[tuple[str, str, str], float], Mapping[tuple[str, str, str], float]]],
) -> list[Quotient]:
    """`pairs`: before and now, one a round. Figures that one side lacks, or that are 0, are left out."""
    ratios = []
    for key in pairs[0][1]:
        each = [now[key] / before[key] for before, now in pairs if before.get(key) and now.get(key)]
        if len(each) == len(pairs):
            ratios.append(Quotient(*key, statistics.median(each), min(each), max(each)))
    return ratios


def against_table(version: str, ratios: Sequence[Quotient]) -> str:
    """One line a figure; the spread beside its median."""
    lines = [f"now / {version}: median (least to greatest of the rounds)"]
    lines += [
        f"  {row.bench:<9}{row.what:<56}{row.unit:<8}{row.median:6.2f}  ({row.least:.2f} to {row.most:.2f})"
        for row in ratios
    ]
    return "\n".join(lines)


def _measured(folder: Path, names: Sequence[str]) -> Values:
    """The benches of the code in `folder`, in a process that finds no other of ours. Raises CannotMeasureError."""
    with tempfile.TemporaryDirectory(prefix="kortkiosk-against-") as place:
        kept = Path(place) / "figures.json"
        done = subprocess.run(
            [sys.executable, "-m", "benches", *names, "--json", kept],
            cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)}, stdout=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise CannotMeasureError(f"the benches of {folder.name} ended with {done.returncode}")
        benches = json.loads(kept.read_text("utf-8"))["benches"]
    return {
        (bench, figure["what"], figure["unit"]): float(figure["value"])
        for bench, report in benches.items()
        for figure in report["figures"]
    }
