"""`make campaign`: every part in turn, or those that are named; or single cases by their ids.

    python -m campaigns.faults single --count 500
    python -m campaigns.faults single:change_pin:commit.3:kill:here

The exit code is 0 where no rule was broken, 1 where one was, 2 where a part or a case is not known.
"""

import argparse
import logging
import sys
from collections.abc import Sequence

from campaigns.faults.parts import Options, find_part, part_names


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m campaigns.faults", description=__doc__)
    parser.add_argument("what", nargs="*", help=f"parts ({', '.join(part_names())}) or ids of cases; none: every part")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, help="at most so many cases of each part")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side, in parts that can: single")
    options = parser.parse_args(arguments)
    chosen: dict[str, list[str]] = {}
    for name in options.what or part_names():
        part, colon, _ = name.partition(":")
        chosen.setdefault(part, []).extend([name] if colon else [])
    codes = []
    for part, ids in chosen.items():
        try:
            run = find_part(part)
        except LookupError:
            print(f"no part {part}; there are: {', '.join(part_names())}", file=sys.stderr)
            return 2
        print(f"# {part}", flush=True)
        codes.append(run(Options(seed=options.seed, count=options.count, ids=tuple(ids), jobs=options.jobs)))
    return max(codes, default=0)


if __name__ == "__main__":
    logging.disable()  # of this process alone
    sys.exit(main(sys.argv[1:]))
