"""Parts of `make campaign`: what each is given, how it is found, and the file by which it goes on where it was cut off.

A part is a module of this folder with `run_part(options: Options) -> int`; `PART=whole-system` is the module `whole_system`.
A case has an id that begins with its part's name and a colon (`single:change_pin:...`) and that alone repeats it:
`make campaign ARGS=ID`.
"""

import importlib
import importlib.util
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

PACKAGE = "campaigns.faults"
HERE = Path(__file__).parent
STATE = Path(__file__).parents[2] / "build" / "campaign"
"""What was run already, one file for each part; whoever removes it begins anew."""
SAY_EVERY_S = 10.0


@dataclass(frozen=True)
class Options:
    """Options that a part is asked for."""

    seed: int = 1
    count: int | None = None
    """At most so many cases; None: all, or as many as the part sets for itself."""
    ids: tuple[str, ...] = ()
    """Only these cases, whether they have been run or not."""
    state: Path = STATE
    jobs: int = 1
    """Processes side by side, in parts that can."""


RunPart = Callable[[Options], int]


def module_name(part: str) -> str:
    """The module of a part by its name on the command line."""
    return f"{PACKAGE}.{part.replace('-', '_')}"


def find_part(part: str) -> RunPart:
    """The function that runs a part. Raises LookupError where there is no such part."""
    name = module_name(part)
    if importlib.util.find_spec(name) is None:
        raise LookupError(part)
    run: RunPart | None = getattr(importlib.import_module(name), "run_part", None)
    if run is None:
        raise LookupError(part)
    return run


def part_names() -> list[str]:
    """The parts that there are, read from the files: none is imported."""
    files = sorted(HERE.glob("*.py"))
    return [path.stem.replace("_", "-") for path in files if "\ndef run_part(" in path.read_text("utf-8")]


@dataclass(frozen=True)
class Verdict:
    """Verdict on one case. `broken` has one line for each rule that was broken."""

    id: str
    injected: str
    """The fault, as the table calls it."""
    on: str
    """What it struck, as the table calls it."""
    broken: tuple[str, ...] = ()
    ended: str = ""


@dataclass
class Progress:
    """The verdicts of one part, kept on disk as they come, so that a run that is cut off goes on."""

    file: Path
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    _said: float = 0.0

    @classmethod
    def open(cls, part: str, options: Options, key: str = "") -> "Progress":
        """Open the verdicts of the same part, seed and key; a last line that was torn is run again."""
        options.state.mkdir(parents=True, exist_ok=True)
        name = "-".join(filter(None, [part, f"seed{options.seed}", key]))
        file = options.state / f"{name}.jsonl"
        verdicts = {verdict.id: verdict for verdict in _read(file)}
        file.write_text("".join(f"{json.dumps(asdict(verdict))}\n" for verdict in verdicts.values()), "utf-8")
        return cls(file, verdicts)

    def missing(self, ids: Iterable[str]) -> Iterator[str]:
        """Yield the cases that have not been run."""
        return (case_id for case_id in ids if case_id not in self.verdicts)

    def add(self, verdict: Verdict, *, of: int | None = None) -> None:
        """Keep a verdict, say at once what it broke, and now and then how far the part is."""
        self.verdicts[verdict.id] = verdict
        with self.file.open("a", encoding="utf-8") as out:
            out.write(f"{json.dumps(asdict(verdict))}\n")
        for rule in verdict.broken:
            print(f"BROKEN {verdict.id}: {rule}", flush=True)
        if time.monotonic() - self._said > SAY_EVERY_S:
            self._said = time.monotonic()
            print(f"{len(self.verdicts)} of {of or '?'}", file=sys.stderr, flush=True)

    def table(self) -> str:
        """Markdown: each fault on each thing, how often, and how many broke a rule."""
        counts = Counter((verdict.injected, verdict.on) for verdict in self.verdicts.values())
        broken = Counter((verdict.injected, verdict.on) for verdict in self.verdicts.values() if verdict.broken)
        rows = [f"| {fault} | {on} | {count} | {broken[fault, on]} |" for (fault, on), count in sorted(counts.items())]
        total = f"| all | | {counts.total()} | {broken.total()} |"
        return "\n".join(["| injected | on | cases | broken |", "|---|---|---|---|", *rows, total])


def _read(file: Path) -> Iterator[Verdict]:
    if not file.exists():
        return
    for line in file.read_text("utf-8").splitlines():
        try:
            values = json.loads(line)
        except ValueError:  # torn when the run was cut off
            continue
        yield Verdict(**{**values, "broken": tuple(values["broken"])})
