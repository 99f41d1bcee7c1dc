"""Part `pairs` of `make campaign`: two faults in one errand, drawn by the seed; judged as part `single` judges one.

The first leaves the station running, so that the second can strike in the same visit. A case's id is one of part `single`, which
repeats it.
"""

from collections.abc import Iterator
from itertools import islice
from random import Random

from campaigns.faults.gate import WAYS, Place, Way
from campaigns.faults.parts import Options, Progress
from campaigns.faults.single import BACKS, Case, counts_of, run_cases, stories

PART = "pairs"
DRAWS = 5000
DIES: tuple[Way, ...] = ("kill", "killed-after")


def draws(seed: int) -> Iterator[Case]:
    """Pairs without end, each as likely at any place of any errand; the same for the same seed."""
    random = Random(seed)
    places = [
        (story, kind, at) for story in stories() for kind, most in counts_of(story).items() for at in range(1, most + 1)
    ]
    of_story = {story: [place for place in places if place[0] == story] for story in stories()}
    while True:
        story, *first = random.choice(places)
        _, *second = random.choice(of_story[story])
        if first == second:
            continue
        ways = [way for way in WAYS[first[0]] if way not in DIES]
        yield Case(
            story,
            (Place(*first, random.choice(ways)), Place(*second, random.choice(WAYS[second[0]]))),
            random.choice(BACKS),
        )


def run_part(options: Options) -> int:
    """`count` pairs that were not run yet, or those that are named."""
    chosen = [] if options.ids else list(islice(draws(options.seed), options.count or DRAWS))
    return run_cases(Progress.open(PART, options), chosen, options)
