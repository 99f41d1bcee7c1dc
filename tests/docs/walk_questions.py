"""The questions of errands as docs/walk.md and the errands' own pages tell them."""

import re
from functools import cache

from sim.gallery.samples import samples
from tests.docs.pages import page

FAMILIES = {"stop": "stop.REASON", "finding": "finding.CODE", "page": "page.ID"}


def general(name: str) -> str:
    """`pickup.stop.offline` is `pickup.stop.REASON`: one row for all reasons."""
    errand, _, view = name.partition(".")
    family = view.partition(".")[0]
    return f"{errand}.{FAMILIES.get(family, view) if '.' in view else view}"


def rows(section: str) -> list[set[str]]:
    """The code spans of each row of a table of questions."""
    return [set(re.findall(r"`([^`]+)`", line)) for line in section.splitlines() if line.startswith("| `")]


QUESTIONS = page("walk.md").partition("\n## Questions of several errands\n")[2]
SHARED = rows(QUESTIONS)


@cache
def sampled() -> frozenset[str]:
    """The views that have a sample; of a question of several errands one sample is enough, which test_walk.py demands."""
    return frozenset({general(view.name) for _, view in samples()}.union(*SHARED))


def has_sample(view: str) -> bool:
    return not {whole := general(view), whole.partition(".")[2]}.isdisjoint(sampled())
