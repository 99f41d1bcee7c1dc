"""The table of traits in docs/virtual-devices.md is the registry of traits, row by row."""

import re

from sim.reader.traits import FAMILIES, TRAITS
from tests.docs.pages import ROOT


def test_the_docs_list_every_trait_and_no_other() -> None:
    page = (ROOT / "docs/virtual-devices.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([\w-]+)` \| ([A-D, ]+) \| (.+) \| (.+) \|$", page, re.MULTILINE)
    assert sorted(listed) == sorted((name, ", ".join(t.kinds), t.title, t.seen_on) for name, t in TRAITS.items())


def test_no_two_families_share_a_name() -> None:
    assert sum(map(len, FAMILIES.values())) == len(TRAITS)
