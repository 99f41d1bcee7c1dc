"""Run fuzz targets: `python -m campaigns.fuzz` for all in turn, `python -m campaigns.fuzz tlv card` for some of them.

FUZZ_SECONDS (default 120) is shared out among them. Each runs in a process of its own with its seeds, and with what
earlier runs have learnt in build/fuzz. An input that a target is not content with ends that target, is named, and the
program ends with 1. Needs atheris, which `make fuzz` installs where it is not (its wheels are for x86-64).

`cabinet` needs MicroPython instead: it sends frames to the cabinet's firmware in a process (`cabinet.py`), a million of them
where it is named alone, otherwise for its share of the time.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SEEDS = Path(__file__).parent / "seeds"
BUILD = ROOT / "build" / "fuzz"
SECONDS = int(os.environ.get("FUZZ_SECONDS") or 120)
LONGEST = 8192
SLOWEST_S = 10
"""An input that takes a target longer than this is a finding."""
MEMORY_MB = 1024
CHILD = "--child"
CABINET = "cabinet"
CABINET_FRAMES = 1_000_000


def main(arguments: list[str]) -> int:
    if arguments[:1] == [CHILD]:
        return _fuzz(arguments[1], arguments[2:])
    if arguments == [CABINET]:
        return _cabinet(float("inf"))
    try:
        import atheris  # noqa: F401
    except ImportError:
        print("make fuzz: atheris is not installed, and has no wheel for some machines (docs/decisions/libraries.md)")
        return 2
    from campaigns.fuzz.targets import TARGETS

    targets = [*TARGETS, CABINET]
    unknown = [name for name in arguments if name not in targets]
    if unknown:
        print(f"make fuzz: no target {', '.join(unknown)}; there are {', '.join(targets)}")
        return 2
    chosen = arguments or targets
    seconds = max(1, SECONDS // len(chosen))
    return max(_cabinet(seconds) if name == CABINET else _run(name, seconds) for name in chosen)


def _cabinet(seconds: float) -> int:
    from campaigns.fuzz.cabinet import campaign

    report = campaign(CABINET_FRAMES, int(time.time()), seconds)
    print(
        f"{CABINET:12} {report.frames:>9} frames in {report.seconds:.0f} s, {report.opened} slots opened as told, "
        f"longest coil {report.longest_ms:.0f} ms, " + ("; ".join(report.findings) or "nothing found")
    )
    return 1 if report.findings else 0


def _run(name: str, seconds: int) -> int:
    corpus, crashes = BUILD / name, BUILD / "found"
    for folder in (corpus, crashes, SEEDS / name):
        folder.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-timeout={SLOWEST_S}", f"-rss_limit_mb={MEMORY_MB}",
        f"-artifact_prefix={crashes}/{name}-", "-print_final_stats=1", "-verbosity=0",
    ]  # fmt: skip
    command = [sys.executable, "-m", "campaigns.fuzz", CHILD, name, *options, str(corpus), str(SEEDS / name)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    output = ended.stdout + ended.stderr
    print(
        f"{name:12} {_stat(output, 'number_of_executed_units'):>9} inputs in {seconds} s, " + _verdict(ended.returncode)
    )
    if ended.returncode:
        print(output[-4000:])
    return 1 if ended.returncode else 0


def _verdict(status: int) -> str:
    return "found something: see below, and the input in build/fuzz/found" if status else "nothing found"


def _stat(output: str, name: str) -> str:
    lines = [line.rsplit(":", 1)[1].strip() for line in output.splitlines() if name in line]
    return lines[-1] if lines else "?"


def _fuzz(name: str, options: list[str]) -> int:
    import atheris

    with atheris.instrument_imports(include=["drivers", "fleet", "kiosk", "campaigns.fuzz"]):
        from campaigns.fuzz.targets import TARGETS
    target = TARGETS[name]
    target(b"")  # what is made once is made before the clock runs
    atheris.Setup([sys.argv[0], *options], lambda data: target(bytes(data)))
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
