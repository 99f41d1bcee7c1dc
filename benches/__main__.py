"""`python -m benches [NAME ...] [--json FILE] [--against VERSION]`: measure, print a table, keep the figures.

Ends with 0 even where a bench could not be measured, which the table says; 2 for bad usage or a release that is
not there.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benches import card, cards, crowd, guesses, ingest, journal, large, latency, speech, start, verify, window
from benches.against import against_table, compare
from benches.figures import CannotMeasureError, Figure, Report, table, targets_table

Bench = Callable[[Path], Sequence[Figure]]
BENCHES: dict[str, tuple[str, Bench]] = {
    "card": ("one card at the virtual reader, ours beside OpenSC and the bare exchange", card.measure),
    "cards": ("the four kinds of card, ours beside other people's programs", cards.measure),
    "start": ("the start of our programs: CPU time, beside OpenSC's tools", start.measure),
    "latency": ("from the station's commit to a page's feed", latency.measure),
    "ingest": ("events taken durably by the server, beside a subscriber that only counts", ingest.measure),
    "crowd": ("two thousand stations: acknowledgements, dashboards, a backlog, a broker that was away", crowd.measure),
    "guesses": ("ten thousand guesses at an envelope, and what the time of an answer tells", guesses.measure),
    "large": ("ten thousand stations known: memory, and the list in a browser", large.measure),
    "journal": ("durable commits at the station, beside the disk", journal.measure),
    "speech": ("speech: the time to its first sound, and its work", speech.measure),
    "verify": ("the check of a store of 200,000 events: pace and memory", verify.measure),
    "window": ("the station's window at 1280x800 on a virtual screen, beside a bare window", window.measure),
}

GROUPS = {"fast": ("ingest", "crowd", "large", "guesses"), "window": ("window", "speech")}
"""Names for several: `fast` is the fleet server's table, `window` all of the screen."""


_ENDED_BADLY = (OSError, subprocess.SubprocessError, AssertionError)
"""A program that would not start, stop or answer: the other benches go on. TimeoutError is an OSError."""


def main(words: Sequence[str] | None = None) -> int:
    """Run the benches that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benches", description="Measure; see docs/benchmarks.md.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"some of: {', '.join((*BENCHES, *GROUPS))} (default: all)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures in this file too")
    parser.add_argument(
        "--against", metavar="VERSION", help="run a release's benches and these in turn: their quotients"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often, with --against (default: %(default)s)")
    arguments = parser.parse_args(words)
    names = list(
        dict.fromkeys(name for argument in arguments.names or BENCHES for name in GROUPS.get(argument, (argument,)))
    )
    if unknown := [name for name in names if name not in BENCHES]:
        parser.error(f"no bench is called {unknown[0]!r}; there are: {', '.join((*BENCHES, *GROUPS))}")
    about = machine()
    print(f"{about['when']}, {about['system']}, {about['cores']} cores, Python {about['python']}, virtual reader\n")
    if arguments.against:
        try:
            print(against_table(arguments.against, compare(arguments.against, names, max(1, arguments.rounds))))
        except CannotMeasureError as error:
            parser.error(str(error))
        return 0
    reports = []
    for name in names:
        reports.append(measured(name))
        print(table(reports[-1:]), end="\n\n", flush=True)
    if limits := targets_table(reports):
        print(f"what is wanted:\n{limits}\n", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(as_json(about, reports), indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


def measured(name: str) -> Report:
    """Run one bench in a folder of its own."""
    title, bench = BENCHES[name]
    with tempfile.TemporaryDirectory(prefix=f"kortkiosk-bench-{name}-", ignore_cleanup_errors=True) as folder:
        try:
            return Report(name, title, tuple(bench(Path(folder))))
        except CannotMeasureError as reason:
            return Report(name, title, (), str(reason))
        except _ENDED_BADLY as error:
            return Report(name, title, (), f"it ended with {type(error).__name__}: {error}")


def machine() -> dict[str, Any]:
    """Describe what the figures were measured on; no name of a machine."""
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "reader": "virtual",
    }


def as_json(about: dict[str, Any], reports: Sequence[Report]) -> dict[str, Any]:
    """One object with stable keys: `machine`, and by bench `title`, `missing`, `figures`."""
    return {
        "machine": about,
        "benches": {
            report.name: {
                "title": report.title,
                "missing": report.missing or None,
                "figures": [asdict(figure) for figure in report.figures],
            }
            for report in reports
        },
    }


if __name__ == "__main__":
    sys.exit(main())
