"""`make visits`: visitors drawn by a seed from a mix, walked through the real journeys, and what each leaves with.

    python -m campaigns.visits --visits 10000 --seed 1

Visitors in the same situation do the same at each question: each situation is walked once with each kind of issuer, and counts
for all who are in it. The exit code is 0 where no rule was broken, 1 where one was.
"""

import argparse
import logging
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from campaigns.visits.judge import ENDS, broken_rules, end_of
from campaigns.visits.mix import ISSUERS, SHIPPED, Issuer, Situation, draw, load
from campaigns.visits.walk import walk_all

HEADS = {
    "works": "works when leaving",
    "administrator": "needs an administrator",
    "waits": "waits, on a list",
    "sent_away": "sent away",
}


@dataclass
class Tally:
    """Visitors by how they leave. `broken`: by rule and visitor."""

    ends: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    by_visitor: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def share(self) -> float:
        return self.ends["works"] / self.ends.total()


def tally_of(drawn: Counter[Situation], issuer: Issuer) -> Tally:
    """Walk each situation once, and count it for all who are in it."""
    tally = Tally()
    for walked in walk_all(drawn, issuer):
        visitors, visitor, end = drawn[walked.situation], walked.situation.visitor, end_of(walked)
        tally.ends[end] += visitors
        tally.by_visitor[visitor][f"{end} ({walked.ended.reason or walked.ended.outcome})"] += visitors
        for rule in broken_rules(walked):
            tally.broken[f"{rule}: {visitor}, {walked.last.name}"] += visitors
    return tally


def table(tallies: dict[Issuer, Tally]) -> str:
    """Markdown: a row for each kind of issuer."""
    lines = [
        "| issuer | " + " | ".join(HEADS[end] for end in ENDS) + " | rules broken |",
        "|---|" + "---:|" * (len(ENDS) + 1),
    ]
    for issuer, tally in tallies.items():
        shares = (f"{tally.ends[end] / tally.ends.total():.1%}" for end in ENDS)
        lines.append(f"| {issuer} | {' | '.join(shares)} | {tally.broken.total()} |")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m campaigns.visits", description=__doc__)
    parser.add_argument("--visits", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mix", type=Path, default=SHIPPED, help="a region's own mix")
    parser.add_argument("--verbose", action="store_true", help="also how each kind of visitor leaves")
    options = parser.parse_args(arguments)
    began, drawn = time.monotonic(), draw(load(options.mix), options.visits, options.seed)
    tallies: dict[Issuer, Tally] = {issuer: tally_of(drawn, issuer) for issuer in ISSUERS}
    print(
        f"{options.visits} visitors, seed {options.seed}: {len(drawn)} situations with each of {len(ISSUERS)} issuers"
    )
    print(table(tallies))
    for issuer, tally in tallies.items():
        for rule, visitors in sorted(tally.broken.items()):
            print(f"BROKEN {issuer}: {rule}: {visitors} visitors")
        for visitor, ends in sorted(tally.by_visitor.items()) if options.verbose else ():
            print(f"{issuer} {visitor}: {', '.join(f'{end} {count}' for end, count in ends.most_common())}")
    print(f"{time.monotonic() - began:.0f} s")
    return 1 if any(tally.broken for tally in tallies.values()) else 0


if __name__ == "__main__":
    logging.disable()  # of this process alone
    sys.exit(main(sys.argv[1:]))
