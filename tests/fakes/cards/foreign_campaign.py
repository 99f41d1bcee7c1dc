"""Foreign cards by the thousand: `make state-machine` runs it, and it goes on where it was ended.

A seed stands for a hundred cards, or errands with them. The seeds that are done stand in a file, one a line; one that fails
is named, is not put down, and repeats by itself: `python -m tests.fakes.cards.foreign_campaign --seed "cards 17"`.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, note, seed, settings

from sim.stories.room import quick_folder
from tests.fakes.cards.foreign import CASES, Case, Counter
from tests.fakes.cards.foreign_errands import ErrandCase, errand_cases, run

A_SEED = 100
DONE = Path("build/foreign-cards.seeds")
HOW = settings(
    max_examples=A_SEED, deadline=None, database=None, print_blob=False, suppress_health_check=list(HealthCheck)
)


def try_cards(number: int) -> None:
    """The cards of a seed, through the reader."""

    @seed(number)
    @HOW
    @given(CASES)
    def each(case: Case) -> None:
        note(repr(case))
        asyncio.run(Counter(case).run())

    each()


def try_errands(number: int) -> None:
    """The errands of a seed, through the stories."""

    @seed(number)
    @HOW
    @given(errand_cases())
    def each(case: ErrandCase) -> None:
        note(repr(case))
        with quick_folder(Path("build")) as folder:
            asyncio.run(run(folder, case))

    each()


WHAT: dict[str, Callable[[int], None]] = {"cards": try_cards, "errands": try_errands}


def main() -> int:
    """Run what is missing of so many; 1 where a seed failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.add_argument("--cards", type=int, default=5000, help="through the reader, in all; default: %(default)s")
    parser.add_argument("--errands", type=int, default=300, help="in all; default: %(default)s")
    parser.add_argument("--seed", metavar="'cards N'", help="one seed alone, done or not")
    parser.add_argument("--done", type=Path, default=DONE, help="the seeds that are done; default: %(default)s")
    args = parser.parse_args()
    args.done.parent.mkdir(parents=True, exist_ok=True)
    done = set(args.done.read_text("utf-8").splitlines()) if args.done.exists() else set()
    wanted = [f"cards {number}" for number in range(-(-args.cards // A_SEED))]
    wanted += [f"errands {number}" for number in range(-(-args.errands // A_SEED))]
    missing = [args.seed] if args.seed else [one for one in wanted if one not in done]
    print(f"{len(wanted) - len(missing)} seeds of {A_SEED} done before, {len(missing)} to do", flush=True)
    failed = [one for one in missing if not _try(one, args.done)]
    return int(bool(failed))


def _try(name: str, done: Path) -> bool:
    """One seed. What was found in it is printed, and the others go on."""
    what, _, number = name.partition(" ")
    began = time.monotonic()
    try:
        WHAT[what](int(number))
    except Exception as fault:
        print(f"{name}: FAILED {fault}", *getattr(fault, "__notes__", ()), sep="\n    ", flush=True)
        return False
    with done.open("a", encoding="utf-8") as file:
        file.write(f"{name}\n")
    print(f"{name}: {A_SEED} in {time.monotonic() - began:.0f} s", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
